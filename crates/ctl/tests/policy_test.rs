//! `brevetctl policy test`: decisions of files, without a server.

#![expect(clippy::unwrap_used, reason = "a test's part that fails is a failed test")]

use std::path::Path;
use std::process::Command;

fn run(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_brevetctl")).args(arguments).env("HOME", "/nonexistent").output().unwrap();
    (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
}

const FILE: &str = r#"
[[group]]
name = "web"
computers = ["web-1"]

[[group]]
name = "team"
users = ["alice"]

[[list]]
name = "Harmless"
rules = [{ file = "/usr/bin/true" }]

[[policy]]
name = "May be asked for"
message = "ask #ops"
computers = ["group:web"]
users = ["group:team"]
mode = "request"
applications = [{ list = "Harmless" }]

[[policy]]
name = "Operators"
computers = ["group:web"]
users = ["os-group:ops"]
mode = "automatic"
applications = [{ file = "/usr/bin/true", arguments = ["-t"] }]

[[policy]]
name = "Elsewhere"
computers = ["db-1"]
users = "all"
mode = "deny"
applications = "all"

[[policy]]
name = "Switched off"
enabled = false
computers = "all"
users = "all"
mode = "deny"
applications = "all"
"#;

#[test]
fn a_decision_is_explained_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let ask = |extra: &[&str]| {
        let mut arguments = vec!["policy", "test", "-f", file, "--json", "--user", "alice", "--computer", "web-1"];
        arguments.extend(extra);
        let (code, out, err) = run(&arguments);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap()
    };
    let asked = ask(&["--", "true", "-t"]);
    assert_eq!((&asked["decision"], &asked["policy"]), (&"ask".into(), &"May be asked for".into()), "{asked}");
    assert_eq!(asked["facts"]["sha256"].as_str().unwrap().len(), 71);
    let because = |verdict: &serde_json::Value, name: &str| {
        let found = verdict["policies"].as_array().unwrap().iter().find(|it| it["policy"]["name"] == name).cloned().unwrap();
        assert_eq!(found["matched"], false, "{found}");
        found["because"].as_str().unwrap().to_owned()
    };
    assert!(because(&asked, "Operators").contains("alice"), "{asked}");
    assert_eq!(
        (because(&asked, "Elsewhere").as_str(), because(&asked, "Switched off").as_str()),
        ("it is not for this computer", "it is disabled")
    );

    let run_at_once = ask(&["--os-group", "ops", "--", "/usr/bin/true", "-t"]);
    assert_eq!((&run_at_once["decision"], &run_at_once["target_user"]), (&"automatic".into(), &"root".into()), "{run_at_once}");
    assert!(because(&ask(&["--os-group", "ops", "--", "/usr/bin/true", "-x"]), "Operators").contains("argument 1"));

    // Somebody else's computer; and an application that is described instead of looked at.
    let (code, out, _) = run(&["policy", "test", "-f", file, "--user", "alice", "--computer", "db-1", "--", "true"]);
    assert_eq!(code, 0);
    assert!(out.contains("refuse") && out.contains("denied by policy"), "{out}");
    let facts = folder.path().join("facts.json");
    let mut described = asked["facts"].clone();
    described["names"] = serde_json::json!(["/opt/elsewhere"]);
    described["path"] = "/opt/elsewhere".into();
    std::fs::write(&facts, described.to_string()).unwrap();
    let refused = ask(&["--facts", facts.to_str().unwrap(), "--", "elsewhere"]);
    assert_eq!(refused["decision"], "refuse", "{refused}");

    let (code, _, err) = run(&["policy", "test", "-f", file, "--user", "alice", "--computer", "web-1", "--", "no-such-program"]);
    assert_eq!(code, 3, "{err}");
    let (code, _, _) = run(&["policy", "test", "-f", file, "--user", "alice", "--", "true"]);
    assert_eq!(code, 2, "the computer is missing");
}

#[test]
fn what_no_computer_takes_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let test = |policy: &str| {
        let start = "[[policy]]\nname = \"p\"\ncomputers = \"all\"\nusers = [\"alice\"]\nmode = \"automatic\"\n";
        std::fs::write(&file, format!("{start}{policy}")).unwrap();
        run(&["policy", "test", "-f", file.to_str().unwrap(), "--user", "alice", "--computer", "web-1", "--", "/usr/bin/true"])
    };
    let (code, out, err) = test("applications = \"all\"\n[policy.elevation]\nrun_as = \"root\"\nchildren = \"deny\"\n");
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("p.toml:9: policy 'p': elevation.children: "), "{err}");
    // A list may be in another file: the policy takes no part, and that is said twice.
    let (code, out, err) = test("applications = [{ list = \"Tools\" }]\n");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("refuse") && out.contains("the list \"Tools\" is not in these files: give its file too"), "{out}");
    assert!(err.contains("warning: the policy \"p\" takes no part: the list \"Tools\" is not in these files"), "{err}");
    let (_, out, err) = test("applications = [{ list = \"Tools\" }]\n[[list]]\nname = \"Tools\"\nrules = [{ file = \"/usr/bin/true\" }]\n");
    assert!(out.contains("automatic") && err.is_empty(), "{out}{err}");
}

#[test]
fn a_file_that_a_user_can_write_matches_by_its_hash_alone() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\n").unwrap();
    let file = folder.path().join("p.toml");
    let name = tool.canonicalize().unwrap();
    let rule =
        format!("name = \"p\"\ncomputers = \"all\"\nusers = \"all\"\nmode = \"automatic\"\napplications = [{{ file = {name:?} }}]\n");
    std::fs::write(&file, format!("[[policy]]\n{rule}")).unwrap();
    let arguments = ["policy", "test", "-f", file.to_str().unwrap(), "--user", "alice", "--computer", "c", "--", tool.to_str().unwrap()];
    let (code, out, err) = run(&arguments);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("refuse") && !out.contains("automatic  yes"), "{out}");
}

#[test]
fn a_corpus_is_run_and_a_case_that_differs_has_its_own_status() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/corpus");
    let (code, out, err) = run(&["policy", "test", "--corpus", corpus.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.ends_with(" cases, 0 came out otherwise\n"), "{out}");

    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(corpus.join("arguments.toml")).unwrap();
    let text = text.replacen("expect = { decision = \"automatic\" }", "expect = { decision = \"ask\" }", 1);
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let (code, out, _) = run(&["policy", "test", "--corpus", folder.path().to_str().unwrap()]);
    assert_eq!(code, 6, "{out}");
    assert!(out.contains("decision: expected ask, found automatic") && out.contains("1 came out otherwise"), "{out}");
}
