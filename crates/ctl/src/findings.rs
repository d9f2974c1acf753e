//! What definitions give that their author may not mean, as the server says it, in as many lines as somebody reads: a few of each kind, the
//! gravest first.

use brevet_api::rest::check::Finding;

use crate::cli::Session;
use crate::output::shown;

/// So many lines of warnings are shown without being asked for.
const LINES: usize = 20;

/// Says findings of one definition beside its answer. In JSON they are in the answer itself.
pub fn say(session: &Session, findings: &[Finding]) {
    if session.output.json {
        return;
    }
    let place = |finding: &Finding| format!("{} '{}': {}", shown(&finding.kind), shown(&finding.name), shown(&finding.field));
    let said: String = lines(findings, 0, true, place).iter().map(|line| format!("brevetctl: {line}\n")).collect();
    eprint!("{said}");
}

/// One line a finding, or a few of each kind with how many more there are; `more` are those that the server left out.
#[must_use]
pub fn lines(found: &[Finding], more: u64, all: bool, place: impl Fn(&Finding) -> String) -> Vec<String> {
    let line = |finding: &Finding| {
        format!("{}: {}: {}; {}", shown(&finding.severity), place(finding), shown(&finding.reason), shown(&finding.instead))
    };
    let left_out = (more > 0).then(|| format!("and {more} more, which the server does not tell one by one"));
    if all || found.len() <= LINES {
        return found.iter().map(line).chain(left_out).collect();
    }
    let kinds = kinds(found);
    let each = LINES.checked_div(kinds.len()).unwrap_or(0).max(1);
    let (mut lines, mut told) = (Vec::new(), 0usize);
    for (severity, code, findings) in kinds.iter().take(LINES) {
        lines.extend(findings.iter().take(each).map(|finding| line(finding)));
        told = told.saturating_add(findings.len());
        let more = findings.len().saturating_sub(each);
        if more > 0 {
            lines.push(format!("{}: and {more} more like it ({})", shown(severity), shown(code)));
        }
    }
    let untold = found.len().saturating_sub(told);
    if untold > 0 {
        lines.push(format!("and {untold} more of other kinds"));
    }
    lines.extend(left_out);
    lines.push(format!("{} warnings in all; --all-warnings (or --json) shows each", found.len()));
    lines
}

/// Findings by severity and code, the gravest first.
fn kinds(found: &[Finding]) -> Vec<(&str, &str, Vec<&Finding>)> {
    let mut kinds: Vec<(&str, &str, Vec<&Finding>)> = Vec::new();
    for finding in found {
        match kinds.iter_mut().find(|(severity, code, _)| *severity == finding.severity && *code == finding.code) {
            Some((_, _, findings)) => findings.push(finding),
            None => kinds.push((&finding.severity, &finding.code, vec![finding])),
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(policies: usize) -> Vec<Finding> {
        let one = |n: usize| Finding {
            kind: "policy".into(),
            name: format!("p{n}"),
            field: "applications[0]".into(),
            severity: if n.is_multiple_of(2) { "danger" } else { "warning" }.into(),
            code: if n.is_multiple_of(2) { "edits_files" } else { "whole_vendor" }.into(),
            reason: "because".into(),
            instead: "do otherwise".into(),
        };
        (0..policies).map(one).collect()
    }

    fn told(findings: &[Finding], more: u64, all: bool) -> Vec<String> {
        lines(findings, more, all, |finding| format!("at {}", finding.name))
    }

    #[test]
    fn a_few_of_each_kind_are_told_and_how_many_more_there_are() {
        let found = findings(1000);
        let all = told(&found, 0, true);
        assert_eq!(all.len(), 1000);
        let few = told(&found, 0, false);
        assert!(few.len() <= 2 * LINES + 2, "{}", few.len());
        assert_eq!(few.last().unwrap(), &format!("{} warnings in all; --all-warnings (or --json) shows each", all.len()));
        assert!(few.iter().any(|line| line.contains("more like it (edits_files)")), "{few:#?}");
        // Nothing is told of less than it is: each line that is one finding is one of all.
        let whole: Vec<&String> = few.iter().filter(|line| line.contains(": at p")).collect();
        assert!(!whole.is_empty() && whole.iter().all(|line| all.contains(line)));
        let more: usize = few.iter().filter_map(|line| line.split_once("and ")?.1.split(' ').next()?.parse::<usize>().ok()).sum();
        assert_eq!(whole.len() + more, all.len(), "{few:#?}");
    }

    #[test]
    fn a_few_warnings_are_told_one_by_one() {
        let found = findings(2);
        assert_eq!(told(&found, 0, false), told(&found, 0, true));
        assert_eq!(told(&found, 7, false).last().unwrap(), "and 7 more, which the server does not tell one by one");
    }
}
