//! Text of an attacker's before the eyes of an approver (ATTACKS A05, E16, J05).

use std::fs;

use brevet_e2e::wait;

use crate::stage::{SOON, Stage, on_request};

/// Clears the screen, paints, hides, turns around, forges lines and cells.
const LIES: [&str; 9] = [
    "\x1b[2J\x1b[Happroved",
    "\x1b]0;title\x07",
    "a\rb",
    "a\nfalse line",
    "\u{202e}txt.exe",
    "\u{200b}zero\u{feff}width",
    "\u{9b}31m",
    "=cmd|' /C calc'!A0",
    "<img src=x onerror=alert(1)>",
];

fn raw(text: &str) -> Vec<char> {
    let hidden = |c: &char| {
        c.is_control() && *c != '\n'
            || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
    };
    text.chars().filter(hidden).collect()
}

#[test]
fn nothing_that_a_user_typed_moves_paints_or_hides_on_any_terminal() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", on_request("Ask")));
    let report = stage.tool("report");
    let mut arguments =
        vec!["run", "--no-wait", "--ticket", "T\x1b[31m-1", "--reason", "because \x1b[2J of\u{202e} this\nand that", "--", &report];
    arguments.extend(LIES);
    let asked = stage.alice(&arguments);
    assert_eq!(asked.code(), 75, "{}", asked.stderr);
    assert_eq!(raw(&asked.stderr), [], "{:?}", asked.stderr);
    let request = stage.pending();
    let refused = stage.alice(&["run", "--", "/usr/bin/\x1b[2Jno\u{202e}thing", "\x1b[31m"]);
    assert_eq!(raw(&refused.stderr), [], "{:?}", refused.stderr);
    for what in [&["requests"][..], &["grants"], &["list"]] {
        let shown = stage.alice(what).stdout;
        assert_eq!(raw(&shown), [], "brevet {what:?}: {shown:?}");
    }
    stage.brevet.wait_event("launch.refused", |_| true).unwrap();
    let shows =
        [&["request", "list"][..], &["request", "show", &request], &["event", "list"], &["computer", "list"], &["policy", "show", "Ask"]];
    for what in shows {
        let shown = stage.ctl(what).stdout;
        assert_eq!(raw(&shown), [], "brevetctl {what:?}: {shown:?}");
        assert!(!shown.contains("\nfalse line"), "brevetctl {what:?} let a line be forged: {shown}");
    }
    let declined = stage.ctl(&["request", "decline", &request, "--comment", "\x1b[2Jno\u{202e}"]);
    assert_eq!(raw(&declined.stdout), [], "{:?}", declined.stdout);
    stage.finish();
}

#[test]
fn no_cell_of_an_export_is_a_formula_or_a_second_line() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", on_request("Ask")));
    let report = stage.tool("report");
    let mut arguments = vec!["run", "--no-wait", "--reason", "=HYPERLINK(\"http://evil\")", "--", &report];
    arguments.extend(LIES);
    assert_eq!(stage.alice(&arguments).code(), 75);
    stage.pending();
    let file = stage.brevet.state.join("export.csv");
    let exported = stage.brevet.ctl(&["event", "export", "--format", "csv"]).unwrap();
    let text = if exported.code() == 0 { exported.stdout } else { panic!("export: {}", exported.stderr) };
    fs::write(&file, &text).unwrap();
    assert!(text.contains("request.created"), "{text}");
    let formula = |cell: &str| cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t', '\r']);
    for line in text.lines() {
        assert!(!line.split("\",\"").flat_map(|c| c.split(',')).take(6).any(formula), "{line}");
    }
    assert_eq!(raw(&text.replace('\r', "")), [], "the export has raw control characters");
    stage.finish();
}

#[test]
fn arguments_are_told_apart_wherever_they_are_shown() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", on_request("Ask")));
    let report = stage.tool("report");
    let mut shown = Vec::new();
    for arguments in [&["a b"][..], &["a", "b"], &["a", "", "b"], &["'a' 'b'"], &["a\\ b"]] {
        let mut all = vec!["run", "--no-wait", "--reason", "x", "--", &report];
        all.extend(arguments);
        assert_eq!(stage.alice(&all).code(), 75);
        let request = stage.pending();
        let text = stage.ctl(&["request", "show", &request]).stdout;
        shown.push(text.lines().find(|l| l.contains("report")).unwrap().to_owned());
        assert_eq!(stage.alice(&["withdraw", &request]).code(), 0);
        wait::until("the withdrawal", SOON, || Ok((stage.ctl_json(&["request", "show", &request])["state"] != "pending").then_some(())))
            .unwrap();
    }
    let different: std::collections::BTreeSet<&String> = shown.iter().collect();
    assert_eq!(different.len(), shown.len(), "{shown:#?}");
    stage.finish();
}
