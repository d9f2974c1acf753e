//! On a terminal of eighty columns and less: words stay whole, and what would be a table too wide is paragraphs.

use crate::support::*;
use brevet_api::broker::{Answer, GrantSummary, ListedPolicy, RequestSummary, Tell};
use brevet_core::policy::Mode;
use brevet_core::request::RequestState;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};

/// What the command shows on a terminal of so many columns, without the terminal's own breaks.
fn shown(columns: usize, arguments: &str, answer: Option<&Answer>) -> String {
    let broker = Broker::start();
    let mut terminal = OnTerminal::script(&broker, &format!("stty cols {columns}; \"$BREVET\" {arguments}"));
    if let Some(answer) = answer {
        let (mut talk, _, _) = broker.asked();
        talk.answer(answer);
    }
    assert_eq!(terminal.finish(), 0, "{}", terminal.seen);
    terminal.seen.replace('\r', "")
}

fn fits(columns: usize, text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= columns, "{columns}: {line:?} in\n{text}");
    }
}

/// The same words in the same order, whatever is between them.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn help_breaks_between_words() {
    for command in ["", "run", "explain", "list", "requests", "grants", "withdraw", "end", "status", "lock", "completion"] {
        let output = std::process::Command::new(program()).args(command.split_whitespace()).arg("--help").output().unwrap();
        let plain = String::from_utf8(output.stdout).unwrap();
        for columns in [60, 80] {
            let text = shown(columns, &format!("{command} --help"), None);
            fits(columns, &text);
            assert_eq!(words(&text), words(&plain));
        }
    }
}

#[test]
fn a_script_for_a_shell_stays_as_it_is() {
    let output = std::process::Command::new(program()).args(["completion", "bash"]).output().unwrap();
    assert_eq!(shown(40, "completion bash", None), String::from_utf8(output.stdout).unwrap());
}

#[test]
fn requests_and_grants_are_paragraphs_where_a_table_is_too_wide() {
    let at = |text| Timestamp::parse(text).unwrap();
    let request = RequestSummary {
        request: request(),
        state: RequestState::Pending,
        code: "7K3M-Q9ZT".to_owned(),
        arguments: vec![OsText::from("tool"), OsText::from("--one"), OsText::from("two")],
        reason: "because of all that has happened since the last time that somebody looked at it".to_owned(),
        duration: Length::from_minutes(30),
        created: at("2026-11-22T19:30:59Z"),
        lapses: at("2026-11-23T19:30:59Z"),
        answer: None,
    };
    let text = shown(80, "requests", Some(&Answer::Requests { requests: vec![request.clone(), request] }));
    fits(80, &text);
    for line in ["code        7K3M-Q9ZT\n", "lapses      2026-11-23 19:30 UTC\n", "command     tool --one two\n"] {
        assert_eq!(text.matches(line).count(), 2, "{text}");
    }
    assert!(text.contains("that somebody\n            looked"), "{text}");
    let grant = GrantSummary {
        grant: grant(),
        state: "finished".to_owned(),
        policy: "Web team updates its servers".to_owned(),
        arguments: vec![OsText::from("sleep"), OsText::from("100")],
        target_user: "root".to_owned(),
        ends: None,
        remaining_seconds: None,
        sessions: vec![],
        because: Some("its session ended".to_owned()),
    };
    let answer = Answer::Grants { grants: vec![grant] };
    let text = shown(80, "grants", Some(&answer));
    fits(80, &text);
    assert!(text.contains("command     sleep 100\nend         its session ended\n") && !text.contains("left"), "{text}");
    let text = shown(160, "grants", Some(&answer));
    assert!(text.contains("COMMAND (END)\n") && text.contains("  sleep 100  (its session ended)\n"), "{text}");
}

#[test]
fn a_list_and_the_waiting_break_between_words() {
    let policy = ListedPolicy {
        policy: "Web team".to_owned(),
        mode: Mode::Deny,
        applications: vec!["/usr/sbin/nginx (only -t)".to_owned(), "/usr/bin/apt-get as it was installed (any arguments)".to_owned()],
        run_as: "root".to_owned(),
        validity: "always".to_owned(),
        usable: "now".to_owned(),
        password: true,
        max_duration: Length::from_hours(1),
        message: "Whoever wants to know why asks in the channel of the web team".to_owned(),
    };
    let text = shown(60, "list", Some(&Answer::Listed { policies: vec![policy] }));
    fits(60, &text);
    assert!(text.contains("\n  in force    now\n") && !text.contains("usable"), "{text}");
    let broker = Broker::start();
    let mut terminal = OnTerminal::script(&broker, "stty cols 40; \"$BREVET\" run --reason x tool");
    let (mut talk, _) = broker.run();
    talk.tell(&pending());
    terminal.expect("code        7K3M-Q9ZT (the approver\r\n              sees the same)\r\n");
    terminal.expect("waited 0s");
    talk.tell(&Tell::Refused(refused("no")));
    assert_eq!(terminal.finish(), 126);
}
