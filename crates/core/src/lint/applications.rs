//! What is suspicious about the applications that a policy or an autonomous rule lets through.

use super::places::{holds_everything, holds_writable, is_wide, writable};
use super::programs::{Gives, find, find_in_package, holds_others};
use super::{Found, Lists, Severity, at_once, exact};
use crate::application::{Argument, Rule};
use crate::autonomous::AutonomousRule;
use crate::escape;
use crate::policy::{Applications, Children, Containment, Mode, Policy};

/// What decides how much a finding matters.
#[derive(Clone, Copy)]
struct Setting {
    /// Nobody looks before it runs.
    at_once: bool,
    /// As root, or as another account.
    root: bool,
    children: Children,
}

impl Setting {
    const fn gravest(self) -> Severity {
        if self.at_once && self.root { Severity::Danger } else { Severity::Warning }
    }
}

pub fn of_policy(policy: &Policy, lists: &Lists, found: &mut Vec<Found>) {
    let elevation = &policy.elevation;
    let setting = Setting { at_once: at_once(policy.mode), root: elevation.run_as == "root", children: elevation.children };
    if policy.applications == Applications::All {
        let severity = if setting.at_once { setting.gravest() } else { Severity::Note };
        let reason = match policy.mode {
            Mode::Request => "anything can be asked for, shells too: approvers must know what they read",
            Mode::Deny | Mode::Automatic | Mode::Justify => "lets run every application, shells and editors too",
        };
        found.push(Found::new("applications", severity, "all_applications", reason, "name the applications that are needed"));
        if !policy.exceptions.is_empty() && setting.at_once {
            let reason = "exceptions to everything keep nobody out: a shell or an interpreter does what they except";
            found.push(Found::new("except", Severity::Warning, "exceptions_to_all", reason, "name what is allowed instead of what is not"));
        }
    }
    let before = found.len();
    rules(&policy.applications, lists, setting, found);
    let escapes = found.iter().skip(before).any(|f| matches!(f.code, "starts_shells" | "runs_programs" | "runs_code"));
    if escapes && elevation.containment == Containment::Cgroup && setting.root {
        let reason = "what starts programs as root can leave its control group and outlive the session";
        found.push(Found::new("elevation.containment", Severity::Note, "leaves_cgroup", reason, "use containment = \"pid_namespace\""));
    }
}

pub fn of_autonomous(rule: &AutonomousRule, lists: &Lists, found: &mut Vec<Found>) {
    rules(&rule.applications, lists, Setting { at_once: true, root: true, children: Children::Allow }, found);
}

fn rules(applications: &Applications, lists: &Lists, setting: Setting, found: &mut Vec<Found>) {
    let Applications::Rules(rules) = applications else { return };
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("applications[{index}]");
        match rule.list.as_ref().map(|name| (name, lists.get(name))) {
            None => one(rule, &field, setting, found),
            Some((_, None)) => {}
            Some((name, Some(inner))) => {
                let shown = escape::terminal(name.as_bytes());
                for (at, each) in inner.iter().enumerate() {
                    // The policy's own arguments narrow those of the list.
                    let arguments = rule.arguments.clone().or_else(|| each.arguments.clone());
                    let each = Rule { arguments, ..each.clone() };
                    one(&each, &format!("{field}.list \"{shown}\".rules[{at}]"), setting, found);
                }
            }
        }
    }
}

fn one(rule: &Rule, field: &str, setting: Setting, found: &mut Vec<Found>) {
    let before = found.len();
    place(rule, field, setting, found);
    wide(rule, field, setting, found);
    if let Some((part, program)) = program(rule) {
        dangerous(rule, &format!("{field}.{part}"), program, setting, found);
    }
    wildcards(rule, field, setting, found);
    // Where more is wrong, that is what matters.
    if found.len() == before && setting.at_once && rule.arguments.is_none() {
        let reason = "no arguments are written, so any are let through, options and paths too";
        found.push(Found::new(
            field,
            Severity::Note,
            "any_arguments",
            reason,
            "write the arguments that are meant; [] where there are none",
        ));
    }
}

/// The program of the table that a rule names, and by which of its fields.
fn program(rule: &Rule) -> Option<(&'static str, &'static (&'static str, Gives, &'static str))> {
    let of_path = |path: &str| path.rsplit('/').next().and_then(find);
    if let Some(file) = &rule.file {
        // A script is what it is; its interpreter runs it and nothing else.
        return of_path(file).map(|program| ("file", program));
    }
    if let Some(name) = &rule.executable {
        return find(name).map(|program| ("executable", program));
    }
    rule.product.as_deref().and_then(find_in_package).map(|program| ("product", program))
}

/// The arguments, where they are one vector and no other.
fn exact(rule: &Rule) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for argument in rule.arguments.as_ref()? {
        match argument {
            Argument::Exact(text) => all.push(text.as_str()),
            Argument::Glob(_) | Argument::Any(_) | Argument::Rest(_) => return None,
        }
    }
    Some(all)
}

/// What to do instead of running a program with arguments that are not known to be harmless.
fn instead(name: &str, gives: Gives) -> String {
    match (gives, exact::row(name)) {
        (Gives::Code, _) => "name the one script that is needed, root's alone, instead of what runs it".into(),
        (Gives::Edits, _) => "name a script of root's that changes the one file that is meant".into(),
        (_, Some((_, _, harmless))) => format!("write its arguments exactly: {harmless}"),
        (Gives::Escape, None) => "name an application that starts nothing, or let a person decide: mode = \"request\"".into(),
        (_, None) => "name a script of root's that does the one thing that is meant, or let a person decide: mode = \"request\"".into(),
    }
}

fn dangerous(rule: &Rule, field: &str, program: &(&str, Gives, &str), setting: Setting, found: &mut Vec<Found>) {
    let (name, gives, how) = program;
    let starts = setting.children == Children::Allow;
    let (code, matters) = match gives {
        Gives::Code => ("runs_code", true),
        Gives::Escape => ("starts_shells", starts),
        Gives::Runs => ("runs_programs", starts),
        Gives::Edits => ("edits_files", true),
        Gives::Writes => ("writes_files", true),
        Gives::Owners => ("changes_owners", true),
        Gives::Services => ("hands_work_on", true),
        Gives::Accounts => ("changes_accounts", true),
        Gives::Installs => ("installs", true),
        Gives::System => ("changes_system", true),
    };
    let arguments = exact(rule);
    // A package that holds many programs takes the same arguments in all of them.
    let many = rule.file.is_none() && rule.executable.is_none() && rule.product.as_deref().is_some_and(holds_others);
    if !matters || (!many && arguments.as_deref().is_some_and(|all| exact::is_harmless(name, all))) {
        return;
    }
    let who = if setting.root { "with root's rights" } else { "with another account's rights" };
    let theirs = arguments.as_deref().and_then(exact::theirs);
    let named = theirs.map(|(argument, why)| format!("; its argument \"{}\": {why}", escape::terminal(argument.as_bytes())));
    let reason = format!("\"{name}\" {how}, {who}{}", named.unwrap_or_default());
    let instead = if many { "name the one file that is meant, and write its arguments exactly".into() } else { instead(name, *gives) };
    found.push(Found::new(field, setting.gravest(), code, reason, instead));
}

fn place(rule: &Rule, field: &str, setting: Setting, found: &mut Vec<Found>) {
    if rule.hash.is_some() {
        return;
    }
    let (part, path) = match (&rule.file, &rule.folder) {
        (Some(file), _) => ("file", file),
        (None, Some(folder)) => ("folder", folder),
        (None, None) => return,
    };
    let shown = escape::terminal(path.as_bytes());
    let below = if part == "folder" && rule.subfolders { holds_writable(path) } else { None };
    if let Some(why) = writable(path).or(below) {
        let reason = format!("\"{shown}\" is not root's alone on most computers: {why}; what others can change is refused there");
        let instead = "put the application where only root writes, or match it by hash";
        found.push(Found::new(format!("{field}.{part}"), Severity::Warning, "writable_place", reason, instead));
    }
    if part == "folder" && holds_everything(path, rule.subfolders) {
        let reason = format!("\"{shown}\" holds shells, interpreters and editors");
        found.push(Found::new(format!("{field}.folder"), setting.gravest(), "holds_shells", reason, "name the applications by file"));
    } else if part == "folder" && is_wide(path, rule.subfolders) {
        let severity = if setting.at_once { Severity::Warning } else { Severity::Note };
        let reason = format!("\"{shown}\" is where whole products are put: whatever comes there later is meant too");
        found.push(Found::new(format!("{field}.folder"), severity, "wide_folder", reason, "name the one product's folder"));
    }
}

/// Rules that take in what a vendor may bring tomorrow.
fn wide(rule: &Rule, field: &str, setting: Setting, found: &mut Vec<Found>) {
    let only_vendor = rule.vendor.is_some()
        && rule.product.is_none()
        && rule.executable.is_none()
        && rule.file.is_none()
        && rule.folder.is_none()
        && rule.hash.is_none();
    if only_vendor {
        let severity = if setting.at_once { Severity::Warning } else { Severity::Note };
        let reason = "a vendor is a claim of the package, and every package of that name is meant, with all its programs";
        found.push(Found::new(format!("{field}.vendor"), severity, "whole_vendor", reason, "name the product or the executable as well"));
    }
}

fn wildcards(rule: &Rule, field: &str, setting: Setting, found: &mut Vec<Found>) {
    let severity = if setting.at_once { Severity::Warning } else { Severity::Note };
    for (index, argument) in rule.arguments.iter().flatten().enumerate() {
        let reason = match argument {
            Argument::Glob(glob) if glob.glob.chars().all(|c| matches!(c, '*' | '?')) => {
                "a pattern of wildcards alone lets through any name"
            }
            Argument::Any(_) => "any argument is let through, options and paths too",
            Argument::Rest(_) => "any arguments are let through, options and paths too",
            Argument::Glob(_) | Argument::Exact(_) => continue,
        };
        let field = format!("{field}.arguments[{index}]");
        found.push(Found::new(field, severity, "wildcard", reason, "write what is meant, or a pattern with a beginning such as \"web-*\""));
    }
}
