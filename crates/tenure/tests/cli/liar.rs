//! A kit that cannot fail proves nothing: servers that keep the whole contract but for one lie each,
//! and the cases that must notice it, exactly those.
//!
//! A liar stands in front of the real server and bends what passes through.

use super::conformance::Site;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tenure_conformance::{Plan, Scorecard, Second};

/// How a server lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// A second decision of an approval is fine.
    DecidesTwice,
    /// Any answer to an approval is a yes.
    YesToAnything,
    /// A stream tells its third entry twice.
    Repeats,
    /// A stream that goes on begins one entry too early.
    GoesBack,
    /// Fields nobody knows are dropped without a word.
    DropsFields,
    /// Idempotency keys are not looked at.
    ForgetsKeys,
    /// One digit of an exported entry is another.
    EditsExports,
    /// A session's id is enough to see it.
    ShowsForeign,
    /// Refusals do not say what is wrong.
    SaysNothing,
    /// A failed run is called completed.
    CallsItSuccess,
    /// A cursor nobody gave is the beginning.
    TakesAnyCursor,
}

/// Lies that do not get into one another's way, told by one liar each.
const LIARS: &[&[Lie]] = &[
    &[Lie::DecidesTwice, Lie::Repeats, Lie::DropsFields, Lie::EditsExports, Lie::CallsItSuccess],
    &[
        Lie::YesToAnything,
        Lie::GoesBack,
        Lie::ForgetsKeys,
        Lie::ShowsForeign,
        Lie::SaysNothing,
        Lie::TakesAnyCursor,
    ],
];

/// Every lie with the cases that must find it.
const LIES: &[(Lie, &[&str])] = &[
    (
        Lie::DecidesTwice,
        &[
            "a_second_decision_is_a_conflict",
            "of_many_decisions_one_wins",
            "a_cancelled_run_closes_its_approval",
            "an_open_approval_moves_along",
        ],
    ),
    (Lie::YesToAnything, &["only_approve_approves"]),
    (
        Lie::Repeats,
        &[
            "a_stream_tells_every_entry_once",
            "a_stream_tells_what_happens_next",
            "a_cut_stream_goes_on_where_it_was",
            "many_followers_are_told_the_same",
        ],
    ),
    (Lie::GoesBack, &["a_cut_stream_goes_on_where_it_was", "the_view_says_where_it_holds"]),
    (Lie::DropsFields, &["unknown_fields_are_refused"]),
    (
        Lie::ForgetsKeys,
        &[
            "the_same_key_is_the_same_run",
            "another_body_under_the_key_conflicts",
            "of_many_submissions_with_a_key_one_runs",
            "the_other_route_promises_the_same",
            "opening_twice_with_a_key_opens_once",
            "two_names_for_one_key_must_agree",
            "long_texts_are_refused",
            "one_offer_at_a_time",
            "an_ended_run_is_followed_by_a_new_one",
            "a_schedule_key_makes_one_schedule",
            // a dispatch without a key is none
            "a_dispatch_has_all_its_fields",
            "a_dispatch_key_makes_one_dispatch",
            "one_of_many_executors_claims",
            "an_executor_has_only_what_it_is_trusted_with",
            "what_waits_is_cancelled_and_not_claimed",
            "a_claim_leads_to_a_run",
            "a_stale_token_opens_nothing",
        ],
    ),
    (
        Lie::EditsExports,
        &[
            "an_export_is_proven_by_its_bytes",
            "exported_is_what_was_listed",
            "an_edited_byte_is_found",
            "missing_entries_are_found",
            "a_head_kept_outside_stays_true",
            // what travels between two servers is an export
            "without_an_offer_nothing_is_released",
            "only_the_receivers_signature_releases",
            "an_edited_export_is_not_taken",
            "a_released_session_goes_on_at_its_receiver",
            "receiving_again_changes_nothing",
            "what_waits_moves_along",
        ],
    ),
    (
        Lie::ShowsForeign,
        &[
            "foreign_ids_are_nobodys",
            "a_key_does_what_its_scopes_say",
            "a_session_is_seen_by_one_product",
        ],
    ),
    (
        Lie::SaysNothing,
        &[
            "an_unknown_word_is_answered_with_the_list",
            "unknown_fields_are_refused",
            "a_limit_out_of_range_is_refused",
            "parameters_fit_the_schema",
            "a_workspace_has_all_its_fields",
            "a_text_that_is_no_id_is_explained",
            "a_text_is_taken_whole_or_not_at_all",
        ],
    ),
    (
        Lie::CallsItSuccess,
        &[
            "a_cap_is_never_success",
            "a_broken_model_is_failed",
            "a_failing_handler_is_a_failed_execution",
            "a_denied_run_ends_refused",
            "a_handler_waits_where_policy_asks",
        ],
    ),
    (
        Lie::TakesAnyCursor,
        &[
            "a_damaged_cursor_is_refused",
            "a_cursor_belongs_to_its_list",
            "nonsense_never_breaks_the_server",
        ],
    ),
];

/// A liar in front of a server.
struct Liar {
    lies: &'static [Lie],
    behind: String,
    key: String,
    http: reqwest::Client,
}

#[test]
fn alt_1_every_lie_is_found_by_exactly_the_cases_it_breaks() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cards = runtime.block_on(join_all(LIARS.iter().map(|lies| tried(&site, lies))));
    for (lies, card) in LIARS.iter().zip(cards) {
        let found: BTreeSet<&str> = card.failures().into_iter().collect();
        let told = LIES.iter().filter(|(lie, _)| lies.contains(lie));
        let expected: BTreeSet<&str> = told.flat_map(|(_, cases)| cases.iter().copied()).collect();
        assert_eq!(found, expected, "{lies:?}\n{card}");
    }
    let told: usize = LIARS.iter().map(|lies| lies.len()).sum();
    assert_eq!(told, LIES.len(), "every lie is told by one of the liars");
}

/// Runs the whole kit against a liar.
async fn tried(site: &Site, lies: &'static [Lie]) -> Scorecard {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let liar = Liar { lies, behind: site.server.endpoint.clone(), key: site.key.clone(), http };
    let app = Router::new().fallback(relay).with_state(Arc::new(liar));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let plan = Plan {
        url,
        key: Some(site.key.clone()),
        other_key: Some(site.other.clone()),
        second: Some(Second {
            url: site.second.0.endpoint.clone(),
            key: Some(site.second.1.clone()),
        }),
        restart: None,
        only: Vec::new(),
        listen: ([127, 0, 0, 1], 0).into(),
    };
    let card = tenure_conformance::run(plan, |_, _| {}).await.unwrap();
    serving.abort();
    card
}

async fn relay(State(liar): State<Arc<Liar>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let mut path = parts.uri.path_and_query().unwrap().to_string();
    let is_session = path.starts_with("/v1/sessions/ses_") && !path[13..].contains('/');
    if liar.tells(Lie::ShowsForeign) && is_session && parts.method == Method::GET {
        let key = format!("Bearer {}", liar.key).parse().unwrap();
        parts.headers.insert(header::AUTHORIZATION, key);
    }
    if liar.tells(Lie::GoesBack) {
        go_back(&mut parts.headers);
    }
    if liar.tells(Lie::DropsFields) {
        body = without(&body, &["colour"]);
        path = path.replace("?colour=blue", "");
    }
    if liar.tells(Lie::ForgetsKeys) {
        parts.headers.remove("idempotency-key");
        body = without(&body, &["idempotencyKey", "idempotency_key"]);
    }
    if liar.tells(Lie::YesToAnything) && path.ends_with("/decision") {
        body = agreed(&body);
    }
    let answer = liar.ask(&parts.method, &path, &parts.headers, body).await;
    liar.bend(&path, &parts.headers, answer).await
}

impl Liar {
    async fn ask(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> reqwest::Response {
        let mut headers = headers.clone();
        for name in
            [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING]
        {
            headers.remove(name);
        }
        let request = self.http.request(method.clone(), format!("{}{path}", self.behind));
        request.headers(headers).body(body).send().await.unwrap()
    }

    async fn bend(&self, path: &str, headers: &HeaderMap, answer: reqwest::Response) -> Response {
        let status = answer.status();
        let ask = async |path: &str| self.ask(&Method::GET, path, headers, Vec::new()).await;
        if self.tells(Lie::DecidesTwice)
            && path.ends_with("/decision")
            && status == StatusCode::CONFLICT
        {
            let mut seen = passed(ask(path.trim_end_matches("/decision")).await);
            *seen.status_mut() = StatusCode::OK;
            return seen;
        }
        if self.tells(Lie::TakesAnyCursor)
            && path.contains("cursor=")
            && status == StatusCode::BAD_REQUEST
        {
            return passed(ask(path.split('?').next().unwrap_or_default()).await);
        }
        if self.tells(Lie::Repeats) && path.ends_with("/events") && status == StatusCode::OK {
            return repeating(answer);
        }
        if self.tells(Lie::EditsExports) && path.ends_with("/export") && status == StatusCode::OK {
            return rewritten(answer, edited).await;
        }
        if self.tells(Lie::SaysNothing) && status == StatusCode::BAD_REQUEST {
            return rewritten(answer, silent).await;
        }
        let is_run = path.starts_with("/v1/runs/") || path.starts_with("/api/execution/");
        if self.tells(Lie::CallsItSuccess) && is_run {
            let success =
                |text: String| text.replace(r#""status":"failed""#, r#""status":"completed""#);
            return rewritten(answer, success).await;
        }
        passed(answer)
    }

    fn tells(&self, lie: Lie) -> bool {
        self.lies.contains(&lie)
    }
}

fn go_back(headers: &mut HeaderMap) {
    let place =
        headers.get("last-event-id").and_then(|place| place.to_str().ok()?.parse::<u64>().ok());
    if let Some(place) = place {
        headers.insert("last-event-id", place.saturating_sub(1).into());
    }
}

/// The same JSON without these members, wherever they stand; anything else as it is.
fn without(body: &[u8], names: &[&str]) -> Vec<u8> {
    fn drop_from(value: &mut Value, names: &[&str]) {
        if let Value::Object(members) = value {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| drop_from(member, names));
        }
    }
    let text = String::from_utf8_lossy(body);
    if !names.iter().any(|name| text.contains(name)) {
        return body.to_vec();
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            drop_from(&mut value, names);
            value.to_string().into_bytes()
        }
        Err(_) => body.to_vec(),
    }
}

/// A decision that says neither of the two words says yes.
fn agreed(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if value["decision"] == "approve" || value["decision"] == "deny" => body.to_vec(),
        _ => json!({ "decision": "approve" }).to_string().into_bytes(),
    }
}

fn edited(export: String) -> String {
    let entry: Value = serde_json::from_str(export.lines().nth(2).unwrap()).unwrap();
    let bytes = entry["bytes"].as_str().unwrap();
    let (rest, last) = bytes.split_at(bytes.len() - 1);
    export.replacen(bytes, &format!("{rest}{}", if last == "0" { "1" } else { "0" }), 1)
}

fn silent(problem: String) -> String {
    match serde_json::from_str::<Value>(&problem) {
        Ok(mut told) => {
            told["detail"] = json!("that was not right");
            told.to_string()
        }
        Err(_) => problem,
    }
}

/// An answer as it came.
fn passed(answer: reqwest::Response) -> Response {
    with_body(&answer.headers().clone(), answer.status(), Body::from_stream(answer.bytes_stream()))
}

async fn rewritten(answer: reqwest::Response, rewrite: impl FnOnce(String) -> String) -> Response {
    let (headers, status) = (answer.headers().clone(), answer.status());
    let text = answer.text().await.unwrap();
    let text = if text.is_empty() { text } else { rewrite(text) };
    with_body(&headers, status, Body::from(text))
}

fn with_body(headers: &HeaderMap, status: StatusCode, body: Body) -> Response {
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers.clone();
    for name in [header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    response
}

/// A stream that tells the event with the id 3 once more.
fn repeating(answer: reqwest::Response) -> Response {
    let (headers, status) = (answer.headers().clone(), answer.status());
    let pieces = answer.bytes_stream().boxed();
    let events = stream::unfold((pieces, String::new()), |(mut pieces, mut read)| async move {
        loop {
            if let Some((event, rest)) = read.split_once("\n\n") {
                let is_third = event.lines().any(|line| line == "id: 3");
                let told = format!("{event}\n\n").repeat(if is_third { 2 } else { 1 });
                let rest = rest.to_owned();
                return Some((Ok::<_, reqwest::Error>(told), (pieces, rest)));
            }
            match pieces.next().await? {
                Ok(piece) => read.push_str(&String::from_utf8_lossy(&piece)),
                Err(error) => return Some((Err(error), (pieces, read))),
            }
        }
    });
    with_body(&headers, status, Body::from_stream(events))
}
