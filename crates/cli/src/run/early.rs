//! What `brevet-early` asks is what we would ask.

use super::message_of;
use crate::arguments::{self, Command};
use crate::terminal::SIGNALS;
use brevet_api::broker::{Ask, Window};
use brevet_api::frame;
use brevet_early::{Asked, LONGEST, compose};
use proptest::collection::vec;
use proptest::prelude::*;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// What would be asked early.
fn early(words: &[Vec<u8>], variables: &[Vec<u8>], asked: Asked) -> Option<Vec<u8>> {
    let mut room = vec![0; LONGEST];
    let length = compose(words.iter().map(Vec::as_slice), variables.iter().map(Vec::as_slice), asked, &mut room)?;
    room.truncate(length);
    Some(room)
}

/// What the program asks; `None` where it asks nothing, or with options.
fn ours(words: &[Vec<u8>], variables: &[Vec<u8>], asked: Asked) -> Option<Vec<u8>> {
    let given = words.iter().skip(1).map(|word| OsString::from_vec(word.clone()));
    let Ok(Command::Run(options)) = arguments::parse(given) else { return None };
    // As the standard library reads them.
    let split = |entry: &Vec<u8>| {
        let at = entry.get(1..)?.iter().position(|byte| *byte == b'=')? + 1;
        Some((OsString::from_vec(entry[..at].to_vec()), OsString::from_vec(entry[at + 1..].to_vec())))
    };
    let window = asked.window.map(|(rows, columns)| Window { rows, columns });
    let run = message_of(&options, variables.iter().filter_map(split), asked.interactive, window);
    Some(frame::encode_control(&Ask::Run(Box::new(run))).unwrap())
}

fn words(all: &[&[u8]]) -> Vec<Vec<u8>> {
    all.iter().map(|word| word.to_vec()).collect()
}

/// Bytes without NUL, more often than not text, and such as JSON writes otherwise.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ -~]{0,12}".prop_map(String::into_bytes),
        2 => "[a-z\"\\\\\u{1}-\u{1f}\u{7f}é\u{202e}😀]{0,8}".prop_map(String::into_bytes),
        1 => vec(1u8..=255, 0..8),
    ]
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![6 => text(), 1 => Just(b"--".to_vec()), 1 => Just(b"-x".to_vec()), 1 => Just(b"run".to_vec()), 1 => Just(b"--json".to_vec())]
}

fn variable() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        3 => "[A-Z_a-z][A-Z0-9_]{0,2}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec!["TERM", "LANG", "LC_ALL", "TZ", "DISPLAY", "NO_COLOR", "COLORTERM", "LANGUAGE"]).prop_map(|name| name.as_bytes().to_vec()),
        1 => text(),
    ];
    let value = prop_oneof![4 => text(), 1 => Just(b"() { :; }".to_vec())];
    (name, value, any::<bool>()).prop_map(|(name, value, whole)| if whole { [name, b"=".to_vec(), value].concat() } else { name })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_asked_early_is_what_we_would_ask(
        rest in vec(word(), 0..5),
        first in prop_oneof![8 => Just(b"run".to_vec()), 1 => text()],
        variables in vec(variable(), 0..12),
        interactive: bool,
        window: Option<(u16, u16)>,
    ) {
        let asked = Asked { interactive, window };
        let words: Vec<Vec<u8>> = [b"brevet".to_vec(), first].into_iter().chain(rest).collect();
        if let Some(frame) = early(&words, &variables, asked) {
            prop_assert_eq!(Some(frame), ours(&words, &variables, asked));
        }
    }
}

#[test]
fn what_is_usual_is_asked_early_and_what_is_not_is_left_to_us() {
    let asked = Asked { interactive: true, window: Some((24, 0)) };
    let variables =
        words(&[b"PATH=/bin", b"TERM=xterm", b"LC_ALL=C", b"A=1", b"A=2", b"_=x", b"=x", b"F=() { :; }", "G=h\u{e9}".as_bytes()]);
    for usual in [&[&b"run"[..], b"--", b"apt", b"-y", b"upgrade"][..], &[b"run", b"ls", b"--", b"--json"], &[b"run", b"--", b"--"]] {
        let all = words(&[&[&b"brevet"[..]], usual].concat());
        let frame = early(&all, &variables, asked);
        assert!(frame.is_some(), "{all:?}");
        assert_eq!(frame, ours(&all, &variables, asked));
    }
    let other: [&[&[u8]]; 9] = [
        &[],
        &[b"brevet"],
        &[b"brevet", b"run"],
        &[b"brevet", b"run", b"--"],
        &[b"brevet", b"run", b"--", b""],
        &[b"brevet", b"run", b"--json", b"ls"],
        &[b"brevet", b"run", b"-"],
        &[b"brevet", b"list"],
        &[b"brevet", b"run", b"ls", b"\xff"],
    ];
    for other in other {
        assert_eq!(early(&words(other), &variables, asked), None, "{other:?}");
    }
    let run = words(&[b"brevet", b"run", b"ls"]);
    let many: Vec<Vec<u8>> = (0..200).map(|n| format!("V{n}=x").into_bytes()).collect();
    assert_eq!(early(&run, &many, asked), None, "more than are compared");
    assert_eq!(early(&run, &[[b"A=".to_vec(), vec![b'x'; LONGEST]].concat()], asked), None, "longer than there is room");
}

#[test]
fn the_same_signals_are_the_sessions() {
    let sorted = |mut signals: [i32; 9]| {
        signals.sort_unstable();
        signals
    };
    assert_eq!(sorted(brevet_early::SIGNALS), sorted(SIGNALS));
}
