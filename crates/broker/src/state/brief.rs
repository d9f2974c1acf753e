//! What is kept in memory of a command that is over: enough to show and to know it again. The journal has all of it.

use brevet_core::digest::Digest;
use brevet_core::request::Command;
use brevet_core::text::OsText;

/// Bytes of arguments, of names and of the environment that stay, each.
const MOST: usize = 1024;
const MOST_PATH: usize = 4096;
/// What an argument takes up beside its bytes.
const EACH: usize = 8;
const LEFT_OUT: &[u8] = b"(not shown: ";

/// Cuts a command that is over down to its beginning, with the digest of what is left out. Doing it again changes nothing.
pub fn shorten(command: &mut Command) {
    command.arguments = shown(&command.arguments);
    let environment = |(name, value): &(OsText, OsText)| name.as_bytes().len().saturating_add(value.as_bytes().len());
    if command.kept_environment.iter().map(environment).sum::<usize>() > MOST {
        let flat: Vec<OsText> = std::mem::take(&mut command.kept_environment).into_iter().flat_map(|(name, value)| [name, value]).collect();
        command.kept_environment.push((left_out(&flat), OsText::default()));
    }
    let facts = &mut command.application;
    if facts.names.iter().map(|name| name.as_bytes().len()).sum::<usize>() > MOST {
        facts.names = vec![facts.path.clone()];
    }
}

/// The first of some arguments, as many as fit into a list that people read, and what is left out.
#[must_use]
pub fn shown(arguments: &[OsText]) -> Vec<OsText> {
    // The program's name is a path, and costs nothing here.
    let mut left = MOST.saturating_add(arguments.first().map_or(0, |first| first.as_bytes().len().min(MOST_PATH)));
    let fits = |argument: &&OsText| {
        // Empty ones take up memory, too.
        let after = left.checked_sub(argument.as_bytes().len().saturating_add(EACH));
        left = after.unwrap_or(0);
        after.is_some()
    };
    let mut shown: Vec<OsText> = arguments.iter().take_while(fits).cloned().collect();
    let rest = arguments.get(shown.len()..).unwrap_or_default();
    if !rest.is_empty() && !is_left_out(rest) {
        shown.push(left_out(rest));
    } else {
        shown.extend_from_slice(rest);
    }
    shown
}

/// What `left_out` said: at its place, and no longer than that.
fn is_left_out(rest: &[OsText]) -> bool {
    matches!(rest, [one] if one.as_bytes().starts_with(LEFT_OUT) && one.as_bytes().len() <= 160)
}

/// Says how much is left out, and of which digest it is: two commands that differ there stay different.
fn left_out(texts: &[OsText]) -> OsText {
    let bytes: usize = texts.iter().map(|text| text.as_bytes().len()).sum();
    let all: Vec<u8> = texts.iter().flat_map(|text| text.as_bytes().iter().copied().chain(std::iter::once(0))).collect();
    OsText::from(format!("(not shown: {} more, {bytes} bytes, {})", texts.len(), Digest::of(&all)).as_str())
}

/// What a command takes up in a snapshot of the state, in bytes, at most.
#[must_use]
pub fn weight(command: &Command) -> u64 {
    let facts = &command.application;
    let environment = command.kept_environment.iter().flat_map(|(name, value)| [name, value]);
    let texts = command.arguments.iter().chain(&facts.names).chain(environment).chain([&facts.path, &command.directory]);
    texts.map(of_text).fold(1024, u64::saturating_add)
}

/// As JSON has it: escaped, or as base64.
fn of_text(text: &OsText) -> u64 {
    let escaped = |byte: &u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    let length = text.as_bytes().iter().map(escaped).fold(4, u64::saturating_add);
    // Base64 takes four for three, and says that it is.
    if text.as_str().is_some() { length } else { length.saturating_mul(2).saturating_add(16) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::command;

    fn with(arguments: &[&str]) -> Command {
        Command { arguments: arguments.iter().map(|text| OsText::from(*text)).collect(), ..command() }
    }

    #[test]
    fn a_short_command_stays_and_a_long_one_is_known_again() {
        let long = "a".repeat(100_000);
        let short = with(&["true", "-v"]);
        let mut shortened = short.clone();
        shorten(&mut shortened);
        assert_eq!(shortened, short);
        let (mut one, mut other, mut again) = (with(&["true", &long]), with(&["true", &long, "b"]), with(&["true", &long]));
        [&mut one, &mut other, &mut again].into_iter().for_each(shorten);
        assert!(weight(&one) < 4_096 && one.arguments.len() == 2 && one.arguments[0] == OsText::from("true"));
        assert!(one == again && one != other);
        shorten(&mut again);
        assert_eq!(one, again, "once is enough");
        let faked = format!("(not shown: {long}");
        for many in [vec![""; 100_000], vec!["b"; 100_000], vec![&long], vec!["true", &faked]] {
            let mut command = with(&many);
            shorten(&mut command);
            let once = command.clone();
            assert!(command.arguments.len() < 200 && weight(&command) < 4_096);
            shorten(&mut command);
            assert_eq!(command, once);
        }
    }

    #[test]
    fn the_weight_is_at_least_what_json_takes() {
        for text in ["plain", "\u{1}\u{2}\u{3}", "\"\\\"", "\u{fc}\u{7f}\u{2028}"] {
            let command = with(&[&text.repeat(5_000)]);
            assert!(weight(&command) >= u64::try_from(serde_json::to_vec(&command).unwrap().len()).unwrap(), "{text:?}");
        }
        let bytes = Command { arguments: vec![OsText::new(vec![0xff; 9_000]).unwrap()], ..command() };
        assert!(weight(&bytes) >= u64::try_from(serde_json::to_vec(&bytes).unwrap().len()).unwrap());
    }
}
