//! Bars of a number for each day: drawn here, with a table beside them for whoever does not see them. Each leads to the events behind it.

use brevet_api::rest::event::EventCounts;

use super::visitor::query;

const STEP: u64 = 10;
const HEIGHT: u64 = 48;

/// One day.
pub(super) struct Bar {
    pub day: String,
    pub count: u64,
    /// Where the events behind it are.
    pub to: String,
    pub x: u64,
    pub y: u64,
    pub height: u64,
}

/// One kind of event over some days.
pub(super) struct Chart {
    pub id: &'static str,
    pub title: &'static str,
    pub total: u64,
    /// The events of all days.
    pub to: String,
    pub width: u64,
    pub bars: Vec<Bar>,
}

/// A chart of the kind at a place among those that were counted.
pub(super) fn chart((id, title, kind): (&'static str, &'static str, &'static str), place: usize, counts: &EventCounts) -> Chart {
    let count = |counts: &[u64]| counts.get(place).copied().unwrap_or(0);
    let most = counts.days.iter().map(|day| count(&day.counts)).max().unwrap_or(0).max(1);
    let events = |from: String, to: String| format!("/events{}", query([("kind", kind), ("from", from.as_str()), ("to", to.as_str())]));
    let bar = |(at, day): (u64, &brevet_api::rest::event::DayCounts)| {
        let count = count(&day.counts);
        // Every day that has any is seen.
        let height = if count == 0 { 0 } else { count.saturating_mul(HEIGHT).checked_div(most).unwrap_or(0).max(2) };
        Bar {
            day: day.day.clone(),
            count,
            to: events(day.from.to_string(), day.to.to_string()),
            x: at.saturating_mul(STEP),
            y: HEIGHT.saturating_sub(height),
            height,
        }
    };
    Chart {
        id,
        title,
        total: counts.days.iter().map(|day| count(&day.counts)).sum(),
        to: events(counts.from.to_string(), counts.to.to_string()),
        width: u64::try_from(counts.days.len()).unwrap_or(0).saturating_mul(STEP),
        bars: (0..).zip(&counts.days).map(bar).collect(),
    }
}

#[cfg(test)]
mod tests {
    use brevet_api::rest::event::DayCounts;
    use brevet_core::time::Timestamp;

    use super::*;

    #[test]
    fn the_highest_day_fills_the_chart_and_a_single_event_is_seen() {
        let day = |n: i64, count: u64| {
            let at = |n: i64| Timestamp::from_millis(n * 86_400_000);
            DayCounts { day: n.to_string(), from: at(n), to: at(n + 1), counts: vec![0, count] }
        };
        let days = vec![day(0, 0), day(1, 1), day(2, 1000)];
        let counts = EventCounts { from: days[0].from, to: days[2].to, days };
        let chart = chart(("a", "A", "a.b"), 1, &counts);
        assert_eq!(chart.bars.iter().map(|bar| bar.height).collect::<Vec<_>>(), [0, 2, HEIGHT]);
        assert_eq!((chart.total, chart.width), (1001, 30));
        assert!(chart.bars[1].to.contains("kind=a.b&from=1970-01-02T00%3A00%3A00.000Z&to=1970-01-03"), "{}", chart.bars[1].to);
    }
}
