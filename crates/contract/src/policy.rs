//! Which policy decided: the built-in one, or a version a tenant set (`POL-1`).

use crate::Digest;
use minicbor::{Decoder, Encoder, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use thiserror::Error;

/// The built-in policy's name in text.
const DEFAULT: &str = "default";

/// A version of a tenant's policy.
///
/// ```
/// use tenure_contract::PolicyVersion;
/// assert_eq!("default".parse::<PolicyVersion>(), Ok(PolicyVersion::Default));
/// assert!("v1".parse::<PolicyVersion>().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyVersion {
    /// What holds until a tenant sets a policy of its own.
    #[default]
    Default,
    /// The digest of a text that was set.
    Set(Digest),
}

/// A text that names no version of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is no policy version; expected `default` or `sha256:` and 64 hex digits")]
pub struct BadPolicyVersion {
    /// What was given, cut to eighty characters.
    pub found: String,
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(DEFAULT),
            Self::Set(digest) => digest.fmt(f),
        }
    }
}

impl std::str::FromStr for PolicyVersion {
    type Err = BadPolicyVersion;
    fn from_str(text: &str) -> Result<Self, BadPolicyVersion> {
        if text == DEFAULT {
            return Ok(Self::Default);
        }
        let bad = |_| BadPolicyVersion { found: text.chars().take(80).collect() };
        text.parse().map(Self::Set).map_err(bad)
    }
}

impl Serialize for PolicyVersion {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PolicyVersion {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// On disk: the 32 bytes of the digest, none for the built-in policy.
impl<C> minicbor::Encode<C> for PolicyVersion {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Default => e.bytes(&[])?,
            Self::Set(digest) => e.bytes(digest.bytes())?,
        };
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for PolicyVersion {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?;
        if bytes.is_empty() {
            return Ok(Self::Default);
        }
        let digest = bytes.try_into().map(Digest::from_bytes);
        digest.map(Self::Set).map_err(|_| {
            decode::Error::message(format!("expected 0 or 32 bytes, found {}", bytes.len()))
        })
    }
}

impl utoipa::PartialSchema for PolicyVersion {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("`default`, or the digest of the text that was set"))
            .pattern(Some("^(default|sha256:[0-9a-f]{64})$"))
            .build()
            .into()
    }
}
impl utoipa::ToSchema for PolicyVersion {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("PolicyVersion")
    }
}
