//! An hour of a week, such as `mon 09:30`.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_PER_HOUR: u32 = 60;
const MINUTES_PER_DAY: u32 = 24 * MINUTES_PER_HOUR;

/// Minutes since Monday began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Hour(u32);

impl Hour {
    /// Minutes from an earlier one.
    pub const fn minutes_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Hour {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| {
            format!("`{text}` is no hour of a week; expected one such as `mon 09:30`")
        })
    }
}

fn read(text: &str) -> Option<Hour> {
    let (day, clock) = text.split_once(' ')?;
    let (hours, minutes) = clock.split_once(':')?;
    let place = DAYS.iter().position(|known| known.eq_ignore_ascii_case(day))?;
    let digits = |text: &str| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_two { text.parse::<u32>().ok() } else { None }
    };
    let hours = digits(hours).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes).filter(|minutes| *minutes < MINUTES_PER_HOUR)?;
    let day = u32::try_from(place).ok()?;
    Some(Hour(day * MINUTES_PER_DAY + hours * MINUTES_PER_HOUR + minutes))
}

impl TryFrom<String> for Hour {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get((self.0 / MINUTES_PER_DAY) as usize).copied().unwrap_or("?");
        let minutes = self.0 % MINUTES_PER_DAY;
        write!(f, "{day} {:02}:{:02}", minutes / MINUTES_PER_HOUR, minutes % MINUTES_PER_HOUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_2_hours_are_read_and_told_and_others_refused() {
        for text in ["mon 00:00", "wed 09:30", "sun 23:59"] {
            assert_eq!(text.parse::<Hour>().unwrap().to_string(), text);
        }
        let [monday, sunday] = ["Mon 00:01", "sun 00:00"].map(|text| text.parse::<Hour>().unwrap());
        assert_eq!(sunday.minutes_since(monday), 6 * 1440 - 1);
        for text in ["", "mon", "mon 9:00", "mon 24:00", "mon 10:60", "day 10:00", "mon +9:00"] {
            assert!(text.parse::<Hour>().unwrap_err().contains("such as `mon 09:30`"), "{text}");
        }
    }
}
