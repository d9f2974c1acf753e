//! Pages with opaque cursors: the cursor is the sort key of the last item, so a list that grows neither repeats nor skips.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::rest::{Code, Page};
use brevet_core::digest::Fields;
use serde::Serialize;

use super::failure::{Failure, Outcome};

const DEFAULT: u32 = 50;
const MOST: u32 = 500;

/// How many, and after which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// At most so many.
    pub limit: u64,
    /// The key of the last item of the page before.
    pub after: Option<String>,
    /// Stands before the key in every cursor: what the list was chosen by.
    belongs: String,
}

impl Slice {
    /// From a query's `limit` and `cursor`.
    ///
    /// # Errors
    /// When either is out of range or not ours.
    pub fn new(limit: Option<u32>, cursor: Option<&str>) -> Outcome<Self> {
        Self::read(limit, cursor, String::new())
    }

    /// The same for a list whose cursors belong to what it was chosen by: a cursor of another choice is refused, not misread.
    ///
    /// # Errors
    /// When either is out of range, not ours, or of another choice.
    pub fn chosen_by<F: Serialize>(limit: Option<u32>, cursor: Option<&str>, chosen_by: &F) -> Outcome<Self> {
        let digest = Fields::new("brevet cursor 1").json(chosen_by)?.finish();
        let mut belongs: String = digest.as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        belongs.push(':');
        Self::read(limit, cursor, belongs)
    }

    fn read(limit: Option<u32>, cursor: Option<&str>, belongs: String) -> Outcome<Self> {
        let limit = limit.unwrap_or(DEFAULT);
        if limit == 0 || limit > MOST {
            return Err(Failure::new(Code::Malformed).because(format!("limit must be from 1 to {MOST}")));
        }
        let wrong =
            || Failure::new(Code::Malformed).because("the cursor is not one of ours, or belongs to a list chosen by something else");
        let key = |cursor: &str| {
            let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
            text.strip_prefix(&belongs).filter(|key| !key.contains('\0')).map(str::to_owned)
        };
        let after = cursor.map(|cursor| key(cursor).ok_or_else(|| wrong().hint("begin anew without a cursor"))).transpose()?;
        Ok(Self { limit: u64::from(limit), after, belongs })
    }

    /// The cursor of what comes after this key.
    #[must_use]
    pub fn cursor(&self, key: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{key}", self.belongs))
    }

    /// One more than a page holds, to see whether there is a next one.
    #[must_use]
    pub const fn ask(&self) -> u64 {
        self.limit.saturating_add(1)
    }

    /// A page from what `ask` gave, in order.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|item| self.cursor(&key(item))) } else { None };
        Page { items, next }
    }

    /// A page of a list that is in memory, sorted by `key` here.
    #[must_use]
    pub fn page_of<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        items.sort_by_key(&key);
        if let Some(after) = &self.after {
            items.retain(|item| key(item) > *after);
        }
        self.page(items, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_neither_repeat_nor_skip() {
        let all: Vec<String> = (10..23).map(|n| n.to_string()).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let slice = Slice::new(Some(5), cursor.as_deref()).unwrap();
            let page = slice.page_of(all.clone(), Clone::clone);
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        assert!(Slice::new(Some(0), None).is_err());
        assert!(Slice::new(Some(501), None).is_err());
        assert!(Slice::new(None, Some("!")).is_err());
    }

    #[test]
    fn a_cursor_is_of_use_for_its_own_choice_alone() {
        let first = Slice::chosen_by(None, None, &"a").unwrap();
        let cursor = first.cursor("17");
        let read =
            |chosen_by: &str, cursor: &str| Slice::chosen_by(None, Some(cursor), &chosen_by).map(|slice| slice.after).map_err(|f| f.code);
        assert_eq!(read("a", &cursor), Ok(Some("17".into())));
        assert_eq!(read("b", &cursor), Err(Code::Malformed));
        assert_eq!(read("a", &Slice::new(None, None).unwrap().cursor("17")), Err(Code::Malformed));
        assert_eq!(read("a", &cursor[..cursor.len() - 4]), Err(Code::Malformed));
    }
}
