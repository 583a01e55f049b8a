//! Whether the clock is to be believed with what cannot be undone.
//!
//! The engine's time only moves forward: where it started, plus what has passed since. When the
//! machine's clock says something very different, or entries are dated after it, nobody here can tell
//! which is right. What time destroys (an approval's or a dispatch's expiry) is held then, and
//! everything else goes on.

use tenure_contract::{Time, limits};

/// What was measured of time; nothing here reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// The engine's time.
    pub now: Time,
    /// The machine's clock at the same moment.
    pub wall: Time,
    /// When the newest entry found at the start says it was decided; none when there is none, or
    /// when an operator vouched for the clock.
    pub newest: Option<Time>,
}

/// Whether what time destroys is held, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// The clocks agree: what is due happens.
    #[default]
    Open,
    /// The machine's clock jumped ahead, by so many milliseconds.
    WallAhead(u64),
    /// The machine's clock jumped back, by so many milliseconds.
    WallBehind(u64),
    /// The newest entry is dated so many milliseconds after the machine's clock.
    EntriesAhead(u64),
}

/// Judges the readings: apart by more than [`limits::CLOCK_JUMP_MAX_MS`] is held.
///
/// ```
/// use tenure_contract::Time;
/// use tenure_core::clock::{Hold, Readings, judge};
///
/// let now = Time::from_micros(1_795_219_200_000_000);
/// let agree = Readings { now, wall: now.plus_ms(1_000), newest: Some(now) };
/// assert_eq!(judge(agree), Hold::Open);
/// let jumped = Readings { wall: now.plus_ms(600_000), ..agree };
/// assert_eq!(judge(jumped), Hold::WallAhead(600_000));
/// ```
#[must_use]
pub fn judge(readings: Readings) -> Hold {
    let Readings { now, wall, newest } = readings;
    let dated_ahead = newest.map_or(0, |newest| newest.ms_since(wall));
    let far = |ms: u64| ms > limits::CLOCK_JUMP_MAX_MS;
    match (dated_ahead, wall.ms_since(now), now.ms_since(wall)) {
        (ms, _, _) if far(ms) => Hold::EntriesAhead(ms),
        (_, ms, _) if far(ms) => Hold::WallAhead(ms),
        (_, _, ms) if far(ms) => Hold::WallBehind(ms),
        _ => Hold::Open,
    }
}

impl Hold {
    /// Whether what time destroys is held.
    #[must_use]
    pub const fn is_held(self) -> bool {
        !matches!(self, Self::Open)
    }

    /// Whether something that lasts until `at` is over by `now`; while held, nothing is.
    #[must_use]
    pub fn is_over(self, at: Time, now: Time) -> bool {
        !self.is_held() && at <= now
    }

    /// Why it is held and what is possible now; none while it is not.
    #[must_use]
    pub fn text(self) -> Option<String> {
        let (what, then) = match self {
            Self::Open => return None,
            Self::WallAhead(ms) => {
                (format!("the machine's clock jumped {} ahead", shown(ms)), AGREE)
            }
            Self::WallBehind(ms) => {
                (format!("the machine's clock jumped {} back", shown(ms)), AGREE)
            }
            Self::EntriesAhead(ms) => (
                format!("the newest entry is dated {} after the machine's clock", shown(ms)),
                VOUCH,
            ),
        };
        Some(format!("{what}; what has expired is held until {then}"))
    }
}

const AGREE: &str =
    "the clock is set right, or the server is started again, which takes the clock as it is then";
const VOUCH: &str = "the clock is set right, or the server is started with `--trust-clock`";

fn shown(ms: u64) -> String {
    format!("{} min", ms / 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_micros(1_795_219_200_000_000);
    const LIMIT: u64 = limits::CLOCK_JUMP_MAX_MS;

    fn before(ms: u64) -> Time {
        Time::from_micros(NOW.micros() - ms * 1_000)
    }

    #[test]
    fn apr_2_clocks_are_believed_up_to_the_limit_in_every_direction() {
        let agree = Readings { now: NOW, wall: NOW, newest: None };
        let cases = [
            (agree, Hold::Open),
            (Readings { wall: NOW.plus_ms(LIMIT), ..agree }, Hold::Open),
            (Readings { wall: NOW.plus_ms(LIMIT + 1), ..agree }, Hold::WallAhead(LIMIT + 1)),
            (Readings { wall: before(LIMIT), ..agree }, Hold::Open),
            (Readings { wall: before(LIMIT + 1), ..agree }, Hold::WallBehind(LIMIT + 1)),
            (Readings { newest: Some(NOW.plus_ms(LIMIT)), ..agree }, Hold::Open),
            (
                Readings { newest: Some(NOW.plus_ms(LIMIT + 1)), ..agree },
                Hold::EntriesAhead(LIMIT + 1),
            ),
            // entries of long ago say nothing
            (Readings { newest: Some(before(LIMIT * 100)), ..agree }, Hold::Open),
        ];
        for (readings, wanted) in cases {
            assert_eq!(judge(readings), wanted, "{readings:?}");
        }
    }

    #[test]
    fn apr_2_while_held_nothing_is_over_and_the_reason_says_what_is_possible() {
        assert!(Hold::Open.is_over(NOW, NOW) && !Hold::Open.is_over(NOW.plus_ms(1), NOW));
        assert_eq!(Hold::Open.text(), None);
        for held in
            [Hold::WallAhead(600_000), Hold::WallBehind(600_000), Hold::EntriesAhead(600_000)]
        {
            assert!(held.is_held() && !held.is_over(before(LIMIT), NOW));
            let text = held.text().unwrap();
            assert!(text.contains("10 min") && text.contains("until"), "{text}");
        }
    }
}
