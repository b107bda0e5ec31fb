//! Mails: the body, then each attachment as a document of its own.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use tidegate_core::{BlockKind, Document, Fault, FaultKind};
use tidegate_text::ParseOptions;

use crate::budget::{Budget, End};
use crate::draft::Draft;
use crate::kind::Kind;
use crate::parse::member;

/// Reads a mail, `depth` containers deep. The subject is its title, the rest of the header metadata.
pub(crate) fn read(bytes: &[u8], depth: u32, budget: &mut Budget<'_>) -> Result<(), End> {
    budget.doing("the parts of the mail");
    check_nesting(bytes, budget)?;
    let broken = || Fault::new(FaultKind::Malformed, "no mail: it has no header");
    let mail = MessageParser::default().parse(bytes).ok_or_else(broken)?;
    let attachments = mail.attachment_count();
    if !budget.is_passed() {
        own_text(&mail, attachments, budget)?;
    }
    for (index, part) in mail.attachments().enumerate().filter(|(_, part)| !is_no_document(part)) {
        let name = name_of(part, index);
        if budget.begin(&name, &format!("attachment {} of {attachments}, {name}", index + 1))? {
            member(&name, Ok(part.contents().to_vec()), depth, budget)?;
        }
    }
    Ok(())
}

/// What the mail says itself.
fn own_text(mail: &Message<'_>, attachments: usize, budget: &mut Budget<'_>) -> Result<(), End> {
    let result = body(mail, budget);
    // Who sends only a file has said nothing that could be missed.
    let silent = result.as_ref().is_err_and(|fault| fault.kind() == FaultKind::Empty);
    match result {
        Err(_) if silent && attachments > 0 => Ok(()),
        Err(fault) if attachments == 0 => Err(fault.during("parsing mail").into()),
        result => budget.part(Kind::Mail.name(), result.map_err(|fault| fault.during("parsing mail"))),
    }
}

/// Parts within parts take stack or time in every reader: their number is bounded first.
fn check_nesting(bytes: &[u8], budget: &Budget<'_>) -> Result<(), Fault> {
    let most = budget.limits.max_entries as usize;
    let count = memchr::memmem::find_iter(bytes, b"oundary").take(most + 1).count();
    if count > most {
        let message = format!("a mail with more than {most} boundaries");
        return Err(Fault::new(FaultKind::TooDeep, message).hint("raise max_entries"));
    }
    Ok(())
}

fn body(mail: &Message<'_>, budget: &Budget<'_>) -> Result<Document, Fault> {
    let mut draft = Draft::new(budget.output_left());
    describe(mail, &mut draft);
    let options = ParseOptions {
        max_bytes: budget.output_left(),
        max_depth: budget.limits.max_nesting as usize,
        keep_boilerplate: true,
        ..ParseOptions::default()
    };
    for part in mail.text_bodies() {
        let parsed = match &part.body {
            PartType::Text(text) => tidegate_text::parse("body.txt", text.as_bytes(), &options),
            PartType::Html(html) => tidegate_text::parse("body.html", html.as_bytes(), &options),
            _ => continue,
        };
        match parsed {
            Ok(document) => draft.append(&document)?,
            Err(fault) if fault.kind() == FaultKind::Empty => {}
            Err(fault) => return Err(fault),
        }
    }
    if draft.len() == 0 {
        if is_encrypted(mail) {
            let fault = Fault::new(FaultKind::Unreadable, "an encrypted mail");
            return Err(fault.hint("decrypt it in your mail program and export it again"));
        }
        let subject = draft.title.clone().unwrap_or_default();
        draft.block(BlockKind::Heading(1), &subject)?;
    }
    draft.finish(Kind::Mail)
}

fn describe(mail: &Message<'_>, draft: &mut Draft) {
    draft.title = mail.subject().map(str::to_owned);
    draft.set("author", &addresses(mail.from()));
    draft.set("to", &addresses(mail.to()));
    draft.set("cc", &addresses(mail.cc()));
    draft.set("message_id", mail.message_id().unwrap_or_default());
    if let Some(date) = mail.date().filter(|date| date.is_valid()) {
        draft.set("date", &date.to_rfc3339());
    }
    let names: Vec<String> =
        mail.attachments().take(100).enumerate().map(|(at, part)| name_of(part, at)).collect();
    draft.set("attachments", &names.join(", "));
}

fn addresses(list: Option<&Address<'_>>) -> String {
    let one = |name: Option<&str>, address: Option<&str>| match (name, address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    let all = list.into_iter().flat_map(|list| list.iter()).take(100);
    all.map(|address| one(address.name(), address.address())).collect::<Vec<_>>().join(", ")
}

fn is_encrypted(mail: &Message<'_>) -> bool {
    mail.parts.iter().filter_map(MimeHeaders::content_type).any(|kind| match (kind.ctype(), kind.subtype()) {
        ("multipart", Some("encrypted")) => true,
        (_, Some("pkcs7-mime" | "x-pkcs7-mime")) => kind.attribute("smime-type") != Some("signed-data"),
        _ => false,
    })
}

/// Pictures and signatures go with mails without anybody wanting to read them. They are named in the metadata.
fn is_no_document(part: &MessagePart<'_>) -> bool {
    let Some(kind) = part.content_type() else { return false };
    let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
    matches!(kind.ctype().to_ascii_lowercase().as_str(), "image" | "audio" | "video")
        || matches!(
            subtype.as_str(),
            "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature" | "pgp-keys" | "pgp-encrypted"
        )
}

fn name_of(part: &MessagePart<'_>, index: usize) -> String {
    if let Some(name) = part.attachment_name().map(str::trim).filter(|name| !name.is_empty()) {
        return name.to_owned();
    }
    let extension = match (&part.body, part.content_type().and_then(|kind| kind.subtype())) {
        (PartType::Message(_), _) => ".eml",
        (PartType::Html(_), _) => ".html",
        (PartType::Text(_), Some("csv")) => ".csv",
        (PartType::Text(_), _) => ".txt",
        (_, Some("pdf")) => ".pdf",
        _ => "",
    };
    format!("part-{}{extension}", index + 1)
}
