//! How a noun's routes are gathered: to be served, or to be described.
//!
//! All descriptions together are some megabytes of small texts. A server does not hold them: it makes the
//! document when somebody asks for it.

use super::state::ServerState;
use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// Routes as they are gathered.
pub(super) struct Routes {
    gathered: OpenApiRouter<ServerState>,
    is_described: bool,
}

impl Routes {
    /// Routes to be served; what they say of themselves is let go route by route.
    pub fn served() -> Self {
        Self { gathered: OpenApiRouter::new(), is_described: false }
    }

    /// Routes to be described in this document.
    pub fn described(document: OpenApi) -> Self {
        Self { gathered: OpenApiRouter::with_openapi(document), is_described: true }
    }

    /// With handlers of one path, as `utoipa_axum::routes!` makes them.
    pub fn routes(self, handlers: UtoipaMethodRouter<ServerState>) -> Self {
        let gathered = self.gathered.routes(handlers);
        let gathered = match self.is_described {
            true => gathered,
            false => gathered.split_for_parts().0.into(),
        };
        Self { gathered, ..self }
    }

    /// With every route of a noun.
    pub fn with(self, noun: impl FnOnce(Self) -> Self) -> Self {
        noun(self)
    }

    /// The routes themselves, and the document with those that were to be described.
    pub fn into_parts(self) -> (Router<ServerState>, OpenApi) {
        self.gathered.split_for_parts()
    }
}
