//! `brevet man`: manual pages, made from the help texts, so that they cannot differ from them.

use std::path::Path;

use crate::failure::Failure;
use crate::help;

/// Writes a page for `brevet` and one for each of its commands into a folder, which is made where it is not there.
///
/// # Errors
/// When a page cannot be written.
pub fn pages(folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.as_os_str().to_owned();
        move |source| Failure::Page { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, text) in all() {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

/// Every page with its name.
fn all() -> Vec<(String, String)> {
    let (title, body) = help::MAIN.split_once("\n\n").unwrap_or((help::MAIN, ""));
    let summary = title.trim_start_matches("brevet: ");
    let mut pages = vec![("brevet".to_owned(), page("brevet", summary, body))];
    for (command, text) in help::COMMANDS {
        let name = format!("brevet-{command}");
        let page = page(&name, summary_of(command), text);
        pages.push((name, page));
    }
    pages
}

/// What the list of commands says of one.
fn summary_of(command: &str) -> &'static str {
    let line = help::MAIN.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(command)?.strip_prefix(' '));
    line.unwrap_or_default().trim()
}

/// One page in the macros of man(7). A help text is blocks between empty lines: how it is used, words, and lists under a heading.
fn page(name: &str, summary: &str, help: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!(".TH {} 1 \"\" \"brevet {version}\" \"User Commands\"\n", name.to_uppercase());
    out.push_str(&format!(".SH NAME\n{} \\- {}\n", escaped(name), escaped(summary)));
    let mut described = false;
    for block in help.split("\n\n").map(str::trim_end).filter(|block| !block.is_empty()) {
        let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
        if let Some(usage) = first.strip_prefix("usage: ") {
            section(&mut out, "SYNOPSIS", usage);
        } else if let Some(heading) = first.strip_suffix(':').filter(|_| rest.starts_with("  ")) {
            section(&mut out, &heading.to_uppercase(), rest);
        } else if let Some(statuses) = first.strip_prefix("exit status: ") {
            section(&mut out, "EXIT STATUS", statuses);
        } else {
            out.push_str(if described { ".PP\n" } else { ".SH DESCRIPTION\n" });
            described = true;
            block.lines().for_each(|line| out.push_str(&format!("{}\n", escaped(line))));
        }
    }
    out
}

/// Lines that stay as they are.
fn section(out: &mut String, heading: &str, lines: &str) {
    out.push_str(&format!(".SH {heading}\n.nf\n"));
    lines.lines().for_each(|line| out.push_str(&format!("{}\n", escaped(line))));
    out.push_str(".fi\n");
}

/// Nothing in it is a request or an escape of troff's.
fn escaped(line: &str) -> String {
    let plain = line.replace('\\', "\\e").replace('-', "\\-");
    if plain.starts_with(['.', '\'']) { format!("\\&{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_says_all_that_its_help_says() {
        let pages = all();
        let listed: Vec<&str> =
            help::MAIN.split_once("commands:\n").unwrap().1.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
        assert_eq!(listed, help::COMMANDS.map(|(command, _)| command), "in the order of the help");
        for (name, text) in &pages {
            let help = help::COMMANDS.iter().find(|(command, _)| *name == format!("brevet-{command}")).map_or(help::MAIN, |(_, help)| help);
            let plain = text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\");
            for line in help.lines().map(|line| line.trim_start_matches("usage: ").trim_start_matches("exit status: ")) {
                let said = line.trim_end_matches(':').trim_start_matches("brevet: ");
                assert!(plain.to_lowercase().contains(&said.to_lowercase()), "{name}: {line:?} is missing in\n{text}");
            }
            assert!(
                text.starts_with(&format!(".TH {} 1 ", name.to_uppercase()))
                    && text.contains(".SH NAME\n")
                    && text.contains(".SH SYNOPSIS\n")
            );
            assert!(!summary_of(name.trim_start_matches("brevet-")).is_empty() || name == "brevet");
            let macros = [".TH ", ".SH ", ".PP", ".nf", ".fi"];
            let requests = text.lines().filter(|line| line.starts_with(['.', '\'']));
            assert!(requests.into_iter().all(|line| macros.iter().any(|known| line.starts_with(known))), "{text}");
        }
    }

    #[test]
    fn nothing_in_a_line_acts_on_troff() {
        assert_eq!(
            (escaped(".so /etc/passwd"), escaped("'x"), escaped("a\\b-c")),
            ("\\&.so /etc/passwd".into(), "\\&'x".into(), "a\\eb\\-c".into())
        );
    }
}
