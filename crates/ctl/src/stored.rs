//! What policies, lists, groups and autonomous rules have in common: listed, shown as the TOML that `apply` takes, deleted.

use brevet_api::rest::policy::Stored;
use brevet_core::file::{self, File};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::output::{moment, shown};

/// Prints one as TOML, with what the server knows of it as comments: applying it changes nothing.
///
/// # Errors
/// When the server cannot be reached or has none of that name.
pub fn show<I, T>(session: &Session, path: &str, name: &str, into_file: impl FnOnce(T) -> File) -> Result<()>
where
    I: DeserializeOwned + Serialize + std::fmt::Display,
    T: DeserializeOwned + Serialize + Clone,
{
    let stored: Stored<I, T> = session.client()?.get(&[path, name])?;
    if session.output.json {
        return session.output.print(&stored, |_| String::new());
    }
    let header = format!("# {} version {}, changed {}\n", stored.id, stored.version, moment(stored.changed));
    session.output.text(&format!("{header}{}", to_toml(&into_file(stored.content))?))
}

/// The text that `apply` takes. Control characters are escapes in TOML, so that it is safe on a terminal.
///
/// # Errors
/// When the file has no TOML form.
pub fn to_toml(file: &File) -> Result<String> {
    let text = file::print(file).map_err(|error| CtlError::Failed(format!("no TOML form: {error}")))?;
    Ok(escape_unicode(&text))
}

/// The TOML writer escapes control characters; characters that reorder or hide text become escapes here. A literal string
/// (in apostrophes) has no escapes: where one holds such a character, its line is left to the terminal's escape and said so.
fn escape_unicode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        for c in content.chars() {
            let mut buffer = [0u8; 4];
            let visible = c == '\\' || brevet_core::escape::terminal(c.encode_utf8(&mut buffer).as_bytes()).starts_with(c);
            if visible || c == '\t' {
                out.push(c);
            } else {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
        }
        out.push_str(end);
    }
    out
}

/// Deletes one after asking.
///
/// # Errors
/// When it is in use, not there, or the person says no.
pub fn delete(session: &Session, kind: &str, path: &str, name: &str, consequence: &str) -> Result<()> {
    session.output.confirm(&format!("delete the {kind} '{}'{consequence}", shown(name)))?;
    session.client()?.delete(&[path, name], &())?;
    done(session, "deleted", name)
}

/// Says what was done to something that is no longer there to be printed.
///
/// # Errors
/// When standard output cannot be written.
pub fn done(session: &Session, done: &str, name: &str) -> Result<()> {
    let value = serde_json::json!({ "id": name, "change": done });
    session.output.print(&value, |_| format!("{done} '{}'\n", shown(name)))
}

/// `all`, or names.
#[must_use]
pub fn scope(scope: &brevet_core::policy::Scope) -> String {
    match scope {
        brevet_core::policy::Scope::All => "all".into(),
        brevet_core::policy::Scope::Named(names) => shown(&names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_the_same_and_hides_nothing() {
        let text = "[[group]]\nname = \"a\\u001b[2J\u{202e}b\"\nusers = [\"x\\ny\"]\n";
        let file = file::parse(text).unwrap();
        let printed = to_toml(&file).unwrap();
        assert!(!printed.contains('\u{202e}') && !printed.contains('\u{1b}'), "{printed}");
        assert_eq!(file::parse(&printed).unwrap(), file);
    }
}
