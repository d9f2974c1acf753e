//! What the broker tells, in words for a terminal. Pure: text in, lines out.
//!
//! INVARIANT: text that a person chose goes through `escape::terminal` or `escape::command`, the broker's own words through `words`.

use brevet_api::broker::{Approved, Ended, NeedReason, Pending, Refused, WouldRun};
use brevet_core::application::{Fact, Facts};
use brevet_core::escape;
use brevet_core::policy::Mode;
use brevet_core::text::OsText;
use brevet_core::time::Length;

/// Words of the broker, in which it has escaped what others chose: what could act on a terminal is taken out, and nothing is escaped twice.
pub fn words(text: &str) -> String {
    escape::terminal(text.as_bytes()).replace("\\\\", "\\")
}

/// Text that a person chose.
pub fn text(text: &str) -> String {
    escape::terminal(text.as_bytes())
}

/// The same, quoted.
pub fn quoted(chosen: &str) -> String {
    format!("\"{}\"", text(chosen).replace('"', "\\\""))
}

/// A command line, argument by argument.
pub fn command(arguments: &[OsText]) -> String {
    escape::command(arguments.iter().map(OsText::as_bytes))
}

/// Names, one after the other.
pub fn names(list: &[String]) -> String {
    list.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
}

/// Who may approve, in words.
pub fn approvers(written: &[String]) -> String {
    words(&brevet_core::words::approvers(written))
}

/// A length without parts that nobody reads: seconds only below an hour, minutes only below two days.
pub fn about(length: Length) -> String {
    let seconds = length.seconds();
    let unit = if seconds >= 2 * 86_400 {
        3600
    } else if seconds >= 3600 {
        60
    } else {
        1
    };
    Length::from_seconds(seconds.saturating_div(unit).saturating_mul(unit)).to_string()
}

/// What would run: label and value.
pub fn would_run(would: &WouldRun) -> Vec<String> {
    let facts = &would.application;
    let mut lines = vec![line("command", &command(&would.arguments)), line("program", &facts.path.to_string())];
    if let Some(from) = facts.names.first().filter(|name| **name != facts.path) {
        lines.push(line("reached as", &from.to_string()));
    }
    if let Some(interpreter) = &facts.interpreter {
        lines.push(line("run by", &interpreter.path.to_string()));
    }
    lines.push(line("package", &package(facts)));
    lines.push(line("sha256", facts.sha256.to_string().trim_start_matches("sha256:").get(..16).unwrap_or_default()));
    lines.push(line("writable", &writable(facts)));
    lines.push(line("directory", &would.directory.to_string()));
    lines.push(line("as user", &text(&would.target_user)));
    lines
}

/// A label and its value, in columns.
pub fn line(label: &str, value: &str) -> String {
    format!("{label:<11} {value}")
}

fn package(facts: &Facts) -> String {
    match &facts.package {
        Fact::Unknown(why) => format!("not known: {}", words(why)),
        Fact::Known(None) => "none".to_owned(),
        Fact::Known(Some(package)) => {
            let vendor = package.vendor.as_deref().map(|vendor| format!(", {}", text(vendor))).unwrap_or_default();
            let state = match &package.unchanged {
                Fact::Known(true) => "unchanged since installation".to_owned(),
                Fact::Known(false) => "CHANGED since installation".to_owned(),
                Fact::Unknown(why) => format!("not known whether changed: {}", words(why)),
            };
            format!("{} {}{vendor} ({state})", text(&package.name), text(&package.version))
        }
    }
}

fn writable(facts: &Facts) -> String {
    match (&facts.chain, &facts.writable_by) {
        (Fact::Known(true), _) => "by root alone".to_owned(),
        (Fact::Known(false), Some(who)) => format!("NOT by root alone: {}", words(who)),
        (Fact::Known(false), None) => "NOT by root alone".to_owned(),
        (Fact::Unknown(why), _) => format!("not known: {}", words(why)),
    }
}

/// A mode as a sentence's part.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Deny => "refused",
        Mode::Automatic => "runs at once",
        Mode::Justify => "runs with a reason",
        Mode::Request => "runs when approved",
    }
}

/// A question is coming: what it is about.
pub fn need_reason(need: &NeedReason) -> Vec<String> {
    let mut lines = would_run(&need.would_run);
    lines.push(line("policy", &format!("{} ({})", quoted(&need.policy), mode(need.mode))));
    if !need.approvers.is_empty() {
        lines.push(line("approvers", &approvers(&need.approvers)));
    }
    lines.push(line("at most", &need.max_duration.to_string()));
    if !need.message.is_empty() {
        lines.push(line("message", &text(&need.message)));
    }
    lines
}

/// A request waits; `whole` where nothing was shown before of what would run.
pub fn pending(pending: &Pending, whole: bool) -> Vec<String> {
    let left = Length::from_seconds(pending.lapses_in_millis / 1000);
    let mut lines =
        vec![line("code", &format!("{} (the approver sees the same)", text(&pending.code))), line("request", pending.request.as_str())];
    if whole {
        lines.extend(would_run(&pending.would_run));
    } else {
        lines.push(line("command", &command(&pending.would_run.arguments)));
        lines.push(line("as user", &text(&pending.would_run.target_user)));
    }
    lines.extend([
        line("reason", &quoted(&pending.reason)),
        line("for", &format!("{} (at most {})", pending.duration, pending.max_duration)),
        line("approvers", &if pending.approvers.is_empty() { "nobody is named".to_owned() } else { approvers(&pending.approvers) }),
        line("lapses", &format!("in {}, at {}", about(left), pending.lapses)),
    ]);
    if !pending.message.is_empty() {
        lines.push(line("message", &text(&pending.message)));
    }
    if !pending.delivered {
        lines.push(line("delivery", "on its way; without a connection it is sent as soon as there is one"));
    }
    lines
}

/// It was approved.
pub fn approved(approved: &Approved) -> (String, Vec<String>) {
    let by = names(&approved.by);
    let how = if approved.autonomous { format!("approved by the rule \"{by}\"") } else { format!("approved by {by}") };
    let comments = approved.comments.iter().filter(|comment| !comment.is_empty()).map(|comment| line("comment", &quoted(comment)));
    (format!("{how} for {}", approved.duration), comments.collect())
}

/// Nothing runs, and what to do next: where the broker does not say, what its code leads to; where no policy allows it, `otherwise`.
pub fn refused(refused: &Refused, otherwise: &str) -> (String, Vec<String>) {
    let given = refused.hint.as_deref().filter(|hint| !hint.is_empty()).map(words);
    let known = match refused.code.as_str() {
        "no_policy" => Some(otherwise),
        "outside_hours" => Some("'brevet list' shows when you may run what here"),
        "expired" => Some("'brevet list' shows what you may run here now; who administers this computer can renew the policy"),
        "target_user" => Some("'brevet list' shows as whom you may run what here"),
        "stale" => Some("'brevet status' says whether the server can be reached"),
        "denied" => Some("who administers this computer can say why; 'brevet list' shows what you may run here"),
        _ => None,
    };
    let hint = given.or_else(|| known.map(str::to_owned));
    (format!("refused: {}", words(&refused.reason)), hint.iter().map(|hint| format!("hint: {hint}")).collect())
}

/// Why it ended, where it did not just exit.
pub fn ended(ended: &Ended) -> Option<String> {
    ended.because.as_deref().filter(|because| !because.is_empty()).map(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_core::digest::Digest;

    fn facts() -> Facts {
        Facts {
            path: OsText::new(*b"/opt/x\x1b[2J").unwrap(),
            names: vec![],
            chain: Fact::Known(false),
            writable_by: Some("the directory '/opt' belongs to 'bob\\u{1b}'".to_owned()),
            sha256: Digest::of(b"abc"),
            size: 3,
            owner: Fact::Known("root".to_owned()),
            mode: 0o755,
            package: Fact::Known(None),
            interpreter: None,
            parent: Fact::Unknown("gone".to_owned()),
            store: Fact::Known(None),
        }
    }

    #[test]
    fn nothing_shown_can_act_on_a_terminal_and_nothing_is_escaped_twice() {
        let would = WouldRun {
            arguments: vec![OsText::from("x"), OsText::new(*b"\x1b]0;t\x07").unwrap(), OsText::from("a b")],
            application: facts(),
            directory: OsText::from("/tmp/\u{202e}"),
            target_user: "root\u{9b}".to_owned(),
        };
        let shown = would_run(&would).join("\n");
        assert!(!shown.contains(['\x1b', '\x07', '\u{202e}', '\u{9b}']), "{shown}");
        assert!(shown.contains("x '\\u{1b}]0;t\\u{7}' 'a b'"), "{shown}");
        assert!(shown.contains("belongs to 'bob\\u{1b}'"), "{shown}");
        assert_eq!(words("a\x1bb"), "a\\u{1b}b");
    }

    #[test]
    fn every_refusal_by_a_policy_has_a_next_step() {
        for code in ["no_policy", "outside_hours", "expired", "target_user", "stale", "denied"] {
            let told = |hint: Option<&str>| {
                let it = Refused { code: code.to_owned(), reason: "no".to_owned(), hint: hint.map(str::to_owned), not_found: false };
                refused(&it, "look").1
            };
            assert!(told(None).concat().starts_with("hint: "), "{code}");
            assert_eq!(told(Some("call 1234")), ["hint: call 1234"], "{code}: what the policy says comes first");
        }
    }

    #[test]
    fn lengths_are_shown_as_precisely_as_people_read_them() {
        for (seconds, shown) in [(59, "59s"), (3599, "59m59s"), (3661, "1h1m"), (86_399, "23h59m"), (200_000, "2d7h"), (0, "0s")] {
            assert_eq!(about(Length::from_seconds(seconds)), shown);
        }
    }
}
