//! The controls of a form: what a template shows, in order, with what was filled in and what is wrong with it.

use brevet_api::rest::error::FieldError;

use super::entered::Entered;
use super::rules::Rows;

/// Controls under a heading.
pub struct Section {
    /// Its name in addresses and its heading.
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// A sentence below it.
    pub help: &'static str,
    /// What stands there.
    pub controls: Vec<Control>,
}

/// One control.
pub struct Control {
    /// The field's name, and the control's.
    pub id: &'static str,
    /// What stands above it.
    pub label: &'static str,
    /// What helps to fill it in.
    pub help: &'static str,
    /// Names that can be written there.
    pub known: Vec<String>,
    /// What it looks like.
    pub shape: Shape,
    /// What was filled in.
    pub value: String,
    /// What is wrong with it.
    pub error: String,
    /// Where it is needed: a field and, after `=`, its values with `|` between them; empty where it always is.
    pub when: &'static str,
}

/// What a control looks like.
pub enum Shape {
    /// One line.
    Text,
    /// Several lines.
    Lines,
    /// One of several.
    Choice(Vec<Choice>),
    /// On or off.
    Switch,
    /// Any of several.
    Several(Vec<Choice>),
    /// Rows of application rules.
    Rules(Rows),
}

/// One of several.
pub struct Choice {
    /// What is sent.
    pub value: &'static str,
    /// What stands there.
    pub words: &'static str,
    /// Whether it is chosen.
    pub chosen: bool,
}

impl Control {
    /// One line of text.
    #[must_use]
    pub fn text(id: &'static str, label: &'static str, help: &'static str) -> Self {
        Self { id, label, help, known: Vec::new(), shape: Shape::Text, value: String::new(), error: String::new(), when: "" }
    }

    /// Several lines of text.
    #[must_use]
    pub fn lines(id: &'static str, label: &'static str, help: &'static str) -> Self {
        Self { shape: Shape::Lines, ..Self::text(id, label, help) }
    }

    /// On or off.
    #[must_use]
    pub fn switch(id: &'static str, label: &'static str, help: &'static str) -> Self {
        Self { shape: Shape::Switch, ..Self::text(id, label, help) }
    }

    /// One of several.
    #[must_use]
    pub fn choice(id: &'static str, label: &'static str, help: &'static str, of: &[(&'static str, &'static str)]) -> Self {
        Self { shape: Shape::Choice(choices(of)), ..Self::text(id, label, help) }
    }

    /// Any of several.
    #[must_use]
    pub fn several(id: &'static str, label: &'static str, help: &'static str, of: &[(&'static str, &'static str)]) -> Self {
        Self { shape: Shape::Several(choices(of)), ..Self::text(id, label, help) }
    }

    /// Rows of application rules.
    #[must_use]
    pub fn rules(id: &'static str, label: &'static str, help: &'static str) -> Self {
        let rows = Rows { field: id, rows: Vec::new(), toml: String::new(), toml_error: String::new() };
        Self { shape: Shape::Rules(rows), ..Self::text(id, label, help) }
    }

    /// Needed only where another field has one of these values.
    #[must_use]
    pub const fn when(mut self, when: &'static str) -> Self {
        self.when = when;
        self
    }

    /// Names that can be written there.
    #[must_use]
    pub fn known(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.known = names.into_iter().collect();
        self
    }

    /// With what was filled in, and what is wrong with it.
    #[must_use]
    pub fn filled(mut self, entered: &Entered, errors: &[FieldError]) -> Self {
        self.value = entered.text(self.id).to_owned();
        match &mut self.shape {
            Shape::Text | Shape::Lines | Shape::Switch => {}
            Shape::Choice(of) => of.iter_mut().for_each(|one| one.chosen = one.value == self.value),
            Shape::Several(of) => {
                let chosen = entered.all(self.id);
                of.iter_mut().for_each(|one| one.chosen = chosen.iter().any(|value| value == one.value));
            }
            Shape::Rules(rows) => {
                *rows = Rows::of(entered, self.id, errors);
                let whole = errors.iter().filter(|error| error.field == self.id);
                self.error = whole.map(|error| error.reason.clone()).collect::<Vec<_>>().join("; ");
                return self;
            }
        }
        self.error = said_of(self.id, errors);
        self
    }
}

fn choices(of: &[(&'static str, &'static str)]) -> Vec<Choice> {
    of.iter().map(|(value, words)| Choice { value, words, chosen: false }).collect()
}

/// What is wrong with a field, and with which of its entries.
fn said_of(id: &str, errors: &[FieldError]) -> String {
    let said = errors.iter().filter_map(|error| {
        let rest = error.field.strip_prefix(id)?;
        match rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(place) => {
                let place = place.parse::<usize>().ok()?.saturating_add(1);
                Some(format!("entry {place}: {}", error.reason))
            }
            None => rest.is_empty().then(|| error.reason.clone()),
        }
    });
    said.collect::<Vec<_>>().join("; ")
}

impl Section {
    /// With what was filled in, and what is wrong with it.
    #[must_use]
    pub fn filled(mut self, entered: &Entered, errors: &[FieldError]) -> Self {
        self.controls = self.controls.into_iter().map(|control| control.filled(entered, errors)).collect();
        self
    }
}
