//! Out and back: the token for another app, and the decision that app signed.

use super::token;
use crate::cli::{Cx, Exit, Failure, outln, println_json};
use crate::client::Client;
use std::time::Duration;
use tenure_contract::resource::{Approval, HandApproval, HandedToken, ReturnDecision, SigningKeys};
use tenure_contract::{ApprovalId, Time};
use tenure_engine::{Clock, Motion};

/// What carries the API key of an app that has no data directory.
const KEY_VARIABLE: &str = "TENURE_KEY";

#[derive(Debug, clap::Args)]
pub(super) struct HandArgs {
    /// The approval.
    approval: ApprovalId,
    /// The product of the app; it needs a registered key (`tenure app-key register`).
    #[arg(long, value_name = "PRODUCT")]
    to: String,
    /// How long the token is worth something, such as `90s`, `15m`, `8h` or `3d`; a day, and never longer than the approval, when
    /// nothing is said.
    #[arg(long, value_name = "TIME", value_parser = span)]
    ttl: Option<Duration>,
    /// Where the app is to send its decision; this server's own route when nothing is said.
    #[arg(long = "return", value_name = "URL")]
    return_address: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReturnArgs {
    /// The decision: a file, `-` for standard input, or the token itself.
    #[arg(value_name = "DECISION")]
    decision: String,
    /// Where to, from an app that has no data directory: the token's return address. The API key comes from the environment
    /// variable TENURE_KEY.
    #[arg(long, value_name = "URL")]
    at: Option<String>,
}

pub(super) async fn hand(cx: &Cx, args: HandArgs) -> Result<Exit, Failure> {
    let HandArgs { approval, to, ttl, return_address } = args;
    let expires_at = ttl.map(from_now);
    let request = HandApproval { audience: to, return_address, expires_at };
    let connection = cx.connect_existing(Motion::Live).await?;
    let path = format!("/v1/approvals/{approval}/tokens");
    let handed = connection.client.post::<HandedToken>(&path, &request).await;
    connection.close().await;
    let handed = handed?;
    if cx.json {
        println_json(&handed);
    } else {
        outln(&handed.token);
        eprintln!("for {} until {}; not shown again", handed.audience, handed.expires_at);
    }
    Ok(Exit::Done)
}

pub(super) async fn take_back(cx: &Cx, args: ReturnArgs) -> Result<Exit, Failure> {
    let request = ReturnDecision { decision: token(&args.decision)? };
    let decided: Approval = match &args.at {
        Some(url) => {
            let key = std::env::var(KEY_VARIABLE).map_err(|_| {
                Failure::usage(format!(
                    "`--at` needs an API key in the environment variable {KEY_VARIABLE}"
                ))
            })?;
            Client::new(url, &key)?.post("", &request).await?
        }
        None => {
            let connection = cx.connect_existing(Motion::Live).await?;
            let decided = connection.client.post("/v1/approval-decisions", &request).await;
            connection.close().await;
            decided?
        }
    };
    if cx.json {
        println_json(&decided);
    } else {
        outln(&format!("{} {}: {}", decided.approval_id, decided.status, decided.action_label));
    }
    Ok(Exit::Done)
}

/// The set is JSON to a person as well: it is there to be kept in a file.
pub(super) async fn keys(cx: &Cx) -> Result<Exit, Failure> {
    let connection = cx.connect_existing(Motion::Still).await?;
    let keys = connection.client.get::<SigningKeys>("/v1/signing-keys").await;
    connection.close().await;
    println_json(&keys?);
    Ok(Exit::Done)
}

fn from_now(span: Duration) -> Time {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Clock::system().now().plus_ms(ms)
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no span; expected a number and s, m, h or d, such as `15m`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let seconds = ["90s", "15m", "8h", "3d"].map(|text| span(text).unwrap().as_secs());
        assert_eq!(seconds, [90, 900, 28_800, 259_200]);
        for text in ["", "5", "m", "1.5h", "-1s", "3€", "99999999999999999999d"] {
            assert!(span(text).unwrap_err().contains("is no span"), "{text}");
        }
    }
}
