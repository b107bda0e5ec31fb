"""Gathers the texts that the built-in table is fitted with: short pieces of documentation and dictionaries.

    python3 tools/table/gather.py OUT.jsonl [--packages DIR]

Each line of the output is {"text": …, "from": PACKAGE}. The packages of packages.txt are fetched with apt-get into
DIR (default: target/table/packages), compared with their SHA-256, and unpacked in memory; nothing is installed. The
same packages give the same lines. Only Python's standard library and dpkg are needed.
"""

import argparse
import gzip
import hashlib
import html.parser
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# Lengths of pieces, in words: as a question is, and as a passage is. One in five is of the first kind.
QUESTION, PASSAGE, QUESTIONS = (4, 14), (16, 80), 0.2
# Pieces of one file at most, so that one long reference is not most of a package.
PER_FILE = 60
# A piece says something if this part of its characters are letters of English or blanks.
LETTERS = 0.85
# Folders of translations: /de/, /pt-BR/.
TRANSLATION = re.compile(r"/(?!en)[a-z]{2}([-_][A-Z]{2})?/")

SILENT = {"script", "style", "pre", "nav", "head", "header", "footer", "svg", "math", "code", "table"}
BLOCKS = {"p", "div", "li", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "br", "section", "blockquote"}


class Paragraphs(html.parser.HTMLParser):
    """The paragraphs of a page, without what is code or the same on every page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.silent, self.parts, self.found = [], [], []

    def end(self):
        text = " ".join("".join(self.parts).split())
        if text:
            self.found.append(text)
        self.parts = []

    def handle_starttag(self, tag, attrs):
        if tag in SILENT:
            self.silent.append(tag)
        elif tag in BLOCKS:
            self.end()

    def handle_endtag(self, tag):
        if tag in self.silent:
            # What an unclosed element inside would have silenced ends with it.
            del self.silent[self.silent.index(tag):]
        elif tag in BLOCKS:
            self.end()

    def handle_data(self, data):
        if not self.silent:
            self.parts.append(data)


def of_html(text):
    parser = Paragraphs()
    parser.feed(text)
    parser.close()
    parser.end()
    return parser.found


def of_manual(text):
    """The paragraphs of a manual page: lines between requests, without fonts and escapes."""
    found, lines = [], []
    for line in text.splitlines():
        if line.startswith((".", "'")):
            words = line.split(None, 1)
            # These set words of the running text in another font; all others end a paragraph.
            if words and words[0] in (".B", ".I", ".BR", ".IR", ".RB", ".RI", ".BI", ".IB") and len(words) == 2:
                lines.append(words[1].replace('"', ""))
            else:
                found.append(" ".join(lines))
                lines = []
        else:
            lines.append(line)
    found.append(" ".join(lines))
    text = [re.sub(r"\\f.|\\&|\\\||\\c", "", paragraph) for paragraph in found]
    return [re.sub(r"\\\(..|\\.", " ", paragraph.replace("\\-", "-")) for paragraph in text]


def of_plain(text):
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]


def of_dictionary(text):
    """The entries of a dictd database: a word at the margin, what it means below."""
    entries, entry = [], []
    for line in text.splitlines():
        if line.strip() and not line[0].isspace() and entry:
            entries.append(" ".join(" ".join(entry).split()))
            entry = []
        entry.append(line)
    entries.append(" ".join(" ".join(entry).split()))
    # Accents, references and marks of the printed book.
    return [re.sub(r"[{}\\]|\[1913 Webster\]|\[PJC\]", "", entry) for entry in entries if not entry.startswith("00-database")]


def reader(path):
    """What reads a file, by its place and name; none for what is no prose."""
    name = path.removesuffix(".gz")
    if TRANSLATION.search(name):
        return None
    if name.endswith(".dict.dz"):
        return of_dictionary
    if name.endswith((".html", ".htm")):
        return of_html
    if re.search(r"/man/man[1-8]/[^/]+$", name):
        return of_manual
    if "/games/fortunes/" in name and "." not in name.rsplit("/", 1)[1]:
        return lambda text: [" ".join(saying.split()) for saying in text.split("\n%\n")]
    if name.endswith((".txt", ".md", ".rst")) and "changelog" not in name.lower():
        return of_plain
    return None


def files(package):
    """The files of a package that can be read, in the order of their names."""
    packed = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        for member in sorted(members, key=lambda member: member.name):
            read = reader(member.name)
            if read is None:
                continue
            data = archive.extractfile(member).read()
            if member.name.endswith((".gz", ".dz")):
                data = gzip.decompress(data)
            yield member.name, read(data.decode("utf-8", "replace"))


def pieces(paragraphs, dice):
    """Runs of words, one after the other, of the lengths that questions and passages have."""
    for paragraph in paragraphs:
        words = paragraph.split()
        at = 0
        while at < len(words):
            low, high = QUESTION if dice.random() < QUESTIONS else PASSAGE
            piece = " ".join(words[at:at + dice.randint(low, high)])
            at += piece.count(" ") + 1
            prose = sum(c.isascii() and (c.isalpha() or c == " ") for c in piece)
            if piece.count(" ") >= 3 and prose >= LETTERS * len(piece) and len(piece) < 1000:
                yield piece


def gather(package, name, most):
    """At most `most` pieces of a package, drawn evenly from all it has."""
    dice = random.Random(name)
    is_dictionary = name.startswith("dict-")
    found = []
    for _, paragraphs in files(package):
        these = list(pieces(paragraphs, dice))
        dice.shuffle(these)
        found.extend(these if is_dictionary else these[:PER_FILE])
    dice.shuffle(found)
    return found[:most]


def fetch(name, version, digest, folder):
    matching = list(folder.glob(f"{name}_*.deb"))
    if not matching:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", f"{name}={version}"], check=True, cwd=folder)
        matching = list(folder.glob(f"{name}_*.deb"))
    found = hashlib.sha256(matching[0].read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"{matching[0]} has the SHA-256 {found}, but packages.txt says {digest}")
    return matching[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--packages", type=pathlib.Path, default=ROOT / "target/table/packages")
    options = arguments.parse_args()
    seen, total = set(), 0
    with open(options.out, "w", encoding="utf-8") as out:
        for line in (HERE / "packages.txt").read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            name, version, digest, most = line.split()[:4]
            package = fetch(name, version, digest, options.packages)
            count = 0
            for piece in gather(package, name, int(most)):
                key = piece.lower()
                if key not in seen:
                    seen.add(key)
                    count += 1
                    out.write(json.dumps({"text": piece, "from": name}, ensure_ascii=False) + "\n")
            print(f"{name:26} {count:7}", flush=True)
            total += count
    print(f"{'all':26} {total:7}")


if __name__ == "__main__":
    main()
