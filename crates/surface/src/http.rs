//! The HTTP surface: routes, who calls, what is refused and how, the document that says all that.
//!
//! [`router`] makes the routes of one engine and [`serve`] answers on a listener with time-outs and
//! an end that leaves nobody hanging. One file per noun; what all of them share is in `extract`
//! (what comes in), `caller` and `scope` (who may), `problem` (what goes wrong) and `document` (the
//! OpenAPI description). Nothing here keeps state of its own.
//!
//! ```no_run
//! # use tenure_surface::http::{ServerState, check_bind, router, serve};
//! # async fn run(state: ServerState) -> Result<(), Box<dyn std::error::Error>> {
//! let address = "127.0.0.1:4137".parse()?;
//! check_bind(address, state.engine.has_keys(state.access.tenant)?)?;
//! let listener = tokio::net::TcpListener::bind(address).await?;
//! serve(listener, router(state), async { /* until a signal comes */ }).await?;
//! # Ok(())
//! # }
//! ```

mod agents;
mod approvals;
mod artifacts;
mod caller;
mod checkpoints;
mod claims;
mod dispatches;
mod document;
mod entries;
mod events;
mod execution;
mod executors;
mod export;
mod extract;
mod feed;
mod files;
mod handoffs;
mod home;
mod intents;
mod journal;
mod keys;
pub mod limits;
mod page;
mod patient;
mod policy;
mod principals;
mod problem;
mod projects;
mod revocation;
mod runs;
mod schedules;
mod scope;
mod secrets;
mod serve;
mod sessions;
mod state;
mod steps;
mod strict;
mod tasks;
mod tenants;
mod todos;
mod token;
mod trail;
mod transfers;
mod travel;
mod unknown;
mod workspaces;

pub use document::openapi;
pub use files::{StoreFile, StoreFiles};
pub use scope::ROUTES;
pub use serve::{check_bind, serve};
pub use state::{Access, Anonymous, HeadSigner, ServerState};
pub use token::{ClaimNames, Issuer, KeySource, Signing, Tokens, Trust};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;

/// Every route of one engine, with authentication, problems and the fallback around them.
pub fn router(state: ServerState) -> Router {
    let (guarded, _) = guarded().split_for_parts();
    let guarded = guarded.route_layer(from_fn_with_state(state.clone(), caller::admit));
    let (open, _) = open().split_for_parts();
    let routes = guarded.merge(open).fallback(unknown::no_such_route).with_state(state);
    // around the whole router: what it adds to an answer by itself, such as `Allow`, is there then
    Router::new().fallback_service(routes).layer(from_fn(problem::finish))
}

/// Routes that act in a tenant, and therefore for a caller.
fn guarded() -> OpenApiRouter<ServerState> {
    OpenApiRouter::new()
        .merge(sessions::routes())
        .merge(entries::routes())
        .merge(events::routes())
        .merge(export::routes())
        .merge(feed::routes())
        .merge(trail::routes())
        .merge(artifacts::routes())
        .merge(runs::routes())
        .merge(steps::routes())
        .merge(checkpoints::routes())
        .merge(tasks::routes())
        .merge(transfers::routes())
        .merge(todos::routes())
        .merge(approvals::routes())
        .merge(travel::routes())
        .merge(dispatches::routes())
        .merge(claims::routes())
        .merge(executors::routes())
        .merge(handoffs::routes())
        .merge(schedules::routes())
        .merge(agents::routes())
        .merge(intents::routes())
        .merge(keys::routes())
        .merge(principals::routes())
        .merge(tenants::routes())
        .merge(projects::routes())
        .merge(secrets::routes())
        .merge(workspaces::routes())
        .merge(policy::routes())
        .merge(home::guarded_routes())
        .merge(execution::routes())
}

/// Routes anyone may ask.
fn open() -> OpenApiRouter<ServerState> {
    home::open_routes()
}
