//! Instants: microseconds since 1970 on disk, RFC 3339 UTC on the wire.
//!
//! Nothing here reads a clock; `now` always comes from the shell.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use thiserror::Error;

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// A text that is not an RFC 3339 instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is not a time; expected RFC 3339 in UTC, such as `2026-11-21T08:00:00Z`")]
pub struct BadTime {
    /// What was given.
    pub found: String,
}

impl Time {
    /// The instant so many microseconds after 1970.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }
    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
    /// This instant and so many milliseconds; saturates.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }
    /// Milliseconds from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_microsecond(micros) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl std::str::FromStr for Time {
    type Err = BadTime;
    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = || BadTime { found: text.chars().take(60).collect() };
        let stamp: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        u64::try_from(stamp.as_microsecond()).map(Self).map_err(|_| bad())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<C> minicbor::Encode<C> for Time {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(self.0)?;
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Time {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.u64().map(Self)
    }
}

impl utoipa::PartialSchema for Time {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            // nothing is before 1970
            .pattern(Some("^(19[7-9][0-9]|[2-9][0-9]{3})-"))
            .build()
            .into()
    }
}
impl utoipa::ToSchema for Time {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("Time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_and_is_utc() {
        let time = Time::from_micros(1_795_219_200_000_001);
        assert!(time.to_string().ends_with('Z'), "{time}");
        assert_eq!(time.to_string().parse::<Time>(), Ok(time));
        assert!("yesterday".parse::<Time>().is_err());
    }
}
