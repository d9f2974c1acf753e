//! Argument patterns: which argument vectors a rule lets through.
//!
//! Works on bytes. A wildcard never lets in a path separator, white space, a control character, a leading `-`
//! or an argument that climbs with `..` (ATTACKS E08).

use super::Argument;
use crate::escape;
use crate::text::OsText;

/// Whether a vector of arguments (after the program's name) is one that the patterns describe; `Err` says which is not.
pub fn matches(patterns: &[Argument], arguments: &[OsText]) -> Result<(), String> {
    let mut given = arguments.iter().enumerate();
    for pattern in patterns {
        if matches!(pattern, Argument::Rest(_)) {
            return Ok(());
        }
        let Some((index, argument)) = given.next() else {
            return Err(format!("an argument is missing: {} wanted as number {}", describe(pattern), arguments.len() + 1));
        };
        if !one(pattern, argument.as_bytes()) {
            return Err(format!("argument {} is \"{argument}\", the rule wants {}", index + 1, describe(pattern)));
        }
    }
    match given.next() {
        None => Ok(()),
        Some((index, argument)) => Err(format!("argument {} (\"{argument}\") is more than the rule lets through", index + 1)),
    }
}

fn describe(pattern: &Argument) -> String {
    match pattern {
        Argument::Exact(text) => format!("\"{}\"", escape::terminal(text.as_bytes())),
        Argument::Glob(glob) => format!("one like \"{}\"", escape::terminal(glob.glob.as_bytes())),
        Argument::Any(_) => "any one".into(),
        Argument::Rest(_) => "any".into(),
    }
}

fn one(pattern: &Argument, argument: &[u8]) -> bool {
    match pattern {
        Argument::Exact(text) => text.as_bytes() == argument,
        Argument::Glob(glob) => !climbs(argument) && glob_matches(&glob.glob, argument),
        Argument::Any(_) | Argument::Rest(_) => true,
    }
}

/// Whether `..` stands alone between separators. `=`, `:` and `,` count too: `--out=../x` climbs like `../x`.
fn climbs(argument: &[u8]) -> bool {
    argument.split(|b| b"/=:,".contains(b)).any(|component| component == b"..")
}

/// One character of an argument, or one byte that is not UTF-8.
#[derive(Clone, Copy)]
enum Unit {
    Char(char),
    Byte(u8),
}

impl Unit {
    fn is(self, wanted: char) -> bool {
        matches!(self, Self::Char(c) if c == wanted)
    }

    /// Whether a wildcard may stand for it. Bytes 0x80 to 0xA0 are control characters and a space in Latin-1.
    fn is_of_a_name(self, first: bool) -> bool {
        match self {
            Self::Char('-') => !first,
            Self::Char(c) => c != '/' && !c.is_whitespace() && !c.is_control(),
            Self::Byte(b) => b > 0xA0,
        }
    }
}

fn units(bytes: &[u8]) -> Vec<Unit> {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(Unit::Char).chain(chunk.invalid().iter().copied().map(Unit::Byte)))
        .collect()
}

/// Backtracks to the last `*` only, so it takes at most pattern times argument steps.
fn glob_matches(pattern: &str, argument: &[u8]) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let argument = units(argument);
    let (mut p, mut a) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let fits = match (pattern.get(p), argument.get(a)) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((p, a));
                p += 1;
                continue;
            }
            (Some('?'), Some(unit)) => unit.is_of_a_name(a == 0),
            (Some(c), Some(unit)) => unit.is(*c),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if fits {
            (p, a) = (p + 1, a + 1);
            continue;
        }
        // The last star takes one more character, if it may.
        match retry {
            Some((star, taken)) if argument.get(taken).is_some_and(|unit| unit.is_of_a_name(taken == 0)) => {
                retry = Some((star, taken + 1));
                (p, a) = (star + 1, taken + 1);
            }
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Any, Glob, Rest, True};
    use super::*;

    fn exact(text: &str) -> Argument {
        Argument::Exact(text.into())
    }
    fn glob(text: &str) -> Argument {
        Argument::Glob(Glob { glob: text.into() })
    }
    fn given(arguments: &[&[u8]]) -> Vec<OsText> {
        arguments.iter().map(|a| OsText::new(*a).unwrap()).collect()
    }
    fn through(patterns: &[Argument], arguments: &[&[u8]]) -> bool {
        matches(patterns, &given(arguments)).is_ok()
    }

    #[test]
    fn exact_arguments_are_compared_as_bytes_in_their_place() {
        assert!(through(&[exact("restart"), exact("web")], &[b"restart", b"web"]));
        for wrong in [&[&b"restart"[..]][..], &[b"web", b"restart"], &[b"restart", b"web", b""], &[b"restart", b"web\n"], &[b"restart web"]]
        {
            assert!(!through(&[exact("restart"), exact("web")], wrong), "{wrong:?}");
        }
        assert!(through(&[], &[]));
        assert!(!through(&[], &[b""]));
    }

    #[test]
    fn a_wildcard_stays_within_one_name() {
        assert!(through(&[glob("web-*")], &[b"web-"]));
        assert!(through(&[glob("web-*")], &[b"web-1.service"]));
        assert!(through(&[glob("/var/log/*.log")], &[b"/var/log/a.log"]));
        assert!(through(&[glob("w?b-*-?")], &["w\u{e9}b-a-b-c".as_bytes()]));
        for outside in
            [&b"web-a b"[..], b"web-a/b", b"web-a\nb", b"web-\x1b[2J", b"web-\xc2\x9b", b"web-\x9b", b"xweb-1", "web-\u{a0}".as_bytes()]
        {
            assert!(!through(&[glob("web-*")], &[outside]), "{outside:?}");
        }
        assert!(!through(&[glob("/var/log/*")], &[b"/var/log/../../etc/shadow"]));
        assert!(!through(&[glob("/var/log/*")], &[b"/var/log/.."]));
        assert!(!through(&[glob("/var/*/x")], &[b"/var/../x"]));
        assert!(!through(&[glob("--out=*/x")], &[b"--out=../x"]));
        assert!(through(&[glob("/var/log/*")], &[b"/var/log/..a"]));
        assert!(through(&[glob("**-")], &[b"-"]) && !through(&[glob("**")], &[b"-"]) && !through(&[glob("?a")], &[b"-a"]));
        assert!(!through(&[glob("/var/log/*")], &[b"/var/log/a", b"/etc/shadow"]));
    }

    /// Says the same in the plainest way: every split of the argument is tried.
    fn naively(pattern: &[char], argument: &[Unit], first: bool) -> bool {
        let may = |unit: &Unit| unit.is_of_a_name(first);
        match (pattern, argument) {
            ([], []) => true,
            (['*', rest @ ..], argument) => {
                naively(rest, argument, first)
                    || argument.split_first().is_some_and(|(unit, more)| may(unit) && naively(pattern, more, false))
            }
            (['?', rest @ ..], [unit, more @ ..]) => may(unit) && naively(rest, more, false),
            ([c, rest @ ..], [unit, more @ ..]) => unit.is(*c) && naively(rest, more, false),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]

        /// Attack E08 over generated patterns: what gets through is what the plain form lets through, it never climbs, and nothing that a
        /// wildcard stood for separates names or arguments.
        #[test]
        fn a_wildcard_lets_through_what_the_plain_form_does(pattern in "[ab/.*?= -]{0,8}", argument in "[ab/.= \\n\u{a0}\u{e9}-]{0,10}") {
            let (characters, parts): (Vec<char>, Vec<Unit>) = (pattern.chars().collect(), units(argument.as_bytes()));
            let through = one(&glob(&pattern), argument.as_bytes());
            let plain = !climbs(argument.as_bytes()) && naively(&characters, &parts, true);
            proptest::prop_assert_eq!(through, plain);
            let count = |text: &str, wanted: fn(char) -> bool| text.chars().filter(|c| wanted(*c)).count();
            if through {
                for wanted in [|c: char| c == '/', char::is_whitespace, char::is_control] {
                    proptest::prop_assert_eq!(count(&pattern, wanted), count(&argument, wanted), "a wildcard stood for one");
                }
                proptest::prop_assert!(!argument.split(['/', '=', ':', ',']).any(|part| part == ".."));
                // An option's dash is the author's own, whatever stars that stand for nothing are before it.
                proptest::prop_assert!(!argument.starts_with('-') || pattern.trim_start_matches('*').starts_with('-'));
            }
        }
    }

    #[test]
    fn a_wildcard_never_becomes_an_option() {
        assert!(!through(&[glob("*")], &[b"--checkpoint-action=exec"]));
        assert!(!through(&[glob("?x")], &[b"-x"]));
        assert!(through(&[glob("--file-*")], &[b"--file-x-y"]));
        assert!(through(&[glob("*")], &[b"a-b"]));
    }

    #[test]
    fn any_is_one_and_rest_is_all_that_remain() {
        let any = Argument::Any(Any { any: True });
        let rest = Argument::Rest(Rest { rest: True });
        assert!(through(std::slice::from_ref(&any), &[b"\xff/.."]));
        assert!(!through(std::slice::from_ref(&any), &[]));
        assert!(!through(&[any], &[b"a", b"b"]));
        assert!(through(&[exact("a"), rest.clone()], &[b"a"]));
        assert!(through(&[exact("a"), rest.clone()], &[b"a", b"-x", b"\xff"]));
        assert!(!through(&[exact("a"), rest], &[b"b"]));
    }

    #[test]
    fn a_hostile_pattern_and_argument_do_not_take_exponential_time() {
        let pattern = glob(&"*a".repeat(100));
        let argument = "a".repeat(20_000) + "b";
        assert!(!through(&[pattern], &[argument.as_bytes()]));
    }

    #[test]
    fn the_reason_names_the_argument_and_escapes_it() {
        let reason = matches(&[exact("a")], &given(&[b"\x1b[2J"])).unwrap_err();
        assert_eq!(reason, "argument 1 is \"\\u{1b}[2J\", the rule wants \"a\"");
    }
}
