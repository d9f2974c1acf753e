//! What the form above the report says: conditions, a time, an order, columns. It becomes a query of `GET events`, a saved view, and the
//! links that keep it.

use std::collections::BTreeMap;

use brevet_api::rest::event::{EventQuery, Order};
use brevet_api::rest::view::{EventView, NewEventView, Period};
use brevet_core::time::{Length, Timestamp};
use brevet_core::zone;

use super::columns;
use crate::console::query;
use crate::http::failure::{Failure, Outcome};

/// Every condition but the time, by the names that the API gives them.
pub(super) const CONDITIONS: [&str; 16] = [
    "text",
    "kind",
    "user",
    "computer",
    "policy",
    "outcome",
    "actor",
    "person",
    "computer_group",
    "token",
    "request",
    "grant",
    "session",
    "incarnation",
    "redacted",
    "order",
];

/// The form as it was filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    conditions: BTreeMap<&'static str, String>,
    /// `today`, `7d`, `30d`, `between`, or nothing for any time.
    pub period: String,
    pub from: String,
    pub to: String,
    /// The zone that `from`, `to` and `today` are meant in.
    pub zone: String,
    /// When a period is counted from: the pages of one list are of one time.
    pub at: Option<Timestamp>,
    pub cursor: String,
    pub columns: Vec<&'static str>,
    pub view: String,
}

impl Chosen {
    /// Reads a query; what it says twice counts once, but for columns. `zone` is where the viewer is, unless the query says another.
    pub fn read(text: &str, zone: &str) -> Self {
        let mut out = Self { zone: zone.to_owned(), ..Self::default() };
        let mut named = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let value = value.trim();
            match name.as_ref() {
                "period" => value.clone_into(&mut out.period),
                "from" => value.clone_into(&mut out.from),
                "to" => value.clone_into(&mut out.to),
                "zone" if zone::is_known(value) => value.clone_into(&mut out.zone),
                "at" => out.at = Timestamp::parse(value).ok(),
                "cursor" => value.clone_into(&mut out.cursor),
                "view" => value.clone_into(&mut out.view),
                "column" => named.push(value.to_owned()),
                other => {
                    if let Some(known) = CONDITIONS.iter().find(|known| **known == other).filter(|_| !value.is_empty()) {
                        out.conditions.insert(known, value.to_owned());
                    }
                }
            }
        }
        if out.period.is_empty() && !(out.from.is_empty() && out.to.is_empty()) {
            "between".clone_into(&mut out.period);
        }
        out.columns = columns::known(&named);
        out
    }

    /// A saved view; where it is in the list, and the zone, are the viewer's.
    pub fn of_view(view: &EventView, seen: &Self) -> Outcome<Self> {
        let mut out = Self { zone: seen.zone.clone(), at: seen.at, cursor: seen.cursor.clone(), ..Self::default() };
        let EventQuery { from, to, .. } = &view.query;
        for (name, value) in fields(&EventQuery { from: None, to: None, ..view.query.clone() })? {
            if let Some(known) = CONDITIONS.iter().find(|known| **known == name) {
                out.conditions.insert(known, value);
            }
        }
        let typed = |moment: &Option<Timestamp>| moment.map(|moment| zone::typed(moment, &seen.zone)).unwrap_or_default();
        (out.from, out.to) = (typed(from), typed(to));
        out.period = match view.period {
            Some(Period::Today) => "today",
            Some(Period::Week) => "7d",
            Some(Period::Month) => "30d",
            None if from.is_some() || to.is_some() => "between",
            None => "",
        }
        .into();
        out.columns = columns::known(&view.columns);
        view.id.as_str().clone_into(&mut out.view);
        Ok(out)
    }

    pub fn get(&self, name: &str) -> &str {
        self.conditions.get(name).map_or("", String::as_str)
    }

    /// Whether anything but order and columns is chosen.
    pub fn is_narrowed(&self) -> bool {
        !self.period.is_empty() || self.conditions.keys().any(|name| *name != "order")
    }

    /// From when and until when, as the API takes it.
    fn time(&self, now: Timestamp) -> Outcome<(Option<Timestamp>, Option<Timestamp>)> {
        let at = self.at.unwrap_or(now);
        let days = |days: u64| Ok((Some(at.minus(Length::from_hours(days * 24))), None));
        match self.period.as_str() {
            "" => Ok((None, None)),
            "today" => Ok((Some(zone::day_of(at, &self.zone).unwrap_or(at)), None)),
            "7d" => days(7),
            "30d" => days(30),
            "between" => Ok((self.moment("from", &self.from)?, self.moment("to", &self.to)?)),
            other => Err(Failure::field("period", format!("there is no period {other:?}"))),
        }
    }

    fn moment(&self, field: &str, text: &str) -> Outcome<Option<Timestamp>> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || Failure::field(field, "write a day and a time of day such as 2026-12-01T20:00, or a day alone");
        zone::moment(text, &self.zone).map(Some).ok_or_else(wrong)
    }

    /// As a query of `GET events` and of its export, from `?` on.
    ///
    /// # Errors
    /// `invalid` when a moment cannot be read.
    pub fn asked(&self, now: Timestamp, list: bool) -> Outcome<String> {
        let (from, to) = self.time(now)?;
        let (from, to) = (from.map(|from| from.to_string()).unwrap_or_default(), to.map(|to| to.to_string()).unwrap_or_default());
        let conditions = self.conditions.iter().filter(|(name, _)| list || **name != "order");
        let mut pairs: Vec<(&str, &str)> = conditions.map(|(name, value)| (*name, value.as_str())).collect();
        pairs.extend([("from", from.as_str()), ("to", &to)]);
        if list {
            pairs.push(("cursor", &self.cursor));
        }
        Ok(query(pairs))
    }

    /// What every link of the page keeps: everything but the place in the list.
    pub fn kept(&self, now: Timestamp) -> String {
        let at = if ["today", "7d", "30d"].contains(&self.period.as_str()) { self.at.unwrap_or(now).to_string() } else { String::new() };
        let mut pairs: Vec<(&str, &str)> = self.conditions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.extend([("period", self.period.as_str()), ("at", &at)]);
        if self.period == "between" {
            pairs.extend([("from", self.from.as_str()), ("to", &self.to), ("zone", &self.zone)]);
        }
        if !columns::are_usual(&self.columns) {
            pairs.extend(self.columns.iter().map(|column| ("column", *column)));
        }
        query(pairs)
    }

    /// As a view to save.
    ///
    /// # Errors
    /// `invalid` when a value is none of its kind.
    pub fn to_view(&self, name: &str) -> Outcome<NewEventView> {
        let mut query = serde_json::Map::new();
        for (name, value) in &self.conditions {
            let value = match (*name, value.as_str()) {
                ("redacted", "true") => true.into(),
                ("redacted", "false") => false.into(),
                (_, text) => text.into(),
            };
            query.insert((*name).to_owned(), value);
        }
        let mut query: EventQuery = serde_json::from_value(query.into()).map_err(|error| Failure::field("query", error.to_string()))?;
        let period = match self.period.as_str() {
            "today" => Some(Period::Today),
            "7d" => Some(Period::Week),
            "30d" => Some(Period::Month),
            "between" => {
                (query.from, query.to) = (self.moment("from", &self.from)?, self.moment("to", &self.to)?);
                None
            }
            _ => None,
        };
        let columns = if columns::are_usual(&self.columns) { Vec::new() } else { self.columns.iter().map(ToString::to_string).collect() };
        Ok(NewEventView { name: name.trim().to_owned(), query, period, columns })
    }

    /// Whether the oldest come first.
    pub fn oldest_first(&self) -> bool {
        self.get("order") == order_name(Order::Oldest)
    }
}

const fn order_name(order: Order) -> &'static str {
    match order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
    }
}

/// Each condition that a query has, as text.
fn fields(query: &EventQuery) -> Outcome<Vec<(String, String)>> {
    let value = serde_json::to_value(query)?;
    let object = value.as_object().cloned().unwrap_or_default();
    Ok(object.into_iter().map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-07-01T22:30:00Z").unwrap()
    }

    #[test]
    fn a_time_is_meant_where_the_viewer_is_and_stays_the_same_from_page_to_page() {
        let asked = |text: &str| Chosen::read(text, "Europe/Berlin").asked(now(), true).map_err(|why| why.words());
        assert_eq!(asked("period=today").unwrap(), "?from=2026-07-01T22%3A00%3A00.000Z");
        assert_eq!(asked("period=7d&at=2026-07-01T00:00:00Z").unwrap(), "?from=2026-06-24T00%3A00%3A00.000Z");
        assert_eq!(asked("from=2026-07-01T10:00&kind=grant.*").unwrap(), "?kind=grant.*&from=2026-07-01T08%3A00%3A00.000Z");
        assert_eq!(asked("from=2026-07-01&zone=UTC&cursor=c").unwrap(), "?from=2026-07-01T00%3A00%3A00.000Z&cursor=c");
        assert_eq!(asked("zone=nowhere&unknown=1&order=oldest").unwrap(), "?order=oldest");
        assert!(asked("from=soon").unwrap_err().contains("from"));
        assert!(asked("period=year").unwrap_err().contains("period"));
        let kept = Chosen::read("period=30d&cursor=c", "UTC").kept(now());
        assert_eq!(kept, "?period=30d&at=2026-07-01T22%3A30%3A00.000Z", "the next page is counted from the same moment");
    }

    #[test]
    fn a_view_reads_back_as_what_was_chosen() {
        let chosen =
            Chosen::read("text=a%25b&redacted=false&order=oldest&period=between&from=2026-07-01T10:00&column=seq", "Europe/Berlin");
        let saved = chosen.to_view(" mine ").unwrap();
        assert_eq!((saved.name.as_str(), saved.columns.as_slice()), ("mine", ["kind".to_owned(), "seq".to_owned()].as_slice()));
        let id = brevet_core::id::ViewId::new(1, [1; 10]);
        let view = EventView {
            id,
            name: saved.name,
            query: saved.query,
            period: saved.period,
            columns: saved.columns,
            created: now(),
            changed: now(),
        };
        let read = Chosen::of_view(&view, &Chosen::read("", "Europe/Berlin")).unwrap();
        assert_eq!(read.asked(now(), true).unwrap(), chosen.asked(now(), true).unwrap());
        assert_eq!((read.columns, read.from), (chosen.columns, chosen.from));
        assert!(Chosen::read("redacted=perhaps", "UTC").to_view("x").is_err());
    }
}
