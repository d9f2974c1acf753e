//! What lines become: each a sentence about one of them.

use std::collections::BTreeMap;

use brevet_core::application::{Argument, Glob, Rule};
use brevet_core::file;
use brevet_core::policy::{Applications, Authentication, Children, Mode, Policy, Scope, Validity};
use brevet_core::time::Length;
use brevet_ctl::import::sudoers::{self, Draft, Files, State};

struct Memory(BTreeMap<&'static str, String>);

impl Files for Memory {
    fn read(&mut self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".into())
    }
    fn names(&mut self, folder: &str) -> Result<Vec<String>, String> {
        let below = |path: &&str| path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        Ok(self.0.keys().filter_map(below).collect())
    }
}

fn of(text: &str) -> Draft {
    try_of(text).unwrap()
}

fn try_of(text: &str) -> Result<Draft, String> {
    let mut files = Memory(BTreeMap::from([("/etc/sudoers", text.to_owned())]));
    let whole = sudoers::read(&mut files, "/etc/sudoers", None).map_err(|error| error.to_string())?;
    let draft = sudoers::draft(&whole, Mode::Automatic, sudoers::MOST).map_err(|error| error.to_string())?;
    // INVARIANT: whatever is drafted is what `apply` takes.
    let printed = file::print(&draft.file).unwrap();
    assert_eq!(file::check(&printed).as_ref(), Ok(&draft.file), "{printed}");
    Ok(draft)
}

fn only(text: &str) -> Policy {
    let draft = of(text);
    assert_eq!(draft.file.policy.len(), 1, "{draft:#?}");
    draft.file.policy[0].clone()
}

/// Nothing is drafted, and the reason contains this.
fn nothing(text: &str, because: &str) {
    let draft = of(text);
    assert_eq!(draft.file.policy, vec![], "{text}");
    let reasons: Vec<&String> = draft.lines.iter().flat_map(|line| &line.reasons).collect();
    assert!(reasons.iter().any(|reason| reason.contains(because)), "{text}: {reasons:?}");
}

fn rules(policy: &Policy) -> Vec<Rule> {
    match &policy.applications {
        Applications::All => panic!("all"),
        Applications::Rules(rules) => rules.clone(),
    }
}

fn file(path: &str, arguments: Option<&[&str]>) -> Rule {
    let exact = |words: &[&str]| words.iter().map(|word| Argument::Exact((*word).into())).collect();
    Rule { file: Some(path.into()), arguments: arguments.map(exact), ..Rule::default() }
}

fn named(names: &[&str]) -> Scope {
    Scope::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_plain_line_becomes_an_automatic_policy_with_a_password() {
    let policy = only("alice,%wheel web1 = /usr/bin/apt update, /bin/true \"\"\n");
    assert_eq!((policy.mode, policy.authentication), (Mode::Automatic, Some(Authentication::Password)));
    assert_eq!((&policy.users, &policy.computers), (&named(&["alice", "os-group:wheel"]), &named(&["web1"])));
    assert_eq!(rules(&policy), [file("/usr/bin/apt", Some(&["update"])), file("/bin/true", Some(&[]))]);
    assert_eq!(policy.elevation.run_as, "root");
    assert!(policy.description.contains("/etc/sudoers line 1: alice,%wheel web1 ="), "{}", policy.description);
}

#[test]
fn root_needs_no_policy_and_nothing_is_wrong_with_that() {
    let draft = of("root ALL=(ALL:ALL) ALL\n");
    assert_eq!((draft.file.policy.len(), draft.lines[0].state), (0, State::NotNeeded));
}

#[test]
fn aliases_become_groups_and_lists_where_they_can() {
    let draft = of("User_Alias ADMINS = alice, bob\nHost_Alias WEB = web1, web2\nCmnd_Alias PKG = /usr/bin/apt, /usr/bin/dpkg\n\
                    ADMINS WEB = PKG\n");
    let policy = &draft.file.policy[0];
    assert_eq!((&policy.users, &policy.computers), (&named(&["group:sudoers ADMINS"]), &named(&["group:sudoers WEB"])));
    assert_eq!(rules(policy), [Rule { list: Some("sudoers PKG".into()), ..Rule::default() }]);
    assert_eq!((draft.file.group.len(), draft.file.list.len()), (2, 1));
    assert!(draft.lines.iter().all(|line| line.state == State::Translated), "{:#?}", draft.lines);
}

#[test]
fn what_stands_twice_is_there_once() {
    let draft = of("User_Alias A = bob, bob, bob\nHost_Alias W = w, w\na, a, A, A W, W = /bin/x, /bin/x\n");
    assert_eq!(draft.file.policy[0].users, named(&["group:sudoers A", "a"]));
    assert_eq!(draft.file.group[0].users, Some(vec!["bob".to_owned()]));
    assert_eq!(rules(&draft.file.policy[0]), [file("/bin/x", None)]);
}

#[test]
fn tags_and_options_become_settings() {
    let text = "a ALL = (postgres) TIMEOUT=30m NOTBEFORE=20260101000000Z NOTAFTER=202602010000+0100 NOPASSWD: NOEXEC: LOG_OUTPUT: /bin/x\n";
    let policy = only(text);
    assert_eq!(policy.authentication, Some(Authentication::None));
    assert_eq!((policy.elevation.children, policy.elevation.record), (Children::Deny, true));
    assert_eq!((policy.elevation.run_as.as_str(), policy.request.max_duration), ("postgres", Length::from_minutes(30)));
    let Validity::Window { start, end } = policy.validity else { panic!("{:?}", policy.validity) };
    assert_eq!((start.to_string().as_str(), end.to_string().as_str()), ("2026-01-01T00:00:00.000Z", "2026-01-31T23:00:00.000Z"));
}

#[test]
fn tags_never_widen_what_follows() {
    // ATTACKS E06: ALL after NOSETENV or NOEXEC does not switch them off, and a tag holds for what follows.
    let draft = of("a ALL = NOEXEC: /bin/x, ALL\n");
    assert!(draft.file.policy.iter().all(|policy| policy.elevation.children == Children::Deny), "{draft:#?}");
    let draft = of("Defaults noexec\na ALL = /bin/x\nDefaults:a !noexec\n");
    assert_eq!(draft.file.policy[0].elevation.children, Children::Deny);
}

#[test]
fn a_later_line_that_asks_for_the_password_asks_for_it_here_too() {
    let draft = of("deploy ALL = NOPASSWD: /bin/x\n%sudo ALL = (ALL) ALL\n");
    assert!(draft.file.policy.iter().all(|policy| policy.authentication == Some(Authentication::Password)), "{draft:#?}");
    assert!(draft.lines[0].notes.iter().any(|note| note.contains("sudoers:2")), "{:?}", draft.lines[0].notes);
    let draft = of("deploy ALL = NOPASSWD: /bin/x\nalice ALL = (ALL) ALL\n");
    assert_eq!(draft.file.policy[0].authentication, Some(Authentication::None), "another user's line changes nothing");
}

#[test]
fn a_list_of_what_is_not_allowed_is_no_boundary() {
    // ATTACKS E07.
    nothing("a ALL = ALL, !/bin/sh, !/usr/bin/su\n", "no boundary");
    nothing("a ALL = /usr/bin/, !/usr/bin/passwd\n", "another name");
    nothing("Cmnd_Alias SHELLS = /bin/sh, /bin/bash\na ALL = (ALL) ALL, !SHELLS\n", "no boundary");
    nothing("%wheel ALL = ALL\nalice ALL = !/usr/bin/su\n", "sudoers:2 takes something away");
}

#[test]
fn an_alias_with_an_exception_that_is_negated_gives_nothing_back() {
    let draft = of("Cmnd_Alias A = /bin/x, !/bin/y\na ALL = !A\n");
    assert_eq!(draft.file.policy, vec![]);
    assert!(draft.lines.iter().any(|line| line.reasons.iter().any(|reason| reason.contains("write out"))), "{:#?}", draft.lines);
}

#[test]
fn a_negation_of_the_same_file_becomes_every_exception_that_it_means() {
    let policy = only("a ALL = /usr/bin/systemctl, !/usr/bin/systemctl restart ssh\n");
    assert_eq!(
        policy.exceptions,
        [file("/usr/bin/systemctl", Some(&["restart", "ssh"])), file("/usr/bin/systemctl", Some(&["restart ssh"]))]
    );
    nothing("a ALL = /usr/bin/passwd *, !/usr/bin/passwd *root*\n", "a pattern takes some of it away");
    nothing("a ALL = /usr/bin/passwd, !/usr/bin/passwd a b c d e\n", "more words");
    let policy = only("a ALL = /bin/x, !/bin/y\n");
    assert_eq!((policy.exceptions.len(), rules(&policy)), (0, vec![file("/bin/x", None)]));
}

#[test]
fn wildcards_are_translated_only_where_ours_mean_no_more() {
    // ATTACKS E08.
    let glob = |text: &str| Argument::Glob(Glob { glob: text.into() });
    let policy = only("a ALL = /bin/cat /var/log/*\n");
    assert_eq!(rules(&policy)[0].arguments, Some(vec![glob("/var/log/*")]));
    assert_eq!(rules(&only("a ALL = /bin/cat *\n")), [file("/bin/cat", None)]);
    assert_eq!(rules(&only("a ALL = /bin/cat \\*\n")), [file("/bin/cat", Some(&["*"]))]);
    nothing("a ALL = /bin/cat [a-z]*\n", "set of characters");
    nothing("a ALL = /bin/cat \\**\n", "escaped");
    nothing("a ALL = /usr/bin/*\n", "a pattern in a path");
    nothing("a ALL = ^/usr/bin/.*$\n", "regular expression");
    nothing("a ALL = /usr/bin/x ^-a$\n", "regular expression");
    nothing("a ALL = /usr/bin/../bin/x\n", "..");
}

#[test]
fn what_confines_is_never_dropped() {
    for (text, because) in [
        ("a ALL = CWD=/srv /bin/x\n", "CWD=/srv"),
        ("a ALL = CHROOT=/srv /bin/x\n", "CHROOT=/srv"),
        ("a ALL = ROLE=r TYPE=t /bin/x\n", "ROLE=r"),
        ("a ALL = INTERCEPT: /bin/x\n", "INTERCEPT"),
        ("Defaults targetpw\na ALL = ALL\n", "another account's password"),
        ("Defaults:a rootpw\na ALL = ALL\n", "another account's password"),
        ("Defaults runcwd=/srv\na ALL = ALL\n", "runcwd"),
        ("Defaults!/bin/x intercept\na ALL = /bin/x\n", "intercept"),
        ("a ALL = NOTAFTER=20260101000000 /bin/x\n", "zone"),
        (
            "a ALL = sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e /bin/x\n",
            "SHA-256",
        ),
    ] {
        nothing(text, because);
    }
    let free = only("Defaults targetpw\na ALL = NOPASSWD: /bin/x\n");
    assert_eq!(free.authentication, Some(Authentication::None));
}

#[test]
fn who_cannot_be_named_is_left_out_and_said() {
    nothing("#1000 ALL = /bin/x\n", "by number");
    nothing("%#27 ALL = /bin/x\n", "by number");
    nothing("+net ALL = /bin/x\n", "netgroups");
    nothing("ALL, !bob ALL = /bin/x\n", "'!'");
    nothing("a 10.0.0.0/8 = /bin/x\n", "address");
    nothing("a web* = /bin/x\n", "patterns");
    nothing("a ALL, !web1 = /bin/x\n", "'!'");
    nothing("a ALL = (%db) /bin/x\n", "group");
    nothing("a ALL = (ALL, !root) /bin/x\n", "'!'");
    nothing("a ALL = (:adm) /bin/x\n", "group");
    nothing("a ALL = (#33) /bin/x\n", "number");
    nothing("0day ALL = /bin/x\n", "user name");
    nothing("UNKNOWN ALL = /bin/x\n", "not defined");
    nothing("a ALL = UNKNOWN\n", "not defined");
    nothing("A\\LL ALL = (self) /bin/x\n", "self");
    assert_eq!(only("alice, +net ALL = /bin/x\n").users, named(&["alice"]));
    assert_eq!(only("ALL\\$x ALL = /bin/x\n").users, named(&["ALL$x"]));
    assert_eq!(only("\"ALL\" ALL = /bin/x\n").users, named(&["ALL"]), "in quotes it is a name");
    assert_eq!(only("\"%domain users\" ALL = /bin/x\n").users, named(&["os-group:domain users"]));
}

#[test]
fn digests_become_hashes() {
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for written in [hex, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] {
        let policy = only(&format!("a ALL = sha256:{written} /bin/x\n"));
        assert_eq!(rules(&policy)[0].hash.unwrap().to_string(), format!("sha256:{hex}"));
        assert_eq!(rules(&policy)[0].file.as_deref(), Some("/bin/x"));
    }
}

#[test]
fn a_comment_with_a_backslash_hides_nothing() {
    assert_eq!(only("# old: \\\nalice ALL = /bin/x\n").users, named(&["alice"]));
    assert_eq!(only("alice ALL = /bin/x \\\n  -a\\\n  b # \\\n").users, named(&["alice"]));
}

#[test]
fn includes_are_read_in_their_place_and_never_skipped() {
    let files = |more: &[(&'static str, &str)]| {
        let mut all =
            BTreeMap::from([("/etc/sudoers", "a ALL = NOPASSWD: /bin/x\n@includedir /etc/sudoers.d\n#include local\n".to_owned())]);
        all.extend(more.iter().map(|(path, text)| (*path, (*text).to_owned())));
        sudoers::read(&mut Memory(all), "/etc/sudoers", None)
    };
    let whole =
        files(&[("/etc/local", ""), ("/etc/sudoers.d/b", "b ALL=ALL\n"), ("/etc/sudoers.d/a", "a ALL=ALL\n"), ("/etc/sudoers.d/x.y", "?")]);
    assert_eq!(whole.unwrap().files, ["/etc/sudoers", "/etc/sudoers.d/a", "/etc/sudoers.d/b", "/etc/local"]);
    let error = files(&[]).unwrap_err().to_string();
    assert_eq!(error, "/etc/sudoers:3: includes '/etc/local': there is no such file");
    let error = files(&[("/etc/local", "a ALL = nothing\n")]).unwrap_err().to_string();
    assert!(error.starts_with("/etc/local:1: "), "{error}");
    let error = files(&[("/etc/local", "@include local\n")]).unwrap_err().to_string();
    assert!(error.contains("inside one another"), "{error}");
    let error = files(&[("/etc/local", "@include %h\n")]).unwrap_err().to_string();
    assert!(error.contains("--hostname"), "{error}");
}

#[test]
fn aliases_of_aliases_do_not_multiply_without_end() {
    let mut text = String::from("Cmnd_Alias A0 = /bin/x\n");
    for n in 1..40 {
        text.push_str(&format!("Cmnd_Alias A{n} = A{}, A{}\n", n - 1, n - 1));
    }
    text.push_str("a ALL = A39\n");
    assert!(try_of(&text).unwrap_err().contains("more than can be looked at"));
    assert!(try_of("Cmnd_Alias A = B\nCmnd_Alias B = A\na ALL = A\n").unwrap_err().contains("contains itself"));
    assert!(try_of("Cmnd_Alias A = /bin/x\nCmnd_Alias A = /bin/y\n").unwrap_err().contains("defined already"));
}
