//! The grammar of `sudoers(5)`: statements, and the lists of users, hosts and what they have in common.
//!
//! Strict: what sudo would not read is an error here too, because a line left out might have taken something away.

use std::net::IpAddr;
use std::str::FromStr as _;

use super::Wrong;
use super::ast::{Binding, Member, Place, Privilege, Setting, Statement, Where, Who, Written};
use super::commands;
use super::cursor::Cursor;

/// What ends a name that is not quoted.
pub const NAME_ENDS: &str = "#>!=:,()\"";

/// Every statement of one file.
///
/// # Errors
/// At the first thing that sudo would not read either.
pub fn parse(file: usize, text: &str) -> Result<Vec<Written>, Wrong> {
    if let Some(at) = text.find('\0') {
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        return Err(Wrong { line, why: "a NUL byte".into() });
    }
    let mut cursor = Cursor::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut out = Vec::new();
    loop {
        cursor.blanks();
        let (start, line) = (cursor.at(), cursor.line());
        if let Some(statements) = statement(&mut cursor)? {
            let written = one_line(cursor.since(start));
            let place = Place { file, line };
            out.extend(statements.into_iter().map(|statement| Written { place, text: written.clone(), statement }));
        }
        if cursor.peek().is_none() {
            return Ok(out);
        }
        cursor.end_of_statement()?;
    }
}

/// Longest text of a line in a report.
const LONGEST_SHOWN: usize = 400;

fn one_line(text: &str) -> String {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let words: Vec<&str> = joined.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Option<Vec<Statement>>, Wrong> {
    for (keyword, folder) in [("include", false), ("includedir", true)] {
        let found = ['#', '@'].iter().any(|sign| {
            let whole = format!("{sign}{keyword}");
            let follows = cursor.rest().strip_prefix(&whole).and_then(|rest| rest.chars().next());
            matches!(follows, Some(' ' | '\t')) && cursor.take(&whole)
        });
        if found {
            cursor.blanks();
            let (path, _) = cursor.word("\"")?;
            return Ok(Some(vec![if folder { Statement::IncludeFolder(path) } else { Statement::Include(path) }]));
        }
    }
    if cursor.at_end() {
        return Ok(None);
    }
    if let Some(after) = cursor.rest().strip_prefix("Defaults")
        && after.starts_with([' ', '\t', ':', '@', '>', '!', '\\'])
    {
        cursor.take("Defaults");
        return defaults(cursor).map(|statement| Some(vec![statement]));
    }
    let kinds: [(&str, AliasOf); 5] = [
        ("User_Alias", |cursor, name| Ok(Statement::UserAlias(name, list(cursor, who)?))),
        ("Runas_Alias", |cursor, name| Ok(Statement::RunasAlias(name, list(cursor, who)?))),
        ("Host_Alias", |cursor, name| Ok(Statement::HostAlias(name, list(cursor, host)?))),
        ("Cmnd_Alias", |cursor, name| Ok(Statement::CommandAlias(name, list(cursor, commands::digested)?))),
        ("Cmd_Alias", |cursor, name| Ok(Statement::CommandAlias(name, list(cursor, commands::digested)?))),
    ];
    for (keyword, read) in kinds {
        if cursor.rest().strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '\t', '\\'])) {
            cursor.take(keyword);
            return aliases(cursor, read).map(Some);
        }
    }
    rights(cursor).map(|statement| Some(vec![statement]))
}

type AliasOf = fn(&mut Cursor<'_>, String) -> Result<Statement, Wrong>;

fn aliases(cursor: &mut Cursor<'_>, read: AliasOf) -> Result<Vec<Statement>, Wrong> {
    let mut out = Vec::new();
    loop {
        cursor.blanks();
        let name = cursor.run(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_').to_owned();
        if !is_alias(&name) || name == "ALL" {
            return Err(cursor.wrong("an alias is named by capital letters, digits and _, and not ALL"));
        }
        expect(cursor, "=")?;
        out.push(read(cursor, name)?);
        if !separator(cursor, ":") {
            return Ok(out);
        }
    }
}

/// Takes a sign and the blanks around it, if it is next.
pub fn separator(cursor: &mut Cursor<'_>, sign: &str) -> bool {
    cursor.blanks();
    let found = cursor.take(sign);
    if found {
        cursor.blanks();
    }
    found
}

pub fn expect(cursor: &mut Cursor<'_>, sign: &str) -> Result<(), Wrong> {
    if separator(cursor, sign) {
        return Ok(());
    }
    Err(cursor.wrong(format!("{} where '{sign}' was expected", cursor.described())))
}

/// Members divided by commas.
pub fn list<T>(cursor: &mut Cursor<'_>, one: impl Fn(&mut Cursor<'_>) -> Result<Member<T>, Wrong>) -> Result<Vec<Member<T>>, Wrong> {
    let mut out = Vec::new();
    loop {
        cursor.blanks();
        out.push(one(cursor)?);
        if !separator(cursor, ",") {
            return Ok(out);
        }
    }
}

/// Any number of `!`, with blanks between: whether they negate.
pub fn negation(cursor: &mut Cursor<'_>) -> bool {
    let mut negated = false;
    while cursor.take("!") {
        negated = !negated;
        cursor.blanks();
    }
    negated
}

/// Whether a word is an alias' name.
pub fn is_alias(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A user, group, netgroup or alias.
pub fn who(cursor: &mut Cursor<'_>) -> Result<Member<Who>, Wrong> {
    let negated = negation(cursor);
    let quoted = cursor.peek() == Some('"');
    if cursor.take("#") {
        let sign = if cursor.take("-") { "-" } else { "" };
        let digits = cursor.run(|c| c.is_ascii_digit());
        let item = Who::Uid(format!("{sign}{digits}"));
        return if digits.is_empty() { Err(cursor.wrong("'#' without a user id")) } else { Ok(Member { negated, item }) };
    }
    if !quoted && cursor.take("%") {
        let plugin = cursor.take(":");
        let item = if cursor.take("#") {
            let id = cursor.run(|c| c.is_ascii_digit() || c == '-').to_owned();
            if plugin { Who::PluginGroup(format!("#{id}")) } else { Who::Gid(id) }
        } else if cursor.peek() == Some('"') {
            return Err(cursor.wrong("the '%' of a group stands inside its quotes"));
        } else {
            let (name, _) = cursor.word(NAME_ENDS)?;
            if plugin { Who::PluginGroup(name) } else { Who::Group(name) }
        };
        return Ok(Member { negated, item });
    }
    if !quoted && cursor.take("+") {
        return Ok(Member { negated, item: Who::Netgroup(cursor.word(NAME_ENDS)?.0) });
    }
    let (word, escaped) = cursor.word(NAME_ENDS)?;
    let item = match word.as_str() {
        "ALL" if !escaped => Who::All,
        name if !escaped && is_alias(name) => Who::Alias(word),
        name if quoted => prefixed(name),
        _ => Who::Name(word),
    };
    Ok(Member { negated, item })
}

/// What stands in quotes says by its first sign what it is.
fn prefixed(text: &str) -> Who {
    let (all, group, net) = (text, text.strip_prefix('%'), text.strip_prefix('+'));
    match (group, net) {
        (Some(group), _) => match (group.strip_prefix(':'), group.strip_prefix('#')) {
            (Some(plugin), _) => Who::PluginGroup(plugin.into()),
            (None, Some(id)) => Who::Gid(id.into()),
            (None, None) => Who::Group(group.into()),
        },
        (None, Some(net)) => Who::Netgroup(net.into()),
        (None, None) => Who::Name(all.into()),
    }
}

/// A host, address, netgroup or alias.
pub fn host(cursor: &mut Cursor<'_>) -> Result<Member<Where>, Wrong> {
    let negated = negation(cursor);
    if cursor.take("+") {
        return Ok(Member { negated, item: Where::Netgroup(cursor.word(NAME_ENDS)?.0) });
    }
    let mut ahead = cursor.clone();
    let address = ahead.run(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '/'));
    if is_address(address) {
        let item = Where::Address(address.to_owned());
        *cursor = ahead;
        return Ok(Member { negated, item });
    }
    let (word, escaped) = cursor.word(NAME_ENDS)?;
    let item = match word.as_str() {
        "ALL" if !escaped => Where::All,
        name if !escaped && is_alias(name) => Where::Alias(word),
        _ => Where::Name(word),
    };
    Ok(Member { negated, item })
}

fn is_address(text: &str) -> bool {
    let (address, mask) = text.split_once('/').unwrap_or((text, "0"));
    let is_mask = mask.bytes().all(|b| b.is_ascii_digit()) || IpAddr::from_str(mask).is_ok();
    IpAddr::from_str(address).is_ok() && is_mask && !mask.is_empty()
}

fn rights(cursor: &mut Cursor<'_>) -> Result<Statement, Wrong> {
    let users = list(cursor, who)?;
    let mut privileges = Vec::new();
    loop {
        let hosts = list(cursor, host)?;
        expect(cursor, "=")?;
        privileges.push(Privilege { hosts, commands: commands::specs(cursor)? });
        if !separator(cursor, ":") {
            return Ok(Statement::Rights(users, privileges));
        }
    }
}

fn defaults(cursor: &mut Cursor<'_>) -> Result<Statement, Wrong> {
    let binding = if cursor.take(":") {
        Binding::Users(list(cursor, who)?)
    } else if cursor.take("@") {
        Binding::Hosts(list(cursor, host)?)
    } else if cursor.take(">") {
        Binding::Runas(list(cursor, who)?)
    } else if cursor.take("!") {
        Binding::Commands(list(cursor, commands::without_arguments)?)
    } else {
        Binding::Everything
    };
    let mut entries = Vec::new();
    loop {
        cursor.blanks();
        entries.push(default_entry(cursor)?);
        if !separator(cursor, ",") {
            return Ok(Statement::Defaults(binding, entries));
        }
    }
}

type SettingOf = fn(String) -> Setting;

fn default_entry(cursor: &mut Cursor<'_>) -> Result<(String, Setting), Wrong> {
    let negated = negation(cursor);
    let name = cursor.run(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').to_owned();
    if name.is_empty() {
        return Err(cursor.wrong(format!("{} where a setting was expected", cursor.described())));
    }
    cursor.blanks();
    let signs: [(&str, SettingOf); 3] = [("+=", Setting::Add), ("-=", Setting::Remove), ("=", Setting::Is)];
    for (sign, make) in signs {
        if cursor.take(sign) {
            if negated {
                return Err(cursor.wrong("a setting with '!' has no value"));
            }
            cursor.blanks();
            let (value, _) = cursor.word("#=,\"")?;
            return Ok((name, make(value)));
        }
    }
    Ok((name, if negated { Setting::Off } else { Setting::On }))
}
