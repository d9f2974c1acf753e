//! Every brevetctl command that a guide shows is one that brevetctl reads.

use brevet_ctl::cli::Cli;
use clap::Parser as _;
use clap::error::ErrorKind;

/// Words as a shell divides them, as far as the guides need it: quotes, and two blanks before what explains.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (None, ' ') => {
                if begun || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        out.push(word);
    }
    out
}

/// Commands in blocks of code and between backticks; what follows two blanks or a redirection explains or is the shell's.
fn commands(text: &str) -> Vec<(usize, bool, String)> {
    let mut out = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && line.starts_with("brevetctl ") {
            out.push((number + 1, true, line.to_owned()));
        } else if !inside {
            let shown = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("brevetctl "));
            out.extend(shown.map(|code| (number + 1, false, code.to_owned())));
        }
    }
    out
}

/// Names in capitals and dots stand for something: such a line shows a form, not a command.
fn is_a_form(command: &str) -> bool {
    command.contains('…') || command.contains(" COMMAND") || command.contains('|')
}

#[test]
fn every_command_of_the_guides_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide");
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (line, is_block, command) in commands(&text).into_iter().filter(|(_, _, command)| !is_a_form(command)) {
            let plain = command.split("  ").next().unwrap().split(" > ").next().unwrap();
            seen += 1;
            if let Err(error) = Cli::try_parse_from(words(plain))
                && !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
                // In a sentence a command may be named without what it takes.
                && (is_block || error.kind() != ErrorKind::MissingRequiredArgument)
            {
                wrong.push(format!("{}:{line}: {plain}: {}", path.display(), error.to_string().lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_exit_statuses_of_the_help_are_those_of_the_guide() {
    use clap::CommandFactory as _;
    let help = Cli::command().render_long_help().to_string();
    let guide = include_str!("../../../docs/guide/brevetctl.md");
    for status in 0..=7 {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{status}  "))).unwrap_or_else(|| {
            let missing = format!("status {status} is not in the help");
            std::panic::panic_any(missing)
        });
        let says = line.trim_start().get(3..).unwrap();
        assert!(guide.contains(&format!("| {status} | {says} |")), "{says}");
    }
}
