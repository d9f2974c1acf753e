//! The moment, as the broker believes it: wall time that never goes back, beside the boot clock.
//!
//! Wall time is the larger of what the computer shows and what it showed before plus what has passed since boot clock.
//! Only a heartbeat that answers a fresh nonce lowers it. Nothing here decides what a jump means.

use brevet_core::record::ClockJumped;
use brevet_core::time::{BootTime, Now, Timestamp};
use brevet_sys::clock;

/// Difference between the clocks from which on a change counts as a jump.
const JUMP_MS: u64 = 2_000;

/// Both clocks of the computer, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// `CLOCK_REALTIME` in Unix milliseconds.
    pub wall: i64,
    /// `CLOCK_BOOTTIME` in milliseconds.
    pub boot: u64,
}

impl Reading {
    /// Reads the clocks.
    #[must_use]
    pub fn take() -> Self {
        Self { wall: clock::realtime_ms(), boot: clock::boottime_ms() }
    }

    fn offset(self) -> i64 {
        self.wall.saturating_sub_unsigned(self.boot)
    }
}

/// Wall time with its high-water mark.
#[derive(Debug)]
pub struct Clock {
    boot: String,
    mark: Reading,
    /// Wall minus boot clock at the last look, to notice that somebody set the clock.
    offset: i64,
}

impl Clock {
    /// Goes on from the highest wall time that was ever recorded.
    #[must_use]
    pub fn new(boot: String, mark: Timestamp, reading: Reading) -> Self {
        let wall = reading.wall.max(mark.millis());
        Self { boot, mark: Reading { wall, boot: reading.boot }, offset: reading.offset() }
    }

    /// The moment; moves the mark.
    pub fn now(&mut self) -> Now {
        self.at(Reading::take())
    }

    /// The moment of a reading.
    pub fn at(&mut self, reading: Reading) -> Now {
        let passed = reading.boot.saturating_sub(self.mark.boot);
        let wall = reading.wall.max(self.mark.wall.saturating_add_unsigned(passed));
        self.mark = Reading { wall, boot: reading.boot.max(self.mark.boot) };
        Now { wall: Timestamp::from_millis(wall), boot: BootTime { boot: self.boot.clone(), millis: self.mark.boot } }
    }

    /// Whether somebody set the wall clock since the last look.
    pub fn jump(&mut self, reading: Reading) -> Option<ClockJumped> {
        let (before, now) = (self.offset, reading.offset());
        if before.abs_diff(now) < JUMP_MS {
            return None;
        }
        self.offset = now;
        let expected = before.saturating_add_unsigned(reading.boot);
        Some(ClockJumped { expected: Timestamp::from_millis(expected), found: Timestamp::from_millis(reading.wall) })
    }

    /// Lowers the mark to a time that the server signed just now; never below what the computer shows.
    pub fn lower(&mut self, signed: Timestamp, reading: Reading) -> Option<ClockJumped> {
        let before = self.at(reading).wall;
        let lowered = signed.millis().max(reading.wall);
        if before.millis().saturating_sub(lowered) < i64::try_from(JUMP_MS).unwrap_or(0) {
            return None;
        }
        self.mark = Reading { wall: lowered, boot: reading.boot };
        Some(ClockJumped { expected: before, found: Timestamp::from_millis(lowered) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_clock_back_gives_no_time_back() {
        let mut clock = Clock::new("b".into(), Timestamp::from_millis(0), Reading { wall: 100_000, boot: 1_000 });
        let now = clock.at(Reading { wall: 10, boot: 6_000 });
        assert_eq!((now.wall.millis(), now.boot.millis), (105_000, 6_000));
        let jump = clock.jump(Reading { wall: 10, boot: 6_000 }).unwrap();
        assert_eq!((jump.expected.millis(), jump.found.millis()), (105_000, 10));
        assert!(clock.jump(Reading { wall: 11, boot: 6_001 }).is_none(), "reported once");
    }

    #[test]
    fn an_old_mark_holds_across_a_reboot_until_a_signed_time_lowers_it() {
        let mut clock = Clock::new("b".into(), Timestamp::from_millis(900_000), Reading { wall: 100_000, boot: 0 });
        assert_eq!(clock.at(Reading { wall: 101_000, boot: 1_000 }).wall.millis(), 901_000);
        let lowered = clock.lower(Timestamp::from_millis(150_000), Reading { wall: 101_000, boot: 1_000 }).unwrap();
        assert_eq!(lowered.found.millis(), 150_000);
        assert_eq!(clock.at(Reading { wall: 102_000, boot: 2_000 }).wall.millis(), 151_000);
        assert!(clock.lower(Timestamp::from_millis(1), Reading { wall: 102_000, boot: 2_000 }).is_some());
        assert_eq!(clock.at(Reading { wall: 102_000, boot: 2_000 }).wall.millis(), 102_000, "never below what the computer shows");
    }
}
