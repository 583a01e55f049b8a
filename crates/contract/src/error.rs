//! The one error that leaves the system: a closed code, a message, whether to retry, and the
//! subject it is about. Inside, every operation has its own enum; it ends here.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $http:literal, $exit:literal, $retry:ident;)+) => {
        /// What went wrong, from a closed list; `docs/errors.md` is generated from it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code { $($(#[doc = $doc])+ #[serde(rename = $text)] $variant),+ }

        impl utoipa::PartialSchema for Code {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($text),+]))
                    .build()
                    .into()
            }
        }
        impl ToSchema for Code {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed("Code")
            }
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];
            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Code::$variant => $text),+ } }
            /// The HTTP status it travels under.
            #[must_use]
            pub const fn http_status(self) -> u16 { match self { $(Code::$variant => $http),+ } }
            /// The exit status of a command that ends with it.
            #[must_use]
            pub const fn exit_status(self) -> u8 { match self { $(Code::$variant => $exit),+ } }
            /// Whether the same call may work later.
            #[must_use]
            pub const fn retry(self) -> Retry { match self { $(Code::$variant => Retry::$retry),+ } }
            /// What the code means, for `docs/errors.md`.
            #[must_use]
            pub const fn about(self) -> &'static str { match self { $(Code::$variant => concat!($($doc),+)),+ } }
        }
    };
}

/// Whether calling again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// The same call will fail again.
    Never,
    /// The same call may work in a while.
    Later,
    /// The call must change first.
    Changed,
}

codes! {
    /// A value is malformed, out of range or too large.
    InvalidArgument = "invalid-argument", 400, 2, Changed;
    /// The body is not what the route takes.
    MalformedBody = "malformed-body", 400, 2, Changed;
    /// No credentials, or ones nobody knows.
    Unauthenticated = "unauthenticated", 401, 2, Changed;
    /// The caller lacks the scope.
    Forbidden = "forbidden", 403, 2, Changed;
    /// The tenant's policy denies it.
    DeniedByPolicy = "denied-by-policy", 403, 2, Changed;
    /// Nothing of that id in the caller's tenant.
    NotFound = "not-found", 404, 2, Changed;
    /// No such route or method.
    NoSuchRoute = "no-such-route", 404, 2, Changed;
    /// The method is not offered on that route.
    MethodNotAllowed = "method-not-allowed", 405, 2, Changed;
    /// No handler, agent, tool or model of that name; the message lists what exists.
    UnknownName = "unknown-name", 422, 2, Changed;
    /// The thing is not in a state that allows this.
    IllegalTransition = "illegal-transition", 409, 2, Changed;
    /// The idempotency key was used with another body.
    KeyConflict = "key-conflict", 409, 2, Changed;
    /// The approval is decided already.
    AlreadyDecided = "already-decided", 409, 2, Never;
    /// The token of a travelling approval is none, or of another kind.
    TokenMalformed = "token-malformed", 400, 2, Changed;
    /// The token's signature is not a registered key's over it.
    TokenForged = "token-forged", 403, 2, Never;
    /// The token came too late, or from a clock that is ahead.
    TokenExpired = "token-expired", 410, 2, Changed;
    /// The token was used up by an earlier decision.
    TokenUsed = "token-used", 409, 2, Never;
    /// The token was for another app, tenant or approval.
    TokenRetargeted = "token-retargeted", 403, 2, Never;
    /// The action is not the one that was decided about.
    ActionChanged = "action-changed", 409, 2, Changed;
    /// The claim ended: its lease ran out, or it was given to another executor.
    LeaseLost = "lease-lost", 409, 2, Never;
    /// The session has another owner; who owned it before writes nothing there any more.
    HandedOver = "handed-over", 409, 2, Changed;
    /// The session takes no second run now.
    SessionBusy = "session-busy", 409, 2, Later;
    /// The resolution is refused while the old request may still be travelling.
    StillTravelling = "still-travelling", 409, 2, Later;
    /// The version given is not the current one.
    VersionConflict = "version-conflict", 409, 2, Changed;
    /// The body is over the limit.
    TooLarge = "too-large", 413, 2, Changed;
    /// The same substep name was used with other inputs.
    Divergence = "divergence", 409, 4, Never;
    /// A named limit is reached.
    LimitReached = "limit-reached", 429, 5, Later;
    /// A budget or cap is used up.
    BudgetExceeded = "budget-exceeded", 429, 5, Changed;
    /// The run was aborted.
    Aborted = "aborted", 409, 130, Never;
    /// The run failed.
    RunFailed = "run-failed", 409, 4, Changed;
    /// The chain, a signature or a digest does not verify.
    VerificationFailed = "verification-failed", 409, 1, Never;
    /// The session is set aside because its journal does not fold.
    Quarantined = "quarantined", 409, 1, Never;
    /// Lists are behind the log.
    SettleLag = "settle-lag", 503, 4, Later;
    /// The disk is full; nothing of the call was kept.
    StorageFull = "storage-full", 507, 4, Later;
    /// The store cannot be used.
    StoreUnavailable = "store-unavailable", 503, 4, Later;
    /// Another process owns the data directory.
    StoreOwned = "store-owned", 409, 2, Later;
    /// The store was written by a newer version.
    StoreTooNew = "store-too-new", 409, 2, Changed;
    /// The store is damaged.
    StoreCorrupt = "store-corrupt", 500, 1, Never;
    /// The server is going down and takes no new work.
    Draining = "draining", 503, 4, Later;
    /// A backing service, model or tool cannot be reached.
    Upstream = "upstream", 502, 4, Later;
    /// A mistake of ours.
    Internal = "internal", 500, 4, Never;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What leaves the system when a call cannot be answered.
///
/// The message is a lower-case fragment: the value in backticks, what was expected, what is
/// possible now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, ToSchema)]
#[error("{message}")]
pub struct Error {
    /// From the closed list.
    pub code: Code,
    /// For a person.
    pub message: String,
    /// Whether calling again can help.
    pub retry: Retry,
    /// The id or name it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
}

impl Error {
    /// An error of that code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: code.retry(), subject: None }
    }
    /// The same error, about that id or name.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(subject.to_string());
        self
    }
    /// The answer for an id that is not in the caller's tenant (`TEN-1`): the same whether it
    /// exists elsewhere or nowhere.
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self::new(Code::NotFound, format!("no {what} `{id}`")).about(id)
    }
}
