//! The intents this server has handlers for.

use super::caller::Who;
use super::page::whole;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use serde::Serialize;
use tenure_contract::resource::Page;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(list_intents))
}

/// An intent and who serves it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IntentHandlers {
    /// The intent's type.
    intent_type: String,
    /// Its handlers' names; the first that is available serves.
    handlers: Vec<String>,
}

/// List the intents this server has handlers for.
#[utoipa::path(
    get, path = "/v1/intents", tag = "runs", operation_id = "listIntents",
    responses((status = 200, description = "All of them", body = Page<IntentHandlers>)),
)]
async fn list_intents(
    State(state): State<ServerState>,
    _: Who,
) -> axum::Json<Page<IntentHandlers>> {
    let known = state.engine.intents().list().into_iter();
    let shown = known.map(|(intent_type, handlers)| IntentHandlers { intent_type, handlers });
    axum::Json(whole(shown.collect()))
}
