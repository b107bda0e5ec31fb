//! Every wire format's answers, byte by byte, and its errors.

use serde_json::{Value, json};
use tidegate_testkit::provider::script::{Chat, Embedding, Latency, Limit, Unit};
use tidegate_testkit::provider::{Script, Server, Span, relevance_of, reply_of, text_hash};

use crate::client::{Reply, ask};

fn script() -> Script {
    Script {
        epoch: Some(1_792_567_680),
        embedding: Embedding { dimensions: 2, ..Embedding::default() },
        chat: Chat { reply: Some("Hé there".to_owned()), ..Chat::default() },
        ..Script::default()
    }
}

fn post(server: &Server, path: &str, headers: &[&str], body: &Value) -> Reply {
    ask(server.addr(), &format!("POST {path}"), headers, &body.to_string()).unwrap()
}

const ANTHROPIC: &[&str] = &["anthropic-version: 2023-06-01", "x-api-key: k"];

#[test]
fn openai_chats_whole_and_in_pieces() {
    let server = Server::start(script()).unwrap();
    let question = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let whole = post(&server, "/v1/chat/completions", &[], &question).json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hé there");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"], json!({"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}));
    let mut question = question;
    question["stream"] = json!(true);
    question["stream_options"] = json!({"include_usage": true});
    let reply = post(&server, "/v1/chat/completions", &[], &question);
    assert!(reply.complete && reply.head.contains("content-type: text/event-stream; charset=utf-8"));
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"choices\":{choices},\"created\":1792567680,\"id\":\"chatcmpl-0b53380a06ab4e53\",\
             \"model\":\"m\",\"object\":\"chat.completion.chunk\",\"usage\":{usage}}}\n\n"
        )
    };
    let part = |delta: &str, finish: &str| {
        chunk(&format!("[{{\"delta\":{delta},\"finish_reason\":{finish},\"index\":0}}]"), "null")
    };
    let right = [
        part(r#"{"content":"","role":"assistant"}"#, "null"),
        part(r#"{"content":"Hé "}"#, "null"),
        part(r#"{"content":"there"}"#, "null"),
        part("{}", "\"stop\""),
        chunk("[]", r#"{"completion_tokens":2,"prompt_tokens":2,"total_tokens":4}"#),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(reply.text(), right.concat());
}

#[test]
fn anthropic_s_events_are_named_and_end_with_message_stop() {
    let server = Server::start(script()).unwrap();
    let mut question = json!({
        "model": "m", "max_tokens": 9, "system": "be brief",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    });
    let whole = post(&server, "/v1/messages", ANTHROPIC, &question).json();
    assert_eq!(whole["content"], json!([{"type": "text", "text": "Hé there"}]));
    assert_eq!((&whole["stop_reason"], &whole["usage"]["input_tokens"]), (&json!("end_turn"), &json!(4)));
    question["stream"] = json!(true);
    let reply = post(&server, "/v1/messages", ANTHROPIC, &question);
    let names: Vec<&str> = reply.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let delta = "event: content_block_delta\ndata: {\"delta\":{\"text\":\"Hé \",\"type\":\"text_delta\"},\
                 \"index\":0,\"type\":\"content_block_delta\"}\n\n";
    assert!(reply.text().contains(delta), "{}", reply.text());
    assert!(reply.text().ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    let count = post(&server, "/v1/messages/count_tokens", ANTHROPIC, &question);
    assert_eq!(count.text(), r#"{"input_tokens":4}"#);
    question.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(post(&server, "/v1/messages", ANTHROPIC, &question).status, 400);
    assert_eq!(post(&server, "/v1/messages", &["x-api-key: k"], &question).status, 400);
}

#[test]
fn ollama_streams_lines_unless_told_not_to() {
    let server = Server::start(script()).unwrap();
    let embed = post(&server, "/api/embed", &[], &json!({"model": "m", "input": ["hello"]}));
    assert_eq!(
        embed.text(),
        "{\"model\":\"m\",\"embeddings\":[[-0.27545717,-0.9613133]],\"total_duration\":14143917,\
         \"load_duration\":1019500,\"prompt_eval_count\":2}"
    );
    let mut question = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let reply = post(&server, "/api/chat", &[], &question);
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: String = lines.iter().map(|line| line["message"]["content"].as_str().unwrap()).collect();
    assert_eq!(said, "Hé there");
    assert!(reply.head.contains("application/x-ndjson"));
    assert_eq!(lines.iter().map(|line| line["done"] == true).collect::<Vec<_>>(), [false, false, true]);
    question["stream"] = json!(false);
    let whole = post(&server, "/api/chat", &[], &question).json();
    assert_eq!((&whole["done_reason"], &whole["eval_count"]), (&json!("stop"), &json!(2)));
}

#[test]
fn gemini_embeds_and_generates() {
    let server = Server::start(script()).unwrap();
    let key = &["x-goog-api-key: k"][..];
    let content = |text: &str| json!({"model": "models/m", "content": {"parts": [{"text": text}]}});
    let one = post(&server, "/v1beta/models/m:embedContent", key, &content("hello"));
    assert_eq!(one.text(), r#"{"embedding":{"values":[-0.27545717,-0.9613133]}}"#);
    let batch = json!({"requests": vec![content("hello"); 100]});
    let many = post(&server, "/v1beta/models/m:batchEmbedContents", key, &batch).json();
    assert_eq!(many["embeddings"].as_array().unwrap().len(), 100);
    let batch = json!({"requests": vec![content("hello"); 101]});
    let refused = post(&server, "/v1beta/models/m:batchEmbedContents", key, &batch).json();
    assert_eq!(refused["error"]["status"], "INVALID_ARGUMENT");
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("at most 100 requests can be in one batch")
    );
    let question = json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]});
    let whole = post(&server, "/v1beta/models/m:generateContent", key, &question).json();
    assert_eq!(whole["candidates"][0]["content"]["parts"][0]["text"], "Hé there");
    let stream = post(&server, "/v1beta/models/m:streamGenerateContent?alt=sse", key, &question);
    assert_eq!(
        stream.text(),
        concat!(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hé \"}],\"role\":\"model\"},\"index\":0}],",
            "\"modelVersion\":\"m\",\"usageMetadata\":{\"candidatesTokenCount\":1,\"promptTokenCount\":2,",
            "\"totalTokenCount\":3}}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"there\"}],\"role\":\"model\"},",
            "\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"m\",\"usageMetadata\":",
            "{\"candidatesTokenCount\":2,\"promptTokenCount\":2,\"totalTokenCount\":4}}\r\n\r\n",
        )
    );
}

#[test]
fn cohere_embeds_chats_and_ranks() {
    let server = Server::start(script()).unwrap();
    let mut texts = json!({"model": "m", "input_type": "search_document", "texts": ["hello"]});
    assert_eq!(
        post(&server, "/v2/embed", &[], &texts).text(),
        "{\"id\":\"f1c0ffee\",\"embeddings\":{\"float\":[[-0.27545717,-0.9613133]]},\"texts\":[\"hello\"],\
         \"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":2}},\
         \"response_type\":\"embeddings_by_type\"}"
    );
    texts["texts"] = json!(vec!["a"; 97]);
    let refused = post(&server, "/v2/embed", &[], &texts);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("must be at most 96 - received 97"));
    let question = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let stream = post(&server, "/v2/chat", &[], &question);
    let names: Vec<&str> = stream.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let deltas = ["content-delta", "content-delta", "content-end", "message-end"];
    assert_eq!(names, [&["message-start", "content-start"][..], &deltas].concat());
    let ranked =
        post(&server, "/v2/rerank", &[], &json!({"model": "m", "query": "q", "documents": ["a", "b", "c"]}));
    assert_eq!(ranked.json()["results"].as_array().unwrap().len(), 3);
}

#[test]
fn rerankers_rank_by_the_relevance_that_anybody_can_work_out() {
    let server = Server::start(script()).unwrap();
    let documents = ["a", "b", "c", "d"];
    let mut right: Vec<(usize, f64)> = documents
        .iter()
        .enumerate()
        .map(|(n, text)| (n, relevance_of(text_hash(b"q"), text_hash(text.as_bytes()))))
        .collect();
    right.sort_by(|a, b| b.1.total_cmp(&a.1));
    right.truncate(2);
    let clone =
        json!({"model": "m", "query": "q", "documents": documents, "top_n": 2, "return_documents": true});
    let reply = post(&server, "/v1/rerank", &[], &clone).json();
    for (result, (index, score)) in reply["results"].as_array().unwrap().iter().zip(&right) {
        let document = json!({"text": documents[*index]});
        assert_eq!(*result, json!({"index": index, "relevance_score": score, "document": document}));
    }
    let bare = post(&server, "/rerank", &[], &json!({"query": "q", "texts": documents, "top_n": 2})).json();
    assert_eq!(bare[0], json!({"index": right[0].0, "score": right[0].1}));
}

#[test]
fn models_are_listed_in_each_format() {
    let server = Server::start(Script { models: vec!["m".to_owned()], ..script() }).unwrap();
    let get = |path: &str, headers: &[&str]| ask(server.addr(), &format!("GET {path}"), headers, "").unwrap();
    assert_eq!(get("/v1/models", &[]).json()["data"][0]["id"], "m");
    assert_eq!(get("/v1/models/m", &[]).json()["id"], "m");
    assert_eq!(get("/v1/models/n", &[]).status, 404);
    assert_eq!(get("/v1/models", ANTHROPIC).json()["data"][0]["type"], "model");
    assert_eq!(get("/api/tags", &[]).json()["models"][0]["name"], "m");
    assert_eq!(get("/v1beta/models", &[]).json()["models"][0]["name"], "models/m");
    assert_eq!(get("/v1beta/models/m", &[]).json()["name"], "models/m");
    assert_eq!(get("/nowhere", &[]).status, 404);
}

/// Path, headers with the key `k`, and a body for the model `m`.
fn each_family() -> Vec<(&'static str, Vec<&'static str>, Value)> {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let content = json!({"content": {"parts": [{"text": "hello"}]}});
    vec![
        ("/v1/embeddings", vec!["authorization: Bearer k"], json!({"model": "m", "input": "hello"})),
        ("/openai/deployments/m/embeddings?api-version=1", vec!["api-key: k"], json!({"input": "hello"})),
        ("/v1/messages", ANTHROPIC.to_vec(), json!({"model": "m", "max_tokens": 9, "messages": messages})),
        ("/api/embed", vec!["authorization: Bearer k"], json!({"model": "m", "input": "hello"})),
        ("/v1beta/models/m:embedContent", vec!["x-goog-api-key: k"], content),
        (
            "/v2/embed",
            vec!["authorization: Bearer k"],
            json!({"model": "m", "input_type": "search_query", "texts": ["hello"]}),
        ),
    ]
}

#[test]
fn a_wrong_key_a_wrong_model_and_a_limit_are_told_in_each_format_s_own_words() {
    let told = [
        ("Incorrect API key", "`m` does not exist", "\"code\":\"rate_limit_exceeded\""),
        ("Incorrect API key", "DeploymentNotFound", "Please retry after 60 seconds."),
        ("authentication_error", "not_found_error", "rate_limit_error"),
        ("unauthorized", "try pulling it first", "too many requests"),
        ("API_KEY_INVALID", "models/m is not found", "\"retryDelay\":\"60s\""),
        ("invalid api token", "model 'm' not found", "limited to 1 API calls / minute"),
    ];
    for ((path, headers, body), (key, model, limit)) in each_family().into_iter().zip(told) {
        let only = |change: fn(&mut Script)| {
            let mut script = script();
            change(&mut script);
            Server::start(script).unwrap()
        };
        let server = only(|script| script.keys = vec!["other".to_owned()]);
        let reply = post(&server, path, &headers, &body);
        assert!([400, 401].contains(&reply.status) && reply.text().contains(key), "{path}: {}", reply.text());
        let server = only(|script| script.models = vec!["other".to_owned()]);
        let reply = post(&server, path, &headers, &body);
        assert!(reply.status == 404 && reply.text().contains(model), "{path}: {}", reply.text());
        let server = only(|script| {
            script.keys = vec!["k".to_owned()];
            script.limits = vec![Limit::per_minute(Unit::Requests, 1)];
        });
        assert_eq!(post(&server, path, &headers, &body).status, 200, "{path}");
        let reply = post(&server, path, &headers, &body);
        // The window has hardly begun, and waits are rounded up: the whole minute is told.
        let text = reply.text().replace("59.99", "60").replace("60.9s", "60s");
        assert!(reply.status == 429 && text.contains(limit.trim_end_matches("0s\"")), "{path}: {text}");
    }
}

#[test]
fn answers_are_made_from_questions_and_schemas() {
    let server = Server::start(Script { chat: Chat::default(), ..script() }).unwrap();
    let mut question = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let reply = |question: &Value| post(&server, "/v1/chat/completions", &[], question).json();
    assert_eq!(reply(&question)["choices"][0]["message"]["content"], reply_of(text_hash(b"hello"), 16));
    question["max_completion_tokens"] = json!(3);
    assert_eq!(reply(&question)["choices"][0]["finish_reason"], "length");
    question["max_completion_tokens"] = json!(300);
    let schema =
        json!({"type": "object", "properties": {"label": {"enum": ["a", "b"]}, "n": {"type": "integer"}}});
    question["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let answer = reply(&question);
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let fields: Value = serde_json::from_str(text).unwrap();
    assert!(fields["label"].is_string() && fields["n"].is_i64(), "{text}");
}

#[test]
fn a_stream_takes_its_time_between_pieces_and_a_whole_answer_as_long() {
    let latency = Latency { per_piece: Span::from_millis(10), ..Latency::default() };
    let server = Server::start(Script { latency, chat: Chat::default(), ..script() }).unwrap();
    let mut question = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    for stream in [false, true] {
        question["stream"] = json!(stream);
        assert!(post(&server, "/v1/chat/completions", &[], &question).complete);
    }
    assert!(server.log().settled(std::time::Duration::from_secs(30)));
    let took = |n: usize| {
        let entry = &server.log().entries()[n];
        entry.answered.as_ref().unwrap().at - entry.at
    };
    assert!(took(0).as_millis() >= 150 && took(1).as_millis() >= 150);
}
