//! What policies, lists, groups and autonomous rules have in common: listed, shown as the TOML that `apply` takes, deleted.

use brevet_api::rest::policy::Stored;
use brevet_core::file::File;
use brevet_core::toml_text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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

/// The text that `apply` takes, with nothing in it that would act on a terminal.
///
/// # Errors
/// When the file has no TOML form.
pub fn to_toml(file: &File) -> Result<String> {
    toml_text::shown(file).map_err(|why| CtlError::Failed(format!("{why}; see it with --json")))
}

/// Deletes one after asking.
///
/// # Errors
/// When it is in use, not there, or the person says no.
pub fn delete(session: &Session, kind: &str, path: &str, name: &str, consequence: &str) -> Result<()> {
    let client = session.client()?;
    // First of all whether it is there: nobody should be asked about nothing.
    let found: Named = client.get(&[path, name])?;
    session.output.confirm(&format!("delete the {kind} '{}'{consequence}", shown(&found.name)))?;
    client.delete_version(&[path, &found.id], found.version)?;
    let value = serde_json::json!({ "id": found.id, "change": "deleted" });
    session.output.print(&value, |_| {
        let (name, id) = (shown(&found.name), shown(&found.id));
        let command = match path {
            "policies" => "policy",
            "lists" => "list",
            "groups" => "group",
            other => other,
        };
        format!("deleted '{name}'; what it was: brevetctl {command} history {id}\n")
    })
}

/// Anything with an id and a name.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version, where it has one.
    #[serde(default)]
    pub version: u64,
}

/// Says what was done to something that is no longer there to be printed.
///
/// # Errors
/// When standard output cannot be written.
pub fn done(session: &Session, done: &str, id: &str, name: &str) -> Result<()> {
    let value = serde_json::json!({ "id": id, "change": done });
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
    use brevet_core::file::{self, Group};

    #[test]
    fn what_is_shown_reads_back_the_same_and_hides_nothing() {
        let text = "[[group]]\nname = \"a\\u001b[2J\u{202e}b\"\nusers = [\"x\\ny\"]\n";
        let file = file::parse(text).unwrap();
        let printed = to_toml(&file).unwrap();
        assert!(!printed.contains('\u{202e}') && !printed.contains('\u{1b}'), "{printed}");
        assert_eq!(file::parse(&printed).unwrap(), file);
        let awkward = ["quote \"\u{202e}", "back\\slash\u{200b}", "lines\n'''\u{202e}\"\"\"", "'\n\"x'", "\u{7f}\t\u{9b}", "\\u{202e}"];
        for name in awkward {
            let users = Some(vec![name.to_owned()]);
            let file = File { group: vec![Group { name: name.into(), computers: None, users }], ..File::default() };
            let printed = to_toml(&file).unwrap();
            assert!(!printed.contains(['\u{202e}', '\u{200b}', '\u{9b}', '\u{7f}']), "{printed}");
        }
    }
}
