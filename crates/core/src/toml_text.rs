//! TOML text that is safe to look at: characters that act on a terminal or hide become escapes.
//!
//! Takes what the TOML writer writes: no comments, and strings in any of the four quotes. Whoever uses it reads the result back.

use crate::file::{self, File};

/// The text that `apply` takes, with nothing in it that would act on a terminal or hide; applying it changes nothing.
///
/// # Errors
/// When the file has no TOML form that reads back the same.
pub fn shown(file: &File) -> Result<String, &'static str> {
    let text = file::print(file).map_err(|_| "it has no TOML form")?;
    let visible = visible(&text);
    // INVARIANT: what is shown can be applied and changes nothing.
    if file::parse(&visible).as_ref() == Ok(file) { Ok(visible) } else { Err("its TOML would not read back the same") }
}

/// The same document, with nothing invisible in it.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, found)) = rest.find(['"', '\'']).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| found.starts_with(quote)).unwrap_or("\"");
        let inside = found.get(quote.len()..).unwrap_or_default();
        let (content, after) = inside.split_at_checked(end_of(inside, quote)).unwrap_or((inside, ""));
        if quote.starts_with('\'') && content.chars().any(is_hidden) {
            // A literal string has no escapes: it becomes a basic one.
            let content = if quote.len() == 3 { content.strip_prefix('\n').unwrap_or(content) } else { content };
            out.push('"');
            content.chars().for_each(|c| push_basic(&mut out, c));
            out.push('"');
        } else {
            out.push_str(quote);
            content.chars().for_each(|c| push_visible(&mut out, c));
            out.push_str(quote);
        }
        rest = after.get(quote.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Where the string ends: at its quote, not escaped; a triple quote may have up to two more of its kind before it.
fn end_of(inside: &str, quote: &str) -> usize {
    let escapes = quote.starts_with('"');
    let mut at = 0;
    while let Some(rest) = inside.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(quote) {
            let more = rest.bytes().skip(quote.len()).take_while(|b| quote.len() == 3 && quote.as_bytes().first() == Some(b)).count();
            return at + more.min(2);
        }
        let taken = if escapes && rest.starts_with('\\') { 2 } else { 1 };
        at += rest.chars().take(taken).map(char::len_utf8).sum::<usize>();
    }
    inside.len()
}

fn is_hidden(c: char) -> bool {
    let mut buffer = [0u8; 4];
    c != '\n' && c != '\t' && !crate::escape::terminal(c.encode_utf8(&mut buffer).as_bytes()).starts_with(c)
}

fn push_visible(out: &mut String, c: char) {
    if is_hidden(c) { out.push_str(&format!("\\U{:08X}", u32::from(c))) } else { out.push(c) }
}

fn push_basic(out: &mut String, c: char) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        c => push_visible(out, c),
    }
}
