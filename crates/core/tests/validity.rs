//! Recurring validity around the year and over clock changes: at every boundary, a second before and after it.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

#[path = "sample/mod.rs"]
mod sample;

use std::sync::Arc;

use brevet_core::decide::{Fixed, Holds, Policies, holds};
use brevet_core::policy::{ClockTime, FixedFrom, Policy, Validity, Weekday};
use brevet_core::time::{Length, Timestamp};
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

/// Of a set of denies with these validities, with a policy beside it that is none.
fn next_denial(validities: &[Validity], millis: i64) -> Option<u64> {
    let toml = |mode| format!("name = \"P\"\nmode = \"{mode}\"\ncomputers = \"all\"\nusers = \"all\"\napplications = \"all\"");
    let denies = validities.iter().map(|validity| Policy { validity: validity.clone(), ..sample::policy(&toml("deny")) });
    let soon = Timestamp::from_millis(millis + 1);
    let other =
        Policy { validity: Validity::Window { start: soon, end: Timestamp::from_millis(millis + 2) }, ..sample::policy(&toml("request")) };
    let documents = (1..).zip(denies.chain([other])).map(|(id, policy)| Arc::new(sample::document(id, policy))).collect();
    Policies::compile(documents).next_denial(Timestamp::from_millis(millis))
}

#[test]
fn of_several_denies_the_next_that_does_not_hold_yet_counts() {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let window = |start, end| Validity::Window { start: at(start), end: at(end) };
    let soon = window("2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z");
    let later = window("2026-01-05T12:00:00Z", "2026-01-05T13:00:00Z");
    let daily = Hours { days: DAYS.to_vec(), start: 690, end: 700, zone: "UTC" }.validity();
    let fixed = Validity::Fixed { duration: Length::from_hours(1), from: FixedFrom::Delivery };
    let all = [Validity::Always, fixed, later, soon.clone(), daily.clone(), daily];
    let hours = |text: &str| next_denial(&all, at(text).millis()).map(|millis| millis as f64 / 3_600_000.0);
    assert_eq!(hours("2026-01-05T09:00:00Z"), Some(1.0), "the window");
    assert_eq!(hours("2026-01-05T10:00:00Z"), Some(1.5), "the window holds; the daily one is next");
    assert_eq!(hours("2026-01-05T11:30:00Z"), Some(0.5), "the daily one holds; the other window is next");
    assert_eq!(hours("2026-01-05T13:00:00Z"), Some(22.5), "tomorrow");
    assert_eq!(next_denial(&[Validity::Always, soon], at("2026-01-06T00:00:00Z").millis()), None, "none is left");
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

/// So many cases, or as many as `BREVET_CASES` says (`make test-long` says a hundred thousand).
fn cases(cases: u32) -> ProptestConfig {
    let cases = std::env::var("BREVET_CASES").ok().map_or(cases, |wanted| wanted.parse().unwrap());
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

    /// When a deny begins is when it first holds: at that moment, not a millisecond before, and at no moment between; through every
    /// clock change.
    #[test]
    fn the_next_denial_is_when_it_first_holds(hours in hours(), moment in moment(), part in 0u64..1_000_000) {
        let validity = hours.validity();
        let now = place(&hours, moment);
        let denial = next_denial(std::slice::from_ref(&validity), now);
        if left(&validity, now).is_some() {
            prop_assert_eq!(denial, None, "it holds already");
            return Ok(());
        }
        // A window of which the clocks leave nothing comes again; no zone here jumps over it twice within two weeks.
        let begins = denial.unwrap();
        prop_assert!(begins > 0);
        let at = |millis: u64| left(&validity, now + i64::try_from(millis).unwrap());
        prop_assert!(at(begins).is_some(), "at its beginning");
        prop_assert_eq!(at(begins - 1), None, "just before its beginning");
        prop_assert_eq!(at(begins / 1_000_000 * part), None, "before its beginning");
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

/// What a zone's clocks show over some days, minute by minute: the naive way to know when a time is first reached.
struct Shown {
    /// Unix milliseconds and the date and minute that are shown then.
    minutes: Vec<(i64, jiff::civil::Date, u16)>,
}

impl Shown {
    fn around(name: &str, moment: i64) -> Self {
        let zone = zone(name);
        let first = (moment - 4 * DAY).div_euclid(60 * SECOND);
        let minutes = (first..first + 8 * 1440).map(|minute| {
            let shown = jiff::Timestamp::from_millisecond(minute * 60 * SECOND).unwrap().to_zoned(zone.clone());
            (minute * 60 * SECOND, shown.date(), u16::try_from(i32::from(shown.hour()) * 60 + i32::from(shown.minute())).unwrap())
        });
        Self { minutes: minutes.collect() }
    }

    /// The first moment at which the clocks show this time or a later one: where they jump over it, the jump.
    fn reached(&self, date: jiff::civil::Date, minute: u16) -> i64 {
        self.minutes.iter().find(|(_, shown, at)| (*shown, *at) >= (date, minute)).unwrap().0
    }

    /// Every window whose beginning and end lie within what was looked at.
    fn windows(&self, hours: &Hours) -> Vec<(i64, i64)> {
        let first = self.minutes.first().unwrap().1;
        let dates = (1..6).map(|offset| first.checked_add(jiff::Span::new().days(offset)).unwrap());
        let on = |date: &jiff::civil::Date| {
            let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap();
            hours.days.contains(DAYS.get(index).unwrap())
        };
        let window = |date: jiff::civil::Date| {
            let last = if hours.start < hours.end { date } else { date.tomorrow().unwrap() };
            (self.reached(date, hours.start), self.reached(last, hours.end))
        };
        dates.filter(on).map(window).collect()
    }
}

/// Moments at which the clocks of these zones were, or will be, changed: by an hour, by half an hour, at midnight, over a whole day,
/// and once for good.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("America/St_Johns", "2011-03-13T03:31:00Z"),
    ("America/St_Johns", "2011-11-06T04:30:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2019-02-17T02:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
];

#[test]
fn around_every_change_of_the_clocks_it_is_what_minute_by_minute_looking_says_a_second_either_side() {
    let edges = [(0u16, 0u16), (0, 60), (30, 150), (120, 180), (130, 170), (150, 300), (60, 150), (1320, 360), (1410, 30), (150, 150)];
    for (name, moment) in CHANGES {
        let change = Timestamp::parse(moment).unwrap().millis();
        let before = jiff::Timestamp::from_millisecond(change - 1).unwrap();
        let next = zone(name).following(before).next().unwrap().timestamp().as_millisecond();
        assert_eq!(next, change, "{name} changes its clocks then");
        let shown = Shown::around(name, change);
        for (start, end) in edges {
            for days in [DAYS.to_vec(), vec![Weekday::Sun], vec![Weekday::Fri, Weekday::Sat]] {
                let hours = Hours { days, start, end, zone: FOUND.iter().zip(ZONES).find(|(_, known)| *known == name).unwrap().1 };
                let (validity, windows) = (hours.validity(), shown.windows(&hours));
                for minute in (-300..=300).step_by(15) {
                    for at in [-SECOND, 0, SECOND].map(|second| change + minute * 60 * SECOND + second) {
                        let found = left(&validity, at).is_some();
                        let expected = windows.iter().any(|(start, end)| *start <= at && at < *end);
                        assert_eq!(found, expected, "{name} {hours:?} at {}", Timestamp::from_millis(at));
                    }
                }
            }
        }
    }
}

#[test]
fn the_leap_day_is_a_day_and_the_day_that_is_not_there_is_no_moment() {
    let hours = |days: &[Weekday]| Hours { days: days.to_vec(), start: 0, end: 0, zone: "UTC" };
    let at = |text: &str| Timestamp::parse(text).unwrap().millis();
    // 2028-02-29 is a Tuesday.
    for (text, expected) in
        [("2028-02-28T23:59:59Z", false), ("2028-02-29T00:00:00Z", true), ("2028-02-29T23:59:59Z", true), ("2028-03-01T00:00:00Z", false)]
    {
        assert_eq!(left(&hours(&[Weekday::Tue]).validity(), at(text)).is_some(), expected, "{text}");
    }
    let window = Validity::Window {
        start: Timestamp::parse("2028-02-29T12:00:00Z").unwrap(),
        end: Timestamp::parse("2028-03-01T12:00:00Z").unwrap(),
    };
    assert_eq!(left(&window, at("2028-02-29T12:00:00Z")), Some(86_400_000));
    for wrong in ["2027-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", ""]
    {
        assert!(Timestamp::parse(wrong).is_err(), "{wrong}");
    }
}
