//! The grammar of commands: as whom, options, tags, digests, path and arguments.

use super::Wrong;
use super::ast::{Arguments, Command, CommandSpec, FileDigest, Member, Options, Runas, Tags, What};
use super::cursor::Cursor;
use super::parse::{expect, is_alias, list, negation, separator, who};

/// Keys of `KEY=VALUE`.
const KEYS: [&str; 10] = ["NOTBEFORE", "NOTAFTER", "TIMEOUT", "CWD", "CHROOT", "ROLE", "TYPE", "APPARMOR_PROFILE", "PRIVS", "LIMITPRIVS"];

/// Commands divided by commas; each takes over what the one before it said and it does not.
pub fn specs(cursor: &mut Cursor<'_>) -> Result<Vec<CommandSpec>, Wrong> {
    let mut out: Vec<CommandSpec> = Vec::new();
    loop {
        cursor.blanks();
        let mut spec = one(cursor)?;
        if let Some(before) = out.last() {
            inherit(&mut spec, before);
        }
        out.push(spec);
        if !separator(cursor, ",") {
            return Ok(out);
        }
    }
}

fn inherit(spec: &mut CommandSpec, before: &CommandSpec) {
    if spec.runas == Runas::default() {
        spec.runas = before.runas.clone();
    }
    let (own, earlier) = (&mut spec.tags, &before.tags);
    own.password = own.password.or(earlier.password);
    own.exec = own.exec.or(earlier.exec);
    own.setenv = own.setenv.or(earlier.setenv);
    own.log_input = own.log_input.or(earlier.log_input);
    own.log_output = own.log_output.or(earlier.log_output);
    own.follow = own.follow.or(earlier.follow);
    own.mail = own.mail.or(earlier.mail);
    own.intercept = own.intercept.or(earlier.intercept);
    for (key, value) in &before.options.0 {
        spec.options.0.entry(key).or_insert_with(|| value.clone());
    }
}

fn one(cursor: &mut Cursor<'_>) -> Result<CommandSpec, Wrong> {
    let runas = if cursor.take("(") { runas(cursor)? } else { Runas::default() };
    let mut options = Options::default();
    while let Some(key) = keyword(cursor, &KEYS, '=') {
        expect(cursor, "=")?;
        let (value, _) = cursor.word(",:=()#\"")?;
        options.0.insert(key, value);
        cursor.blanks();
    }
    let mut tags = Tags::default();
    while let Some(tag) = keyword(cursor, &TAG_NAMES, ':') {
        expect(cursor, ":")?;
        set_tag(&mut tags, tag);
    }
    Ok(CommandSpec { runas, tags, options, command: digested(cursor)? })
}

const TAG_NAMES: [&str; 16] = [
    "PASSWD",
    "NOPASSWD",
    "EXEC",
    "NOEXEC",
    "SETENV",
    "NOSETENV",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "FOLLOW",
    "NOFOLLOW",
    "MAIL",
    "NOMAIL",
    "INTERCEPT",
    "NOINTERCEPT",
];

fn set_tag(tags: &mut Tags, tag: &str) {
    let (name, on) = tag.strip_prefix("NO").map_or((tag, true), |name| (name, false));
    let place = match name {
        "PASSWD" => &mut tags.password,
        "EXEC" => &mut tags.exec,
        "SETENV" => &mut tags.setenv,
        "LOG_INPUT" => &mut tags.log_input,
        "LOG_OUTPUT" => &mut tags.log_output,
        "FOLLOW" => &mut tags.follow,
        "MAIL" => &mut tags.mail,
        _ => &mut tags.intercept,
    };
    *place = Some(on);
}

/// Takes a word of these, if it is next and the sign follows.
fn keyword(cursor: &mut Cursor<'_>, words: &[&'static str], sign: char) -> Option<&'static str> {
    let mut ahead = cursor.clone();
    let word = ahead.run(|c| c.is_ascii_uppercase() || c == '_');
    let found = words.iter().find(|known| **known == word)?;
    ahead.blanks();
    if ahead.peek() != Some(sign) {
        return None;
    }
    *cursor = ahead;
    Some(found)
}

fn runas(cursor: &mut Cursor<'_>) -> Result<Runas, Wrong> {
    cursor.blanks();
    let mut found = Runas { users: Some(Vec::new()), groups: None };
    if !matches!(cursor.peek(), Some(')' | ':')) {
        found.users = Some(list(cursor, who)?);
    }
    if separator(cursor, ":") {
        if found.users.as_ref().is_some_and(Vec::is_empty) {
            found.users = None;
        }
        found.groups = Some(if cursor.peek() == Some(')') { Vec::new() } else { list(cursor, who)? });
    }
    expect(cursor, ")")?;
    Ok(found)
}

/// A command, with digests and `!` before it.
pub fn digested(cursor: &mut Cursor<'_>) -> Result<Member<Command>, Wrong> {
    let mut digests = Vec::new();
    while let Some(bits) = digest_kind(cursor) {
        digests.push(digest(cursor, bits)?);
        cursor.blanks();
        if !separator(cursor, ",") {
            break;
        }
        if digest_kind(&mut cursor.clone()).is_none() {
            return Err(cursor.wrong("a digest was expected after the comma"));
        }
    }
    let negated = negation(cursor);
    let what = command(cursor, true)?;
    if !digests.is_empty() && !matches!(what, What::Path(..) | What::Regex(..) | What::All) {
        return Err(cursor.wrong("a digest needs a path after it"));
    }
    Ok(Member { negated, item: Command { digests, what } })
}

/// A command of `Defaults!`, which has no arguments.
pub fn without_arguments(cursor: &mut Cursor<'_>) -> Result<Member<Command>, Wrong> {
    let negated = negation(cursor);
    let what = command(cursor, false)?;
    Ok(Member { negated, item: Command { digests: Vec::new(), what } })
}

fn digest_kind(cursor: &mut Cursor<'_>) -> Option<u16> {
    let mut ahead = cursor.clone();
    let bits = [("sha224", 224), ("sha256", 256), ("sha384", 384), ("sha512", 512)].into_iter().find(|(name, _)| ahead.take(name))?.1;
    ahead.blanks();
    if !ahead.take(":") {
        return None;
    }
    ahead.blanks();
    *cursor = ahead;
    Some(bits)
}

fn digest(cursor: &mut Cursor<'_>, bits: u16) -> Result<FileDigest, Wrong> {
    let text = cursor.run(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).to_owned();
    let bytes = usize::from(bits / 8);
    let hexadecimal = text.len() == bytes * 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let base64 = text.trim_end_matches('=').len() == (bytes * 8).div_ceil(6);
    if hexadecimal || base64 { Ok(FileDigest { bits, text }) } else { Err(cursor.wrong(format!("not a digest of {bits} bits"))) }
}

fn command(cursor: &mut Cursor<'_>, with_arguments: bool) -> Result<What, Wrong> {
    let read = |cursor: &mut Cursor<'_>| if with_arguments { arguments(cursor) } else { Ok(Arguments::Any) };
    match cursor.peek() {
        Some('/') => {
            let path = path(cursor)?;
            let arguments = if path.ends_with('/') { Arguments::Any } else { read(cursor)? };
            Ok(What::Path(path, arguments))
        }
        Some('^') => {
            let regex = regex(cursor)?;
            Ok(What::Regex(regex, read(cursor)?))
        }
        _ => {
            let word = cursor.run(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
            match word.as_str() {
                "ALL" => Ok(What::All),
                "sudoedit" => Ok(What::Edit(read(cursor)?)),
                "list" => Ok(What::List(read(cursor)?)),
                name if is_alias(name) => Ok(What::Alias(word)),
                _ => Err(cursor.wrong("a command is an absolute path, an alias, ALL, sudoedit or list")),
            }
        }
    }
}

fn path(cursor: &mut Cursor<'_>) -> Result<String, Wrong> {
    let mut path = String::new();
    while let Some(c) = cursor.peek() {
        match c {
            ',' | ':' | '=' | '#' | ' ' | '\t' | '\r' | '\n' => break,
            '\\' => match cursor.peek_second() {
                Some(escaped @ (',' | ':' | '=' | '#' | ' ' | '\t')) if !ends_line(cursor) => {
                    cursor.next();
                    cursor.next();
                    path.push(escaped);
                }
                Some(' ' | '\t' | '\r' | '\n') => break,
                _ => return Err(cursor.wrong("a backslash in a path stands only before , : = # and a blank")),
            },
            _ => {
                cursor.next();
                path.push(c);
            }
        }
    }
    Ok(path)
}

/// Whether the backslash that is next continues the line.
fn ends_line(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    let line = ahead.line();
    ahead.blanks() && ahead.line() > line
}

/// `^…$`: to the `$` at the end of a word.
fn regex(cursor: &mut Cursor<'_>) -> Result<String, Wrong> {
    let start = cursor.at();
    loop {
        match cursor.next() {
            None | Some('\n' | '#') => return Err(cursor.wrong("a regular expression has no '$' at its end")),
            Some('\\') => {
                if matches!(cursor.next(), None | Some('\n')) {
                    return Err(cursor.wrong("a regular expression ends with its line"));
                }
            }
            Some('$') if matches!(cursor.peek(), None | Some(',' | ':' | '=' | '#' | ' ' | '\t' | '\r' | '\n' | '\\')) => {
                return Ok(cursor.since(start).to_owned());
            }
            Some('$') => return Err(cursor.wrong("a '$' inside a regular expression needs a backslash")),
            Some(_) => {}
        }
    }
}

/// What follows a path, to the end of the command.
fn arguments(cursor: &mut Cursor<'_>) -> Result<Arguments, Wrong> {
    let mut words: Vec<String> = Vec::new();
    loop {
        cursor.blanks();
        match cursor.peek() {
            None | Some(',' | ':' | '#' | '\n') => break,
            Some('^') if words.is_empty() => {
                let regex = regex(cursor)?;
                cursor.blanks();
                return Ok(Arguments::Regex(regex));
            }
            Some(_) => words.push(argument(cursor)?),
        }
    }
    Ok(match words.as_slice() {
        [] => Arguments::Any,
        [only] if only == "\"\"" => Arguments::None,
        _ => Arguments::Words(words),
    })
}

fn argument(cursor: &mut Cursor<'_>) -> Result<String, Wrong> {
    let mut word = String::new();
    while let Some(c) = cursor.peek() {
        match c {
            ',' | ':' | '#' | ' ' | '\t' | '\n' => break,
            '\r' if cursor.peek_second() == Some('\n') => break,
            '\\' if ends_line(cursor) => break,
            '\\' => {
                cursor.next();
                match cursor.next() {
                    // For fnmatch: the backslash stays.
                    Some(c @ ('*' | '?' | '[' | ']' | '!' | '^')) => word.extend(['\\', c]),
                    Some(c @ ('\\' | ':' | ',' | '=' | ' ' | '\t' | '#')) => word.push(c),
                    _ => return Err(cursor.wrong("a backslash in arguments stands only before * ? [ ] ! ^ \\ : , = # and a blank")),
                }
            }
            _ => {
                cursor.next();
                word.push(c);
            }
        }
    }
    Ok(word)
}
