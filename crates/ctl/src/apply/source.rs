//! The files of one `apply`: read, parsed, put together, and where in them each table stands.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use brevet_core::file::{self, File, Lines};

use crate::error::{CtlError, Result};
use crate::input;
use crate::profile::io;

/// So many errors are shown at once.
const MOST_ERRORS: usize = 100;

/// A table's header: where it stands, and its name.
#[derive(Debug, Clone)]
struct Place {
    text: Rc<Text>,
    /// Which of its kind in that text, from 0.
    index: usize,
    line: usize,
    name: String,
}

/// A file's text. What stands on which line is found out when the first error asks for it.
#[derive(Debug)]
struct Text {
    /// The file's name, escaped.
    file: String,
    text: String,
    lines: OnceCell<Lines>,
}

impl Place {
    /// The line of a field of this table, such as `elevation.children`; of the table itself where that is not written.
    fn line_of(&self, kind: &str, field: &str) -> usize {
        let lines = self.text.lines.get_or_init(|| Lines::of(&self.text.text));
        let table = format!("{kind}[{}]", self.index);
        let found = lines.line_of(&format!("{table}.{field}"));
        // A default stands nowhere.
        found.filter(|line| !field.is_empty() && Some(*line) != lines.line_of(&table)).unwrap_or(self.line)
    }
}

/// Every file, as one.
#[derive(Debug, Default)]
pub struct Sources {
    file: File,
    /// For each kind (`policy`, …), the place of its first, second, … table.
    places: BTreeMap<&'static str, Vec<Place>>,
}

impl Sources {
    /// Reads files and the `*.toml` of folders, in the order of their names.
    ///
    /// # Errors
    /// With every error of every file, each as `FILE:LINE: message`.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut sources = Self::default();
        let mut errors = Vec::new();
        for path in expand(paths)? {
            let shown = brevet_core::escape::terminal(path.as_os_str().as_encoded_bytes());
            let read = match &path {
                standard if standard == Path::new("-") => input::standard(input::LARGE),
                named if paths.contains(named) => input::named(named, input::LARGE),
                found => input::found(found, input::LARGE),
            };
            let text = match read {
                Ok(text) => text,
                Err(error) if input::is_unfit(&error) => {
                    errors.push(format!("{shown}:{}: {error}", input::line_of(&error).unwrap_or(1)));
                    continue;
                }
                Err(source) => return Err(io("read", &path, source)),
            };
            match file::check(&text) {
                Ok(parsed) => sources.add(Text { file: shown, text, lines: OnceCell::new() }, parsed),
                Err(found) => {
                    errors.extend(found.iter().map(|error| format!("{shown}:{}: {}", error.line, escape_lines(&error.message))));
                }
            }
        }
        errors.extend(sources.doubled());
        if errors.is_empty() {
            return Ok(sources);
        }
        let more = errors.len().saturating_sub(MOST_ERRORS);
        errors.truncate(MOST_ERRORS);
        if more > 0 {
            errors.push(format!("and {more} more errors"));
        }
        Err(CtlError::Usage(errors.join("\n")))
    }

    /// Everything together.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// `policy[3].mode` as `FILE:LINE: policy 'NAME': mode`, with the line of that field; anything else as it is.
    #[must_use]
    pub fn locate(&self, field: &str) -> String {
        let found = field.split_once('[').and_then(|(kind, rest)| {
            let (index, rest) = rest.split_once(']')?;
            let place = self.places.get(kind)?.get(index.parse::<usize>().ok()?)?;
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = if rest.is_empty() { String::new() } else { format!(": {rest}") };
            let name = brevet_core::escape::terminal(place.name.as_bytes());
            Some(format!("{}:{}: {kind} '{name}'{end}", place.text.file, place.line_of(kind, rest)))
        });
        found.unwrap_or_else(|| field.to_owned())
    }

    /// A field of the entry of that name, as `FILE:LINE: policy 'NAME': mode`; one that is in no file is on the server.
    #[must_use]
    pub fn locate_named(&self, kind: &str, name: &str, field: &str) -> String {
        let shown = |text: &str| brevet_core::escape::terminal(text.as_bytes());
        match self.places.get(kind).and_then(|places| places.iter().position(|place| place.name == name)) {
            Some(index) => self.locate(&format!("{kind}[{index}].{}", shown(field))),
            None => format!("{} '{}' on the server: {}", shown(kind), shown(name), shown(field)),
        }
    }

    fn add(&mut self, text: Text, parsed: File) {
        let text = Rc::new(text);
        let names: [(&'static str, Vec<String>); 4] = [
            ("group", parsed.group.iter().map(|item| item.name.clone()).collect()),
            ("list", parsed.list.iter().map(|item| item.name.clone()).collect()),
            ("policy", parsed.policy.iter().map(|item| item.name.clone()).collect()),
            ("autonomous", parsed.autonomous.iter().map(|item| item.name.clone()).collect()),
        ];
        for (kind, names) in names {
            let lines = header_lines(&text.text, kind);
            let places = names.into_iter().enumerate().map(|(index, name)| Place {
                text: Rc::clone(&text),
                index,
                line: lines.get(index).copied().unwrap_or(1),
                name,
            });
            self.places.entry(kind).or_default().extend(places);
        }
        self.file.group.extend(parsed.group);
        self.file.list.extend(parsed.list);
        self.file.policy.extend(parsed.policy);
        self.file.autonomous.extend(parsed.autonomous);
    }

    /// Names that stand twice.
    fn doubled(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for (kind, places) in &self.places {
            let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
            for place in places {
                if let Some(earlier) = first.insert(&place.name, place) {
                    let name = brevet_core::escape::terminal(place.name.as_bytes());
                    let (file, line) = (&earlier.text.file, earlier.line);
                    errors.push(format!("{}:{}: {kind} '{name}' is defined already at {file}:{line}", place.text.file, place.line));
                }
            }
        }
        errors
    }
}

/// A message of several lines stays so; everything else in it that would act on a terminal does not.
fn escape_lines(message: &str) -> String {
    message.lines().map(|line| brevet_core::escape::terminal(line.as_bytes()).replace("\\\\", "\\")).collect::<Vec<_>>().join(" ")
}

/// Lines (from 1) on which a table of the kind begins.
fn header_lines(text: &str, kind: &str) -> Vec<usize> {
    let header = format!("[[{kind}]]");
    let is_header = |line: &str| line.split('#').next().is_some_and(|code| code.split_whitespace().collect::<String>() == header);
    text.lines().enumerate().filter(|(_, line)| is_header(line)).map(|(index, _)| index + 1).collect()
}

/// Files as they are, folders as their `*.toml` files by name.
///
/// # Errors
/// When a folder cannot be read or has none.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let mut found = toml_files(path).map_err(|source| io("read the folder", path, source))?;
        if found.is_empty() {
            return Err(CtlError::Usage(format!("the folder '{}' has no *.toml file", path.display())));
        }
        found.sort();
        all.extend(found);
    }
    Ok(all)
}

fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_whole_lead_back_to_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let group = "[[group]]\nname = \"a\"\nusers = []\n";
        std::fs::write(folder.path().join("1.toml"), format!("# first\n{group}")).unwrap();
        std::fs::write(folder.path().join("2.toml"), "\n\n[[ group ]] # second\nname = \"b\"\nusers = []\n").unwrap();
        std::fs::write(folder.path().join("not.txt"), "nonsense").unwrap();
        let sources = Sources::read(&[folder.path().to_owned()]).unwrap();
        let place = |line: &str| format!("{}/{line}", folder.path().display());
        assert_eq!(sources.locate("group[0].users"), place("1.toml:4: group 'a': users"));
        assert_eq!(sources.locate("group[0].computers"), place("1.toml:2: group 'a': computers"), "what stands nowhere");
        assert_eq!(sources.locate("group[1].users[3]"), place("2.toml:5: group 'b': users[3]"));
        assert_eq!(sources.locate("group[1]"), place("2.toml:3: group 'b'"));
        assert_eq!(sources.locate("group[9].users"), "group[9].users");
        let wrong = "[[policy]]\nname = \"p\"\nusers = [\"0\"]\ncomputers = \"all\"\nmode = \"deny\"\napplications = [\n  { file = \"x\" },\n]\n[[list]]\nname = \"l\"\nrules = []\n";
        std::fs::write(folder.path().join("3.toml"), wrong).unwrap();
        let error = Sources::read(&[folder.path().to_owned()]).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 3, "{error}");
        assert_eq!(lines[0], format!("{}: list \"l\": rules: is empty: the list would match nothing", place("3.toml:11")));
        assert!(lines[1].starts_with(&format!("{}: policy \"p\": users[0]: ", place("3.toml:3"))), "{error}");
        assert!(lines[2].starts_with(&format!("{}: policy \"p\": applications[0].file: ", place("3.toml:7"))), "{error}");
        std::fs::write(folder.path().join("3.toml"), b"# one\n# two \xe9\n# three\n").unwrap();
        let error = Sources::read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with(&place("3.toml:2: it is not UTF-8: line 2 ")), "{error}");
        std::fs::write(folder.path().join("3.toml"), group).unwrap();
        let error = Sources::read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert_eq!(error, format!("{}: group 'a' is defined already at {}", place("3.toml:1"), place("1.toml:2")));
    }
}
