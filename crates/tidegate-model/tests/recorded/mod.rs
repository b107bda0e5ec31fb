//! Exchanges recorded with the official SDKs: the codecs ask as these do, and read out of an answer what these read.

#![expect(clippy::unwrap_used, reason = "this is a test throughout: a recording that does not read fails it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use tidegate_core::wire::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_core::{Answer, Codec as _, Head, RefusalKind, StreamCodec as _, Task};
use tidegate_model::tokens::Estimate;
use tidegate_model::{
    AnyChat, Chat, ChatParams, EmbedOptions, Endpoint, Message, Profiles, Role, Service, Text, chat_codec,
    embedding_codec,
};

/// Folder, provider, and base URL of what was recorded.
const SDKS: [(&str, &str, &str); 4] = [
    ("openai-3", "openai", "http://localhost/v1"),
    ("azure-3", "azure", "http://localhost/openai/deployments/{model}?api-version=2024-10-21"),
    ("anthropic-2", "anthropic", "http://localhost"),
    ("anthropic-0", "anthropic", "http://localhost"),
];

struct Recorded {
    name: String,
    provider: &'static str,
    base: &'static str,
    exchange: Value,
}

fn recorded() -> Vec<Recorded> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut all = Vec::new();
    for (folder, provider, base) in SDKS {
        let files = std::fs::read_dir(root.join(folder)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let exchange = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let name = format!("{folder}/{}", file.file_stem().unwrap().to_str().unwrap());
            all.push(Recorded { name, provider, base, exchange });
        }
    }
    assert!(all.len() > 70, "{} exchanges", all.len());
    all
}

impl Recorded {
    fn is(&self, what: &str) -> bool {
        self.name.contains(what)
    }

    fn asked(&self) -> Value {
        serde_json::from_str(self.exchange["request"]["body"].as_str().unwrap()).unwrap_or_default()
    }

    fn understood(&self) -> &Value {
        &self.exchange["understood"]
    }

    fn service(&self) -> Service {
        let asked = self.asked();
        let model = asked["model"].as_str().unwrap_or("my-embedder");
        let base = self.base.replace("{model}", model);
        let endpoint = Endpoint::new(&base, model).unwrap();
        Service::new(Profiles::builtin().get(self.provider).unwrap().clone(), endpoint, None)
    }

    fn chat(&self) -> AnyChat {
        chat_codec(self.service(), Arc::new(Estimate)).unwrap()
    }

    fn answer(&self) -> Answer {
        let answer = &self.exchange["answer"];
        let status: u16 = answer["line"].as_str().unwrap()[9..12].parse().unwrap();
        let mut headers = HeaderMap::new();
        for header in answer["headers"].as_array().unwrap() {
            let (name, value) = header.as_str().unwrap().split_once(": ").unwrap();
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let head =
            Head { status: StatusCode::from_u16(status).unwrap(), headers, at: SystemTime::UNIX_EPOCH };
        Answer { head, body: answer["body"].as_str().unwrap().to_owned().into() }
    }

    /// The conversation that the SDK was asked to send.
    fn conversation(&self) -> Chat {
        let asked = self.asked();
        let mut system = asked["system"].as_str().map(Arc::from);
        let mut messages = Vec::new();
        for message in asked["messages"].as_array().unwrap() {
            let content: Arc<str> = message["content"].as_str().unwrap().into();
            match message["role"].as_str().unwrap() {
                "system" => system = Some(content),
                "assistant" => messages.push(Message { role: Role::Assistant, content }),
                _ => messages.push(Message { role: Role::User, content }),
            }
        }
        let max_tokens = asked["max_tokens"].as_u64().map(|most| most as u32);
        let params = ChatParams { max_tokens, ..ChatParams::default() };
        Chat { system, messages: messages.into(), params: Arc::new(params), sample: 0 }
    }

    /// What an answer with this name is: names of models pick what goes wrong.
    fn refusal(&self) -> Option<RefusalKind> {
        let kinds = [
            ("too-many", RefusalKind::RateLimited),
            ("no-quota", RefusalKind::Exhausted),
            ("broken", RefusalKind::Unavailable),
            ("overloaded", RefusalKind::Overloaded),
            ("poison", RefusalKind::BadRequest),
            ("wrong-key", RefusalKind::Unauthorised),
            ("unknown", RefusalKind::NotFound),
        ];
        kinds.into_iter().find(|(name, _)| self.is(name)).map(|(_, kind)| kind)
    }
}

#[test]
fn vectors_are_those_the_sdks_read() {
    let mut read = 0;
    for exchange in recorded().iter().filter(|exchange| exchange.is("/embed") && !exchange.is("-user")) {
        let asked = exchange.asked();
        let one = || vec![asked["input"].clone()];
        let texts = asked["input"].as_array().cloned().unwrap_or_else(one);
        let texts: Vec<Text> = texts.iter().map(|text| Text::new(text.as_str().unwrap(), 9)).collect();
        let length = exchange.understood()["vectors"][0]["vector"].as_array().map(Vec::len);
        let dimensions = asked["dimensions"].as_u64().map(|dimensions| dimensions as usize);
        let options = EmbedOptions { dimensions, learned: length, ..EmbedOptions::new(Task::Document) };
        // The scripted provider's vectors are shorter than those of the real model of this name.
        let options = EmbedOptions { dimensions: dimensions.or(length), ..options };
        let codec = embedding_codec(exchange.service(), options).unwrap();
        let decoded = codec.decode(&texts, &exchange.answer());
        if let Some(kind) = exchange.refusal() {
            assert_eq!(decoded.unwrap_err().kind, kind, "{}", exchange.name);
            continue;
        }
        let answers = decoded.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.name)).answers;
        let vectors = exchange.understood()["vectors"].as_array().unwrap();
        assert_eq!(answers.len(), vectors.len(), "{}", exchange.name);
        for (ours, theirs) in answers.iter().zip(vectors) {
            let theirs = theirs["vector"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
            let apart = ours.as_ref().unwrap().iter().zip(theirs).map(|(a, b)| (f64::from(*a) - b).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-6, "{}", exchange.name);
        }
        read += 1;
    }
    assert!(read >= 5, "{read}");
}

#[test]
fn answers_are_those_the_sdks_read_and_only_whole_ones_count() {
    let (mut whole, mut cut) = (0, 0);
    for exchange in recorded().iter().filter(|it| it.is("/chat") || it.is("/messages")) {
        let decoded = exchange.chat().decode(&[exchange.conversation()], &exchange.answer());
        if let Some(kind) = exchange.refusal() {
            assert_eq!(decoded.unwrap_err().kind, kind, "{}", exchange.name);
            continue;
        }
        let mut answers = decoded.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.name)).answers;
        match answers.remove(0) {
            Ok(completion) => {
                assert_eq!(exchange.understood()["text"], *completion.text, "{}", exchange.name);
                assert!(!exchange.is("length") && !exchange.is("filtered"), "{}", exchange.name);
                whole += 1;
            }
            Err(fault) => {
                assert!(exchange.is("length") || exchange.is("filtered"), "{}: {fault}", exchange.name);
                cut += 1;
            }
        }
    }
    assert!(whole >= 8 && cut >= 4, "{whole} {cut}");
}

#[test]
fn streams_bring_the_text_the_sdks_read_and_know_their_end() {
    let mut whole = 0;
    for exchange in recorded().iter().filter(|it| it.is("/stream") && it.refusal().is_none()) {
        let (codec, answer) = (exchange.chat(), exchange.answer());
        let mut listener = codec.listen(&exchange.conversation());
        let mut text = String::new();
        let pushed = answer.body.chunks(7).try_for_each(|piece| listener.push(piece, &mut text));
        if exchange.is("error-in-stream") {
            pushed.unwrap_err();
            continue;
        }
        pushed.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.name));
        assert_eq!(exchange.understood()["text"], text, "{}", exchange.name);
        let ended = listener.end();
        if exchange.is("no-end") {
            assert!(ended.is_err(), "{}", exchange.name);
        } else if exchange.is("length") || exchange.is("filtered") {
            assert!(ended.unwrap().0.is_err(), "{}", exchange.name);
        } else {
            assert_eq!(*ended.unwrap().0.unwrap().text, text, "{}", exchange.name);
            whole += 1;
        }
    }
    assert!(whole >= 5, "{whole}");
}

#[test]
fn questions_are_put_as_the_sdks_put_them() {
    let mut asked = 0;
    for exchange in recorded() {
        let theirs = exchange.asked();
        let ours = match () {
            () if exchange.is("/embed") && theirs["input"].is_array() && theirs["user"].is_null() => {
                let texts = theirs["input"].as_array().unwrap();
                let texts: Vec<Text> =
                    texts.iter().map(|text| Text::new(text.as_str().unwrap(), 9)).collect();
                let dimensions = theirs["dimensions"].as_u64().map(|dimensions| dimensions as usize);
                let options = EmbedOptions { dimensions, ..EmbedOptions::new(Task::Document) };
                embedding_codec(exchange.service(), options).unwrap().encode(&texts).unwrap()
            }
            () if exchange.is("/chat") || exchange.is("/messages") => {
                exchange.chat().encode(&[exchange.conversation()]).unwrap()
            }
            () => continue,
        };
        let body: Value = serde_json::from_slice(&ours.body).unwrap();
        for field in ["model", "input", "encoding_format", "dimensions", "messages", "system"] {
            let same = field == "encoding_format" && exchange.is("float") || body[field] == theirs[field];
            assert!(same, "{}: {field}: {} and {}", exchange.name, body[field], theirs[field]);
        }
        let path = exchange.exchange["request"]["line"].as_str().unwrap().split(' ').nth(1).unwrap();
        assert_eq!(ours.url, format!("http://localhost{path}"), "{}", exchange.name);
        asked += 1;
    }
    assert!(asked >= 20, "{asked}");
}
