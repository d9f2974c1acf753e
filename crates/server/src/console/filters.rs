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
