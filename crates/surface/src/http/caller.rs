//! Who calls: an API key, a token of an issuer, the owner's token, or somebody on this machine
//! (`AUT-1`, `TEN-4`).
//!
//! Decided before any route runs, and nowhere else. The tenant comes from here and never from what
//! a request says.

use super::page::blocking;
use super::problem::Refusal;
use super::revocation::while_it_stands;
use super::scope;
use super::serve::Arrival;
use super::state::{Anonymous, ServerState};
use super::token::Named;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv6Addr};
use tenure_contract::entry::Principal;
use tenure_contract::resource::Caller;
use tenure_contract::words::{Scope, Surface};
use tenure_contract::{Code, Error, TenantId};
use tenure_core::authority::{self, EVERYTHING};
use tenure_engine::Credential;

/// The header in which a client says where it is.
pub(super) const SURFACE_HEADER: &str = "tenure-surface";
/// The header in which a caller of several tenants says which one it acts in.
pub(super) const TENANT_HEADER: &str = "tenure-tenant";
/// What the text of an API key begins with.
const KEY_MARK: &str = "tnr_";

/// The caller of a guarded route.
pub(super) struct Who(pub Caller);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Refusal::new(Code::Internal, "the route has no caller"))
    }
}

/// Around every guarded route: finds out who calls and whether they may, journals it when not.
pub(super) async fn admit(
    State(state): State<ServerState>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let Some(scope) = scope::of(request.method(), route) else {
        // what is not in the table is offered to nobody, whoever they are
        return not_offered(route);
    };
    let action = format!("{} {route}", request.method());
    let identified = match claim(&state, &request) {
        Ok(claim) => identify(&state, claim, request.headers()).await,
        Err(refusal) => Err(refusal),
    };
    let (caller, credential) = match identified {
        Ok(identified) => identified,
        Err(refusal) => return refusal.into_response(),
    };
    let response = if authority::holds(&caller.scopes, scope) {
        request.extensions_mut().insert(caller.clone());
        while_it_stands(state.engine.clone(), credential, request, next).await
    } else {
        lacks(&caller, scope, &action).into_response()
    };
    let refused = response.extensions().get::<Error>().map(|error| error.code);
    let Some(code @ (Code::Forbidden | Code::DeniedByPolicy)) = refused else { return response };
    // a denial that cannot be journaled is not passed off as one that was (`LOG-4`)
    match state.engine.note_denial(&caller, action, code).await {
        Ok(()) => response,
        Err(error) => Refusal(error).into_response(),
    }
}

/// The answer to a method a route does not offer; `problem::finish` writes it.
fn not_offered(route: &str) -> Response {
    let offered = scope::offered(route).join(",");
    let allow = HeaderValue::from_str(&offered).unwrap_or(HeaderValue::from_static(""));
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
}

fn lacks(caller: &Caller, scope: Scope, action: &str) -> Refusal {
    let held = caller.scopes.join(", ");
    let text = format!("`{action}` asks for the scope `{scope}`; this caller holds: {held}");
    Refusal(Error::new(Code::Forbidden, text).about(&caller.principal))
}

/// What a request says about its caller.
enum Claim {
    /// The text of an API key, not looked up yet.
    Key(String),
    /// A token of an issuer, not verified yet.
    Token(String),
    /// The server's own user: known by the owner's token. It may act in every tenant.
    Owner,
    /// Somebody on this machine.
    Local,
}

fn claim(state: &ServerState, request: &Request) -> Result<Claim, Refusal> {
    let claim = match bearer(request.headers())? {
        Some(token) if state.access.is_owner(token) => Claim::Owner,
        Some(token) if state.access.tokens.any() && !token.starts_with(KEY_MARK) => {
            Claim::Token(token.to_owned())
        }
        Some(token) => Claim::Key(token.to_owned()),
        None => anonymous(state, request).map(|()| Claim::Local)?,
    };
    Ok(claim)
}

async fn identify(
    state: &ServerState,
    claim: Claim,
    headers: &HeaderMap,
) -> Result<(Caller, Credential), Refusal> {
    let (surface, wanted) = (surface(headers), tenant(headers));
    let engine = state.engine.clone();
    let (caller, credential) = match claim {
        Claim::Key(token) => blocking(move || engine.authenticate(&token)).await?,
        Claim::Token(token) => {
            let named = state.access.tokens.verify(&token, state.clock.now()).await?;
            let tenant = existing(state, one_of(&named.tenants, wanted.clone()?)?).await?;
            let Named { principal, scopes, until, .. } = named;
            let credential = Credential::Token { tenant, principal: principal.clone(), until };
            let caller = Caller { tenant, principal, surface: None, scopes, product: None };
            (blocking(move || engine.recognise(caller)).await?, credential)
        }
        Claim::Owner => {
            let tenant = match wanted.clone()? {
                Some(wanted) => existing(state, wanted).await?,
                None => state.access.tenant,
            };
            (Caller { tenant, ..local(state) }, Credential::Local)
        }
        Claim::Local => (local(state), Credential::Local),
    };
    one_of(&[caller.tenant], wanted?)?;
    let is_operator = credential == Credential::Local || caller.tenant == state.access.tenant;
    let scopes = caller.scopes;
    let scopes = if is_operator { scopes } else { authority::of_a_tenant(scopes) };
    Ok((Caller { surface: Some(surface?), scopes, ..caller }, credential))
}

/// A tenant that is there; whoever guesses must not make one.
async fn existing(state: &ServerState, tenant: TenantId) -> Result<TenantId, Refusal> {
    let engine = state.engine.clone();
    match blocking(move || engine.has_tenant(tenant)).await? {
        true => Ok(tenant),
        false => Err(Refusal(Error::not_found("tenant", tenant))),
    }
}

/// The tenant a request acts in: the one that is named, or the only one (`TEN-4`). One that is not
/// the caller's does not exist for it (`TEN-1`).
fn one_of(allowed: &[TenantId], wanted: Option<TenantId>) -> Result<TenantId, Refusal> {
    match (allowed, wanted) {
        (_, Some(wanted)) if allowed.contains(&wanted) => Ok(wanted),
        (_, Some(other)) => Err(Refusal(Error::not_found("tenant", other))),
        ([only], None) => Ok(*only),
        (several, None) => {
            let several: Vec<_> = several.iter().map(|tenant| format!("`{tenant}`")).collect();
            let text = format!(
                "the token allows several tenants; name one in the header Tenure-Tenant: {}",
                several.join(", ")
            );
            Err(Refusal::new(Code::InvalidArgument, text))
        }
    }
}

fn tenant(headers: &HeaderMap) -> Result<Option<TenantId>, Refusal> {
    let Some(given) = headers.get(TENANT_HEADER) else { return Ok(None) };
    let given = String::from_utf8_lossy(given.as_bytes());
    let known = given.parse().map(Some);
    known.map_err(|why| Refusal::new(Code::InvalidArgument, format!("header Tenure-Tenant: {why}")))
}

/// The token of a request that brings one. What is there and is no bearer token is refused, never
/// overlooked.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(first), None) = (given.next(), given.next()) else {
        return match headers.contains_key(header::AUTHORIZATION) {
            true => {
                Err(Refusal::new(Code::Unauthenticated, "more than one `Authorization` header"))
            }
            false => Ok(None),
        };
    };
    let token = first.to_str().ok().and_then(|text| text.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => {
            let text = "the `Authorization` header is not `Bearer tnr_…`";
            Err(Refusal::new(Code::Unauthenticated, text))
        }
    }
}

/// Somebody on this machine, for as long as there is no key. A page in a browser on this machine
/// is not that somebody: neither one whose name was made to point here, nor one from elsewhere.
fn anonymous(state: &ServerState, request: &Request) -> Result<(), Refusal> {
    let arrival = request.extensions().get::<Arrival>();
    let near = arrival.is_some_and(|arrival| arrival.peer.ip().to_canonical().is_loopback());
    if !near || state.access.anonymous == Anonymous::Refused {
        let text = "no credentials; expected `Authorization: Bearer tnr_…`";
        return Err(Refusal::new(Code::Unauthenticated, text));
    }
    if state.engine.has_keys(state.access.tenant)? {
        let text = "no credentials, and this server has API keys; \
                    expected `Authorization: Bearer tnr_…`";
        return Err(Refusal::new(Code::Unauthenticated, text));
    }
    check_names(request)
}

fn check_names(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = request.uri().authority().map_or(host, axum::http::uri::Authority::as_str);
    for named in [host, authority] {
        if !is_loopback_name(named) {
            let shown: String = named.chars().take(100).collect();
            let text = format!(
                "host `{shown}` is not this machine's own name; without an API key only \
                 `localhost`, `127.0.0.1` and `[::1]` are answered"
            );
            return Err(Refusal::new(Code::Forbidden, text));
        }
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    if origin.strip_prefix("http://") == Some(host) {
        return Ok(());
    }
    let shown: String = origin.chars().take(100).collect();
    let text = format!("a page of `{shown}` may not call this server without an API key");
    Err(Refusal::new(Code::Forbidden, text))
}

/// Whether a `Host` names this machine, with or without a port.
fn is_loopback_name(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').map(|(address, _)| address.parse::<Ipv6Addr>());
        return matches!(address, Some(Ok(address)) if address.to_canonical().is_loopback());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn local(state: &ServerState) -> Caller {
    Caller {
        tenant: state.access.tenant,
        principal: Principal::user(&state.access.user),
        surface: None,
        scopes: vec![EVERYTHING.to_owned(), Scope::TenantsAdmin.to_string()],
        product: None,
    }
}

fn surface(headers: &HeaderMap) -> Result<Surface, Refusal> {
    let Some(given) = headers.get(SURFACE_HEADER) else { return Ok(Surface::ProductApi) };
    let given = String::from_utf8_lossy(given.as_bytes());
    let known = given.parse::<Surface>();
    known
        .map_err(|why| Refusal::new(Code::InvalidArgument, format!("header Tenure-Surface: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:4137", "127.9.9.9", "[::1]:80", "[::1]"]
        {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
