//! The command as a process.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brevetctl")).args(["import", "sudoers"]).args(arguments).env("HOME", "/nonexistent").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const FILE: &str =
    "# the file\nDefaults env_reset\nalice ALL = NOPASSWD: /usr/bin/apt update\nbob ALL = ALL, !/bin/sh\n@includedir /etc/sudoers.d\n";

fn example(folder: &Path) -> String {
    std::fs::create_dir_all(folder.join("etc/sudoers.d")).unwrap();
    std::fs::write(folder.join("etc/sudoers"), FILE).unwrap();
    std::fs::write(folder.join("etc/sudoers.d/web"), "carol web1 = /usr/bin/systemctl restart nginx\n").unwrap();
    folder.join("etc/sudoers").to_str().unwrap().to_owned()
}

#[test]
fn the_draft_can_be_applied_and_what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (file, root) = (example(folder.path()), folder.path().to_str().unwrap());
    let ran = run(&[&file, "--root", root]);
    assert_eq!(ran.status.code(), Some(7), "{}", text(&ran.stderr));
    let draft = text(&ran.stdout);
    let read = brevet_core::file::check(&draft).unwrap();
    assert_eq!(
        read.policy.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(),
        ["alice as root (sudoers:3)", "carol as root (web:1)"]
    );
    assert!(draft.contains("# danger: authentication: elevates without proof"), "{draft}");
    assert!(draft.contains("# not translated: ") && draft.contains("no boundary"), "{draft}");
    let said = text(&ran.stderr);
    assert!(
        said.contains("lines: translated 3, partly 0, not translated 1, not needed 0; drafted: policies 2, lists 0, groups 0"),
        "{said}"
    );
    assert!(said.ends_with("brevetctl: 1 lines are not, or not wholly, translated\n"), "{said}");
}

#[test]
fn json_has_the_draft_every_line_and_the_findings() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&[&example(folder.path()), "--root", folder.path().to_str().unwrap(), "--json", "--mode", "request"]);
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(answer["file"]["policy"][0]["mode"], "request");
    assert_eq!(answer["lines"].as_array().unwrap().len(), 4);
    assert_eq!(answer["lines"][2]["state"], "not_translated");
    assert!(answer["findings"].is_array());
}

#[test]
fn a_folder_gets_a_file_each_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (file, root, out) = (example(folder.path()), folder.path().to_str().unwrap(), folder.path().join("out/"));
    let out = format!("{}/", out.to_str().unwrap());
    assert_eq!(run(&[&file, "--root", root, "-o", &out]).status.code(), Some(7));
    let mut names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["00-sudoers.toml", "01-web.toml"]);
    for name in names {
        brevet_core::file::check(&std::fs::read_to_string(format!("{out}{name}")).unwrap()).unwrap();
    }
    let again = run(&[&file, "--root", root, "-o", &out]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--overwrite"), "{}", text(&again.stderr));
    assert_eq!(run(&[&file, "--root", root, "-o", &out, "--overwrite"]).status.code(), Some(7));
}

#[test]
fn what_sudo_would_not_read_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sudoers");
    for (bytes, wanted) in [
        (&b"a ALL = /bin/x\nb ALL\n"[..], ":2: the end of the line where '=' was expected"),
        (b"a ALL = /bin/\xff\n", ": line 1: is not UTF-8"),
        (b"a ALL = /bin/x\n\x00", ":2: a NUL byte"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let ran = run(&[path.to_str().unwrap()]);
        let said = text(&ran.stderr);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
    assert_eq!(run(&["/nonexistent/sudoers"]).status.code(), Some(2));
}

#[test]
fn what_somebody_wrote_into_the_file_does_not_act_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sudoers");
    std::fs::write(&path, "a ALL = /bin/x \x1b[2J, /bin/y[\u{202e}]\n").unwrap();
    let ran = run(&[path.to_str().unwrap()]);
    let all = text(&ran.stdout) + &text(&ran.stderr);
    assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
}
