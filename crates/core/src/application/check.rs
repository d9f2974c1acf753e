//! Whether a rule makes sense as written; what the types cannot say.

use super::{Argument, Rule, RuleError, compare_versions};
use crate::policy::names;
use std::cmp::Ordering;

/// Most arguments that a rule names.
pub const MAX_ARGUMENTS: usize = 64;
/// Most parents above one another, the rule's own counted.
const MAX_PARENTS: usize = 4;
/// Longest path and longest argument, in bytes.
const MAX_TEXT: usize = 4096;

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Policy,
    List,
    Parent(usize),
}

/// Every error of a rule of a policy or an autonomous rule; empty when it is sound.
#[must_use]
pub fn validate_rule(rule: &Rule) -> Vec<RuleError> {
    check(rule, Place::Policy)
}

/// As `validate_rule`, for a rule of an application list, which names no other list.
#[must_use]
pub fn validate_list_rule(rule: &Rule) -> Vec<RuleError> {
    check(rule, Place::List)
}

fn check(rule: &Rule, place: Place) -> Vec<RuleError> {
    let mut found = Findings(Vec::new());
    identity(rule, &mut found);
    combinations(rule, place, &mut found);
    texts(rule, &mut found);
    if let Some(patterns) = &rule.arguments {
        argument_patterns(patterns, &mut found);
    }
    if let Some(parent) = &rule.parent {
        let depth = if let Place::Parent(depth) = place { depth + 1 } else { 1 };
        if depth > MAX_PARENTS {
            found.add("parent", format!("at most {MAX_PARENTS} above one another"));
        } else {
            let inner = check(parent, Place::Parent(depth));
            found.0.extend(inner.into_iter().map(|e| RuleError { field: format!("parent.{}", e.field), ..e }));
        }
    }
    found.0
}

struct Findings(Vec<RuleError>);

impl Findings {
    fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(RuleError { field: field.into(), reason: reason.into() });
    }

    fn unless(&mut self, holds: bool, field: &str, reason: &str) {
        if !holds {
            self.add(field, reason);
        }
    }

    fn result(&mut self, field: &str, result: Result<(), String>) {
        if let Err(reason) = result {
            self.add(field, reason);
        }
    }
}

fn identity(rule: &Rule, found: &mut Findings) {
    let by_path = rule.file.is_some() || rule.folder.is_some() || rule.executable.is_some();
    let by_package = rule.product.is_some() || rule.vendor.is_some() || rule.store.is_some();
    let names_one = rule.list.is_some() || rule.hash.is_some() || by_path || by_package || rule.component.is_some();
    found.unless(names_one, "rule", "names no application: give file, folder, product, vendor, executable, hash, list, store or component");
}

/// Fields that are written, by their names in TOML.
fn written(rule: &Rule) -> impl Iterator<Item = &'static str> {
    [
        ("hash", rule.hash.is_some()),
        ("file", rule.file.is_some()),
        ("folder", rule.folder.is_some()),
        ("executable", rule.executable.is_some()),
        ("product", rule.product.is_some()),
        ("vendor", rule.vendor.is_some()),
        ("unchanged", rule.unchanged.is_some()),
        ("min_version", rule.min_version.is_some()),
        ("max_version", rule.max_version.is_some()),
        ("store", rule.store.is_some()),
        ("component", rule.component.is_some()),
        ("owner", rule.owner.is_some()),
        ("interpreter", rule.interpreter.is_some()),
        ("list", rule.list.is_some()),
        ("arguments", rule.arguments.is_some()),
        ("target_user", rule.target_user.is_some()),
        ("parent", rule.parent.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, is_written)| is_written.then_some(field))
}

fn combinations(rule: &Rule, place: Place, found: &mut Findings) {
    found.unless(!rule.subfolders || rule.folder.is_some(), "subfolders", "only with folder");
    let verified = rule.product.is_some() || rule.vendor.is_some();
    found.unless(rule.executable.is_none() || verified, "executable", "needs product or vendor beside it");
    found.unless(
        rule.executable.is_none() || rule.unchanged != Some(false),
        "unchanged",
        "a verified executable is unchanged: leave it out or write true",
    );
    if let (Some(min), Some(max)) = (&rule.min_version, &rule.max_version) {
        found.unless(compare_versions(min, max) != Ordering::Greater, "max_version", "is below min_version");
    }
    if rule.list.is_some() {
        let beside = written(rule).filter(|field| !matches!(*field, "list" | "arguments" | "target_user" | "parent"));
        beside.for_each(|field| found.add(field, "does not go with list: write it in the list's rules"));
    }
    if rule.component.is_some() {
        written(rule).filter(|field| *field != "component").for_each(|field| found.add(field, "does not go with component"));
    }
    match place {
        Place::Policy => {}
        Place::List => found.unless(rule.list.is_none(), "list", "a list names no other list"),
        Place::Parent(_) => {
            let meaningless =
                written(rule).filter(|f| matches!(*f, "list" | "arguments" | "target_user" | "interpreter" | "store" | "component"));
            meaningless.for_each(|field| found.add(field, "cannot be asked of the application that asks"));
        }
    }
}

fn texts(rule: &Rule, found: &mut Findings) {
    let mut each = |field: &str, value: &Option<String>, test: &dyn Fn(&str) -> Result<(), String>| {
        if let Some(value) = value {
            found.result(field, test(value));
        }
    };
    each("list", &rule.list, &names::name);
    each("file", &rule.file, &file_path);
    each("folder", &rule.folder, &path);
    each("interpreter", &rule.interpreter, &file_path);
    each("executable", &rule.executable, &|name| {
        if name.contains('/') { Err("is a file name, without folders".into()) } else { names::name(name) }
    });
    each("product", &rule.product, &names::name);
    each("vendor", &rule.vendor, &names::name);
    each("min_version", &rule.min_version, &version);
    each("max_version", &rule.max_version, &version);
    each("store", &rule.store, &store);
    each("component", &rule.component, &identifier);
    each("owner", &rule.owner, &names::user);
    each("target_user", &rule.target_user, &|user| if user == "self" { Err("\"self\" is no account".into()) } else { names::user(user) });
}

/// An absolute path in its only form: no empty, `.` or `..` component, no slash at the end.
fn path(text: &str) -> Result<(), String> {
    names::printable(text)?;
    let Some(rest) = text.strip_prefix('/') else { return Err("must be an absolute path".into()) };
    if text.len() > MAX_TEXT {
        return Err(format!("is longer than {MAX_TEXT} bytes"));
    }
    let plain = rest.is_empty() || rest.split('/').all(|component| !matches!(component, "" | "." | ".."));
    if plain { Ok(()) } else { Err("must be written without \"//\", \".\", \"..\" or a slash at its end".into()) }
}

fn file_path(text: &str) -> Result<(), String> {
    path(text)?;
    if text == "/" { Err("is a folder".into()) } else { Ok(()) }
}

fn version(text: &str) -> Result<(), String> {
    names::name(text)?;
    let plain =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+:~-^_".contains(&b)) && text.starts_with(|c: char| c.is_ascii_digit());
    if plain { Ok(()) } else { Err("is not a version: it begins with a digit and has letters, digits and . + : ~ - only".into()) }
}

fn store(text: &str) -> Result<(), String> {
    let id = text.strip_prefix("flatpak:").or_else(|| text.strip_prefix("snap:"));
    id.map_or_else(|| Err("must begin with flatpak: or snap:".into()), identifier)
}

fn identifier(text: &str) -> Result<(), String> {
    names::name(text)?;
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain { Ok(()) } else { Err("is not an id: expected letters, digits and . _ -".into()) }
}

fn argument_patterns(patterns: &[Argument], found: &mut Findings) {
    found.unless(patterns.len() <= MAX_ARGUMENTS, "arguments", &format!("has more than {MAX_ARGUMENTS}"));
    for (index, pattern) in patterns.iter().enumerate() {
        let field = format!("arguments[{index}]");
        let text = match pattern {
            Argument::Exact(text) => text,
            Argument::Glob(glob) => {
                let climbs = glob.glob.split(['/', '=', ':', ',']).any(|component| component == "..");
                found.unless(!climbs, &field, "a pattern with \"..\" matches nothing");
                &glob.glob
            }
            Argument::Any(_) => continue,
            Argument::Rest(_) => {
                found.unless(index + 1 == patterns.len(), &field, "rest stands last");
                continue;
            }
        };
        found.unless(!text.contains('\0'), &field, "contains a NUL byte");
        found.unless(text.len() <= MAX_TEXT, &field, &format!("is longer than {MAX_TEXT} bytes"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(toml: &str) -> Vec<String> {
        validate_rule(&toml::from_str(toml).unwrap()).into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn sound_rules_of_every_kind_pass() {
        for sound in [
            "list = \"Package tools\"\narguments = [\"x\"]\ntarget_user = \"bob\"",
            "file = \"/usr/bin/systemctl\"\narguments = [\"restart\", { glob = \"web-*\" }, { any = true }, { rest = true }]",
            "folder = \"/opt/tools\"\nsubfolders = true",
            "product = \"postgresql-15\"\nmin_version = \"15.4\"\nmax_version = \"1:15.99~rc1-1\"\nvendor = \"Debian\"",
            "file = \"/opt/r.py\"\ninterpreter = \"/usr/bin/python3\"\nowner = \"root\"\nparent = { file = \"/usr/bin/make\" }\ntarget_user = \"reports\"",
            "executable = \"backup\"\nproduct = \"example-backup\"\nunchanged = true",
            "store = \"flatpak:org.example.Tool\"",
            "component = \"org.freedesktop.packagekit.package-install\"",
        ] {
            assert_eq!(fields(sound), [""; 0], "{sound}");
        }
    }

    #[test]
    fn each_error_names_its_field() {
        for (wrong, field) in [
            ("arguments = []", "rule"),
            ("owner = \"root\"", "rule"),
            ("list = \"\"", "list"),
            ("list = \"a\"\nfile = \"/x\"", "file"),
            ("file = \"usr/bin/x\"", "file"),
            ("file = \"/usr/../x\"", "file"),
            ("file = \"/usr//x\"", "file"),
            ("file = \"/usr/x/\"", "file"),
            ("file = \"/\"", "file"),
            ("file = \"/a\\u0000b\"", "file"),
            ("file = \"/a\\u202Eb\"", "file"),
            ("file = \"/a\"\nsubfolders = true", "subfolders"),
            ("executable = \"x\"", "executable"),
            ("executable = \"a/b\"\nproduct = \"p\"", "executable"),
            ("executable = \"a\"\nproduct = \"p\"\nunchanged = false", "unchanged"),
            ("product = \"p\"\nmin_version = \"2\"\nmax_version = \"1\"", "max_version"),
            ("product = \"p\"\nmin_version = \"x y\"", "min_version"),
            ("store = \"appimage:x\"", "store"),
            ("file = \"/a\"\ntarget_user = \"0\"", "target_user"),
            ("file = \"/a\"\nowner = \"1000\"", "owner"),
            ("file = \"/a\"\narguments = [{ rest = true }, \"x\"]", "arguments[0]"),
            ("file = \"/a\"\narguments = [{ glob = \"../*\" }]", "arguments[0]"),
            ("file = \"/a\"\narguments = [\"a\\u0000\"]", "arguments[0]"),
            ("file = \"/a\"\nparent = { owner = \"root\" }", "parent.rule"),
            ("file = \"/a\"\nparent = { list = \"x\" }", "parent.list"),
        ] {
            assert_eq!(fields(wrong), [field], "{wrong}");
        }
    }

    #[test]
    fn counts_and_depths_are_bounded() {
        let long = format!("file = \"/a\"\narguments = [{}]", "\"x\",".repeat(65));
        assert_eq!(fields(&long), ["arguments"]);
        let nested = |depth| {
            (0..depth).fold(Rule { file: Some("/a".into()), ..Rule::default() }, |inner, _| Rule {
                file: Some("/a".into()),
                parent: Some(Box::new(inner)),
                ..Rule::default()
            })
        };
        assert!(validate_rule(&nested(4)).is_empty());
        assert!(!validate_rule(&nested(5)).is_empty());
        assert_eq!(validate_list_rule(&Rule { list: Some("x".into()), ..Rule::default() }).len(), 1);
    }
}
