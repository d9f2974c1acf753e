//! The frame of the first question, put together without memory of its own: exactly the bytes that `brevet_api` would send.

/// The longest frame that is asked early. A longer one is left to the program.
pub const LONGEST: usize = 32 << 10;
/// The most variables that are looked at; each is compared with those before it.
const MOST_VARIABLES: usize = 128;

/// What goes into the question beside words and environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whether there is a terminal to ask somebody at.
    pub interactive: bool,
    /// Rows and columns of whichever of the three is a terminal.
    pub window: Option<(u16, u16)>,
}

/// Puts the frame of `brevet run` into `room`; its length, or `None` where the program has to look itself. `arguments` begins
/// with the program's own name, `environment` holds `NAME=value`.
pub fn compose<'a>(
    arguments: impl Iterator<Item = &'a [u8]> + Clone,
    environment: impl Iterator<Item = &'a [u8]> + Clone,
    asked: Asked,
    room: &mut [u8],
) -> Option<usize> {
    let command = command(arguments)?;
    let mut frame = Frame { room, length: 0 };
    // The length comes last; then the kind of a control message.
    frame.put(&[0, 0, 0, 0, 0])?;
    frame.put(b"{\"ask\":\"run\",\"command\":[")?;
    let mut first = true;
    for word in command {
        if !first {
            frame.put(b",")?;
        }
        first = false;
        frame.text(word)?;
    }
    frame.put(b"],\"environment\":[")?;
    frame.variables(&environment)?;
    frame.put(b"],\"no_wait\":false,\"interactive\":")?;
    frame.put(if asked.interactive { b"true" } else { b"false" })?;
    if let Some((rows, columns)) = asked.window {
        frame.put(b",\"window\":{\"rows\":")?;
        frame.number(rows)?;
        frame.put(b",\"columns\":")?;
        frame.number(columns)?;
        frame.put(b"}")?;
    }
    frame.put(b"}")?;
    frame.finish()
}

/// Whether it is a `brevet run` without options.
pub fn is_plain<'a>(arguments: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    command(arguments).is_some()
}

/// The command of a `brevet run` without options.
fn command<'a>(mut arguments: impl Iterator<Item = &'a [u8]> + Clone) -> Option<impl Iterator<Item = &'a [u8]>> {
    arguments.next()?;
    if !same(arguments.next()?, b"run") {
        return None;
    }
    let mut command = arguments.clone();
    let mut program = arguments.next()?;
    if same(program, b"--") {
        command = arguments.clone();
        program = arguments.next()?;
    } else if program.first() == Some(&b'-') {
        return None;
    }
    (!program.is_empty()).then_some(command)
}

/// Written out, because the compiler would call the C library to compare.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

fn starts(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|start| same(start, with))
}

/// Name and value, where the broker may be told of it (as the CLI's `environment.rs`).
fn usable(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = entry.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (entry.get(..at)?, entry.get(at.checked_add(1)?..)?);
    let (start, rest) = name.split_first()?;
    let named = (start.is_ascii_alphabetic() || *start == b'_') && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (named && !starts(value, b"()")).then_some((name, value))
}

fn goes_first(name: &[u8]) -> bool {
    same(name, b"TERM")
        || same(name, b"COLORTERM")
        || same(name, b"LANG")
        || same(name, b"LANGUAGE")
        || same(name, b"TZ")
        || same(name, b"NO_COLOR")
        || same(name, b"DISPLAY")
        || starts(name, b"LC_")
}

struct Frame<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl Frame<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length.checked_add(bytes.len())?;
        let place = self.room.get_mut(self.length..end)?;
        for (to, from) in place.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length = end;
        Some(())
    }

    /// A JSON text. What is not UTF-8 has another form, which the program knows.
    fn text(&mut self, text: &[u8]) -> Option<()> {
        core::str::from_utf8(text).ok()?;
        self.put(b"\"")?;
        for byte in text {
            match *byte {
                b'"' => self.put(b"\\\"")?,
                b'\\' => self.put(b"\\\\")?,
                0x08 => self.put(b"\\b")?,
                b'\t' => self.put(b"\\t")?,
                b'\n' => self.put(b"\\n")?,
                0x0c => self.put(b"\\f")?,
                b'\r' => self.put(b"\\r")?,
                control @ 0..=0x1f => {
                    self.put(b"\\u00")?;
                    self.put(&[b'0'.wrapping_add(control >> 4), hexadecimal(control & 0xf)])?;
                }
                other => self.put(&[other])?,
            }
        }
        self.put(b"\"")
    }

    fn number(&mut self, number: u16) -> Option<()> {
        let mut begun = false;
        for unit in [10_000u16, 1000, 100, 10, 1] {
            let digit = u8::try_from(number.checked_div(unit)?.checked_rem(10)?).ok()?;
            begun |= digit != 0 || unit == 1;
            if begun {
                self.put(&[b'0'.wrapping_add(digit)])?;
            }
        }
        Some(())
    }

    /// Each name once, those that policies usually keep first.
    fn variables<'a>(&mut self, environment: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Option<()> {
        if environment.clone().count() > MOST_VARIABLES {
            return None;
        }
        let mut any = false;
        for first in [true, false] {
            // One bit a name: only where it is set already can the same name have come before.
            let mut seen = 0u128;
            for (at, (name, value)) in environment.clone().enumerate().filter_map(|(at, entry)| Some((at, usable(entry)?))) {
                if goes_first(name) != first {
                    continue;
                }
                let bit = bit_of(name);
                let mut before = environment.clone().take(at).filter_map(usable);
                if seen & bit != 0 && before.any(|(earlier, _)| same(earlier, name)) {
                    continue;
                }
                seen |= bit;
                self.put(if any { b",[" } else { b"[" })?;
                any = true;
                self.text(name)?;
                self.put(b",")?;
                self.text(value)?;
                self.put(b"]")?;
            }
        }
        Some(())
    }

    fn finish(self) -> Option<usize> {
        let length = u32::try_from(self.length.checked_sub(4)?).ok()?;
        for (to, from) in self.room.iter_mut().zip(length.to_be_bytes()) {
            *to = from;
        }
        Some(self.length)
    }
}

fn bit_of(name: &[u8]) -> u128 {
    let hash = name.iter().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    1u128.wrapping_shl(hash)
}

fn hexadecimal(digit: u8) -> u8 {
    if digit < 10 { b'0'.wrapping_add(digit) } else { b'a'.wrapping_sub(10).wrapping_add(digit) }
}
