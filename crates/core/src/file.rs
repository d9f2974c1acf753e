//! What `brevetctl apply` takes: one TOML file with groups, lists, policies and autonomous rules (DESIGN section 14).

use crate::application::{Rule, validate_list_rule};
use crate::autonomous::{self, AutonomousRule};
use crate::policy::{self, Findings, Policy, PolicyError, names};
use serde::{Deserialize, Serialize};

mod locate;
mod unread;

pub use locate::Lines;

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Computer and user groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<Group>,
    /// Application lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<List>,
    /// Policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<Policy>,
    /// Autonomous rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub autonomous: Vec<AutonomousRule>,
}

/// A named set of computers or of users; exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "a group: a table with its fields")]
pub struct Group {
    /// Unique among groups.
    pub name: String,
    /// Computer names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computers: Option<Vec<String>>,
    /// User names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
}

/// A named set of application rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "a list: a table with its fields")]
pub struct List {
    /// Unique among lists.
    pub name: String,
    /// Matches when any of these does. A list names no other list.
    pub rules: Vec<Rule>,
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// What is wrong there, naming the field.
    pub message: String,
}

/// Something wrong in a file: which entry, which field of it, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} \"{name}\": {error}")]
pub struct Problem {
    /// `group`, `list`, `policy` or `autonomous`.
    pub kind: &'static str,
    /// Which of its kind, from 0.
    pub index: usize,
    /// The entry's name, escaped.
    pub name: String,
    /// The field and the reason.
    pub error: PolicyError,
}

/// # Errors
/// When the text is not TOML, has a field that is unknown, or lacks one that is needed.
pub fn parse(text: &str) -> Result<File, FileError> {
    toml::from_str(text).map_err(|error| FileError {
        line: error.span().map_or(1, |span| locate::line_at(text, span.start)),
        message: unread::in_words(text, &error),
    })
}

/// Parses and validates: a file that is sound, or every error with its line.
///
/// # Errors
/// When the text cannot be parsed, or does not make sense as written.
pub fn check(text: &str) -> Result<File, Vec<FileError>> {
    let file = parse(text).map_err(|error| {
        let all = unread::errors(text);
        if all.is_empty() { vec![error] } else { all }
    })?;
    let problems = validate(&file);
    if problems.is_empty() {
        return Ok(file);
    }
    let places = locate::Places::of(text);
    let line = |problem: &Problem| places.line_of(problem.kind, problem.index, &problem.error.field);
    Err(problems.iter().map(|problem| FileError { line: line(problem).unwrap_or(1), message: problem.to_string() }).collect())
}

/// Every error in every entry, and names that are there twice. What an entry refers to may be on the server already and is not
/// looked for.
#[must_use]
pub fn validate(file: &File) -> Vec<Problem> {
    let mut out = Vec::new();
    of_kind("group", &file.group, |g| &g.name, validate_group, &mut out);
    of_kind("list", &file.list, |l| &l.name, validate_list, &mut out);
    of_kind("policy", &file.policy, |p| &p.name, policy::validate, &mut out);
    of_kind("autonomous", &file.autonomous, |a| &a.name, autonomous::validate, &mut out);
    out
}

fn of_kind<T>(kind: &'static str, entries: &[T], name: fn(&T) -> &String, test: fn(&T) -> Vec<PolicyError>, out: &mut Vec<Problem>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut errors = test(entry);
        if !seen.insert(name(entry)) {
            errors.push(twice(kind));
        }
        let name = crate::escape::terminal(name(entry).as_bytes());
        out.extend(errors.into_iter().map(|error| Problem { kind, index, name: name.clone(), error }));
    }
}

fn twice(kind: &str) -> PolicyError {
    PolicyError { field: "name".into(), reason: format!("is there twice among {kind} entries") }
}

/// Most members of a group.
const MAX_MEMBERS: usize = 100_000;

/// Every error of a group; empty when it is sound.
#[must_use]
pub fn validate_group(group: &Group) -> Vec<PolicyError> {
    let mut found = Findings::default();
    found.result("name", names::name(&group.name));
    match (&group.computers, &group.users) {
        (Some(computers), None) => found.entries("computers", computers, MAX_MEMBERS, names::computer),
        (None, Some(users)) => found.entries("users", users, MAX_MEMBERS, names::user),
        (None, None) => found.add("computers", "is missing: a group has computers or users"),
        (Some(_), Some(_)) => found.add("users", "does not go with computers: a group has one of the two"),
    }
    found.0
}

/// Every error of an application list; empty when it is sound.
#[must_use]
pub fn validate_list(list: &List) -> Vec<PolicyError> {
    let mut found = Findings::default();
    found.result("name", names::name(&list.name));
    found.unless(!list.rules.is_empty(), "rules", "is empty: the list would match nothing");
    found.rules_with("rules", &list.rules, validate_list_rule);
    found.0
}

/// The file as TOML text; parsing it gives the same file.
///
/// # Errors
/// Never for a `File` that was parsed; a value without TOML form otherwise.
pub fn print(file: &File) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of DESIGN section 14, without what later versions bring.
    const EXAMPLE: &str = r#"
[[group]]
name = "webservers"
computers = ["web-1", "web-2"]

[[list]]
name = "Package tools"
rules = [{ product = "apt" }, { product = "dpkg", min_version = "1.21" }]

[[policy]]
name = "Web team updates its servers"
description = "Asked for and approved; one hour at most"
message = "Questions: #web-ops"
enabled = true
computers = ["group:webservers", "build-1"]
users = ["alice", "os-group:webteam"]
mode = "request"
authentication = "none"
applications = [
  { list = "Package tools" },
  { file = "/usr/sbin/nginx", arguments = ["-t"] },
  { file = "/usr/bin/systemctl", arguments = ["restart", { glob = "web-*" }] },
  { folder = "/opt/tools", subfolders = true },
  { product = "postgresql-15", min_version = "15.4", max_version = "15.99", vendor = "Debian PostgreSQL Maintainers" },
  { file = "/opt/tools/report.py", interpreter = "/usr/bin/python3", owner = "root", parent = { file = "/usr/bin/make" }, target_user = "reports" },
  { store = "flatpak:org.example.Tool" }, { component = "org.freedesktop.packagekit.package-install" },
  { vendor = "Example Corp" },
  { executable = "backup", product = "example-backup", unchanged = true },
  { hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
]
except = [{ file = "/usr/bin/apt-key" }]
validity = { kind = "recurring", days = ["mon", "fri"], start = "09:00", end = "17:00", zone = "Europe/Berlin" }
staleness = "7d"

[policy.elevation]
run_as = "root"
keep_environment = []
containment = "cgroup"
children = "allow"
record = false
at_expiry = "terminate"
warn_before = "5m"
grace = "10s"

[policy.request]
max_duration = "1h"
starts = "first_use"
binds = "command"
approvals = 1
approvers = ["role:approver"]
lapses_after = "24h"
use_within = "8h"
uses = "many"
remind_after = "10m"
escalate_after = "30m"
escalate_to = ["role:owner"]

[[autonomous]]
name = "Unchanged package tools, office hours"
enabled = true
shadow = false
users = ["os-group:webteam"]
computers = "all"
applications = [{ list = "Package tools" }]
max_duration = "30m"
unchanged_only = true
hours = { days = ["mon", "tue", "wed", "thu", "fri"], start = "08:00", end = "18:00", zone = "Europe/Berlin" }
per_user_per_day = 5
"#;

    #[test]
    fn the_documented_example_is_sound_and_prints_as_itself() {
        let file = check(EXAMPLE).unwrap();
        assert_eq!(parse(&print(&file).unwrap()).unwrap(), file);
        let json = serde_json::to_string(&file.policy[0]).unwrap();
        assert_eq!(policy::parse_json(&json).unwrap(), file.policy[0], "the API's JSON has the same names");
    }

    #[test]
    fn errors_name_line_entry_and_field() {
        let wrong = EXAMPLE.replace("[\"-t\"]", "[{ rest = true }, \"-t\"]").replace("lapses_after = \"24h\"", "lapses_after = \"0s\"");
        let errors: Vec<String> = check(&wrong).unwrap_err().into_iter().map(|e| e.to_string()).collect();
        let expected_line = |needle: &str| wrong.lines().position(|l| l.contains(needle)).unwrap() + 1;
        assert_eq!(
            errors,
            [
                format!(
                    "line {}: policy \"Web team updates its servers\": applications[1].arguments[0]: rest stands last",
                    expected_line("rest = true")
                ),
                format!(
                    "line {}: policy \"Web team updates its servers\": request.lapses_after: must be longer than 0s",
                    expected_line("lapses_after")
                ),
            ]
        );
        let unknown = parse("[[policy]]\nname = \"x\"\ncolour = \"red\"\n").unwrap_err();
        assert_eq!(unknown.line, 3);
        assert!(unknown.message.contains("colour"));
        assert!(parse("[[policy]]\nname = \"x\"\n").unwrap_err().message.contains("missing field"));
    }

    #[test]
    fn lines_are_those_that_errors_have() {
        let lines = Lines::of(EXAMPLE);
        let places = locate::Places::of(EXAMPLE);
        for field in
            ["applications[1].arguments[0]", "request.lapses_after", "elevation.run_as", "validity.zone", "users[1]", "name", "nothing"]
        {
            let line = places.line_of("policy", 0, field);
            assert!(line.is_some());
            assert_eq!(lines.line_of(&format!("policy[0].{field}")), line, "{field}");
        }
        assert_eq!(lines.line_of("policy[7].users"), lines.line_of("policy"));
        assert_eq!(lines.line_of("nothing"), None);
        assert_eq!(Lines::of("= 3").line_of("policy[0]"), None);
    }

    #[test]
    fn fields_unknown_beside_a_kind_are_errors() {
        for validity in
            ["{ kind = \"always\", start = \"x\" }", "{ kind = \"fixed\", duration = \"1h\", from = \"delivery\", zone = \"UTC\" }"]
        {
            let text = format!(
                "[[policy]]\nname=\"a\"\ncomputers=\"all\"\nusers=\"all\"\nmode=\"deny\"\napplications=\"all\"\nvalidity={validity}"
            );
            assert!(parse(&text).is_err(), "{validity}");
        }
    }

    #[test]
    fn names_are_unique_in_their_kind_and_groups_have_one_kind_of_member() {
        let twice = "[[list]]\nname = \"a\"\nrules = [{ product = \"x\" }]\n[[list]]\nname = \"a\"\nrules = [{ product = \"y\" }]\n";
        assert_eq!(check(twice).unwrap_err()[0].line, 5);
        let group = |computers, users| validate_group(&Group { name: "g".into(), computers, users });
        assert!(group(Some(vec!["a".into()]), None).is_empty());
        assert_eq!(group(None, None).len(), 1);
        assert_eq!(group(Some(vec![]), Some(vec![])).len(), 1);
        assert_eq!(group(None, Some(vec!["group:x".into()]))[0].field, "users[0]");
        assert_eq!(validate_list(&List { name: "l".into(), rules: vec![] })[0].field, "rules");
    }
}
