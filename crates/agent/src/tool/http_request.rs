//! `http_request`: any URL the model asks for, within the hosts its grant opens.

use crate::tool::egress::{Allow, Names, admit, system_names};
use crate::tool::exchange::{Pinned, Terms, client, send};
use crate::tool::workspace::refused;
use crate::tool::{BadGrant, Tool, ToolCall, ToolFailure, ToolSpec};
use futures::future::BoxFuture;
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};
use tenure_contract::agent::ToolGrant;
use tenure_contract::words::RecoveryClass;

/// Methods of a grant of class `read`.
const SAFE_METHODS: &[&str] = &["GET", "HEAD"];
/// Methods of a grant whose class is declared as `idempotent` or `once`.
const ALL_METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Fetches a URL. Answers `{status, contentType, body}`, the body as JSON or `{text}`.
///
/// A tool has one recovery class, whatever the call: granted without a class, or as `read`, it
/// offers GET and HEAD only; granted as `idempotent` or `once` it offers the rest as well.
/// Redirects are told, not followed: the model may ask for the new address, which is then checked.
pub struct HttpRequest {
    spec: ToolSpec,
    allow: Allow,
    names: Names,
}

impl HttpRequest {
    /// The tool as granted.
    ///
    /// # Errors
    /// [`BadGrant`] for an entry of `allow` that is no host.
    pub fn new(grant: &ToolGrant) -> Result<Self, BadGrant> {
        let methods = match grant.class {
            None | Some(RecoveryClass::Read) => SAFE_METHODS,
            Some(RecoveryClass::Idempotent | RecoveryClass::Once) => ALL_METHODS,
        };
        let mut parameters = json!({
            "type": "object", "required": ["url"], "additionalProperties": false,
            "properties": {
                "url": {"type": "string", "minLength": 1},
                "method": {"enum": methods, "description": "GET if not given"},
            },
        });
        if methods == ALL_METHODS {
            parameters["properties"]["body"] = json!({"description": "sent as JSON"});
        }
        let about = "Makes an HTTP request. Redirects are not followed.";
        let spec = ToolSpec {
            parameters: Some(parameters),
            class: RecoveryClass::Read,
            tags: vec!["network".to_owned()],
            ..ToolSpec::named("http_request", about)
        };
        let allow = Allow::parse(&grant.allow)?;
        Ok(Self { spec: spec.granted(grant), allow, names: system_names() })
    }

    /// The same tool with other names, for a host that resolves them itself.
    #[must_use]
    pub fn with_names(self, names: Names) -> Self {
        Self { names, ..self }
    }
}

impl Tool for HttpRequest {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolFailure>> {
        let (terms, allow, names) = (Terms::of(&self.spec), self.allow.clone(), self.names.clone());
        Box::pin(async move {
            let request = request(&call)?;
            let url = request.url().clone();
            let resolved = tokio::time::timeout(terms.timeout / 2, admit(&url, &allow, &names));
            let addresses = resolved.await.map_err(|_| ToolFailure::Transient {
                message: format!("the host of `{url}` was not resolved in time"),
            })??;
            let client = client(terms, Some(Pinned(addresses)))?;
            let answer = send(&client, request, terms, &call).await?.done(terms.class)?;
            let (status, kind) = (answer.status.as_u16(), answer.content_type.clone());
            let mut result = json!({"status": status, "contentType": kind, "body": null});
            let room = terms.max_bytes.saturating_sub(result.to_string().len());
            result["body"] = answer.into_value(room);
            Ok(result)
        })
    }
}

fn request(call: &ToolCall) -> Result<Request, ToolFailure> {
    let text = super::text(&call.arguments, "url")?;
    let url: Url =
        text.parse().map_err(|error| refused(format!("`{text}` is not a URL: {error}")))?;
    let method = call.arguments["method"].as_str().unwrap_or("GET");
    let method: Method =
        method.parse().map_err(|_| refused(format!("`{method}` is not a method")))?;
    let mut request = Request::new(method, url);
    super::http_action::sign(&mut request, call.step);
    if let Some(body) = call.arguments.get("body") {
        super::http_action::attach(&mut request, body);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{Loopback, reply};
    use crate::tool::testing::{call_in, grant_of};
    use std::net::SocketAddr;
    use std::path::Path;
    use std::sync::Arc;

    fn granted(allow: &[&str]) -> ToolGrant {
        let allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
        ToolGrant { allow, ..grant_of("http_request") }
    }

    async fn fetch(tool: &HttpRequest, arguments: Value) -> Result<Value, ToolFailure> {
        tool.call(call_in(Path::new("."), arguments)).await
    }

    #[tokio::test]
    async fn loopback_is_refused_unless_it_is_listed() {
        let server = Loopback::answering(vec![reply(200, r#"{"a":1}"#)]).await;
        let shut = HttpRequest::new(&granted(&[])).unwrap();
        let arguments = json!({"url": server.url("/x?y=1")});
        let told = fetch(&shut, arguments.clone()).await.unwrap_err();
        assert!(matches!(told, ToolFailure::Refused { .. }), "{told}");
        assert!(server.requests().is_empty());

        let open = HttpRequest::new(&granted(&[&server.authority()])).unwrap();
        let result = fetch(&open, arguments).await.unwrap();
        assert_eq!(result["status"], json!(200));
        assert_eq!(result["body"], json!({"a": 1}));
        assert!(server.requests()[0].starts_with("GET /x?y=1 "));
    }

    #[tokio::test]
    async fn t6_a_large_answer_says_how_far_it_is() {
        let server = Loopback::answering(vec![reply(200, &"x".repeat(200_000))]).await;
        let tool = HttpRequest::new(&granted(&[&server.authority()])).unwrap();
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let ears = heard.clone();
        let mut call = call_in(Path::new("."), json!({"url": server.url("/")}));
        call.progress = crate::tool::Progress::to(move |value| {
            ears.lock().unwrap().push(value["bytes"].as_u64().unwrap());
        });
        tool.call(call).await.unwrap();
        let heard = heard.lock().unwrap();
        assert!(heard.is_sorted() && heard.len() >= 2 && heard[0] >= 64 * 1024, "{heard:?}");
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_checked() {
        let server = Loopback::answering(vec![reply(200, "here")]).await;
        let address: SocketAddr = server.authority().parse().unwrap();
        let names: Names = Arc::new(move |_, _| Box::pin(async move { Ok(vec![address]) }));
        let tool = HttpRequest::new(&granted(&["nowhere.invalid"])).unwrap().with_names(names);
        let url = format!("http://NOWHERE.invalid.:{}/", address.port());
        let result = fetch(&tool, json!({"url": url})).await.unwrap();
        assert_eq!(result["body"], json!({"text": "here"}));
    }

    #[tokio::test]
    async fn a_redirect_is_told_and_not_followed() {
        let away = "HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n";
        let server = Loopback::answering(vec![away.to_owned()]).await;
        let tool = HttpRequest::new(&granted(&["127.0.0.1"])).unwrap();
        let told = fetch(&tool, json!({"url": server.url("/")})).await.unwrap_err().to_string();
        assert!(told.contains("http://10.0.0.1/") && told.contains("not followed"), "{told}");
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn stp_2_without_a_class_only_safe_methods_are_offered() {
        let methods = |class| {
            let tool = HttpRequest::new(&ToolGrant { class, ..granted(&[]) }).unwrap();
            let schema = tool.spec().parameters.clone().unwrap();
            (tool.spec().class, schema["properties"]["method"]["enum"].clone())
        };
        assert_eq!(methods(None), (RecoveryClass::Read, json!(["GET", "HEAD"])));
        let (class, offered) = methods(Some(RecoveryClass::Once));
        assert_eq!((class, offered), (RecoveryClass::Once, json!(ALL_METHODS)));
    }

    #[tokio::test]
    async fn stp_3_the_steps_key_goes_with_the_request() {
        let server = Loopback::answering(vec![reply(201, "{}")]).await;
        let grant = ToolGrant { class: Some(RecoveryClass::Once), ..granted(&["127.0.0.1"]) };
        let tool = HttpRequest::new(&grant).unwrap();
        let call = call_in(
            Path::new("."),
            json!({"url": server.url("/"), "method": "POST", "body": {"n": 1}}),
        );
        let key = call.step.to_string();
        tool.call(call).await.unwrap();
        let sent = &server.requests()[0];
        assert!(sent.contains(&format!("idempotency-key: {key}")), "{sent}");
        assert!(sent.starts_with("POST ") && sent.ends_with(r#"{"n":1}"#), "{sent}");
    }
}
