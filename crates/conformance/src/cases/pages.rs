//! `HTTP-3`: lists answer page by page, and a cursor belongs to its list.

use crate::answer::{has_fields, items, text};
use crate::case::{Outcome, cases, ensure, same, skipped};
use crate::kit::Kit;
use serde_json::Value;
use std::collections::BTreeSet;
use tenure_contract::Code;

cases! {
    "HTTP-3" pages_tell_each_row_once "pages of two tell every new row once, the newest first";
    "HTTP-3" pages_hold_still_while_rows_are_added "rows added between two pages neither repeat nor hide others";
    "HTTP-3" a_damaged_cursor_is_refused "a cursor that was changed or invented is refused";
    "HTTP-3" a_cursor_belongs_to_its_list "a cursor of another list, or of another tenant's, is refused";
    "HTTP-3" a_limit_out_of_range_is_refused "a page of none, of too many or of no number is refused, with the range";
    "HTTP-3" the_last_page_says_so "the last page has a null cursor";
}

/// New sessions, the oldest first.
async fn opened(kit: &Kit, many: usize) -> Outcome<Vec<String>> {
    let mut sessions = Vec::new();
    for _ in 0..many {
        sessions.push(kit.plain_session().await?);
    }
    Ok(sessions)
}

async fn page(kit: &Kit, cursor: Option<&str>) -> Outcome<(Vec<String>, Option<String>)> {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    let page = kit.client.get(&format!("/v1/sessions?limit=2{cursor}")).await?.ok(200)?;
    has_fields("the page", &page, &["items", "nextCursor"])?;
    ensure(items(&page)?.len() <= 2, || format!("a page of two has {} rows", page["items"]))?;
    let rows = items(&page)?.iter().filter_map(|row| row["sessionId"].as_str().map(str::to_owned));
    Ok((rows.collect(), page["nextCursor"].as_str().map(str::to_owned)))
}

/// Rows page by page from a place on, until all of these were told; others may stand between.
async fn walk(kit: &Kit, mut cursor: Option<String>, wanted: &[String]) -> Outcome<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let (rows, next) = page(kit, cursor.as_deref()).await?;
        seen.extend(rows);
        let left = wanted.iter().filter(|id| !seen.contains(id)).count();
        if left == 0 {
            return Ok(seen);
        }
        ensure(next.is_some(), || format!("the list ended and {left} rows were not told"))?;
        cursor = next;
    }
}

fn only<'a>(seen: &'a [String], wanted: &[String]) -> Vec<&'a String> {
    seen.iter().filter(|id| wanted.contains(id)).collect()
}

async fn pages_tell_each_row_once(kit: &Kit) -> Outcome {
    let mut mine = opened(kit, 5).await?;
    mine.reverse();
    let seen = walk(kit, None, &mine).await?;
    same("my rows, in order", only(&seen, &mine), mine.iter().collect())?;
    same("rows told twice", seen.len() - seen.iter().collect::<BTreeSet<_>>().len(), 0)
}

async fn pages_hold_still_while_rows_are_added(kit: &Kit) -> Outcome {
    let mut mine = opened(kit, 4).await?;
    mine.reverse();
    let (first, cursor) = page(kit, None).await?;
    let added = opened(kit, 3).await?;
    let rest: Vec<String> = mine.iter().filter(|id| !first.contains(id)).cloned().collect();
    let second = walk(kit, cursor, &rest).await?;
    same("rows added later that were told", only(&second, &added).len(), 0)?;
    let told: Vec<String> = [first, second].concat();
    same("my rows, in order", only(&told, &mine), mine.iter().collect())
}

async fn refused(kit: &Kit, path: &str) -> Outcome {
    kit.client.get(path).await?.refused(&[Code::InvalidArgument]).map(drop)
}

async fn a_damaged_cursor_is_refused(kit: &Kit) -> Outcome {
    opened(kit, 3).await?;
    let (_, cursor) = page(kit, None).await?;
    let Some(cursor) = cursor else { return skipped("the list fits one page") };
    for at in 0..cursor.len() {
        let other = if cursor.as_bytes()[at] == b'0' { "1" } else { "0" };
        let damaged = format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]);
        refused(kit, &format!("/v1/sessions?limit=2&cursor={damaged}")).await?;
    }
    for invented in ["", "x", "0", "-", "999999999999999999999", "%E2%82%AC"] {
        refused(kit, &format!("/v1/sessions?limit=2&cursor={invented}")).await?;
    }
    Ok(())
}

async fn a_cursor_belongs_to_its_list(kit: &Kit) -> Outcome {
    opened(kit, 3).await?;
    let (_, cursor) = page(kit, None).await?;
    let Some(cursor) = cursor else { return skipped("the list fits one page") };
    for list in ["/v1/runs", "/v1/approvals"] {
        refused(kit, &format!("{list}?cursor={cursor}")).await?;
    }
    match &kit.other {
        Some(stranger) => {
            let path = format!("/v1/sessions?limit=2&cursor={cursor}");
            stranger.get(&path).await?.refused(&[Code::InvalidArgument]).map(drop)
        }
        None => Ok(()),
    }
}

async fn a_limit_out_of_range_is_refused(kit: &Kit) -> Outcome {
    let above = tenure_contract::limits::PAGE_MAX_ROWS + 1;
    for list in ["/v1/sessions", "/v1/runs", "/v1/approvals"] {
        for limit in [
            "0".to_owned(),
            above.to_string(),
            "-1".to_owned(),
            "many".to_owned(),
            "1.5".to_owned(),
        ] {
            refused(kit, &format!("{list}?limit={limit}")).await?;
        }
        let problem = kit.client.get(&format!("{list}?limit={above}")).await?.problem()?;
        let most = (above - 1).to_string();
        ensure(text(&problem, "detail")?.contains(&most), || {
            format!("the refusal does not name {most}: {problem}")
        })?;
    }
    Ok(())
}

async fn the_last_page_says_so(kit: &Kit) -> Outcome {
    let session = kit.plain_session().await?;
    let runs = kit.client.get(&format!("/v1/runs?session={session}")).await?.ok(200)?;
    same("rows", items(&runs)?.len(), 0)?;
    same("the cursor", &runs["nextCursor"], &Value::Null)
}
