//! What names may look like: of things people define, of users, of computers, of approvers.
//!
//! Strict on purpose: a name that another program could read as a number or an option is refused, not interpreted (ATTACKS E01, E09).

use crate::escape;

/// Longest name of anything, in bytes.
pub const MAX_NAME: usize = 128;

type Check = Result<(), String>;

fn shown(text: &str) -> String {
    format!("\"{}\"", escape::terminal(text.as_bytes()))
}

/// Any name that people give: a policy's, a list's, a group's, a person's.
pub fn name(text: &str) -> Check {
    if text.is_empty() {
        return Err("is empty".into());
    }
    if text.len() > MAX_NAME {
        return Err(format!("is longer than {MAX_NAME} bytes"));
    }
    if text.trim() != text {
        return Err(format!("{} begins or ends with white space", shown(text)));
    }
    printable(text)
}

/// Text without control characters and without characters that hide or reorder others (ATTACKS E16).
pub fn printable(text: &str) -> Check {
    match text.chars().find(|c| c.is_control() || escape::is_invisible(*c)) {
        Some(c) => Err(format!("contains \"{}\", which cannot be seen", escape::terminal(c.to_string().as_bytes()))),
        None => Ok(()),
    }
}

/// An account's name as NSS gives it: also `DOMAIN\alice` and `alice@example.com`.
pub fn user(text: &str) -> Check {
    name(text)?;
    let starts_well = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !starts_well {
        return Err(format!("{} is not a user name: it must begin with a letter or \"_\"", shown(text)));
    }
    match text.chars().find(|c| !(c.is_alphanumeric() || "._-@\\+$".contains(*c))) {
        Some(c) => Err(format!("{} is not a user name: it contains {}", shown(text), shown(&c.to_string()))),
        None => Ok(()),
    }
}

/// An OS group's name: as a user's, and directories have some with spaces.
fn os_group(text: &str) -> Check {
    name(text)?;
    user(&text.replace(' ', "_"))
}

/// A computer's name on the server: a host name's characters.
pub fn computer(text: &str) -> Check {
    name(text)?;
    let well_formed =
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if well_formed {
        Ok(())
    } else {
        Err(format!("{} is not a computer name: expected letters, digits, \"-\", \".\" and \"_\"", shown(text)))
    }
}

/// An entry of `users`.
pub fn user_entry(text: &str) -> Check {
    if text == "all" {
        return Err("\"all\" stands alone: write users = \"all\"".into());
    }
    if let Some(group) = text.strip_prefix("group:") {
        return name(group).map_err(|why| format!("the group's name {why}"));
    }
    if let Some(group) = text.strip_prefix("os-group:") {
        return os_group(group).map_err(|why| format!("the OS group's name {why}"));
    }
    user(text)
}

/// An entry of `computers`.
pub fn computer_entry(text: &str) -> Check {
    if text == "all" {
        return Err("\"all\" stands alone: write computers = \"all\"".into());
    }
    match text.strip_prefix("group:") {
        Some(group) => name(group).map_err(|why| format!("the group's name {why}")),
        None => computer(text),
    }
}

/// Roles whose holders may decide on requests (DESIGN section 9).
const DECIDING_ROLES: [&str; 2] = ["approver", "owner"];

/// An entry of `approvers` and `escalate_to`.
pub fn approver(text: &str) -> Check {
    if let Some(role) = text.strip_prefix("role:") {
        let known = DECIDING_ROLES.contains(&role);
        return if known { Ok(()) } else { Err(format!("{} cannot decide: expected role:approver or role:owner", shown(text))) };
    }
    match text.strip_prefix("person:") {
        Some(person) => name(person).map_err(|why| format!("the person's name {why}")),
        None => Err(format!("{} is neither role:NAME nor person:NAME", shown(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_could_be_read_as_numbers_or_options_are_refused() {
        for wrong in [
            "",
            "0",
            "1000",
            "0day",
            "-1",
            "4294967295",
            "#0",
            "-u#-1",
            "a b",
            "a:b",
            "a/b",
            "../x",
            "a\nb",
            "a\u{202e}b",
            "a,b",
            " a",
            "all:",
        ] {
            assert!(user(wrong).is_err(), "{wrong:?}");
        }
        for right in ["alice", "_apt", "systemd-network", "CORP\\alice", "alice@example.com", "web$", "j\u{fc}rgen", "a0"] {
            assert_eq!(user(right), Ok(()), "{right}");
        }
    }

    #[test]
    fn entries_have_the_forms_that_are_documented() {
        for right in ["alice", "group:Web team", "os-group:webteam", "os-group:domain users"] {
            assert_eq!(user_entry(right), Ok(()), "{right}");
        }
        for wrong in ["all", "group:", "os-group:", "os-group:0", "person:alice", "%wheel"] {
            assert!(user_entry(wrong).is_err(), "{wrong}");
        }
        for right in ["web-1", "1st.example.com", "group:webservers"] {
            assert_eq!(computer_entry(right), Ok(()), "{right}");
        }
        for wrong in ["all", "os-group:x", "web 1", "*", "-x", ""] {
            assert!(computer_entry(wrong).is_err(), "{wrong}");
        }
        assert_eq!(approver("role:approver"), Ok(()));
        assert_eq!(approver("person:Bob Brown"), Ok(()));
        for wrong in ["role:", "role:auditor", "person:", "bob", "role:approver "] {
            assert!(approver(wrong).is_err(), "{wrong}");
        }
    }
}
