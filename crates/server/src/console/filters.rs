//! How templates show what they are given. Everything else that a template prints is escaped for HTML by itself.

use askama::filters::Safe;
use brevet_core::escape::{shortened, terminal};
use brevet_core::time::Timestamp;

/// Text from users: what cannot be seen, or would turn the line around, is made visible; the template escapes it for HTML afterwards.
#[askama::filter_fn]
pub fn plain(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(terminal(text.to_string().as_bytes()))
}

/// The beginning of a long text, for a row of a table; after `plain`, or of what is escaped already.
#[askama::filter_fn]
pub fn brief(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(shortened(&text.to_string(), 160))
}

/// The same for text that has lines of its own.
#[askama::filter_fn]
pub fn lines(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(text.to_string().lines().map(|line| terminal(line.as_bytes())).collect::<Vec<_>>().join("\n"))
}

/// A moment: in UTC here, and by the script in the viewer's zone, with the exact instant beside the pointer.
#[askama::filter_fn]
pub fn when(moment: &Timestamp, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let exact = moment.to_string();
    let shown = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    Ok(Safe(format!("<time datetime=\"{exact}\" title=\"{exact}\">{shown} UTC</time>")))
}

/// A moment with its seconds, as a log has it.
#[askama::filter_fn]
pub fn exactly(moment: &Timestamp, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let exact = moment.to_string();
    let shown = exact.get(..19).unwrap_or(&exact).replace('T', " ");
    Ok(Safe(format!("<time datetime=\"{exact}\" title=\"{exact}\" data-seconds=\"\">{shown} UTC</time>")))
}

/// How long until a moment, counted down by the script; without it, the moment.
#[askama::filter_fn]
pub fn until(moment: &Timestamp, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let exact = moment.to_string();
    let shown = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    Ok(Safe(format!("<time datetime=\"{exact}\" title=\"{exact}\" data-until=\"{exact}\">until {shown} UTC</time>")))
}

/// An id, code or word as one part of an address.
#[askama::filter_fn]
pub fn part(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(super::visitor::part(&text.to_string()))
}

/// A sentence, escaped here, with each moment in it as `when` shows one: as the words of a policy have them.
#[askama::filter_fn]
pub fn moments(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    Ok(Safe(with_moments(&text.to_string())))
}

fn with_moments(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(" UTC") {
        // The longest form first: with seconds, and with parts of one.
        let found = [23, 19, 16].into_iter().find_map(|length| {
            let (said, written) = before.split_at_checked(before.len().checked_sub(length)?)?;
            let seconds = if length == 16 { ":00" } else { "" };
            Some((said, written, Timestamp::parse(&format!("{}{seconds}Z", written.replacen(' ', "T", 1))).ok()?))
        });
        match found {
            Some((said, written, moment)) => {
                let exact = moment.to_string();
                out.push_str(&escaped(said));
                out.push_str(&format!("<time datetime=\"{exact}\" title=\"{exact}\">{written} UTC</time>"));
            }
            None => {
                out.push_str(&escaped(before));
                out.push_str(" UTC");
            }
        }
        rest = after;
    }
    out.push_str(&escaped(rest));
    out
}

fn escaped(text: &str) -> String {
    let Ok(escaped) = askama::filters::escape(text, askama::filters::Html);
    escaped.to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn moments_in_a_sentence_are_moments_and_everything_else_is_escaped() {
        let shown = super::with_moments;
        let time = |at: &str, words: &str| format!("<time datetime=\"{at}\" title=\"{at}\">{words} UTC</time>");
        assert_eq!(
            shown("<b> from 2026-12-01 09:55 UTC until 2027-01-02 00:00:30.250 UTC, at UTC"),
            format!(
                "&#60;b&#62; from {} until {}, at UTC",
                time("2026-12-01T09:55:00.000Z", "2026-12-01 09:55"),
                time("2027-01-02T00:00:30.250Z", "2027-01-02 00:00:30.250")
            )
        );
        for plain in ["", "ä UTC", "2026-13-01 09:55 UTC", "no moment", "2026-12-01 09:55"] {
            assert_eq!(shown(plain), plain);
        }
        assert_eq!(shown("\"'&\" 9999-99-99 99:99 UTC<"), "&#34;&#39;&#38;&#34; 9999-99-99 99:99 UTC&#60;");
    }
}
