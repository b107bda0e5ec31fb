//! Azure's OpenAI: the same bodies, the model in the path, another header for the key and its own words for a wait.

use serde_json::json;

use super::asked::Asked;
use super::fields::no_path;
use super::openai::{OpenAi, read_chat, read_embeddings, words};
use super::{Complaint, Kind, LimitView, Wire};
use crate::provider::request::Request;
use crate::provider::script::{Hint, Script};

/// `/openai/deployments/{name}/embeddings?api-version=…` and its neighbours.
#[derive(Debug)]
pub(super) struct Azure;

impl Wire for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.header("api-key").or_else(|| OpenAi.key(request))
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        let path = request.path().strip_prefix("/openai/deployments/").unwrap_or_default();
        match path.split_once('/') {
            Some((deployment, "embeddings")) => read_embeddings(request, Some(deployment), script),
            Some((deployment, "chat/completions")) => read_chat(request, Some(deployment), script),
            _ => Err(no_path(request)),
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        let code = match complaint.kind {
            Kind::NoModel(_) => "DeploymentNotFound".to_owned(),
            Kind::Quota => "insufficient_quota".to_owned(),
            _ => complaint.status().to_string(),
        };
        json!({ "error": { "code": code, "message": complaint.words(words) } }).to_string().into_bytes()
    }

    fn stream_error(&self, complaint: &Complaint) -> Vec<u8> {
        OpenAi.stream_error(complaint)
    }

    fn usual_hints(&self) -> &'static [Hint] {
        &[Hint::Milliseconds, Hint::Seconds, Hint::AzureText]
    }

    fn limit_headers(&self, view: &LimitView) -> Vec<(String, String)> {
        OpenAi.limit_headers(view)
    }
}
