//! What a token's claims mean here: tenants, principal, scopes.

use super::{Claims, Trust, refused, shown};
use serde::Deserialize;
use serde_json::Value;
use tenure_contract::entry::Principal;
use tenure_contract::words::PrincipalKind;
use tenure_contract::{Error, TenantId, Time, limits};
use tenure_core::authority;

/// Which of an issuer's claims say what.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// The tenants it may act in: one, or a list.
    pub tenants: String,
    /// What the principal is; `user` when the token does not say.
    pub kind: String,
    /// Its scopes: a list, or one text with spaces between.
    pub scopes: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { tenants: "tenants".to_owned(), kind: "kind".to_owned(), scopes: "scope".to_owned() }
    }
}

/// Whom a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Who.
    pub principal: Principal,
    /// The tenants it may act in, at least one.
    pub tenants: Vec<TenantId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// From then on the token is refused.
    pub until: Time,
}

pub(super) fn named(trust: &Trust, claims: &Claims, until: Time) -> Result<Named, Error> {
    let tenants = tenants(trust, claims)?;
    let principal = Principal { kind: kind(trust, claims)?, name: name(claims)? };
    // an issuer's scopes are for others as well, such as `openid`
    let scopes = words(claims.get(&trust.claims.scopes))
        .into_iter()
        .filter(|scope| authority::check(std::slice::from_ref(scope)).is_ok())
        .take(limits::SCOPES_MAX)
        .collect();
    Ok(Named { principal, tenants, scopes, until })
}

fn name(claims: &Claims) -> Result<String, Error> {
    let name = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let long = name.chars().count();
    if long == 0 || long > limits::NAME_MAX_CHARS {
        let told = format!(
            "the token's `sub` has {long} characters; expected 1 to {}",
            limits::NAME_MAX_CHARS
        );
        return Err(refused(told));
    }
    Ok(name.to_owned())
}

/// The runtime itself is nobody an issuer could name.
fn kind(trust: &Trust, claims: &Claims) -> Result<PrincipalKind, Error> {
    let claim = &trust.claims.kind;
    let Some(said) = claims.get(claim) else { return Ok(PrincipalKind::User) };
    let known = said.as_str().and_then(|said| said.parse().ok());
    known.filter(|kind| *kind != PrincipalKind::System).ok_or_else(|| {
        let said = shown(&said.to_string());
        refused(format!(
            "the token's `{claim}` is {said}; expected one of user, agent, worker, service"
        ))
    })
}

fn tenants(trust: &Trust, claims: &Claims) -> Result<Vec<TenantId>, Error> {
    let claim = &trust.claims.tenants;
    let mut tenants = Vec::new();
    for word in words(claims.get(claim)) {
        let tenant = trust.tenants.get(&word).copied().or_else(|| word.parse().ok());
        let unknown = || {
            refused(format!(
                "the token's `{claim}` names `{}`, which is no tenant here",
                shown(&word)
            ))
        };
        tenants.push(tenant.ok_or_else(unknown)?);
    }
    tenants.sort_unstable();
    tenants.dedup();
    if tenants.is_empty() {
        return Err(refused(format!("the token names no tenant in `{claim}`")));
    }
    Ok(tenants)
}

/// A list of texts, or one text with spaces between.
fn words(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
