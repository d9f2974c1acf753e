//! Application rules as rows of a form: what it is, its value, its arguments, and the further conditions; beside them, for whoever writes
//! TOML, rules as TOML. What a row cannot say is shown as TOML, so that nothing is lost by looking.

use brevet_api::rest::error::FieldError;
use brevet_core::application::{Any, Argument, Glob, Rest, Rule, True};
use brevet_core::toml_text;
use serde_json::Value;

use super::entered::Entered;
use super::reader::Reader;

/// So many rules are rows; what is beyond is TOML, so that a page of a thousand rules stays one.
const MOST_ROWS: usize = 40;

/// What a row can say first, and in which words.
pub const KINDS: [(&str, &str); 9] = [
    ("file", "File"),
    ("folder", "Folder"),
    ("product", "Package"),
    ("vendor", "Vendor"),
    ("executable", "Program of a package"),
    ("hash", "Content (SHA-256)"),
    ("list", "Application list"),
    ("store", "Flatpak or Snap"),
    ("component", "polkit action"),
];

/// Further conditions: field, label, what helps.
const MORE: [(&str, &str, &str); 10] = [
    ("product", "Package", "its name, such as nginx"),
    ("vendor", "Vendor", "as the package names it"),
    ("min_version", "From version", "of the package"),
    ("max_version", "Up to version", "of the package"),
    ("hash", "Content", "sha256:…"),
    ("owner", "Owner of the file", "a user's name"),
    ("interpreter", "Interpreter of a script", "an absolute path"),
    ("target_user", "Runs as", "only where it is asked for as this user"),
    ("parent", "Started from", "an absolute path, or a rule as TOML"),
    ("file", "File", "an absolute path, beside what is above"),
];

/// Rows of rules, with what is wrong in each.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The field, such as `applications`.
    pub field: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
    /// Further rules as TOML.
    pub toml: String,
    /// What is wrong in those.
    pub toml_error: String,
}

/// One rule.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `Rule`, and the names say it")]
pub struct Row {
    pub place: usize,
    /// Begins the names of its fields, such as `applications[2]`.
    pub name: String,
    pub kind: String,
    pub value: String,
    pub error: String,
    pub subfolders: bool,
    /// `any`, `none`, `exactly` or `beginning`.
    pub arguments: String,
    pub words: String,
    pub arguments_error: String,
    pub unchanged: String,
    pub unchanged_error: String,
    pub more: Vec<More>,
    /// Whether any further condition is said, or wrong.
    pub open: bool,
}

/// A further condition.
#[derive(Debug, Clone)]
pub struct More {
    pub name: String,
    pub label: &'static str,
    pub help: &'static str,
    pub value: String,
    pub error: String,
}

impl Rows {
    /// The rows of what was filled in.
    #[must_use]
    pub fn of(entered: &Entered, field: &'static str, errors: &[FieldError]) -> Self {
        let count = entered.rows(field);
        let rows = (0..count).map(|place| Row::of(entered, field, place, errors)).collect();
        let beyond = |error: &&FieldError| index_of(field, &error.field).is_some_and(|index| index >= count);
        let wrong = errors.iter().filter(|error| error.field == format!("{field}.toml") || beyond(error));
        let toml_error = wrong.map(|error| error.reason.clone()).collect::<Vec<_>>().join("; ");
        Self { field, rows, toml: entered.text(&format!("{field}.toml")).to_owned(), toml_error }
    }
}

/// A reason in the words of the form: what is a field of a rule in TOML is the choice beside it here.
#[must_use]
pub fn in_form(reason: &str) -> &str {
    if reason.starts_with("names no application") { "says no application: fill in which" } else { reason }
}

/// What a part of a rule is called in the form, such as `file` or `arguments[0]`.
#[must_use]
pub fn part_label(part: &str) -> Option<&'static str> {
    let part = part.split(['[', '.']).next().unwrap_or_default();
    let more = || MORE.iter().find(|(name, ..)| *name == part).map(|(_, label, _)| *label);
    let kind = KINDS.iter().find(|(name, _)| *name == part).map(|(_, label)| *label);
    match part {
        "arguments" => Some("Arguments"),
        "unchanged" => Some("Since it was installed"),
        "toml" => Some("As TOML"),
        _ => kind.or_else(more),
    }
}

/// Which rule of a field an error is about.
fn index_of(field: &str, place: &str) -> Option<usize> {
    place.strip_prefix(field)?.strip_prefix('[')?.split_once(']')?.0.parse().ok()
}

impl Row {
    fn of(entered: &Entered, field: &str, place: usize, errors: &[FieldError]) -> Self {
        let name = format!("{field}[{place}]");
        let text = |part: &str| entered.text(&format!("{name}.{part}")).to_owned();
        let kind = Some(text("kind")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "file".into());
        let within: Vec<(&str, &str)> = errors
            .iter()
            .filter(|error| index_of(field, &error.field) == Some(place))
            .map(|error| (error.field.get(name.len()..).unwrap_or_default().trim_start_matches('.'), error.reason.as_str()))
            .collect();
        let about = |part: &str| {
            let of_part = |said: &str| said == part || said.strip_prefix(part).is_some_and(|rest| rest.starts_with(['[', '.']));
            within.iter().filter(|(said, _)| of_part(said)).map(|(_, reason)| *reason).collect::<Vec<_>>().join("; ")
        };
        let shown = MORE.iter().filter(|(part, ..)| *part != kind);
        let more: Vec<More> = shown
            .map(|(part, label, help)| More { name: format!("{name}.{part}"), label, help, value: text(part), error: about(part) })
            .collect();
        let elsewhere = |said: &str| {
            let known = ["arguments", "unchanged", kind.as_str()].into_iter().chain(MORE.iter().map(|(part, ..)| *part));
            !known.into_iter().any(|part| said == part || said.strip_prefix(part).is_some_and(|rest| rest.starts_with(['[', '.'])))
        };
        let own = within.iter().filter(|(said, _)| elsewhere(said)).map(|(_, reason)| in_form(reason).to_owned());
        let error = own.chain([about(&kind)]).filter(|reason| !reason.is_empty()).collect::<Vec<_>>().join("; ");
        let unchanged = text("unchanged");
        let unchanged_error = about("unchanged");
        let arguments = Some(text("arguments")).filter(|how| !how.is_empty()).unwrap_or_else(|| "any".into());
        let open =
            !unchanged.is_empty() || !unchanged_error.is_empty() || more.iter().any(|one| !one.value.is_empty() || !one.error.is_empty());
        Self {
            place,
            value: text("value"),
            subfolders: entered.is(&format!("{name}.subfolders")),
            arguments,
            words: text("words"),
            arguments_error: about("arguments"),
            unchanged,
            unchanged_error,
            more,
            open,
            error,
            kind,
            name,
        }
    }
}

impl Entered {
    /// How many rows a field has.
    #[must_use]
    pub fn rows(&self, field: &str) -> usize {
        self.text(&format!("{field}.rows")).parse::<usize>().unwrap_or(0).min(1000)
    }

    /// One row more, or one less: what a button that belongs to the rows does.
    pub fn change_rows(&mut self, what: &str) -> bool {
        let mut words = what.split(' ');
        match (words.next(), words.next(), words.next().map(str::parse::<usize>)) {
            (Some("add"), Some(field), None) => {
                let rows = self.rows(field).saturating_add(1);
                self.set(&format!("{field}.rows"), rows.to_string());
                true
            }
            (Some("remove"), Some(field), Some(Ok(row))) => {
                let rows = self.rows(field).saturating_sub(1);
                self.remove_row(field, row);
                self.set(&format!("{field}.rows"), rows.to_string());
                true
            }
            _ => false,
        }
    }

    /// Puts the rows that another names after those that are there.
    pub fn append_rows(&mut self, field: &str, other: &Self) {
        let there = self.rows(field);
        for place in 0..other.rows(field) {
            let (from, to) = (format!("{field}[{place}]."), format!("{field}[{}].", there.saturating_add(place)));
            for (name, values) in &other.0 {
                if let Some(part) = name.strip_prefix(&from) {
                    self.0.insert(format!("{to}{part}"), values.clone());
                }
            }
        }
        self.set(&format!("{field}.rows"), there.saturating_add(other.rows(field)).to_string());
    }

    /// Rules as rows, and as TOML what no row can say.
    pub fn rules(&mut self, field: &str, rules: &[Rule]) {
        let mut toml = String::new();
        let mut rows = 0usize;
        for rule in rules {
            // Rules keep their order: after one that is TOML, all are.
            if toml.is_empty() && rows < MOST_ROWS && self.row(field, rows, rule) {
                rows = rows.saturating_add(1);
                continue;
            }
            toml.push_str(&one_line(rule));
            toml.push('\n');
        }
        self.set(&format!("{field}.rows"), rows.to_string());
        self.set(&format!("{field}.toml"), toml);
    }

    /// A rule as a row; whether the row says the same.
    fn row(&mut self, field: &str, place: usize, rule: &Rule) -> bool {
        let name = format!("{field}[{place}]");
        let mut row = Self::default();
        let hash = rule.hash.map(|hash| hash.to_string());
        let parent = rule.parent.as_deref().map(|parent| match parent {
            Rule { file: Some(file), .. } if *parent == (Rule { file: Some(file.clone()), ..Rule::default() }) => file.clone(),
            other => one_line(other),
        });
        let said = [
            ("list", &rule.list),
            ("file", &rule.file),
            ("folder", &rule.folder),
            ("executable", &rule.executable),
            ("component", &rule.component),
            ("store", &rule.store),
            ("product", &rule.product),
            ("vendor", &rule.vendor),
            ("hash", &hash),
            ("min_version", &rule.min_version),
            ("max_version", &rule.max_version),
            ("owner", &rule.owner),
            ("interpreter", &rule.interpreter),
            ("target_user", &rule.target_user),
            ("parent", &parent),
        ];
        let mut said = said.into_iter().filter_map(|(part, value)| value.as_ref().map(|value| (part, value)));
        if let Some((kind, value)) = said.next() {
            row.set(&format!("{name}.kind"), kind);
            row.set(&format!("{name}.value"), value);
        }
        said.for_each(|(part, value)| row.set(&format!("{name}.{part}"), value));
        row.switch(&format!("{name}.subfolders"), rule.subfolders);
        if let Some(unchanged) = rule.unchanged {
            row.set(&format!("{name}.unchanged"), if unchanged { "yes" } else { "no" });
        }
        let (how, words) = arguments_shown(rule.arguments.as_deref());
        row.set(&format!("{name}.arguments"), how);
        row.set(&format!("{name}.words"), words);
        let mut reader = Reader::new(&row);
        let read = reader.rule(&name);
        if reader.end(()).is_err() || read != *rule {
            return false;
        }
        self.0.append(&mut row.0);
        true
    }
}

/// As a form has them: how, and a line each.
fn arguments_shown(patterns: Option<&[Argument]>) -> (&'static str, String) {
    let Some(patterns) = patterns else { return ("any", String::new()) };
    let (how, lines) = match patterns {
        [] => return ("none", String::new()),
        [before @ .., Argument::Rest(_)] => ("beginning", before),
        all => ("exactly", all),
    };
    let line = |pattern: &Argument| match pattern {
        Argument::Exact(text) if text.is_empty() || MARKS.iter().any(|mark| text.starts_with(mark)) || text.trim() != text => {
            format!("exact:{text}")
        }
        Argument::Exact(text) => text.clone(),
        Argument::Glob(glob) => format!("glob:{}", glob.glob),
        Argument::Any(_) => "any:".into(),
        Argument::Rest(_) => String::new(),
    };
    (how, lines.iter().map(line).collect::<Vec<_>>().join("\n"))
}

const MARKS: [&str; 3] = ["exact:", "glob:", "any:"];

impl Reader<'_> {
    /// The rules of a field: rows, then TOML.
    pub fn rules(&mut self, field: &str) -> Vec<Rule> {
        let rows = self.entered.rows(field);
        let mut rules: Vec<Rule> = (0..rows).map(|place| self.rule(&format!("{field}[{place}]"))).collect();
        let toml = self.entered.text(&format!("{field}.toml")).to_owned();
        for (number, line) in toml.lines().enumerate() {
            let line = line.trim().trim_end_matches(',');
            if line.is_empty() {
                continue;
            }
            match parsed(line) {
                Ok(rule) => rules.push(rule),
                Err(why) => self.wrong(format!("{field}.toml"), format!("line {}: {why}", number.saturating_add(1))),
            }
        }
        rules
    }

    /// One row. An empty value is no condition: the API says what is missing.
    fn rule(&mut self, name: &str) -> Rule {
        let part = |reader: &Self, part: &str| reader.optional(&format!("{name}.{part}"));
        let kind = self.text(&format!("{name}.kind"));
        let value = self.optional(&format!("{name}.value"));
        let mut rule = Rule {
            subfolders: self.entered.is(&format!("{name}.subfolders")),
            product: part(self, "product"),
            vendor: part(self, "vendor"),
            min_version: part(self, "min_version"),
            max_version: part(self, "max_version"),
            owner: part(self, "owner"),
            interpreter: part(self, "interpreter"),
            target_user: part(self, "target_user"),
            file: part(self, "file"),
            arguments: self.arguments(name),
            ..Rule::default()
        };
        rule.unchanged = match self.text(&format!("{name}.unchanged")).as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let mut hash = part(self, "hash");
        match kind.as_str() {
            "list" => rule.list = value,
            "folder" => rule.folder = value,
            "product" => rule.product = value,
            "vendor" => rule.vendor = value,
            "executable" => rule.executable = value,
            "hash" => hash = value,
            "store" => rule.store = value,
            "component" => rule.component = value,
            _ => rule.file = value,
        }
        if let Some(text) = hash {
            let text = if text.contains(':') { text } else { format!("sha256:{text}") };
            match serde_json::from_value(text.into()) {
                Ok(hash) => rule.hash = Some(hash),
                Err(_) => self.wrong(format!("{name}.hash"), "is not sha256: and 64 hexadecimal digits"),
            }
        }
        if let Some(text) = part(self, "parent") {
            let read = if text.starts_with('{') { parsed(&text) } else { Ok(Rule { file: Some(text), ..Rule::default() }) };
            match read {
                Ok(parent) => rule.parent = Some(Box::new(parent)),
                Err(why) => self.wrong(format!("{name}.parent"), why),
            }
        }
        rule
    }

    fn arguments(&mut self, name: &str) -> Option<Vec<Argument>> {
        let how = self.text(&format!("{name}.arguments"));
        let lines = self.entered.text(&format!("{name}.words")).lines().filter(|line| !line.is_empty());
        let pattern = |line: &str| match (line.strip_prefix("exact:"), line.strip_prefix("glob:"), line) {
            (Some(text), _, _) => Argument::Exact(text.to_owned()),
            (_, Some(glob), _) => Argument::Glob(Glob { glob: glob.to_owned() }),
            (_, _, "any:") => Argument::Any(Any { any: True }),
            (_, _, text) => Argument::Exact(text.to_owned()),
        };
        let patterns: Vec<Argument> = lines.map(pattern).collect();
        match how.as_str() {
            "none" => Some(Vec::new()),
            "exactly" | "beginning" => {
                if patterns.is_empty() {
                    self.wrong(format!("{name}.arguments"), "write them below, one a line, or choose any or none");
                }
                let rest = (how == "beginning").then_some(Argument::Rest(Rest { rest: True }));
                Some(patterns.into_iter().chain(rest).collect())
            }
            _ => None,
        }
    }
}

/// A rule as one line of TOML, whatever is in its texts.
fn one_line(rule: &Rule) -> String {
    toml_text::visible(&inline(&serde_json::to_value(rule).unwrap_or_default()))
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} = {}", inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(entries) => format!("[{}]", entries.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // WHY: what JSON writes in a string, a basic string of TOML reads as the same.
        other => other.to_string(),
    }
}

/// A rule from one line of TOML.
fn parsed(line: &str) -> Result<Rule, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        rule: Rule,
    }
    toml::from_str::<One>(&format!("rule = {line}")).map(|one| one.rule).map_err(|error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<Rule> {
        text.lines().map(|line| parsed(line).unwrap()).collect()
    }

    #[test]
    fn every_rule_comes_back_from_the_form_as_it_was() {
        let written = rules(
            "{ list = \"Package tools\" }\n{ file = \"/usr/sbin/nginx\", arguments = [\"-t\"] }\n\
             { file = \"/usr/bin/systemctl\", arguments = [\"restart\", { glob = \"web-*\" }, { any = true }, { rest = true }] }\n\
             { folder = \"/opt/tools\", subfolders = true }\n\
             { product = \"postgresql-15\", min_version = \"15.4\", max_version = \"15.99\", vendor = \"Debian\" }\n\
             { file = \"/opt/r.py\", interpreter = \"/usr/bin/python3\", owner = \"root\", parent = { file = \"/usr/bin/make\" }, target_user = \"x\" }\n\
             { executable = \"backup\", product = \"example-backup\", unchanged = true }\n{ file = \"/a\", arguments = [] }\n\
             { hash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" }\n{ store = \"flatpak:x\" }\n\
             { component = \"org.x.y\" }\n{ file = \"/a\", parent = { file = \"/b\", owner = \"root\" } }\n\
             { file = \"/a\", arguments = [\"glob:x\", \" y \", \"\", \"any:\"] }\n{ file = \"/a\", arguments = [\"two\\nlines\"] }\n{ vendor = \"V\" }",
        );
        let mut entered = Entered::default();
        entered.rules("applications", &written);
        assert_eq!(entered.rows("applications"), 13, "what no row can say, and what follows it, is TOML");
        let mut reader = Reader::new(&entered);
        let read = reader.rules("applications");
        assert_eq!(reader.end(read).unwrap(), written);
        // A long list is no long page.
        let many: Vec<Rule> = (0..500).map(|n| Rule { file: Some(format!("/{n}")), ..Rule::default() }).collect();
        let mut entered = Entered::default();
        entered.rules("applications", &many);
        assert_eq!(entered.rows("applications"), MOST_ROWS);
        let mut reader = Reader::new(&entered);
        assert_eq!(reader.rules("applications"), many);
    }

    #[test]
    fn errors_stand_where_they_belong() {
        let entered = Entered::parse(
            b"a.rows=2&a[0].kind=hash&a[0].value=zz&a[1].kind=folder&a[1].value=/x&a[1].arguments=exactly&a.toml=%0A%7B+fil+%3D+1+%7D",
        );
        let mut reader = Reader::new(&entered);
        reader.rules("a");
        let mut errors = reader.end(()).unwrap_err();
        errors.push(FieldError { field: "a[1].parent.file".into(), reason: "P".into() });
        errors.push(FieldError { field: "a[1]".into(), reason: "R".into() });
        errors.push(FieldError { field: "a[7].file".into(), reason: "T".into() });
        let rows = Rows::of(&entered, "a", &errors);
        assert!(rows.rows[0].error.contains("64 hexadecimal"), "{rows:?}");
        assert_eq!((rows.rows[1].error.as_str(), rows.rows[1].arguments_error.is_empty()), ("R", false));
        assert!(rows.rows[1].open && rows.rows[1].more.iter().any(|one| one.name == "a[1].parent" && one.error == "P"));
        assert!(rows.toml_error.starts_with("line 2: unknown field") && rows.toml_error.ends_with("; T"), "{}", rows.toml_error);
    }
}
