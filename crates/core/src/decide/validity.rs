//! Whether a policy holds at a moment, and for how long still.
//!
//! Recurring windows follow the wall clock of their zone. A window opens the first time that its start is reached and closes the first
//! time that its end is reached; where the clocks jump over one of them, the jump is that moment. So on days when they are set
//! back a window that spans the change is longer by the repeated hour, and when they are set forward shorter by the lost one.

use super::Fixed;
use crate::policy::{ClockTime, Validity, Weekday};
use crate::time::{Length, Timestamp};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// Whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// It does, for so many milliseconds still (`u64::MAX`: without end).
    For(u64),
    /// It does not, and why.
    No(String),
}

/// Where a validity stands at a moment.
#[must_use]
pub fn holds(validity: &Validity, fixed: Fixed, wall: Timestamp) -> Holds {
    match validity {
        Validity::Always => Holds::For(u64::MAX),
        Validity::Fixed { duration, from: _ } => fixed_holds(*duration, fixed),
        Validity::Window { start, end } if wall < *start => Holds::No(format!("begins at {start}, until {end}")),
        Validity::Window { end, .. } if wall >= *end => Holds::No(format!("ended at {end}")),
        Validity::Window { end, .. } => Holds::For(end.millis_since(wall)),
        Validity::Recurring { days, start, end, zone } => recurring_holds(&Recurring { days, start: *start, end: *end, zone }, wall),
    }
}

fn fixed_holds(duration: Length, fixed: Fixed) -> Holds {
    let elapsed = match fixed {
        Fixed::NotStarted => 0,
        Fixed::Started { elapsed_millis } => elapsed_millis,
    };
    match duration.millis().checked_sub(elapsed) {
        Some(left) if left > 0 => Holds::For(left),
        Some(_) | None => Holds::No(format!("its {duration} are over")),
    }
}

/// Days and hours of a zone, from a policy's validity or an autonomous rule's hours.
pub(crate) struct Recurring<'a> {
    pub days: &'a [Weekday],
    pub start: ClockTime,
    pub end: ClockTime,
    pub zone: &'a str,
}

/// The zone with that IANA name, from the data that is built in: never from files.
pub(crate) fn find_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// How many days ahead adjoining windows are joined: a week and the days around it.
const JOINED_DAYS: i32 = 9;

pub(crate) fn recurring_holds(recurring: &Recurring<'_>, wall: Timestamp) -> Holds {
    let Some(zone) = find_zone(recurring.zone) else {
        return Holds::No(format!("the zone \"{}\" is not known", crate::escape::terminal(recurring.zone.as_bytes())));
    };
    match held_until(recurring, &zone, wall) {
        Some(until) => Holds::For(until.millis_since(wall)),
        None => Holds::No(format!("holds {}", describe(recurring))),
    }
}

/// Milliseconds from a moment at which a validity does not hold until it begins to. `None` where it holds, where it never will again,
/// and where it does not within the next two weeks. A fixed one never begins later than with what it is part of.
pub(crate) fn begins_in(validity: &Validity, wall: Timestamp) -> Option<u64> {
    match validity {
        Validity::Always | Validity::Fixed { .. } => None,
        Validity::Window { start, .. } => Some(start.millis_since(wall)).filter(|millis| *millis > 0),
        Validity::Recurring { days, start, end, zone } => {
            let recurring = Recurring { days, start: *start, end: *end, zone };
            let zone = find_zone(recurring.zone)?;
            let today = jiff::Timestamp::from_millisecond(wall.millis()).ok()?.to_zoned(zone.clone()).date();
            if held_until(&recurring, &zone, wall).is_some() {
                return None;
            }
            // From the day before: a zone that skipped a day. A window that the clocks jumped over is none.
            let dates = (-1..=SEARCHED_DAYS).filter_map(|offset| today.checked_add(jiff::Span::new().days(offset)).ok());
            let mut windows = dates.filter_map(|date| window_on(&recurring, &zone, date));
            windows.find(|(start, end)| *start > wall && start < end).map(|(start, _)| start.millis_since(wall))
        }
    }
}

/// When a validity that does not hold begins to again, in words, in its own zone; empty where it says so itself already.
pub(crate) fn opens(validity: &Validity, wall: Timestamp) -> String {
    match validity {
        Validity::Always => String::new(),
        Validity::Fixed { .. } => "it begins again only where it is renewed".into(),
        Validity::Window { end, .. } if wall >= *end => "it will not hold again".into(),
        Validity::Window { .. } => String::new(),
        Validity::Recurring { zone, .. } => {
            let Some(found) = find_zone(zone) else { return String::new() };
            let days = SEARCHED_DAYS.saturating_sub(1);
            let next = begins_in(validity, wall).and_then(|millis| i64::try_from(millis).ok()?.checked_add(wall.millis()));
            let next = next.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()).map(|next| next.to_zoned(found));
            match next {
                Some(next) => {
                    format!("it holds again from {} in {}", next.strftime("%a %Y-%m-%d %H:%M"), crate::escape::terminal(zone.as_bytes()))
                }
                None => format!("it does not hold within the next {days} days"),
            }
        }
    }
}

/// How many days ahead the next window is looked for: a weekly one that the clocks jump over once.
const SEARCHED_DAYS: i32 = 15;

/// The end of the window that holds at a moment, joined with those that begin before it ends.
fn held_until(recurring: &Recurring<'_>, zone: &TimeZone, wall: Timestamp) -> Option<Timestamp> {
    let today = jiff::Timestamp::from_millisecond(wall.millis()).ok()?.to_zoned(zone.clone()).date();
    let mut until: Option<Timestamp> = None;
    // From two days before: a window of up to 24 hours, and a zone that skipped a day.
    for offset in -2..=JOINED_DAYS {
        let Ok(date) = today.checked_add(jiff::Span::new().days(offset)) else { continue };
        let Some((start, end)) = window_on(recurring, zone, date) else { continue };
        let reached = until.unwrap_or(wall);
        if start > reached {
            // Those of later dates begin no earlier.
            break;
        }
        if reached < end {
            until = Some(end);
        }
    }
    until
}

/// The window that starts on a date, where that date is one of the days.
fn window_on(recurring: &Recurring<'_>, zone: &TimeZone, date: Date) -> Option<(Timestamp, Timestamp)> {
    if !recurring.days.contains(&weekday(date)) {
        return None;
    }
    let last = if recurring.end > recurring.start { date } else { date.tomorrow().ok()? };
    Some((first_moment(zone, date.to_datetime(time(recurring.start)))?, first_moment(zone, last.to_datetime(time(recurring.end)))?))
}

/// The first moment at which the zone's clocks show a time, or at which they jump over it.
fn first_moment(zone: &TimeZone, shown: DateTime) -> Option<Timestamp> {
    let moment = match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset.to_timestamp(shown).ok()?,
        AmbiguousOffset::Gap { after, .. } => zone.following(after.to_timestamp(shown).ok()?).next()?.timestamp(),
    };
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

fn time(clock: ClockTime) -> Time {
    let part = |n: u16| i8::try_from(n).unwrap_or(0);
    Time::new(part(clock.minutes() / 60), part(clock.minutes() % 60), 0, 0).unwrap_or(Time::MIN)
}

fn weekday(date: Date) -> Weekday {
    match date.weekday() {
        jiff::civil::Weekday::Monday => Weekday::Mon,
        jiff::civil::Weekday::Tuesday => Weekday::Tue,
        jiff::civil::Weekday::Wednesday => Weekday::Wed,
        jiff::civil::Weekday::Thursday => Weekday::Thu,
        jiff::civil::Weekday::Friday => Weekday::Fri,
        jiff::civil::Weekday::Saturday => Weekday::Sat,
        jiff::civil::Weekday::Sunday => Weekday::Sun,
    }
}

fn describe(recurring: &Recurring<'_>) -> String {
    let days: Vec<String> = recurring.days.iter().map(|day| format!("{day:?}").to_lowercase()).collect();
    let (start, end) = (String::from(recurring.start), String::from(recurring.end));
    format!("{} from {start} to {end} in {}", days.join(", "), crate::escape::terminal(recurring.zone.as_bytes()))
}

/// The moment at which the day of a zone began that a moment lies in.
pub(crate) fn day_start(zone: &TimeZone, wall: Timestamp) -> Option<Timestamp> {
    let zoned = jiff::Timestamp::from_millisecond(wall.millis()).ok()?.to_zoned(zone.clone());
    zoned.start_of_day().ok().map(|start| Timestamp::from_millis(start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }
    fn clock(text: &str) -> ClockTime {
        ClockTime::try_from(text.to_owned()).unwrap()
    }
    fn recurring(days: &[Weekday], start: &str, end: &str, zone: &str) -> Validity {
        Validity::Recurring { days: days.to_vec(), start: clock(start), end: clock(end), zone: zone.into() }
    }
    fn left(validity: &Validity, moment: &str) -> Option<u64> {
        match holds(validity, Fixed::NotStarted, at(moment)) {
            Holds::For(millis) => Some(millis / 1000),
            Holds::No(_) => None,
        }
    }
    const ALL: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

    #[test]
    fn a_fixed_duration_is_over_at_its_last_millisecond() {
        let validity = Validity::Fixed { duration: Length::from_seconds(10), from: crate::policy::FixedFrom::Delivery };
        let after = |elapsed_millis| holds(&validity, Fixed::Started { elapsed_millis }, at("2026-01-01T00:00:00Z"));
        assert_eq!(after(0), Holds::For(10_000));
        assert_eq!(after(9_999), Holds::For(1));
        assert!(matches!(after(10_000), Holds::No(_)));
        assert!(matches!(after(u64::MAX), Holds::No(_)));
        assert_eq!(holds(&validity, Fixed::NotStarted, at("2026-01-01T00:00:00Z")), Holds::For(10_000));
    }

    #[test]
    fn a_window_holds_from_its_start_until_before_its_end() {
        let validity = Validity::Window { start: at("2026-12-01T20:00:00Z"), end: at("2026-12-02T02:00:00Z") };
        assert_eq!(left(&validity, "2026-12-01T19:59:59Z"), None);
        assert_eq!(left(&validity, "2026-12-01T20:00:00Z"), Some(6 * 3600));
        assert_eq!(left(&validity, "2026-12-02T01:59:59Z"), Some(1));
        assert_eq!(left(&validity, "2026-12-02T02:00:00Z"), None);
    }

    #[test]
    fn office_hours_follow_the_zone_in_summer_and_winter() {
        let validity = recurring(&[Weekday::Mon, Weekday::Fri], "09:00", "17:00", "Europe/Berlin");
        // Monday in winter (+1), Monday in summer (+2).
        assert_eq!(left(&validity, "2026-01-05T07:59:59Z"), None);
        assert_eq!(left(&validity, "2026-01-05T08:00:00Z"), Some(8 * 3600));
        assert_eq!(left(&validity, "2026-01-05T15:59:59Z"), Some(1));
        assert_eq!(left(&validity, "2026-01-05T16:00:00Z"), None);
        assert_eq!(left(&validity, "2026-07-06T06:59:59Z"), None);
        assert_eq!(left(&validity, "2026-07-06T07:00:00Z"), Some(8 * 3600));
        assert_eq!(left(&validity, "2026-07-07T08:00:00Z"), None, "a Tuesday");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_starts() {
        let validity = recurring(&[Weekday::Sat], "22:00", "06:00", "UTC");
        assert_eq!(left(&validity, "2026-01-03T21:59:59Z"), None);
        assert_eq!(left(&validity, "2026-01-03T22:00:00Z"), Some(8 * 3600));
        assert_eq!(left(&validity, "2026-01-04T05:59:59Z"), Some(1));
        assert_eq!(left(&validity, "2026-01-04T06:00:00Z"), None);
        assert_eq!(left(&validity, "2026-01-03T05:00:00Z"), None, "the night before is Friday's");
    }

    #[test]
    fn equal_start_and_end_is_a_whole_day_and_adjoining_days_are_one() {
        let one = recurring(&[Weekday::Sun], "12:00", "12:00", "UTC");
        assert_eq!(left(&one, "2026-01-04T11:59:59Z"), None);
        assert_eq!(left(&one, "2026-01-04T12:00:00Z"), Some(86_400));
        assert_eq!(left(&one, "2026-01-05T12:00:00Z"), None);
        let always = recurring(&ALL, "00:00", "00:00", "UTC");
        assert!(left(&always, "2026-01-04T23:59:59Z").unwrap() > 7 * 86_400);
    }

    #[test]
    fn when_clocks_go_forward_a_skipped_time_is_the_moment_of_the_jump() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00Z.
        let starts_in_gap = recurring(&[Weekday::Sun], "02:30", "05:00", "Europe/Berlin");
        assert_eq!(left(&starts_in_gap, "2026-03-29T00:59:59Z"), None);
        assert_eq!(left(&starts_in_gap, "2026-03-29T01:00:00Z"), Some(2 * 3600));
        let ends_in_gap = recurring(&[Weekday::Sun], "01:00", "02:30", "Europe/Berlin");
        assert_eq!(left(&ends_in_gap, "2026-03-29T00:59:59Z"), Some(1));
        assert_eq!(left(&ends_in_gap, "2026-03-29T01:00:00Z"), None);
        let inside = recurring(&[Weekday::Sun], "02:10", "02:50", "Europe/Berlin");
        assert_eq!(left(&inside, "2026-03-29T01:00:00Z"), None, "the whole window was skipped");
        let at_its_edge = recurring(&[Weekday::Sun], "02:00", "03:00", "Europe/Berlin");
        assert_eq!(left(&at_its_edge, "2026-03-29T01:00:00Z"), None);
        let across = recurring(&[Weekday::Sat], "22:00", "06:00", "Europe/Berlin");
        assert_eq!(left(&across, "2026-03-28T21:00:00Z"), Some(7 * 3600));
    }

    #[test]
    fn when_clocks_go_back_a_repeated_time_is_its_first_moment() {
        // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00Z; 02:30 is at 00:30Z and 01:30Z.
        let starts_in_fold = recurring(&[Weekday::Sun], "02:30", "04:00", "Europe/Berlin");
        assert_eq!(left(&starts_in_fold, "2026-10-25T00:29:59Z"), None);
        assert_eq!(left(&starts_in_fold, "2026-10-25T00:30:00Z"), Some(9000));
        assert_eq!(left(&starts_in_fold, "2026-10-25T02:59:59Z"), Some(1));
        assert_eq!(left(&starts_in_fold, "2026-10-25T03:00:00Z"), None);
        let ends_in_fold = recurring(&[Weekday::Sun], "01:00", "02:30", "Europe/Berlin");
        assert_eq!(left(&ends_in_fold, "2026-10-25T00:29:59Z"), Some(1));
        assert_eq!(left(&ends_in_fold, "2026-10-25T00:30:00Z"), None);
        assert_eq!(left(&ends_in_fold, "2026-10-25T01:15:00Z"), None, "not again in the repeated hour");
    }

    #[test]
    fn a_day_that_a_zone_skipped_does_not_confuse_it() {
        // Samoa had no 2011-12-30: from 10:00Z on the 30th it was the 31st.
        let validity = recurring(&[Weekday::Fri], "09:00", "17:00", "Pacific/Apia");
        assert_eq!(left(&validity, "2011-12-30T09:59:59Z"), None);
        assert_eq!(left(&validity, "2011-12-30T10:00:00Z"), None);
        assert_eq!(left(&validity, "2011-12-30T20:00:00Z"), None);
    }

    #[test]
    fn when_it_opens_next_is_said_in_its_own_zone() {
        let hours = recurring(&[Weekday::Mon, Weekday::Fri], "22:00", "06:00", "Europe/Berlin");
        assert_eq!(opens(&hours, at("2026-01-05T20:59:59Z")), "it holds again from Mon 2026-01-05 22:00 in Europe/Berlin");
        assert_eq!(opens(&hours, at("2026-01-06T05:00:00Z")), "it holds again from Fri 2026-01-09 22:00 in Europe/Berlin");
        assert_eq!(opens(&recurring(&[], "22:00", "06:00", "UTC"), at("2026-01-06T05:00:00Z")), "it does not hold within the next 14 days");
        assert_eq!(opens(&recurring(&ALL, "22:00", "06:00", "Mars/Olympus"), at("2026-01-06T12:00:00Z")), "");
        // What the clocks jump over is not when it opens: Berlin, 2026-03-29.
        let jumped = recurring(&[Weekday::Sun], "02:10", "02:50", "Europe/Berlin");
        assert_eq!(opens(&jumped, at("2026-03-28T12:00:00Z")), "it holds again from Sun 2026-04-05 02:10 in Europe/Berlin");
        let window = Validity::Window { start: at("2026-12-01T20:00:00Z"), end: at("2026-12-02T02:00:00Z") };
        assert_eq!(opens(&window, at("2026-12-01T19:59:59Z")), "", "when it begins is said already");
        assert_eq!(opens(&window, at("2026-12-02T02:00:00Z")), "it will not hold again");
        let fixed = Validity::Fixed { duration: Length::from_seconds(10), from: crate::policy::FixedFrom::Delivery };
        assert_eq!(opens(&fixed, at("2026-12-02T02:00:00Z")), "it begins again only where it is renewed");
    }

    #[test]
    fn an_unknown_zone_and_moments_out_of_range_hold_nothing() {
        assert_eq!(left(&recurring(&ALL, "00:00", "00:00", "Mars/Olympus"), "2026-01-04T23:59:59Z"), None);
        let always = recurring(&ALL, "00:00", "00:00", "UTC");
        for extreme in [i64::MIN, i64::MAX] {
            assert!(matches!(holds(&always, Fixed::NotStarted, Timestamp::from_millis(extreme)), Holds::No(_)));
        }
    }
}
