//! What services really say when they refuse, and the kind each is.

use std::time::Duration;

use proptest::prelude::*;
use tidegate_core::RefusalKind as K;

use super::*;
use crate::golden::{answer, service};
use tidegate_core::Refusal;

fn refuse(provider: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Refusal {
    let service = service(provider, "m");
    of_answer(service.profile(), service.endpoint(), &answer(status, headers, body.to_owned()), Some("wrong"))
}

/// Provider, status, body, and the kind that it is.
const SAID: &[(&str, u16, &str, K)] = &[
    (
        "openai",
        429,
        r#"{"error":{"message":"Rate limit reached for m on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        K::RateLimited,
    ),
    (
        "openai",
        429,
        r#"{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
        K::TooLarge,
    ),
    (
        "openai",
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        K::Exhausted,
    ),
    (
        "openai",
        429,
        r#"{"error":{"message":"Rate limit reached for m on requests per day (RPD): Limit 200. Please try again in 7m12s.","type":"requests","code":"rate_limit_exceeded"}}"#,
        K::Exhausted,
    ),
    (
        "openai",
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-test-**************6789.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        K::Unauthorised,
    ),
    (
        "openai",
        403,
        r#"{"error":{"message":"Country, region, or territory not supported","code":"unsupported_country_region_territory"}}"#,
        K::Unauthorised,
    ),
    (
        "openai",
        404,
        r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
        K::NotFound,
    ),
    (
        "openai",
        400,
        r#"{"error":{"message":"Requested 300001 tokens, max 300000 tokens per request","type":"max_tokens_per_request","param":null,"code":"max_tokens_per_request"}}"#,
        K::TooLarge,
    ),
    (
        "openai",
        400,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens, however you requested 9000 tokens","type":"invalid_request_error","param":null,"code":null}}"#,
        K::TooLarge,
    ),
    (
        "openai",
        400,
        r#"{"error":{"message":"'$.input' is invalid. Please check the API reference","type":"invalid_request_error","param":null,"code":null}}"#,
        K::BadRequest,
    ),
    (
        "openai",
        400,
        r#"{"error":{"message":"The response was filtered","code":"content_filter"}}"#,
        K::BadRequest,
    ),
    (
        "openai",
        500,
        r#"{"error":{"message":"The server had an error","type":"server_error","code":null}}"#,
        K::Unavailable,
    ),
    (
        "openai",
        503,
        r#"{"error":{"message":"The engine is currently overloaded","type":"server_error"}}"#,
        K::Overloaded,
    ),
    ("openai", 503, r#"{"error":{"message":"Slow down","code":"slow_down"}}"#, K::Overloaded),
    ("openai", 408, "", K::Unavailable),
    ("openai", 409, "", K::Unavailable),
    ("openai", 413, "<html><h1>413 Request Entity Too Large</h1>", K::TooLarge),
    ("openai", 502, "<html><head><title>502 Bad Gateway</title>", K::Unavailable),
    ("openai", 504, "", K::Unavailable),
    ("openai", 520, "error code: 520", K::Unavailable),
    ("openai", 402, "", K::Exhausted),
    ("openai", 301, "", K::NotFound),
    ("openai", 405, "", K::NotFound),
    ("openai", 418, "", K::BadRequest),
    (
        "azure",
        429,
        r#"{"error":{"code":"429","message":"Requests to the Embeddings_Create Operation have exceeded call rate limit. Please retry after 6 seconds."}}"#,
        K::RateLimited,
    ),
    (
        "azure",
        404,
        r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
        K::NotFound,
    ),
    (
        "azure",
        401,
        r#"{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid"}"#,
        K::Unauthorised,
    ),
    (
        "azure",
        400,
        r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        K::BadRequest,
    ),
    (
        "anthropic",
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
        K::Overloaded,
    ),
    (
        "anthropic",
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit"}}"#,
        K::RateLimited,
    ),
    (
        "anthropic",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        K::Exhausted,
    ),
    (
        "anthropic",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
        K::TooLarge,
    ),
    (
        "anthropic",
        413,
        r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
        K::TooLarge,
    ),
    (
        "anthropic",
        404,
        r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
        K::NotFound,
    ),
    (
        "anthropic",
        403,
        r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#,
        K::Unauthorised,
    ),
    (
        "anthropic",
        500,
        r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#,
        K::Unavailable,
    ),
    (
        "gemini",
        429,
        r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"22s"}]}}"#,
        K::RateLimited,
    ),
    (
        "gemini",
        429,
        r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"retryDelay":"8s"}]}}"#,
        K::Exhausted,
    ),
    (
        "gemini",
        429,
        r#"{"error":{"code":429,"message":"Quota exceeded for metric: x, limit: 0, model: y","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier"}]}]}}"#,
        K::Exhausted,
    ),
    (
        "gemini",
        400,
        r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
        K::Unauthorised,
    ),
    (
        "gemini",
        400,
        r#"{"error":{"code":400,"message":"BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch","status":"INVALID_ARGUMENT"}}"#,
        K::TooLarge,
    ),
    (
        "gemini",
        503,
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
        K::Overloaded,
    ),
    (
        "gemini",
        404,
        r#"[{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}]"#,
        K::NotFound,
    ),
    (
        "cohere",
        429,
        r#"{"message":"You are using a Trial key, which is limited to 40 API calls / minute."}"#,
        K::RateLimited,
    ),
    (
        "cohere",
        429,
        r#"{"message":"You are using a Trial key, which is limited to 1000 API calls / month."}"#,
        K::Exhausted,
    ),
    (
        "cohere",
        400,
        r#"{"message":"invalid request: total number of texts must be at most 96 - received 97"}"#,
        K::TooLarge,
    ),
    ("cohere", 498, r#"{"message":"invalid token"}"#, K::Unavailable),
    (
        "voyage",
        429,
        r#"{"detail":"You have not yet added your payment method and will have reduced rate limits of 3 RPM."}"#,
        K::RateLimited,
    ),
    (
        "voyage",
        400,
        r#"{"detail":"Request to model 'voyage-3' failed. The max allowed tokens per submitted batch is 120000. Your batch has 121000 tokens after truncation. Please lower the number of tokens in the batch."}"#,
        K::TooLarge,
    ),
    (
        "jina",
        403,
        r#"{"detail":"[AUTHZ_INSUFFICIENT_BALANCE] Account balance not enough to run this query, please recharge."}"#,
        K::Exhausted,
    ),
    (
        "jina",
        422,
        r#"{"detail":[{"loc":["body","input"],"msg":"field required","type":"value_error"}]}"#,
        K::BadRequest,
    ),
    (
        "mistral",
        429,
        r#"{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300","raw_status_code":429}"#,
        K::RateLimited,
    ),
    (
        "mistral",
        400,
        r#"{"object":"error","message":"Too many tokens overall, split into more batches.","type":"invalid_request_prompt","param":null,"code":"3210"}"#,
        K::TooLarge,
    ),
    ("mistral", 401, r#"{"detail":"Unauthorized"}"#, K::Unauthorised),
    (
        "groq",
        429,
        r#"{"error":{"message":"Rate limit reached for model on tokens per minute (TPM): Limit 6000, Used 5900, Requested 200. Please try again in 1.2s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        K::RateLimited,
    ),
    (
        "groq",
        400,
        r#"{"error":{"message":"The model has been decommissioned","type":"invalid_request_error","code":"model_decommissioned"}}"#,
        K::NotFound,
    ),
    ("openrouter", 200, r#"{"error":{"code":429,"message":"Rate limited upstream"}}"#, K::RateLimited),
    ("openrouter", 200, r#"{"error":{"code":502,"message":"Upstream lost"}}"#, K::Unavailable),
    ("openrouter", 402, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#, K::Exhausted),
    (
        "openrouter",
        403,
        r#"{"error":{"code":403,"message":"Input flagged","metadata":{"reasons":["x"],"flagged_input":"y"}}}"#,
        K::BadRequest,
    ),
    ("tei", 429, r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, K::Overloaded),
    (
        "tei",
        413,
        r#"{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 600","error_type":"Validation"}"#,
        K::TooLarge,
    ),
    (
        "tei",
        422,
        r#"{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}"#,
        K::TooLarge,
    ),
    ("tei", 424, r#"{"error":"inference failed","error_type":"Backend"}"#, K::Unavailable),
    (
        "vllm",
        400,
        r#"{"object":"error","message":"This model's maximum context length is 512 tokens.","type":"BadRequestError","param":null,"code":400}"#,
        K::TooLarge,
    ),
    (
        "vllm",
        404,
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
        K::NotFound,
    ),
    (
        "ollama",
        503,
        r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
        K::Overloaded,
    ),
    ("ollama", 404, r#"{"error":"model \"x\" not found, try pulling it first"}"#, K::NotFound),
    ("ollama", 400, r#"{"error":"the input length exceeds the context length"}"#, K::TooLarge),
    ("ollama", 500, r#"{"error":"llama runner process has terminated"}"#, K::Unavailable),
    ("compatible", 200, "", K::BadResponse),
    ("compatible", 200, r#"{"error":"it broke"}"#, K::BadResponse),
    ("compatible", 200, r#"{"error":null,"data":7}"#, K::BadResponse),
    ("compatible", 204, "", K::BadResponse),
    ("compatible", 400, r#"{"error":"cannot embed: 'the server is overloaded per day'"}"#, K::BadRequest),
];

#[test]
fn refusals_are_of_their_kind() {
    for &(provider, status, body, kind) in SAID {
        let refusal = refuse(provider, status, &[], body);
        assert_eq!(refusal.kind, kind, "{provider} {status} {body}");
        assert_eq!(refusal.status, status);
        assert!(!refusal.message.is_empty(), "{provider} {status} {body}");
    }
}

#[test]
fn waits_come_from_wherever_they_are_said() {
    let seconds = |wait: f64| Some(Duration::from_secs_f64(wait));
    let find = |start: &str| SAID.iter().find(|said| said.2.contains(start)).unwrap();
    for (start, headers, expected) in [
        ("requests per min (RPM)", vec![], seconds(20.0)),
        ("requests per min (RPM)", vec![("retry-after", "3")], seconds(3.0)),
        ("requests per min (RPM)", vec![("retry-after", "-3")], seconds(20.0)),
        ("Please retry after 6", vec![], seconds(6.0)),
        ("PerMinutePerProject", vec![], seconds(22.0)),
        ("PerDayPerProject", vec![], None),
        ("requests per day (RPD)", vec![], seconds(432.0)),
        ("rate_limit_error", vec![("retry-after", "17")], seconds(17.0)),
        (
            "rate_limit_error",
            vec![
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T00:00:50Z"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T00:00:12Z"),
            ],
            seconds(12.0),
        ),
        ("Model is overloaded", vec![], None),
    ] {
        let &(provider, status, body, _) = find(start);
        assert_eq!(refuse(provider, status, &headers, body).wait, expected, "{start} {headers:?}");
    }
}

#[test]
fn what_the_service_says_of_retries_is_heard() {
    let should = |value: &'static str| [("x-should-retry", value)];
    assert_eq!(refuse("openai", 429, &should("false"), "").kind, K::Exhausted);
    assert_eq!(
        refuse("openai", 429, &[("x-should-retry", "false"), ("retry-after", "5")], "").kind,
        K::RateLimited
    );
    assert_eq!(refuse("openai", 400, &should("true"), "").kind, K::Unavailable);
    // A failing service is never a text's fault.
    assert_eq!(refuse("openai", 500, &should("false"), "").kind, K::Unavailable);
}

#[test]
fn messages_are_the_services_own_words_fit_to_be_printed() {
    let said = |status, body: &str| refuse("compatible", status, &[], body).message;
    assert_eq!(said(400, r#"{"error":{"message":"a\u001b[31m\nb\u202e"}}"#), "a\\u{1b}[31m b\\u{202e}");
    assert_eq!(said(500, ""), "500 Internal Server Error");
    assert_eq!(said(599, ""), "599");
    assert_eq!(said(502, "<html><title>Bad\nGateway</title>"), "502 Bad Gateway: Bad Gateway");
    assert_eq!(said(500, "upstream connect error"), "500 Internal Server Error: upstream connect error");
    assert_eq!(said(422, r#"{"detail":[{"msg":"field required"}]}"#), "field required");
    assert!(said(307, "").contains("base URL"));
    let long = said(400, &format!(r#"{{"message":"{}"}}"#, "ä".repeat(5_000)));
    assert_eq!(long.chars().count(), 300);
    assert!(long.ends_with('…'));
}

#[test]
fn keys_that_services_echo_do_not_survive() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-test-canary-0123456789. You sent Bearer sk-test-canary-01234"}}"#;
    for body in
        [body.to_owned(), format!("{}sk-test-canary-0123456789{}", "x".repeat(2_040), "y".repeat(4_000))]
    {
        let refusal = refuse("openai", 401, &[("x-request-id", "req_7")], &body);
        let shown = format!("{refusal:?} {}", String::from_utf8_lossy(&refusal.excerpt));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(refusal.excerpt.len() <= 2_048);
        assert_eq!(refusal.request_id.as_deref(), Some("req_7"));
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_say_too_much(
        status in 100u16..600,
        which in 0..SAID.len(),
        cut in 0usize..600,
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        at in 0usize..300,
    ) {
        let mut body = SAID[which].2.as_bytes().to_vec();
        let at = at.min(body.len());
        body.splice(at..at, noise);
        body.truncate(cut);
        let service = service(SAID[which].0, "m");
        let refusal = of_answer(service.profile(), service.endpoint(), &answer(status, &[], body), None);
        prop_assert!(refusal.message.chars().count() <= 300);
        prop_assert!(!refusal.message.chars().any(char::is_control));
        if status >= 500 {
            let service_kinds = [K::Unavailable, K::Overloaded, K::RateLimited, K::TooLarge];
            prop_assert!(service_kinds.contains(&refusal.kind));
        }
    }
}
