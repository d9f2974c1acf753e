//! What the files give that their author may not mean, in as many lines as somebody reads: a few of each kind, the gravest first.

use brevet_core::lint::{Finding, Severity};

use super::source::Sources;
use crate::output::{shown, word};

/// So many lines of warnings are shown without being asked for.
const LINES: usize = 20;

/// One line a finding, or a few of each kind with how many more there are.
#[must_use]
pub fn lines(sources: &Sources, all: bool) -> Vec<String> {
    let found = brevet_core::lint::lint(sources.file());
    let line = |finding: &Finding| {
        let place = sources.locate_named(finding.kind, &finding.name, &finding.field);
        format!("{}: {place}: {}; {}", word(&finding.severity), shown(&finding.reason), shown(&finding.instead))
    };
    if all || found.len() <= LINES {
        return found.iter().map(line).collect();
    }
    let kinds = kinds(&found);
    let each = LINES.checked_div(kinds.len()).unwrap_or(0).max(1);
    let (mut lines, mut told) = (Vec::new(), 0usize);
    for (severity, code, findings) in kinds.iter().take(LINES) {
        lines.extend(findings.iter().take(each).map(|finding| line(finding)));
        told = told.saturating_add(findings.len());
        let more = findings.len().saturating_sub(each);
        if more > 0 {
            lines.push(format!("{}: and {more} more like it ({code})", word(severity)));
        }
    }
    let untold = found.len().saturating_sub(told);
    if untold > 0 {
        lines.push(format!("and {untold} more of other kinds"));
    }
    lines.push(format!("{} warnings in all; --all-warnings (or --json) shows each", found.len()));
    lines
}

/// Findings by severity and code, the gravest first.
fn kinds(found: &[Finding]) -> Vec<(Severity, &'static str, Vec<&Finding>)> {
    let mut kinds: Vec<(Severity, &'static str, Vec<&Finding>)> = Vec::new();
    for finding in found {
        match kinds.iter_mut().find(|(severity, code, _)| *severity == finding.severity && *code == finding.code) {
            Some((_, _, findings)) => findings.push(finding),
            None => kinds.push((finding.severity, finding.code, vec![finding])),
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(policies: usize) -> Sources {
        let folder = tempfile::tempdir().unwrap();
        let one = |n: usize| {
            let rule = if n.is_multiple_of(2) { "{ file = \"/usr/bin/vim\" }" } else { "{ vendor = \"V\" }" };
            let policy = format!("[[policy]]\nname = \"p{n}\"\nusers = \"all\"\ncomputers = \"all\"\nmode = \"automatic\"\n");
            format!("{policy}authentication = \"none\"\napplications = [{rule}]\n")
        };
        std::fs::write(folder.path().join("1.toml"), (0..policies).map(one).collect::<String>()).unwrap();
        Sources::read(&[folder.path().to_owned()]).unwrap()
    }

    #[test]
    fn a_few_of_each_kind_are_told_and_how_many_more_there_are() {
        let sources = sources(1000);
        let all = lines(&sources, true);
        assert!(all.len() >= 1000, "{}", all.len());
        let few = lines(&sources, false);
        assert!(few.len() <= 2 * LINES + 2, "{}", few.len());
        assert_eq!(few.last().unwrap(), &format!("{} warnings in all; --all-warnings (or --json) shows each", all.len()));
        assert!(few.iter().any(|line| line.contains("more like it (edits_files)")), "{few:#?}");
        // Nothing is told of less than it is: each line that is one finding is one of all.
        let told: Vec<&String> = few.iter().filter(|line| line.contains("1.toml:")).collect();
        assert!(!told.is_empty() && told.iter().all(|line| all.contains(line)));
        let more: usize = few.iter().filter_map(|line| line.split_once("and ")?.1.split(' ').next()?.parse::<usize>().ok()).sum();
        assert_eq!(told.len() + more, all.len(), "{few:#?}");
    }

    #[test]
    fn a_few_warnings_are_told_one_by_one() {
        let sources = sources(2);
        assert_eq!(lines(&sources, false), lines(&sources, true));
    }
}
