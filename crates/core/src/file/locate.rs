//! Finding the line of a field in TOML text, for errors that parsing alone does not see.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line, from 1, of a place in the text.
pub fn line_at(text: &str, place: usize) -> usize {
    text.get(..place).map_or(1, |before| before.matches('\n').count() + 1)
}

/// Where everything stands in a text.
pub struct Places<'t> {
    text: &'t str,
    table: Option<Spanned<DeTable<'t>>>,
}

impl<'t> Places<'t> {
    pub fn of(text: &'t str) -> Self {
        Self { text, table: DeTable::parse(text).ok() }
    }

    /// The line of a field such as `applications[2].hash` of one entry; of the nearest thing around it that is written.
    pub fn line_of(&self, kind: &str, index: usize, field: &str) -> Option<usize> {
        let entries = self.table.as_ref()?.get_ref().get(kind)?;
        let mut place = element(entries, index)?;
        for step in field.split(['.', '[']) {
            let next = match step.strip_suffix(']').and_then(|number| number.parse().ok()) {
                Some(number) => element(place, number),
                None => place.get_ref().as_table().and_then(|table| table.get(step)),
            };
            let Some(next) = next else { break };
            place = next;
        }
        Some(line_at(self.text, place.span().start))
    }
}

fn element<'a, 'i>(value: &'a Spanned<DeValue<'i>>, index: usize) -> Option<&'a Spanned<DeValue<'i>>> {
    value.get_ref().as_array()?.get(index)
}
