//! Agents: register, list, see.

use super::caller::Who;
use super::extract::{Json, Named};
use super::page::{blocking, whole};
use super::problem::Refusal;
use super::route::Routes;
use super::state::ServerState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use std::fmt::Write as _;
use tenure_contract::Code;
use tenure_contract::resource::{Agent, Page, RegisterAgent};
use utoipa_axum::routes;

pub(super) fn routes(gathered: Routes) -> Routes {
    gathered.routes(routes!(register_agent, list_agents)).routes(routes!(get_agent))
}

/// Register a version of an agent; the same definition again is the same version.
#[utoipa::path(
    post, path = "/v1/agents", tag = "agents", operation_id = "registerAgent",
    request_body = RegisterAgent,
    responses((status = 201, description = "The agent", body = Agent,
        headers(("Location" = String, description = "Where the agent's newest version is")))),
)]
async fn register_agent(
    State(state): State<ServerState>,
    Who(caller): Who,
    Json(request): Json<RegisterAgent>,
) -> Result<impl IntoResponse, Refusal> {
    let agent = state.engine.register_agent(&caller, request.definition).await?;
    let location = format!("/v1/agents/{}", encoded(&agent.name));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(agent)))
}

/// List agents by name, each with its newest version.
#[utoipa::path(
    get, path = "/v1/agents", tag = "agents", operation_id = "listAgents",
    responses((status = 200, description = "All of them", body = Page<Agent>)),
)]
async fn list_agents(
    State(state): State<ServerState>,
    Who(caller): Who,
) -> Result<axum::Json<Page<Agent>>, Refusal> {
    let agents = blocking(move || state.engine.agents(&caller)).await?;
    Ok(axum::Json(whole(agents)))
}

/// See the newest version of an agent, with its definition.
#[utoipa::path(
    get, path = "/v1/agents/{name}", tag = "agents", operation_id = "getAgent",
    params(("name" = String, Path, description = "The agent's name")),
    responses((status = 200, description = "The agent", body = Agent)),
)]
async fn get_agent(
    State(state): State<ServerState>,
    Who(caller): Who,
    Named(name): Named<String>,
) -> Result<axum::Json<Agent>, Refusal> {
    let agent = blocking(move || state.engine.agent(&caller, &name)).await;
    agent.map(axum::Json).map_err(|Refusal(mut error)| {
        // here the name is what was asked for, not a part of something else
        if error.code == Code::UnknownName {
            error.code = Code::NotFound;
        }
        Refusal(error)
    })
}

/// A name as one part of a path.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // writing to a text cannot fail
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(super::encoded("refunds v1/é"), "refunds%20v1%2F%C3%A9");
    }
}
