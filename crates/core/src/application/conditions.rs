//! One answer for each condition of a rule.
//!
//! Order matters for explanations only: what identifies the application comes first, so that the rule that came nearest can be told.

use super::matching::{Against, known};
use super::{Fact, Facts, Interpreter, Package, Parent, Rule, Side, arguments, compare_versions};
use crate::escape;
use crate::text::OsText;
use crate::truth::Truth;
use std::cmp::Ordering;

/// A condition and its answer.
pub struct Condition {
    /// As in TOML.
    pub field: &'static str,
    pub truth: Truth,
}

fn yes() -> Truth {
    Truth::Yes(String::new())
}
fn no(why: impl Into<String>) -> Truth {
    Truth::No(why.into())
}
fn is(holds: bool, why_not: impl FnOnce() -> String) -> Truth {
    if holds { yes() } else { Truth::No(why_not()) }
}
fn quoted(text: &str) -> String {
    format!("\"{}\"", escape::terminal(text.as_bytes()))
}

/// The answers of every condition that stands in the rule itself; a list's own rules are the caller's.
pub fn of(rule: &Rule, against: Against<'_>, side: Side) -> Vec<Condition> {
    let facts = against.facts;
    let mut out = Vec::with_capacity(6);
    let mut add = |field, truth: Option<Truth>| out.extend(truth.map(|truth| Condition { field, truth }));

    add("component", rule.component.as_deref().map(|id| no(format!("{} is a polkit action, never an application", quoted(id)))));
    add("hash", rule.hash.map(|hash| is(hash == facts.sha256, || format!("its content is {}, not {hash}", facts.sha256))));
    add("file", rule.file.as_deref().map(|file| is_named(facts, file)));
    add("folder", rule.folder.as_deref().map(|folder| is_within(facts, folder, rule.subfolders)));
    add("executable", rule.executable.as_deref().map(|name| is_executable(facts, name)));
    // WHY only where it allows: a deny asks for what is written, and a changed file must not escape it.
    let verified = rule.executable.is_some() && side == Side::Allow;
    add("executable", verified.then(|| of_package(facts, |package| is_unchanged(package, true))));
    add("product", rule.product.as_deref().map(|name| of_package(facts, |package| is_product(package, name))));
    add("vendor", rule.vendor.as_deref().map(|name| of_package(facts, |package| is_of_vendor(package, name))));
    add("store", rule.store.as_deref().map(|id| is_store(facts, id)));
    add("unchanged", rule.unchanged.map(|wanted| of_package(facts, |package| is_unchanged(package, wanted))));
    add("min_version", rule.min_version.as_deref().map(|v| of_package(facts, |p| is_version(p, v, Ordering::Less, "below"))));
    add("max_version", rule.max_version.as_deref().map(|v| of_package(facts, |p| is_version(p, v, Ordering::Greater, "above"))));
    add("owner", rule.owner.as_deref().map(|owner| is_owned(facts, owner)));
    add("interpreter", rule.interpreter.as_deref().map(|path| is_interpreted(facts, path)));
    add("arguments", rule.arguments.as_deref().map(|patterns| arguments::matches(patterns, against.arguments).map_or_else(no, |()| yes())));
    add("target_user", rule.target_user.as_deref().map(|user| is_target(against.target_user, user)));
    add("parent", rule.parent.as_deref().map(|parent| is_parent(&facts.parent, parent, side)));

    // A list's rules bring their own ground: one of them may be a hash.
    if rule.list.is_none() {
        out.extend(ground(facts, side, rests_on_content(rule)));
    }
    out
}

/// Whether a rule asks for the content and for nothing that a path or a package says.
const fn rests_on_content(rule: &Rule) -> bool {
    let by_path = rule.file.is_some() || rule.folder.is_some() || rule.executable.is_some();
    let by_package = rule.product.is_some() || rule.vendor.is_some() || rule.unchanged.is_some();
    rule.hash.is_some() && !by_path && !by_package && rule.min_version.is_none() && rule.max_version.is_none()
}

/// INVARIANT: what allows needs a chain that is root's alone for a script's interpreter and, unless the content itself is
/// matched, for the file.
pub fn ground(facts: &Facts, side: Side, by_hash: bool) -> Vec<Condition> {
    if side == Side::Deny {
        return Vec::new();
    }
    let file = (!by_hash).then(|| Condition { field: "chain", truth: roots_alone(&facts.chain, "the file", facts.writable_by.as_deref()) });
    let interpreter = facts
        .interpreter
        .as_ref()
        .map(|i| Condition { field: "interpreter", truth: roots_alone(&i.chain, "the script's interpreter", None) });
    file.into_iter().chain(interpreter).collect()
}

fn roots_alone(chain: &Fact<bool>, what: &str, by: Option<&str>) -> Truth {
    match known(chain, &format!("whether {what} is root's alone")) {
        Ok(true) => yes(),
        Ok(false) => no(match by {
            Some(by) => {
                format!(
                    "{what}, or a folder above it, is not root's alone: {}; only its hash can allow it",
                    escape::terminal(by.as_bytes())
                )
            }
            None => format!("{what}, or a folder above it, is not root's alone"),
        }),
        Err(unknown) => unknown,
    }
}

fn names(facts: &Facts) -> impl Iterator<Item = &OsText> {
    facts.names.iter().chain(std::iter::once(&facts.path))
}

fn is_named(facts: &Facts, file: &str) -> Truth {
    is(names(facts).any(|name| name.as_bytes() == file.as_bytes()), || {
        format!("the application is \"{}\", the rule names {}", facts.path, quoted(file))
    })
}

/// The components of an absolute path; `None` when it is relative or has an empty, `.` or `..` component.
fn components(path: &[u8]) -> Option<Vec<&[u8]>> {
    let rest = path.strip_prefix(b"/")?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let all: Vec<&[u8]> = rest.split(|b| *b == b'/').collect();
    all.iter().all(|c| !matches!(*c, b"" | b"." | b"..")).then_some(all)
}

fn contains(folder: &[u8], path: &[u8], subfolders: bool) -> bool {
    let (Some(folder), Some(path)) = (components(folder), components(path)) else { return false };
    let Some(below) = path.strip_prefix(folder.as_slice()) else { return false };
    if subfolders { !below.is_empty() } else { below.len() == 1 }
}

fn is_within(facts: &Facts, folder: &str, subfolders: bool) -> Truth {
    let found = names(facts).any(|name| contains(folder.as_bytes(), name.as_bytes(), subfolders));
    is(found, || {
        let depth = if subfolders { "anywhere below" } else { "directly in" };
        format!("the application is \"{}\", the rule wants it {depth} {}", facts.path, quoted(folder))
    })
}

fn is_executable(facts: &Facts, name: &str) -> Truth {
    let file_name = facts.path.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
    is(file_name == name.as_bytes(), || format!("the application is \"{}\", the rule names {}", facts.path, quoted(name)))
}

fn of_package(facts: &Facts, test: impl FnOnce(&Package) -> Truth) -> Truth {
    match known(&facts.package, "its package") {
        Ok(Some(package)) => test(package),
        Ok(None) => no("it belongs to no package"),
        Err(unknown) => unknown,
    }
}

fn is_product(package: &Package, name: &str) -> Truth {
    is(package.name == name, || format!("it belongs to {}, not {}", quoted(&package.name), quoted(name)))
}

fn is_of_vendor(package: &Package, name: &str) -> Truth {
    match &package.vendor {
        Some(vendor) => is(vendor == name, || format!("its package is from {}, not {}", quoted(vendor), quoted(name))),
        None => no("its package names no vendor"),
    }
}

fn is_unchanged(package: &Package, wanted: bool) -> Truth {
    match known(&package.unchanged, "whether it is as its package installed it") {
        Ok(found) => is(*found == wanted, || {
            if wanted { "it was changed since its package installed it" } else { "it is as its package installed it" }.into()
        }),
        Err(unknown) => unknown,
    }
}

fn is_version(package: &Package, bound: &str, outside: Ordering, word: &str) -> Truth {
    is(compare_versions(&package.version, bound) != outside, || {
        format!("its version {} is {word} {}", quoted(&package.version), quoted(bound))
    })
}

fn is_store(facts: &Facts, id: &str) -> Truth {
    match known(&facts.store, "its store id") {
        Ok(Some(found)) => is(found == id, || format!("it is {}, not {}", quoted(found), quoted(id))),
        Ok(None) => no("it is from no store"),
        Err(unknown) => unknown,
    }
}

fn is_owned(facts: &Facts, owner: &str) -> Truth {
    match known(&facts.owner, "its owner") {
        Ok(found) => is(found == owner, || format!("it belongs to {}, not {}", quoted(found), quoted(owner))),
        Err(unknown) => unknown,
    }
}

fn is_interpreted(facts: &Facts, path: &str) -> Truth {
    let Some(Interpreter { named, path: target, .. }) = &facts.interpreter else {
        return no("it is not a script");
    };
    let found = [named, target].into_iter().any(|name| name.as_bytes() == path.as_bytes());
    is(found, || format!("its interpreter is \"{target}\", not {}", quoted(path)))
}

fn is_target(target: &str, wanted: &str) -> Truth {
    is(target == wanted, || format!("it would run as {}, the rule is for {}", quoted(target), quoted(wanted)))
}

/// Only a parent's path can be seen; any other condition on it is unknown.
fn is_parent(parent: &Fact<Parent>, rule: &Rule, side: Side) -> Truth {
    let parent = match known(parent, "the application that asked") {
        Ok(parent) => parent,
        Err(unknown) => return unknown,
    };
    let path = parent.path.as_bytes();
    let shown = &parent.path;
    if let Some(file) = rule.file.as_deref().filter(|file| file.as_bytes() != path) {
        return no(format!("the application that asked is \"{shown}\", not {}", quoted(file)));
    }
    if let Some(folder) = rule.folder.as_deref().filter(|folder| !contains(folder.as_bytes(), path, rule.subfolders)) {
        return no(format!("the application that asked is \"{shown}\", not in {}", quoted(folder)));
    }
    let seen = Rule { file: rule.file.clone(), folder: rule.folder.clone(), subfolders: rule.subfolders, ..Rule::default() };
    if *rule != seen || rule.file.is_none() && rule.folder.is_none() {
        return Truth::Unknown("of the application that asked, only the path can be seen".into());
    }
    match side {
        Side::Allow => roots_alone(&parent.chain, "the application that asked", None),
        Side::Deny => yes(),
    }
}
