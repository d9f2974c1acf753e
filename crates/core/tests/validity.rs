//! Recurring validity around the year and over clock changes: at every boundary, a second before and after it.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use brevet_core::decide::{Fixed, Holds, holds};
use brevet_core::policy::{ClockTime, Validity, Weekday};
use brevet_core::time::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::LazyLock;

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe", // half an hour of daylight saving
    "Asia/Kathmandu",
    "America/Sao_Paulo", // changed at midnight
    "Pacific/Apia",
];
const DAYS: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;

static FOUND: LazyLock<Vec<TimeZone>> = LazyLock::new(|| ZONES.iter().map(|name| TimeZoneDatabase::bundled().get(name).unwrap()).collect());

fn zone(name: &str) -> TimeZone {
    FOUND.iter().find(|zone| zone.iana_name() == Some(name)).unwrap().clone()
}

fn left(validity: &Validity, millis: i64) -> Option<u64> {
    match holds(validity, Fixed::NotStarted, Timestamp::from_millis(millis)) {
        Holds::For(left) => Some(left),
        Holds::No(_) => None,
    }
}

#[derive(Debug, Clone)]
struct Hours {
    days: Vec<Weekday>,
    start: u16,
    end: u16,
    zone: &'static str,
}

impl Hours {
    fn validity(&self) -> Validity {
        let clock = |minutes: u16| ClockTime::try_from(format!("{:02}:{:02}", minutes / 60, minutes % 60)).unwrap();
        Validity::Recurring { days: self.days.clone(), start: clock(self.start), end: clock(self.end), zone: self.zone.into() }
    }

    /// What the wall clock alone says; right wherever no clock was changed within a day of it.
    fn naive(&self, millis: i64) -> bool {
        let shown = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(zone(self.zone));
        let minute = u16::try_from(i32::from(shown.hour()) * 60 + i32::from(shown.minute())).unwrap();
        let on = |date: jiff::civil::Date| {
            let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap();
            DAYS.get(index).is_some_and(|day| self.days.contains(day))
        };
        let (today, yesterday) = (on(shown.date()), on(shown.date().yesterday().unwrap()));
        if self.start < self.end {
            today && self.start <= minute && minute < self.end
        } else {
            today && minute >= self.start || yesterday && minute < self.end
        }
    }

    fn clock_changes_near(&self, millis: i64) -> bool {
        let since = jiff::Timestamp::from_millisecond(millis - 2 * DAY).unwrap();
        let next = zone(self.zone).following(since).next().map(|change| change.timestamp().as_millisecond());
        next.is_some_and(|change| change <= millis + 2 * DAY)
    }
}

fn hours() -> impl Strategy<Value = Hours> {
    let minute = || prop_oneof![select(vec![0u16, 1, 60, 119, 120, 150, 179, 180, 540, 1020, 1320, 1439]), 0u16..1440];
    (subsequence(DAYS.to_vec(), 1..=7), minute(), minute(), select(ZONES.to_vec())).prop_map(|(days, start, end, zone)| Hours {
        days,
        start,
        end,
        zone,
    })
}

/// Any moment of 2010 to 2027, often close to a change of the zone's clocks.
fn moment() -> impl Strategy<Value = (i64, bool, i64)> {
    let year = 365 * DAY;
    (40 * year..57 * year, any::<bool>(), -2 * DAY..2 * DAY)
}

fn place(hours: &Hours, (millis, at_change, offset): (i64, bool, i64)) -> i64 {
    let change =
        zone(hours.zone).following(jiff::Timestamp::from_millisecond(millis).unwrap()).next().map(|t| t.timestamp().as_millisecond());
    change.filter(|_| at_change).map_or(millis, |change| change + offset) / SECOND * SECOND
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(800))]

    /// What is told as left is what is left: it holds up to the last second and not at the end, through every clock change.
    #[test]
    fn what_is_left_is_true(hours in hours(), moment in moment(), part in 0u64..1_000_000) {
        let validity = hours.validity();
        let now = place(&hours, moment);
        let Some(millis) = left(&validity, now) else { return Ok(()) };
        prop_assert!(millis > 0);
        // Windows are joined for somewhat over a week ahead; one that is longer has no end to look at.
        if millis >= 8 * 86_400_000 {
            return Ok(());
        }
        let end = now + i64::try_from(millis).unwrap();
        prop_assert_eq!(left(&validity, end - SECOND).is_some(), millis >= 1000, "a second before its end");
        prop_assert_eq!(left(&validity, end - 1), Some(1));
        prop_assert_eq!(left(&validity, end), None, "at its end");
        let later = millis / 1000 * part / 1000;
        prop_assert_eq!(left(&validity, now + i64::try_from(later).unwrap()), Some(millis - later), "in between");
    }

    #[test]
    fn away_from_clock_changes_it_is_what_the_wall_clock_shows(hours in hours(), moment in moment()) {
        let now = place(&hours, moment);
        if !hours.clock_changes_near(now) {
            prop_assert_eq!(left(&hours.validity(), now).is_some(), hours.naive(now));
        }
    }

    /// Each start and each end that the wall clock shows is met to the second.
    #[test]
    fn boundaries_are_met_to_the_second(hours in hours(), moment in moment()) {
        let validity = hours.validity();
        let now = place(&hours, moment);
        let midnight = jiff::Timestamp::from_millisecond(now).unwrap().to_zoned(zone(hours.zone)).start_of_day().unwrap().timestamp().as_millisecond();
        if !hours.clock_changes_near(now) {
            for minute in [hours.start, hours.end] {
                let boundary = midnight + i64::from(minute) * 60 * SECOND;
                for at in [boundary - SECOND, boundary, boundary + SECOND] {
                    prop_assert_eq!(left(&validity, at).is_some(), hours.naive(at), "{} s from it", (at - boundary) / SECOND);
                }
            }
        }
    }

    #[test]
    fn a_window_is_met_to_the_second(start in -DAY..DAY, length in 1i64..DAY) {
        let (start, end) = (start, start + length);
        let validity = Validity::Window { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) };
        for at in [start - SECOND, start - 1, start, start + SECOND, end - SECOND, end - 1, end, end + SECOND] {
            let expected = (start <= at && at < end).then(|| u64::try_from(end - at).unwrap());
            prop_assert_eq!(left(&validity, at), expected);
        }
    }
}
