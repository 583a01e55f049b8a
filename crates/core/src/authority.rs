//! What scopes mean: which cover which, and how authority narrows (`AUT-1`).
//!
//! A held scope is `*`, `noun:verb`, `noun:*` or `*:verb`. Authority only narrows: nobody gives
//! more than they hold, and a key does no more than its principal may.

use tenure_contract::words::Scope;
use tenure_contract::{Code, Error, limits};

/// The word that holds everything of a tenant.
pub const EVERYTHING: &str = "*";

/// Whether what is held covers a scope.
#[must_use]
pub fn holds(held: &[String], wanted: Scope) -> bool {
    held.iter().any(|held| covers(held, wanted.as_str()))
}

/// Checks that every text is a scope, or a pattern some scope fits.
///
/// # Errors
/// `invalid-argument` naming the text and listing what exists.
pub fn check(scopes: &[String]) -> Result<(), Error> {
    if scopes.len() > limits::SCOPES_MAX {
        let told = format!(
            "{} scopes are too many; the limit SCOPES_MAX is {}",
            scopes.len(),
            limits::SCOPES_MAX
        );
        return Err(Error::new(Code::InvalidArgument, told));
    }
    let unknown =
        scopes.iter().find(|scope| !Scope::ALL.iter().any(|known| covers(scope, known.as_str())));
    unknown.map_or(Ok(()), |scope| {
        let shown: String = scope.chars().take(60).collect();
        let known: Vec<_> = Scope::ALL.iter().map(|known| known.as_str()).collect();
        let told = format!(
            "`{shown}` is not a scope; expected `*`, `noun:*`, `*:verb` or one of {}",
            known.join(", ")
        );
        Err(Error::new(Code::InvalidArgument, told))
    })
}

/// Refuses to give what the giver does not hold.
///
/// # Errors
/// `forbidden` naming the first scope that is too much.
pub fn within(held: &[String], given: &[String], whose: &str) -> Result<(), Error> {
    let beyond = given.iter().find(|given| !held.iter().any(|held| covers(held, given)));
    beyond.map_or(Ok(()), |scope| {
        let told = format!("the scope `{scope}` is more than {whose} holds: {}", held.join(", "));
        Err(Error::new(Code::Forbidden, told))
    })
}

/// What both allow.
#[must_use]
pub fn narrowed(held: &[String], to: &[String]) -> Vec<String> {
    let mut both: Vec<String> =
        held.iter().flat_map(|held| to.iter().filter_map(move |to| meet(held, to))).collect();
    both.sort_unstable();
    both.dedup();
    both
}

/// Whether what is held makes its holder the operator of the server.
#[must_use]
pub fn is_operator(held: &[String]) -> bool {
    holds(held, Scope::TenantsAdmin)
}

/// The same without what is the operator's: for who acts in a tenant that is not the server's own.
#[must_use]
pub fn of_a_tenant(mut held: Vec<String>) -> Vec<String> {
    held.retain(|held| held != Scope::TenantsAdmin.as_str());
    held
}

fn covers(held: &str, wanted: &str) -> bool {
    if wanted == Scope::TenantsAdmin.as_str() {
        return held == wanted;
    }
    let ((noun, verb), (wanted_noun, wanted_verb)) = (parts(held), parts(wanted));
    (noun == EVERYTHING || noun == wanted_noun) && (verb == EVERYTHING || verb == wanted_verb)
}

fn meet(one: &str, other: &str) -> Option<String> {
    let part = |one: &str, other: &str| match (one, other) {
        (EVERYTHING, part) | (part, EVERYTHING) => Some(part.to_owned()),
        (one, other) => (one == other).then(|| one.to_owned()),
    };
    let ((noun, verb), (other_noun, other_verb)) = (parts(one), parts(other));
    let (noun, verb) = (part(noun, other_noun)?, part(verb, other_verb)?);
    let both = format!("{noun}:{verb}");
    // more than any tenant can give: only who holds it by name
    if both == Scope::TenantsAdmin.as_str() && (one != both || other != both) {
        return None;
    }
    let all = noun == EVERYTHING && verb == EVERYTHING;
    Some(if all { EVERYTHING.to_owned() } else { both })
}

/// A text without a colon is no noun of any scope; only `*` stands for both.
fn parts(scope: &str) -> (&str, &str) {
    match scope.split_once(':') {
        Some(parts) => parts,
        None if scope == EVERYTHING => (EVERYTHING, EVERYTHING),
        None => (scope, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn aut_1_patterns_hold_what_fits_them_and_nothing_else() {
        for (held, holds_it) in [
            ("*", true),
            ("runs:write", true),
            ("runs:*", true),
            ("*:write", true),
            ("runs:read", false),
            ("sessions:write", false),
            ("runs", false),
            ("", false),
        ] {
            assert_eq!(holds(&list(&[held]), Scope::RunsWrite), holds_it, "{held}");
        }
        assert!(!holds(&[], Scope::RunsWrite));
    }

    #[test]
    fn ten_1_the_operators_scope_is_in_no_pattern() {
        for held in ["*", "*:admin", "tenants:*", "tenants:read"] {
            assert!(!is_operator(&list(&[held])), "{held}");
        }
        let operator = list(&["*", "tenants:admin"]);
        assert!(is_operator(&operator));
        assert!(!is_operator(&of_a_tenant(operator)));
    }

    #[test]
    fn aut_1_an_unknown_scope_is_refused_with_all_there_are() {
        assert!(check(&list(&["*", "runs:*", "*:read", "keys:admin"])).is_ok());
        for unknown in ["read", "runs", "runs:fly", "fish:*", "", "*:", ":*", "runs:write:x"] {
            let told = check(&list(&[unknown])).unwrap_err();
            assert_eq!(told.code, Code::InvalidArgument, "{unknown}");
            for known in Scope::ALL {
                assert!(told.message.contains(known.as_str()), "{told}");
            }
        }
        assert!(check(&vec!["*".to_owned(); limits::SCOPES_MAX + 1]).is_err());
    }

    #[test]
    fn aut_1_nobody_gives_more_than_they_hold() {
        let held = list(&["runs:*", "sessions:read"]);
        assert!(within(&held, &list(&["runs:write", "runs:*", "sessions:read"]), "it").is_ok());
        for more in ["*", "*:read", "sessions:*", "keys:admin"] {
            let told = within(&held, &list(&[more]), "this caller").unwrap_err();
            assert_eq!(told.code, Code::Forbidden);
            assert!(told.message.contains(more) && told.message.contains("runs:*"), "{told}");
        }
    }

    #[test]
    fn aut_1_narrowing_keeps_exactly_what_both_hold() {
        let cases: &[&[&str]] = &[
            &["*"],
            &["runs:*", "sessions:read"],
            &["*:read"],
            &["*:write", "keys:admin"],
            &["runs:read", "runs:write"],
            &["tenants:admin", "runs:read"],
            &["tenants:*"],
            &["*:admin"],
            &[],
        ];
        for one in cases {
            for other in cases {
                let (one, other) = (list(one), list(other));
                let both = narrowed(&one, &other);
                for scope in Scope::ALL {
                    let expected = holds(&one, *scope) && holds(&other, *scope);
                    assert_eq!(holds(&both, *scope), expected, "{one:?} {other:?} {scope}");
                }
            }
        }
    }
}
