//! The draft against sudo itself: whatever a draft lets run, sudo would let run, and what needs no password there needs none here.
//!
//! Real files of sudoers are put over /etc/sudoers in a mount namespace of the test's own, so this needs root; it says so where it cannot.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use brevet_core::application::{Fact, Facts};
use brevet_core::decide::{Decision, Fixed, Held, Launch, Standing, decide};
use brevet_core::digest::Digest;
use brevet_core::document::{PolicyDocument, SCHEMA};
use brevet_core::file::File;
use brevet_core::id::PolicyId;
use brevet_core::policy::{Authentication, Mode};
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use brevet_core::user::{Member, User};
use brevet_ctl::import::sudoers::{self, Files};

/// One file.
struct One(String);

impl Files for One {
    fn read(&mut self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
    fn names(&mut self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

struct Tried {
    user: &'static str,
    target: &'static str,
    words: &'static [&'static str],
}

const USERS: [&str; 3] = ["daemon", "games", "bin"];
const WORDS: [&[&str]; 16] = [
    &["/usr/bin/true"],
    &["/usr/bin/true", "a"],
    &["/bin/true"],
    &["/usr/bin/echo"],
    &["/usr/bin/echo", "a"],
    &["/usr/bin/echo", "a", "b"],
    &["/usr/bin/echo", "a b"],
    &["/usr/bin/echo", "-n"],
    &["/usr/bin/echo", "/var/log/x"],
    &["/usr/bin/echo", "/var/log/../../etc/shadow"],
    &["/usr/bin/echo", "/var/log/x", "/etc/shadow"],
    &["/usr/bin/echo", "*"],
    &["/usr/bin/id"],
    &["/usr/bin/printf", "x"],
    &["/usr/bin/basename", "/a"],
    &["/bin/basename", "/a"],
];

fn tries() -> Vec<Tried> {
    let targets = ["root", "man"];
    USERS
        .iter()
        .flat_map(|user| targets.iter().flat_map(move |target| WORDS.iter().map(move |words| Tried { user, target, words })))
        .collect()
}

/// What sudo says of each: refused, allowed with a password, allowed without.
fn asked(text: &str, tries: &[Tried]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sudoers");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
    let mut script = format!("mount --bind '{}' /etc/sudoers || exit 9\n", file.display());
    for tried in tries {
        let command: Vec<String> = tried.words.iter().map(|word| format!("'{word}'")).collect();
        let (user, target, command) = (tried.user, tried.target, command.join(" "));
        script.push_str(&format!(
            "if sudo -U {user} -l -u {target} {command} >/dev/null 2>&1; then \
             if setpriv --reuid={user} --regid={user} --init-groups sudo -n -u {target} {command} >/dev/null 2>&1 </dev/null; \
             then echo free; else echo password; fi; else echo refused; fi\n"
        ));
    }
    let mut child =
        Command::new("unshare").args(["-m", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn documents(file: &File) -> Vec<PolicyDocument> {
    let lists: BTreeMap<_, _> = file.list.iter().map(|list| (list.name.clone(), list.rules.clone())).collect();
    let user_groups: BTreeMap<_, _> = file.group.iter().filter_map(|g| Some((g.name.clone(), g.users.clone()?))).collect();
    let numbered = (1i64..).zip(&file.policy);
    numbered
        .map(|(number, policy)| PolicyDocument {
            schema: SCHEMA,
            requires: Vec::new(),
            id: PolicyId::new(number, [0; 10]),
            version: 1,
            renewal: 0,
            policy: policy.clone(),
            lists: lists.clone(),
            user_groups: user_groups.clone(),
        })
        .collect()
}

/// What a computer with the draft would do.
fn drafted(documents: &[PolicyDocument], tried: &Tried) -> &'static str {
    let held: Vec<Held<'_>> = documents.iter().map(|document| Held { document, fixed: Fixed::NotStarted }).collect();
    let typed = tried.words[0];
    let path = std::fs::canonicalize(typed).unwrap();
    let path = OsText::from(path.to_str().unwrap());
    let facts = Facts {
        names: vec![OsText::from(typed), path.clone()],
        path,
        chain: Fact::Known(true),
        writable_by: None,
        sha256: Digest::of(b"x"),
        size: 1,
        owner: Fact::Known("root".into()),
        mode: 0o755,
        package: Fact::Unknown("not looked at".into()),
        interpreter: None,
        parent: Fact::Unknown("not looked at".into()),
        store: Fact::Known(None),
    };
    let launch = Launch {
        member: Member { user: User { uid: 1, name: tried.user.into() }, groups: Fact::Known(vec![tried.user.into()]) },
        facts,
        arguments: tried.words[1..].iter().map(|word| OsText::from(*word)).collect(),
        directory: "/".into(),
        target_user: Some(tried.target.into()),
    };
    let standing = Standing { wall: Timestamp::from_millis(1_800_000_000_000), heartbeat_age_millis: Some(0), unreadable_deny: false };
    match decide(&held, &[], &launch, &standing) {
        Decision::Refuse(_) => "refused",
        Decision::Ask(_) => "asks",
        Decision::Elevate(it) if it.authentication == Authentication::None => "free",
        Decision::Elevate(_) => "password",
    }
}

/// Files by the dozen: lines of parts that combine in every way.
struct Made(u64);

impl Made {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn text(&mut self) -> String {
        let mut text = String::from(
            "User_Alias PEOPLE = daemon, games\nUser_Alias FEW = ALL, !bin\nRunas_Alias ANY = root, man\n\
             Cmnd_Alias TOOLS = /usr/bin/true, /usr/bin/id, /usr/bin/echo a\nCmnd_Alias SOME = TOOLS, !/usr/bin/id\n",
        );
        let defaults = ["", "", "", "Defaults runas_default=man\n", "Defaults !authenticate\n", "Defaults:daemon !authenticate\n"];
        text.push_str(self.one(&defaults));
        for _ in 0..=self.below(4) {
            let users = self.one(&["daemon", "games", "%games", "ALL", "PEOPLE", "FEW", "daemon, !games", "#1", "%#60, bin"]);
            let runas = self.one(&["", "(root) ", "(man) ", "(ALL) ", "(ANY) ", "(ALL, !root) ", "(root:ALL) "]);
            let mut commands = Vec::new();
            for _ in 0..=self.below(3) {
                let tag = self.one(&["", "", "NOPASSWD: ", "PASSWD: "]);
                let negated = self.one(&["", "", "", "!"]);
                let what = self.one(&[
                    "ALL",
                    "/usr/bin/true",
                    "/usr/bin/true \"\"",
                    "/usr/bin/echo",
                    "/usr/bin/echo a",
                    "/usr/bin/echo a b",
                    "/usr/bin/echo a*",
                    "/usr/bin/echo *",
                    "/usr/bin/echo \\*",
                    "/usr/bin/echo /var/log/*",
                    "/usr/bin/echo [ab]",
                    "/usr/bin/",
                    "/usr/bin/e*",
                    "/bin/basename",
                    "^/usr/bin/(id|true)$",
                    "/usr/bin/echo ^[a-z]$",
                    "TOOLS",
                    "SOME",
                ]);
                commands.push(format!("{tag}{negated}{what}"));
            }
            text.push_str(&format!("{users} ALL = {runas}{}\n", commands.join(", ")));
        }
        text
    }
}

#[test]
fn a_draft_gives_nothing_that_sudo_does_not_give() {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let probe = || Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !is_root || Command::new("sudo").arg("-V").output().is_err() || !probe() {
        println!("not run: needs root, sudo and a mount namespace");
        return;
    }
    let cases: u64 = std::env::var("BREVET_CASES").map_or(12, |text| text.parse::<u64>().unwrap().min(2_000));
    let mut files = vec![
        // The classics: a later ALL asks for the password again; a deny-list; an alias turned inside out.
        "daemon ALL = NOPASSWD: /usr/bin/true\ndaemon ALL = (ALL) ALL\n".to_owned(),
        "daemon ALL = ALL, !/usr/bin/true\n".to_owned(),
        "Cmnd_Alias A = /usr/bin/true, !/usr/bin/id\ndaemon ALL = ALL, !A\n".to_owned(),
        "games ALL = /usr/bin/echo, !/usr/bin/echo a b\nbin ALL = NOPASSWD: /usr/bin/echo /var/log/*\n".to_owned(),
    ];
    files.extend((1..=cases).map(|seed| Made(seed * 7919).text()));
    let tries = tries();
    let (mut same, mut less) = (0, 0);
    for text in files {
        let whole = sudoers::read(&mut One(text.clone()), "sudoers", None).unwrap();
        let draft = sudoers::draft(&whole, Mode::Automatic, sudoers::MOST).unwrap();
        let documents = documents(&draft.file);
        let answers = asked(&text, &tries);
        assert_eq!(answers.len(), tries.len());
        for (tried, theirs) in tries.iter().zip(answers) {
            let ours = drafted(&documents, tried);
            let is_within = match ours {
                "refused" => true,
                "password" => theirs != "refused",
                _ => theirs == "free",
            };
            let who = format!("{} as {}: {:?}", tried.user, tried.target, tried.words);
            assert!(is_within, "{who}: sudo says {theirs}, the draft {ours}\n{text}\n{:#?}", draft.file);
            if ours == theirs { same += 1 } else { less += 1 }
        }
    }
    println!("{same} launches decided as sudo does, {less} tighter");
    assert!(same > less, "{same} the same, {less} tighter: the draft is of little use");
}
