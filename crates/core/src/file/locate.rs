//! Finding the line of a field in TOML text, for errors that parsing alone does not see.

use std::collections::HashMap;

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

/// The line of everything that is written in a text, kept apart from the text: for errors that others find in what was read.
#[derive(Debug, Clone, Default)]
pub struct Lines(HashMap<String, usize>);

impl Lines {
    /// Looks at a whole text; of one that is no TOML nothing is known.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            let starts: Vec<usize> = text.match_indices('\n').map(|(place, _)| place).collect();
            for (key, value) in table.get_ref() {
                lines.note(&starts, key.get_ref().to_string(), value);
            }
        }
        lines
    }

    /// The line of a field such as `policy[3].applications[2].hash`; of the nearest thing around it that is written.
    #[must_use]
    pub fn line_of(&self, field: &str) -> Option<usize> {
        let mut rest = field;
        loop {
            if let Some(line) = self.0.get(rest) {
                return Some(*line);
            }
            rest = rest.get(..rest.rfind(['.', '['])?)?;
        }
    }

    fn note(&mut self, starts: &[usize], field: String, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(fields) => {
                fields.iter().for_each(|(key, value)| self.note(starts, format!("{field}.{}", key.get_ref()), value));
            }
            DeValue::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| self.note(starts, format!("{field}[{index}]"), value));
            }
            DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
        let place = value.span().start;
        self.0.insert(field, starts.partition_point(|start| *start < place).saturating_add(1));
    }
}

fn element<'a, 'i>(value: &'a Spanned<DeValue<'i>>, index: usize) -> Option<&'a Spanned<DeValue<'i>>> {
    value.get_ref().as_array()?.get(index)
}
