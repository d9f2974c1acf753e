//! Moments as people type them, in a zone of theirs: `2026-12-01T20:00`, or a day alone.
//!
//! Nothing here asks what time it is, or where somebody is.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::decide::find_zone;
use crate::time::Timestamp;

/// Whether there is an IANA zone of this name.
#[must_use]
pub fn is_known(zone: &str) -> bool {
    find_zone(zone).is_some_and(|found| found.iana_name() == Some(zone))
}

/// A moment from RFC 3339, or from a day and time of day in a zone, or from a day there: its beginning. In an hour that the clocks skip,
/// as much later as they skip; in one that comes twice, the first time.
#[must_use]
pub fn moment(text: &str, zone: &str) -> Option<Timestamp> {
    if let Ok(exact) = Timestamp::parse(text) {
        return Some(exact);
    }
    let zone = find_zone(zone)?;
    let typed = match text.parse::<Date>() {
        Ok(day) if text.len() == 10 => return begins(day, zone),
        _ => text.parse::<DateTime>().ok()?,
    };
    Some(Timestamp::from_millis(typed.to_zoned(zone).ok()?.timestamp().as_millisecond()))
}

/// When the day of a moment began in a zone.
#[must_use]
pub fn day_of(moment: Timestamp, zone: &str) -> Option<Timestamp> {
    let zone = find_zone(zone)?;
    let day = jiff::Timestamp::from_millisecond(moment.millis()).ok()?.to_zoned(zone.clone()).date();
    begins(day, zone)
}

/// Not always at midnight: some clocks skip that hour.
fn begins(day: Date, zone: TimeZone) -> Option<Timestamp> {
    let begins = day.to_zoned(zone).ok()?.start_of_day().ok()?;
    Some(Timestamp::from_millis(begins.timestamp().as_millisecond()))
}

/// A moment as it is typed in a zone, to the minute; as RFC 3339 where there is no such zone.
#[must_use]
pub fn typed(moment: Timestamp, zone: &str) -> String {
    let there = find_zone(zone).zip(jiff::Timestamp::from_millisecond(moment.millis()).ok());
    there.map_or_else(|| moment.to_string(), |(zone, exact)| exact.to_zoned(zone).datetime().strftime("%Y-%m-%dT%H:%M").to_string())
}

/// The last days in a zone, as many as asked for, that of a moment the last of them: the date of each, and when it begins; and when the
/// last one ends.
#[must_use]
pub fn days(now: Timestamp, count: u32, zone: &str) -> Option<(Vec<(String, Timestamp)>, Timestamp)> {
    let zone = find_zone(zone)?;
    let today = jiff::Timestamp::from_millisecond(now.millis()).ok()?.to_zoned(zone.clone()).date();
    let (mut days, mut day) = (Vec::new(), today);
    for _ in 0..count {
        days.push((day.to_string(), begins(day, zone.clone())?));
        day = day.yesterday().ok()?;
    }
    days.reverse();
    Some((days, begins(today.tomorrow().ok()?, zone)?))
}

/// By how many milliseconds clocks in a zone are ahead of UTC in a time: at its beginning, and from each moment in it at which that changes.
#[must_use]
pub fn ahead(from: Timestamp, to: Timestamp, zone: &str) -> Option<(i64, Vec<(Timestamp, i64)>)> {
    let zone = find_zone(zone)?;
    let begin = jiff::Timestamp::from_millisecond(from.millis()).ok()?;
    let millis = |offset: jiff::tz::Offset| i64::from(offset.seconds()).saturating_mul(1000);
    let change =
        |change: jiff::tz::TimeZoneTransition<'_>| (Timestamp::from_millis(change.timestamp().as_millisecond()), millis(change.offset()));
    let changes = zone.following(begin).map(change).take_while(|(at, _)| *at < to).collect();
    Some((millis(zone.to_offset(begin)), changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn what_is_typed_is_meant_in_the_zone_of_whoever_types_it() {
        let berlin = |text: &str| moment(text, "Europe/Berlin");
        assert_eq!(berlin("2026-07-01T10:00"), Some(at("2026-07-01T08:00:00Z")));
        assert_eq!(berlin("2026-12-01"), Some(at("2026-11-30T23:00:00Z")));
        assert_eq!(berlin("2026-12-01T10:00:00Z"), Some(at("2026-12-01T10:00:00Z")), "what is exact is taken as it is");
        // The night in which the clocks skip an hour, and the one in which an hour comes twice.
        assert_eq!(berlin("2026-03-29T02:30"), Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(berlin("2026-10-25T02:30"), Some(at("2026-10-25T00:30:00Z")));
        for wrong in ["", "soon", "2026-02-30", "2026-13-01T10:00", "10:00"] {
            assert_eq!(berlin(wrong), None, "{wrong}");
        }
        assert_eq!(moment("2026-12-01", "Europe/Nowhere"), None);
        assert!(is_known("Europe/Berlin") && !is_known("europe/berlin") && !is_known("../../etc/passwd"));
    }

    #[test]
    fn a_day_begins_where_somebody_is_also_where_the_clocks_skip_midnight() {
        assert_eq!(day_of(at("2026-07-01T22:30:00Z"), "Europe/Berlin"), Some(at("2026-07-01T22:00:00Z")));
        assert_eq!(day_of(at("2026-09-06T12:00:00Z"), "America/Santiago"), Some(at("2026-09-06T04:00:00Z")));
        assert_eq!(typed(at("2026-07-01T08:05:59Z"), "Europe/Berlin"), "2026-07-01T10:05");
        assert_eq!(typed(at("2026-07-01T08:05:59Z"), "nowhere"), "2026-07-01T08:05:59.000Z");
    }

    #[test]
    fn days_of_a_zone_are_as_long_as_they_are_there() {
        let (days, end) = days(at("2026-10-26T12:00:00Z"), 3, "Europe/Berlin").unwrap();
        let said: Vec<(&str, Timestamp)> = days.iter().map(|(day, begins)| (day.as_str(), *begins)).collect();
        let begins = [
            ("2026-10-24", at("2026-10-23T22:00:00Z")),
            ("2026-10-25", at("2026-10-24T22:00:00Z")),
            ("2026-10-26", at("2026-10-25T23:00:00Z")),
        ];
        assert_eq!((said.as_slice(), end), (begins.as_slice(), at("2026-10-26T23:00:00Z")));
        let hour = 3_600_000;
        assert_eq!(ahead(begins[0].1, end, "Europe/Berlin"), Some((2 * hour, vec![(at("2026-10-25T01:00:00Z"), hour)])));
        assert_eq!(ahead(begins[0].1, end, "UTC"), Some((0, Vec::new())));
        assert_eq!(ahead(begins[0].1, end, "Europe/Nowhere"), None);
    }
}
