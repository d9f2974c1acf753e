//! Showing text that somebody else chose, without letting it act where it is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

/// For a terminal: control characters, invalid UTF-8, bidirectional and zero-width characters become visible escapes.
/// The backslash is doubled, so that an escape cannot be imitated.
#[must_use]
pub fn terminal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if c.is_control() || is_invisible(c) => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Characters that change how their neighbours are shown, or are not shown themselves.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202F
        | 0x205F..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// A command line that reads unambiguously: arguments with anything but plain characters are quoted, then escaped.
#[must_use]
pub fn command<'a>(arguments: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut out = String::new();
    for argument in arguments {
        if !out.is_empty() {
            out.push(' ');
        }
        let plain = !argument.is_empty() && argument.iter().all(|b| b.is_ascii_alphanumeric() || b"-_=+./:,@%^".contains(b));
        if plain {
            out.push_str(&terminal(argument));
        } else {
            out.push('\'');
            out.push_str(&terminal(argument).replace('\'', "'\\''"));
            out.push('\'');
        }
    }
    out
}

/// The beginning of a text that is longer than `width` characters, and how many were left out: `rm aaaa… (+99960)`. No longer than `width`, unless
/// the note alone is. For text that is escaped already: it may be cut within an escape, which then is plain text.
#[must_use]
pub fn shortened(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let note = |left: usize| format!("… (+{left})");
    let kept = width.saturating_sub(note(count).chars().count());
    let mut out: String = text.chars().take(kept).collect();
    out.push_str(&note(count.saturating_sub(kept)));
    out
}

/// For one CSV field (RFC 4180), with a leading apostrophe where a spreadsheet would read a formula. Control, bidirectional
/// and zero-width characters become escapes as in JSON, so that a field that is JSON still means the same.
#[must_use]
pub fn csv(text: &str) -> Cow<'_, str> {
    let starts_formula = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    // Most fields are this plain, and an export has millions.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'"')) && !starts_formula(text) {
        return Cow::Borrowed(text);
    }
    let mut guarded = String::with_capacity(text.len());
    if starts_formula(text) {
        guarded.push('\'');
    }
    for c in text.chars() {
        if (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(guarded, "\\u{unit:04x}");
            }
        } else {
            guarded.push(c);
        }
    }
    let quoted = guarded.contains([',', '"', '\n', '\r']) || guarded != text;
    if quoted { format!("\"{}\"", guarded.replace('"', "\"\"")).into() } else { guarded.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_reorders_text_gets_through() {
        assert_eq!(terminal(b"a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(terminal("x\u{202e}y\u{200b}".as_bytes()), "x\\u{202e}y\\u{200b}");
        assert_eq!(terminal(b"\xff\\n\n"), "\\xff\\\\n\\n");
        assert_eq!(terminal("\u{9b}31m".as_bytes()), "\\u{9b}31m");
    }

    #[test]
    fn arguments_stay_apart() {
        assert_eq!(command([&b"ls"[..], b"-l", b"a b", b"", b"it's"]), "ls -l 'a b' '' 'it'\\''s'");
    }

    #[test]
    fn a_shortened_text_says_how_much_is_missing_and_fits() {
        assert_eq!(shortened("a b", 3), "a b");
        assert_eq!(shortened(&"x".repeat(100_000), 20), format!("{}… (+99991)", "x".repeat(9)));
        for width in 12..40 {
            let text = "ä".repeat(width + 1);
            let shown = shortened(&text, width);
            assert!(shown.chars().count() <= width, "{width}: {shown}");
            let kept = shown.chars().take_while(|c| *c == 'ä').count();
            assert!(shown.ends_with(&format!("… (+{})", width + 1 - kept)), "{shown}");
        }
        assert_eq!(shortened("abcdefghijk", 0), "… (+11)");
    }

    #[test]
    fn formulas_do_not_start_in_a_spreadsheet() {
        assert_eq!(csv("=1+1"), "\"'=1+1\"");
        assert_eq!(csv("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv("plain"), "plain");
    }

    #[test]
    fn nothing_in_a_field_reorders_or_hides_its_neighbours_and_json_stays_what_it_was() {
        assert_eq!(csv("\n=1"), "\"'\n=1\"");
        let json = serde_json::to_string("x\u{202e}y\u{9b}z\u{e0041}\u{1b}").unwrap();
        let field = csv(&json);
        assert!(field.is_ascii(), "{field}");
        let cell = field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap().replace("\"\"", "\"");
        assert_eq!(serde_json::from_str::<String>(&cell).unwrap(), serde_json::from_str::<String>(&json).unwrap());
    }
}
