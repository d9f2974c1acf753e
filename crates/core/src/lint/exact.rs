//! Exact arguments that are harmless. Exact is not safe: `su -` and `tee /etc/sudoers` are exact.
//!
//! What the table does not have is taken for dangerous, whatever its arguments: when in doubt, it is said.

mod files;
mod table;

use super::places::{input, writable};
use super::programs::find;
use table::HARMLESS;

/// Which exact arguments of a program give no more than they say.
pub enum Harmless {
    /// Those that begin with one of these (of several words, all), without any option but these and those that begin so with `=`.
    Words(&'static [&'static str], &'static [&'static str]),
    /// One or more, none of which is one of these options or begins with it.
    Without(&'static [&'static str]),
    /// Options, and at least one path; all of them whole, root's, and of no file that says who may do what. After the options given, a
    /// value stands that is no path.
    Files(&'static [&'static str]),
    /// A script of root's first.
    Script,
    /// A command that is harmless itself, after settings, numbers and options: those with a value, and those without.
    Command(&'static [&'static str], &'static [&'static str]),
    /// Whatever this says of.
    If(fn(&[&str]) -> bool),
}

/// What is known of the exact arguments of some programs: their names, what is harmless, and in words an example of it.
pub type Row = (&'static [&'static str], Harmless, &'static str);

/// What is known of a program's exact arguments.
pub fn row(name: &str) -> Option<&'static Row> {
    HARMLESS.iter().find(|(names, ..)| names.contains(&name))
}

/// Whether exact arguments of a program of the table are known to be harmless.
pub fn is_harmless(name: &str, arguments: &[&str]) -> bool {
    let Some((_, harmless, _)) = row(name) else { return false };
    // What an interpreter's script does with a path is the script's own business, and what a command does is looked at there.
    let own = matches!(harmless, Harmless::Script | Harmless::Command(..) | Harmless::If(_));
    (own || theirs(arguments).is_none())
        && match harmless {
            Harmless::Words(words, options) => has_words(arguments, words, options),
            Harmless::Without(options) => !arguments.is_empty() && !has_option(arguments, options),
            Harmless::Files(values) => files::are_roots(arguments, values),
            Harmless::Script => arguments.first().is_some_and(|first| is_roots(first)),
            Harmless::Command(valued, plain) => is_harmless_command(arguments, valued, plain),
            Harmless::If(holds) => holds(arguments),
        }
}

/// The first of the arguments that is, or has in it, what the user writes: a file in their reach, or their input; and why.
pub fn theirs<'a>(arguments: &[&'a str]) -> Option<(&'a str, &'static str)> {
    arguments.iter().find_map(|argument| Some((*argument, reach(argument)?)))
}

fn reach(argument: &str) -> Option<&'static str> {
    if argument == "-" {
        return Some("it is what the user gives it to read");
    }
    if argument.split(['/', '=', ':']).any(|part| part == "..") {
        return Some("where \"..\" leads cannot be seen here");
    }
    let starts = argument.match_indices('/').map(|(at, _)| at);
    let paths = starts.filter_map(|at| argument.split_at_checked(at));
    // A path begins the argument, or stands after "=", ":" and the like, or after the letter of an option.
    let begins = |before: &str| {
        let name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '/');
        before.chars().next_back().is_none_or(|last| !name(last)) || (before.starts_with('-') && !before.contains('/'))
    };
    paths.filter(|(before, _)| begins(before)).find_map(|(_, path)| {
        let path = plain(path);
        writable(&path).or_else(|| input(&path))
    })
}

/// A path without doubled slashes and dots.
fn plain(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").fold(String::new(), |whole, part| format!("{whole}/{part}"))
}

/// Whether an argument is one whole path outside others' reach.
pub fn is_roots(argument: &str) -> bool {
    argument.starts_with('/') && reach(argument).is_none()
}

/// Whether one of the arguments begins as one of these options. A letter counts within others too, as in `-vo`.
fn has_option(arguments: &[&str], options: &[&str]) -> bool {
    let is = |argument: &str, option: &str| match (option.as_bytes(), argument.strip_prefix('-')) {
        ([b'-', letter], Some(letters)) if *letter != b'-' && !letters.starts_with('-') => letters.contains(char::from(*letter)),
        _ => argument.starts_with(option),
    };
    arguments.iter().any(|argument| options.iter().any(|option| is(argument, option)))
}

/// Whether arguments begin with the words, options that are known to be harmless left out. A path or a package's file after them is no
/// name of a thing.
fn has_words(arguments: &[&str], wanted: &[&str], options: &[&str]) -> bool {
    let known = |argument: &str| {
        options.iter().any(|option| argument.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    };
    let words: Vec<&str> = arguments.iter().copied().filter(|argument| !known(argument)).collect();
    let is = |line: &&str| {
        let line: Vec<&str> = line.split_whitespace().collect();
        words.starts_with(&line)
    };
    wanted.iter().find(|line| is(line)).is_some_and(|line| {
        let rest = words.iter().skip(line.split_whitespace().count());
        let is_file = |word: &str| word.contains('/') || [".rpm", ".deb", ".apk", ".snap"].iter().any(|end| word.ends_with(end));
        rest.into_iter().all(|word| !word.starts_with('-') && !is_file(word))
    })
}

/// A command after what starts it: by its whole path or its name alone, and harmless with its own arguments.
pub fn is_harmless_command(arguments: &[&str], valued: &[&str], plain: &[&str]) -> bool {
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        if valued.contains(&argument) {
            rest.next();
        } else if let Some((name, _)) = argument.split_once('=').filter(|(name, _)| !name.contains('/') && !name.starts_with('-')) {
            // Such settings load libraries and code, or say where commands are.
            if ["PATH", "LD_", "ENV", "OPT", "LIB", "INIT", "PRELOAD"].iter().any(|part| name.contains(part)) || reach(argument).is_some() {
                return false;
            }
        } else if argument.starts_with('-') && !is_number(argument.trim_start_matches('-')) {
            // Of an option that is not known, it is not known whether the next argument is its value or the command.
            if !plain.contains(&argument) {
                return false;
            }
        } else if !is_number(argument) && !argument.starts_with('-') {
            let name = argument.rsplit('/').next().unwrap_or_default();
            let is_found = !argument.contains('/') || (is_roots(argument) && !name.is_empty());
            let given: Vec<&str> = rest.collect();
            return is_found && find(name).is_none_or(|(known, ..)| is_harmless(known, &given));
        }
    }
    false
}

/// A number, a mask or a time such as `5m`.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | '.' | 's' | 'm' | 'h'))
}
