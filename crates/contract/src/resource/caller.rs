//! Who calls.

use crate::TenantId;
use crate::entry::Principal;
use crate::words::Surface;

/// Who calls, resolved before anything else (`TEN-4`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The one tenant the request acts in.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// From where.
    pub surface: Option<Surface>,
    /// What the caller may do; `*` is everything.
    pub scopes: Vec<String>,
    /// The one product it works for; none is any.
    pub product: Option<String>,
}
