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
mod migrations;
mod page;
mod patient;
mod policy;
mod principals;
mod problem;
mod projects;
mod revocation;
mod route;
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
use route::Routes;

/// Every route of one engine, with authentication, problems and the fallback around them.
pub fn router(state: ServerState) -> Router {
    let (guarded, _) = guarded(Routes::served()).into_parts();
    let guarded = guarded.route_layer(from_fn_with_state(state.clone(), caller::admit));
    let (open, _) = open(Routes::served()).into_parts();
    let routes = guarded.merge(open).fallback(unknown::no_such_route).with_state(state);
    // around the whole router: what it adds to an answer by itself, such as `Allow`, is there then
    Router::new().fallback_service(routes).layer(from_fn(problem::finish))
}

/// Routes that act in a tenant, and therefore for a caller.
fn guarded(gathered: Routes) -> Routes {
    gathered
        .with(sessions::routes)
        .with(entries::routes)
        .with(events::routes)
        .with(export::routes)
        .with(feed::routes)
        .with(trail::routes)
        .with(artifacts::routes)
        .with(runs::routes)
        .with(steps::routes)
        .with(checkpoints::routes)
        .with(tasks::routes)
        .with(transfers::routes)
        .with(todos::routes)
        .with(approvals::routes)
        .with(travel::routes)
        .with(dispatches::routes)
        .with(claims::routes)
        .with(executors::routes)
        .with(handoffs::routes)
        .with(schedules::routes)
        .with(agents::routes)
        .with(intents::routes)
        .with(keys::routes)
        .with(migrations::routes)
        .with(principals::routes)
        .with(tenants::routes)
        .with(projects::routes)
        .with(secrets::routes)
        .with(workspaces::routes)
        .with(policy::routes)
        .with(home::guarded_routes)
        .with(execution::routes)
}

/// Routes anyone may ask.
fn open(gathered: Routes) -> Routes {
    home::open_routes(gathered)
}
