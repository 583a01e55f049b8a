//! `HTTP-1` and `HTTP-2`: every refusal is a typed problem, and whatever comes in is read strictly.

use crate::answer::{Answer, text};
use crate::case::{Outcome, cases, ensure, same};
use crate::document::nobody;
use crate::kit::Kit;
use reqwest::Method;
use serde_json::json;
use tenure_contract::Code;

cases! {
    "HTTP-1" an_unknown_path_is_a_problem "a path nobody serves is refused as no-such-route, in the shape of RFC 9457";
    "HTTP-1" a_wrong_method_says_which_there_are "a method a route does not offer is refused with 405 and Allow";
    "HTTP-1" a_missing_thing_is_named "a well-formed id of nothing is 404, with the id as the subject";
    "HTTP-1" a_text_that_is_no_id_is_explained "a text that is no id is refused and shown, with what was expected";
    "HTTP-1" an_unknown_word_is_answered_with_the_list "an unknown word is refused, shown, and answered with the words there are";
    "HTTP-2" unknown_fields_are_refused "a field or a query parameter nobody knows is refused and named";
    "HTTP-2" a_broken_body_is_malformed "what is no JSON, no UTF-8, cut short or not an object is refused as malformed";
    "HTTP-2" a_deep_body_is_refused "a body that nests too deep is refused, whichever way it nests";
    "HTTP-2" an_oversized_body_is_refused "a body above the limit is refused as too large, and the limit is named";
    "HTTP-2" a_foreign_content_type_is_refused "a body that does not say it is JSON is refused";
    "HTTP-2" numbers_out_of_range_are_refused "negative, huge and fractional numbers where whole ones are expected are refused";
    "HTTP-2" long_texts_are_refused "names, keys and reasons above their limits are refused";
    "HTTP-2" nonsense_never_breaks_the_server "no nonsense on any of these ways is answered with a 500";
}

/// Either way to say that the body is not what the route takes.
const BAD: &[Code] = &[Code::InvalidArgument, Code::MalformedBody];

async fn raw(kit: &Kit, media: &str, body: impl Into<Vec<u8>>) -> Outcome<Answer> {
    kit.client
        .send(Method::POST, "/v1/sessions", &[("content-type", media)], Some(body.into()))
        .await
}

async fn an_unknown_path_is_a_problem(kit: &Kit) -> Outcome {
    for path in ["/v1/nothing", "/v1/sessions/x/y/z", "/api/nothing", "/v2/sessions"] {
        let answer = kit.client.get(path).await?;
        answer.problem()?;
        same(&format!("the code of `{path}`"), answer.code(), Some(Code::NoSuchRoute))?;
    }
    Ok(())
}

async fn a_wrong_method_says_which_there_are(kit: &Kit) -> Outcome {
    let answer = kit.client.delete("/v1/sessions").await?;
    answer.problem()?;
    same("the status", answer.status, 405)?;
    let allowed = answer.header("allow").to_ascii_uppercase();
    ensure(allowed.contains("GET") && allowed.contains("POST"), || {
        format!("Allow is `{allowed}`; expected GET and POST")
    })
}

async fn a_missing_thing_is_named(kit: &Kit) -> Outcome {
    for (route, prefix) in [("/v1/sessions", "ses"), ("/v1/runs", "run"), ("/v1/approvals", "apr")]
    {
        let id = nobody(prefix);
        let problem = kit.client.get(&format!("{route}/{id}")).await?.refused(&[Code::NotFound])?;
        same("the subject", text(&problem, "subject")?, id.as_str())?;
    }
    Ok(())
}

async fn a_text_that_is_no_id_is_explained(kit: &Kit) -> Outcome {
    for id in [
        "x",
        "run_00000000000000000000000000",
        "ses_",
        "ses_ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "%00",
        "ses_%F0%9F%98%80",
    ] {
        let answer = kit.client.get(&format!("/v1/sessions/{id}")).await?;
        let problem = answer.refused(&[Code::InvalidArgument, Code::NotFound])?;
        let detail = text(&problem, "detail")?;
        // what was written with percent signs is shown as it was meant
        ensure(id.contains('%') || detail.contains(id), || {
            format!("the refusal does not show `{id}`: {detail}")
        })?;
    }
    Ok(())
}

async fn an_unknown_word_is_answered_with_the_list(kit: &Kit) -> Outcome {
    let policy = kit.client.post("/v1/sessions", &json!({ "inputPolicy": "shout" })).await?;
    let status = kit.client.get("/v1/runs?status=sleeping").await?;
    let target = kit.client.post("/v1/sessions", &json!({ "executionTarget": "moon" })).await?;
    for (answer, given, words) in [
        (policy, "shout", &["queue", "reject", "interrupt", "steer"][..]),
        (status, "sleeping", &["queued", "running", "completed"]),
        (target, "moon", &["sandbox", "local"]),
    ] {
        let problem = answer.refused(BAD)?;
        let detail = text(&problem, "detail")?;
        for word in [given].iter().chain(words) {
            ensure(detail.contains(word), || {
                format!("the refusal does not name `{word}`: {detail}")
            })?;
        }
    }
    Ok(())
}

async fn unknown_fields_are_refused(kit: &Kit) -> Outcome {
    let before = nobody("ses");
    let bodies = [
        ("/v1/sessions", json!({ "colour": "blue" })),
        ("/v1/runs", json!({ "intent": { "type": "none" }, "colour": "blue" })),
        ("/v1/runs", json!({ "intent": { "type": "none", "colour": "blue" } })),
        ("/api/intent/submit", json!({ "intent_type": "none", "colour": "blue" })),
    ];
    for (path, body) in bodies {
        let problem = kit.client.post(path, &body).await?.refused(BAD)?;
        let detail = text(&problem, "detail")?;
        ensure(detail.contains("colour"), || {
            format!("the refusal does not name the field: {detail}")
        })?;
    }
    let query = kit.client.get("/v1/sessions?colour=blue").await?.refused(BAD)?;
    ensure(text(&query, "detail")?.contains("colour"), || {
        format!("the refusal does not name the parameter: {query}")
    })?;
    // names are exact: the other spelling is no name either
    kit.client
        .post("/v1/runs", &json!({ "session_id": before, "intent": { "type": "none" } }))
        .await?
        .refused(BAD)
        .map(drop)
}

async fn a_broken_body_is_malformed(kit: &Kit) -> Outcome {
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"{}}",
        b"{\"userId\":\"\xff\"}",
        b"[]",
        b"null",
        b"\"x\"",
        b"{\"userId\": 7}",
        b"{'a': 1}",
        b"{\"userId\":\"a\",\"userId\":\"b\"}",
    ];
    for body in bodies {
        raw(kit, "application/json", body).await?.refused(BAD)?;
    }
    Ok(())
}

async fn a_deep_body_is_refused(kit: &Kit) -> Outcome {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep =
            format!("{{\"dispatchContext\":{}1{}}}", open.repeat(20_000), close.repeat(20_000));
        raw(kit, "application/json", deep).await?.refused(BAD)?;
    }
    // in what is passed on unread, too
    let deep = format!(
        "{{\"intent\":{{\"type\":\"none\",\"parameters\":{}{}}}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let headers = [("content-type", "application/json")];
    kit.client
        .send(Method::POST, "/v1/runs", &headers, Some(deep.into_bytes()))
        .await?
        .refused(BAD)
        .map(drop)
}

async fn an_oversized_body_is_refused(kit: &Kit) -> Outcome {
    let large = tenure_contract::limits::REQUEST_BODY_MAX_BYTES + 1;
    let body = format!("{{\"userId\":\"{}\"}}", "x".repeat(large));
    let problem = raw(kit, "application/json", body).await?.refused(&[Code::TooLarge])?;
    let detail = text(&problem, "detail")?;
    ensure(detail.contains(|c: char| c.is_ascii_digit()), || {
        format!("the refusal does not name the limit: {detail}")
    })
}

async fn a_foreign_content_type_is_refused(kit: &Kit) -> Outcome {
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
    ] {
        raw(kit, media, "{}").await?.refused(BAD)?;
    }
    raw(kit, "application/json; charset=utf-8", "{}").await?.ok(201).map(drop)
}

async fn numbers_out_of_range_are_refused(kit: &Kit) -> Outcome {
    for number in ["-1", "1.5", "1e30", "18446744073709551616", "\"7\""] {
        let body = format!("{{\"intent\":{{\"type\":\"none\"}},\"budgetSteps\":{number}}}");
        let headers = [("content-type", "application/json")];
        kit.client
            .send(Method::POST, "/v1/runs", &headers, Some(body.into_bytes()))
            .await?
            .refused(BAD)?;
    }
    Ok(())
}

async fn long_texts_are_refused(kit: &Kit) -> Outcome {
    use tenure_contract::limits::{IDEMPOTENCY_KEY_MAX_CHARS, NAME_MAX_CHARS};
    let name = "x".repeat(NAME_MAX_CHARS + 1);
    for field in ["productId", "userId"] {
        let body = json!({ field: name });
        kit.client
            .post("/v1/sessions", &body)
            .await?
            .refused(&[Code::InvalidArgument, Code::TooLarge])?;
    }
    let key = "k".repeat(IDEMPOTENCY_KEY_MAX_CHARS + 1);
    let headers = [("idempotency-key", key.as_str())];
    kit.client
        .post_with("/v1/sessions", &headers, &json!({}))
        .await?
        .refused(&[Code::InvalidArgument, Code::TooLarge])
        .map(drop)
}

async fn nonsense_never_breaks_the_server(kit: &Kit) -> Outcome {
    let routes = ["/v1/sessions", "/v1/runs", "/v1/agents", "/v1/keys", "/api/intent/submit"];
    let bodies: [&[u8]; 6] = [
        b"\x00\x01\x02",
        b"{\"\\u0000\":1}",
        b"{\"a\":\"\\ud800\"}",
        b"9",
        b"{\"definition\":{}}",
        b"{\"agent\":{\"name\":\"\\u0000\",\"task\":\"\"}}",
    ];
    for path in routes {
        for body in bodies {
            let headers = [("content-type", "application/json")];
            let answer = kit.client.send(Method::POST, path, &headers, Some(body.to_vec())).await?;
            ensure((400..500).contains(&answer.status), || {
                format!("`{path}` answered {}", answer.shown())
            })?;
        }
    }
    for query in ["?limit=%00", "?cursor=%FF", "?status=", "?open=perhaps", "?limit=1&limit=2"] {
        let answer = kit.client.get(&format!("/v1/sessions{query}")).await?;
        ensure((400..500).contains(&answer.status), || {
            format!("`{query}` answered {}", answer.shown())
        })?;
    }
    kit.client.get("/v1/sessions?limit=1").await?.ok(200).map(drop)
}
