//! The answer to a path nobody serves, with the nearest one somebody does.

use super::problem::Refusal;
use super::scope::ROUTES;
use axum::http::{Method, Uri};
use tenure_contract::Code;

/// Routes without a caller, which the table of scopes does not have.
const OPEN: &[&str] = &["/healthz", "/openapi.json"];
/// Letters that may differ in one part of a path for it to be a slip of the pen.
const SLIP_MAX: usize = 2;

pub(super) async fn no_such_route(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    let hint = match nearest(uri.path()) {
        Some(route) => format!("did you mean `{route}`?"),
        None => "`/openapi.json` lists what there is".to_owned(),
    };
    Refusal::new(Code::NoSuchRoute, format!("no route `{method} {path}`; {hint}"))
}

/// The route whose parts differ least, if each of them could be a slip.
fn nearest(path: &str) -> Option<&'static str> {
    let routes = ROUTES.iter().map(|(_, route, _)| *route).chain(OPEN.iter().copied());
    let distances = routes.filter_map(|route| Some((distance(path, route)?, route)));
    distances.min_by_key(|(distance, _)| *distance).map(|(_, route)| route)
}

fn distance(path: &str, route: &str) -> Option<usize> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let known: Vec<&str> = route.split('/').filter(|part| !part.is_empty()).collect();
    // whoever forgot the version meant this one
    let known =
        if known.len() == parts.len() + 1 && known[0] == "v1" { &known[1..] } else { &known[..] };
    if parts.len() != known.len() || parts.is_empty() {
        return None;
    }
    let mut sum = 0;
    for (part, known) in parts.iter().zip(known) {
        let slips = if known.starts_with('{') { 0 } else { slips(part, known) };
        if slips > SLIP_MAX {
            return None;
        }
        sum += slips;
    }
    Some(sum)
}

/// Levenshtein's distance of two short words.
fn slips(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, mine) in one.iter().enumerate() {
            let changed = corner + usize::from(*mine != letter);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[one.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_route_and_nonsense_finds_none() {
        assert_eq!(nearest("/v1/session"), Some("/v1/sessions"));
        assert_eq!(nearest("/runs/"), Some("/v1/runs"));
        assert_eq!(nearest("/v1/runs/run_1/step"), Some("/v1/runs/{runId}/steps"));
        assert_eq!(nearest("/health"), Some("/healthz"));
        assert_eq!(nearest("/wp-admin/setup.php"), None);
        assert_eq!(nearest("/"), None);
    }
}
