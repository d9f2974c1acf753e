//! Moments and lengths of time as they are written: RFC 3339 in UTC, and `1h30m`.
//!
//! Nothing here asks what time it is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a moment or a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or outside the years 1 to 9999.
    #[error("not a moment: expected RFC 3339 such as 2026-12-01T20:00:00Z")]
    Moment,
    /// Not `<n>d<n>h<n>m<n>s`, zero digits, or out of order.
    #[error("not a duration: expected a form such as 90s, 30m, 1h30m or 7d")]
    Length,
    /// A duration over ten years.
    #[error("too long: no duration is over 3650d")]
    TooLong,
}

/// A moment of wall time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// From Unix milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// # Errors
    /// When the text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_millisecond())).map_err(|_| TimeError::Moment)
    }

    /// This moment and a length later; stays at the largest moment instead of overflowing.
    #[must_use]
    pub const fn plus(self, length: Length) -> Self {
        Self(self.0.saturating_add_unsigned(length.0.saturating_mul(1000)))
    }

    /// This moment less a length; stays at the smallest moment instead of overflowing.
    #[must_use]
    pub const fn minus(self, length: Length) -> Self {
        Self(self.0.saturating_sub_unsigned(length.0.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this moment, zero when it is not later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) if self.0 < 0 => f.write_str("0001-01-01T00:00:00.000Z"),
            Err(_) => f.write_str("9999-12-30T00:00:00.000Z"),
        }
    }
}
impl TryFrom<String> for Timestamp {
    type Error = TimeError;
    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}
impl From<Timestamp> for String {
    fn from(t: Timestamp) -> Self {
        t.to_string()
    }
}

/// A length of time in whole seconds, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(u64);

const MOST_SECONDS: u64 = 3650 * 86_400;

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From seconds; more than ten years becomes ten years.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(if seconds > MOST_SECONDS { MOST_SECONDS } else { seconds })
    }

    /// From minutes.
    #[must_use]
    pub const fn from_minutes(minutes: u64) -> Self {
        Self::from_seconds(minutes.saturating_mul(60))
    }

    /// From hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_seconds(hours.saturating_mul(3600))
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0.saturating_mul(1000)
    }

    /// # Errors
    /// When the text is not units in falling order (`d`, `h`, `m`, `s`), or is over ten years.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let mut rest = text;
        let mut total: u64 = 0;
        for (unit, factor) in [('d', 86_400u64), ('h', 3600), ('m', 60), ('s', 1)] {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at_checked(digits).ok_or(TimeError::Length)?;
            if let Some(tail) = tail.strip_prefix(unit) {
                let n: u64 = number.parse().map_err(|_| if digits == 0 { TimeError::Length } else { TimeError::TooLong })?;
                total = n.checked_mul(factor).and_then(|s| total.checked_add(s)).ok_or(TimeError::TooLong)?;
                rest = tail;
            }
        }
        if text.is_empty() || !rest.is_empty() {
            return Err(TimeError::Length);
        }
        if total > MOST_SECONDS { Err(TimeError::TooLong) } else { Ok(Self(total)) }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor) in [("d", 86_400u64), ("h", 3600), ("m", 60), ("s", 1)] {
            let n = rest / factor;
            rest %= factor;
            if n > 0 {
                write!(f, "{n}{unit}")?;
            }
        }
        Ok(())
    }
}
impl TryFrom<String> for Length {
    type Error = TimeError;
    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}
impl From<Length> for String {
    fn from(l: Length) -> Self {
        l.to_string()
    }
}
impl std::str::FromStr for Length {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

/// A moment of `CLOCK_BOOTTIME`: comparable only under the same boot id (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootTime {
    /// The kernel's boot id.
    pub boot: String,
    /// Milliseconds since that boot, suspend included.
    pub millis: u64,
}

/// Both clocks read together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Now {
    /// Wall time, which an administrator or the network may set.
    pub wall: Timestamp,
    /// Time since boot, which nobody sets.
    pub boot: BootTime,
}

impl Now {
    /// Milliseconds that have passed since both clocks were read, never less than either shows:
    /// the larger of the wall's and, within the same boot, the boot clock's difference (DESIGN section 3).
    #[must_use]
    pub fn millis_since(&self, earlier: &Self) -> u64 {
        let wall = self.wall.millis_since(earlier.wall);
        if self.boot.boot == earlier.boot.boot { wall.max(self.boot.millis.saturating_sub(earlier.boot.millis)) } else { wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_back_as_written() {
        for text in ["0s", "90s", "30m", "1h30m", "7d", "1d2h3m4s"] {
            let length = Length::parse(text).unwrap();
            assert_eq!(Length::parse(&length.to_string()).unwrap(), length);
        }
        assert_eq!(Length::parse("1h30m").unwrap().seconds(), 5400);
        assert_eq!(Length::from_seconds(90).to_string(), "1m30s");
    }

    #[test]
    fn lengths_without_unit_out_of_order_negative_or_endless_are_refused() {
        for text in ["", "5", "m", "1m1h", "-1h", "1h 30m", "3651d", "99999999999999999999s", "1.5h", "1h1h"] {
            assert!(Length::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_rfc_3339_in_utc() {
        let t = Timestamp::parse("2026-12-01T20:00:00+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-12-01T19:00:00.000Z");
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn elapsed_time_is_the_larger_of_both_clocks() {
        let at = |wall, boot: &str, millis| Now { wall: Timestamp::from_millis(wall), boot: BootTime { boot: boot.into(), millis } };
        assert_eq!(at(500, "a", 9_000).millis_since(&at(1_000, "a", 1_000)), 8_000);
        assert_eq!(at(60_000, "a", 2_000).millis_since(&at(1_000, "a", 1_000)), 59_000);
        assert_eq!(at(60_000, "b", 10).millis_since(&at(1_000, "a", 1_000)), 59_000);
    }
}
