//! Archives that are made to be a nuisance.

use super::folder::{Fate, Folder};
use super::made::{
    Entry, Packed, blanks, deflated, gzip, seal, stored, tar, tar_content, tar_header, zip, zip_end, zip_of,
    zstd_blanks,
};
use super::paper::pdf_of;

const TOO_LARGE: &[&str] = &["too_large"];
const TOO_DEEP: &[&str] = &["too_deep"];

pub(super) fn write(folder: &mut Folder) {
    bombs(folder);
    endless(folder);
    nested(folder);
    members(folder);
    overlap(folder);
    names(folder);
    sparse(folder);
    lies(folder);
    locked(folder);
}

fn bombs(folder: &mut Folder) {
    let mib = folder.size(10 << 10, 64);
    folder.file("bomb.txt.gz", &gzip(&blanks(0, mib)), Fate::Aside(TOO_LARGE, "unpack"));
    folder.file("bomb.txt.zst", &zstd_blanks(b' ', mib * 8), Fate::Aside(TOO_LARGE, "unpack"));
    let bomb = blanks(b'1', folder.size(1 << 10, 16));
    let word = folder.word();
    let good = deflated(format!("A line of {word} in a text.").as_bytes());
    let mixed = zip_of(&[Entry::new("bomb.csv", bomb), Entry::new("good.txt", good)]);
    let path = folder.file("bomb-and-text.zip", &mixed, Fate::Stored);
    folder.expect_within(&path, "bomb.csv", Fate::Aside(TOO_LARGE, "unpack"));
    folder.expect_within(&path, "good.txt", Fate::Found(word));
}

/// A member that its parser does not come back from, between two good ones.
fn endless(folder: &mut Folder) {
    if !folder.full {
        return; // it takes as long as a parser has
    }
    let object = format!("<< /Type /Catalog /Pages 2 0 R /Deep {}", "<< /A ".repeat(1_000_000));
    let pdf = pdf_of(&[object.into_bytes()], "");
    let words = [folder.word(), folder.word()];
    let texts = words.each_ref().map(|word| format!("A text that says {word}."));
    let members = [
        ("before.txt", texts[0].as_bytes()),
        ("endless.pdf", pdf.as_slice()),
        ("after.txt", texts[1].as_bytes()),
    ];
    let path = folder.file("endless.zip", &zip(&members), Fate::Stored);
    folder.expect_within(&path, "endless.pdf", Fate::Aside(&["too_slow", "too_deep", "malformed"], ""));
    for (name, word) in ["before.txt", "after.txt"].into_iter().zip(words) {
        folder.expect_within(&path, name, Fate::Found(word));
    }
}

fn nested(folder: &mut Folder) {
    // Sixteen archives in each of sixteen archives, five times over.
    let mut inner = zip_of(&[Entry::new("0.dll.txt", blanks(0, folder.size(2 << 10, 16)))]);
    for level in 0..5 {
        let names: Vec<String> = (0..16).map(|n| format!("book {level}-{n}.zip")).collect();
        inner = zip(&names.iter().map(|name| (name.as_str(), inner.as_slice())).collect::<Vec<_>>());
    }
    folder.file("42.zip", &inner, Fate::Aside(&["too_large", "too_deep"], ""));
    let mut deep = zip(&[("a.txt", b"words")]);
    (0..20).for_each(|_| deep = zip(&[("a.zip", &deep)]));
    folder.file("deep.zip", &deep, Fate::Aside(TOO_DEEP, "more than"));
    let mut deep = gzip(&deflated(b"words"));
    (0..20).for_each(|_| deep = gzip(&deflated(&deep)));
    folder.file("deep.gz", &deep, Fate::Aside(TOO_DEEP, "more than"));
}

/// More members than an archive may have: those up to the limit are read, of the rest it is said that they are not.
fn members(folder: &mut Folder) {
    let many = folder.size(60_000, 10_001) as usize;
    let name = |n: usize| format!("{n}.txt");
    let empty: Vec<Entry> = (0..many).map(|n| Entry::new(&name(n), stored(b""))).collect();
    folder.file("members.zip", &zip_of(&empty), Fate::Aside(TOO_LARGE, "members"));
    let beyond = folder.size(200_000, 100_001) as usize;
    let empty: Vec<Entry> = (0..beyond).map(|n| Entry::new(&name(n), stored(b""))).collect();
    folder.file("more-members.zip", &zip_of(&empty), Fate::Aside(TOO_LARGE, "members"));
    let mut out = Vec::new();
    (0..many).for_each(|n| out.extend(tar_header(&name(n), 0, b'0')));
    out.extend([0; 1024]);
    folder.file("members.tar", &out, Fate::Aside(TOO_LARGE, "members"));
}

/// A bomb whose members share their bytes: each says that it holds the header of the next as it is, and after it what
/// the next holds.
fn overlap(folder: &mut Folder) {
    let count = folder.size(2_000, 120) as usize;
    let kernel = blanks(b' ', folder.size(8, 1));
    let mut crc = flate2::Crc::new();
    crc.update(&vec![b' '; kernel.size as usize]);
    let (mut length, mut size) = (kernel.bytes.len() as u32, kernel.size);
    // From the last to the first, each in front of the one before.
    let mut entries: Vec<Entry> = Vec::new();
    for at in (0..count).rev() {
        if let Some(next) = entries.last() {
            let quoted = next.local();
            let mut with = flate2::Crc::new();
            with.update(&quoted);
            with.combine(&crc);
            crc = with;
            length += 5 + quoted.len() as u32;
            size += quoted.len() as u64;
        }
        let packed = Packed { bytes: Vec::new(), crc: crc.sum(), size };
        entries.push(Entry { length, method: 8, ..Entry::new(&format!("{at:05}.txt"), packed) });
    }
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().rev().enumerate() {
        let header = entry.local();
        if at > 0 {
            let quoted = header.len() as u16;
            out.push(0);
            out.extend(quoted.to_le_bytes());
            out.extend((!quoted).to_le_bytes());
        }
        list.extend(entry.listed(out.len()));
        out.extend(header);
    }
    out.extend(&kernel.bytes);
    let from = out.len();
    out.extend(list);
    zip_end(&mut out, from, count);
    folder.file("overlap.zip", &out, Fate::Aside(TOO_LARGE, "altogether"));
}

/// Names that would lead elsewhere if anybody wrote them to a disk.
fn names(folder: &mut Folder) {
    let evil =
        ["../../../../../../tmp/tidegate-was-here.txt", "/etc/cron.d/tidegate-was-here", "C:\\boot.txt"];
    let words: Vec<String> = evil.iter().map(|_| folder.word()).collect();
    let contents: Vec<String> = words.iter().map(|word| format!("A text that says {word}.")).collect();
    let mut entries: Vec<Entry> =
        evil.iter().zip(&contents).map(|(name, text)| Entry::new(name, deflated(text.as_bytes()))).collect();
    // A link to a file of this machine, and a name that is no text.
    entries.push(Entry { attributes: 0o120_777 << 16, ..Entry::new("link.txt", stored(b"/etc/passwd")) });
    let path = folder.file("paths.zip", &zip_of(&entries), Fate::Stored);
    for (name, word) in evil.iter().zip(&words) {
        folder.expect_within(&path, name, Fate::Found(word.clone()));
    }
    let word = folder.word();
    let text = format!("A text that says {word}.");
    let mut archive = tar_header("link.txt", 0, b'2');
    archive[157..168].copy_from_slice(b"/etc/passwd");
    seal(&mut archive);
    let archive = [archive.to_vec(), tar(&[("../../../etc/x.txt", text.as_bytes())])].concat();
    let path = folder.file("paths.tar", &archive, Fate::Stored);
    folder.expect_within(&path, "../../../etc/x.txt", Fate::Found(word));
}

/// A member that is 5 GB large, of which one block is there, in the way of GNU tar.
fn sparse(folder: &mut Folder) {
    let word = folder.word();
    let mut head = tar_header("sparse.txt", 512, b'S');
    head[257..265].copy_from_slice(b"ustar  \0");
    let block = (5_u64 << 30) - 512;
    head[386..397].copy_from_slice(format!("{block:011o}").as_bytes());
    head[398..409].copy_from_slice(format!("{:011o}", 512).as_bytes());
    head[483..494].copy_from_slice(format!("{:011o}", 5_u64 << 30).as_bytes());
    seal(&mut head);
    let mut archive = head.to_vec();
    tar_content(&mut archive, &[b'x'; 512]);
    archive.extend(tar(&[("good.txt", format!("A text that says {word}.").as_bytes())]));
    let path = folder.file("sparse.tar", &archive, Fate::Stored);
    folder.expect_within(&path, "sparse.txt", Fate::Aside(TOO_LARGE, "unpack"));
    folder.expect_within(&path, "good.txt", Fate::Found(word));
}

/// What is said of members is not so.
fn lies(folder: &mut Folder) {
    let cut = [tar_header("a.txt", 8 << 30, b'0').to_vec(), b"words".to_vec()].concat();
    folder.file("long.tar", &cut, Fate::Aside(&["malformed"], "damaged"));
    let mut packed = blanks(b' ', folder.size(256, 16));
    packed.size = 5;
    folder.file(
        "small-it-says.zip",
        &zip_of(&[Entry::new("a.txt", packed)]),
        Fate::Aside(&["malformed", "too_large"], "File is larger than its declared"),
    );
    let packed = Packed { size: 0xffff_fff0, ..deflated(b"words") };
    let huge = zip_of(&[Entry { method: 8, ..Entry::new("a.txt", packed) }]);
    folder.file("huge-it-says.zip", &huge, Fate::Stored);
    let mut wrong = deflated(b"words that were not there when they were counted");
    wrong.crc ^= 1;
    folder.file(
        "other-sum.zip",
        &zip_of(&[Entry::new("a.txt", wrong)]),
        Fate::Aside(&["malformed"], "damaged"),
    );
    let mut out = Vec::new();
    zip_end(&mut out, 0, 60_000);
    folder.file("no-members.zip", &out, Fate::Aside(&["malformed", "empty"], ""));
}

fn locked(folder: &mut Folder) {
    let text = deflated(b"words that nobody may read");
    let entry = Entry { flags: 0x801, ..Entry::new("secret.txt", text) };
    folder.file("locked.zip", &zip_of(&[entry]), Fate::Aside(&["unreadable"], "password"));
}
