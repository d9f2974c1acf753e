//! Pages with opaque cursors: the cursor is the sort key of the last item, so a list that grows neither repeats nor skips.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::rest::{Code, Page};

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
}

impl Slice {
    /// From a query's `limit` and `cursor`.
    ///
    /// # Errors
    /// When either is out of range or not ours.
    pub fn new(limit: Option<u32>, cursor: Option<&str>) -> Outcome<Self> {
        let limit = limit.unwrap_or(DEFAULT);
        if limit == 0 || limit > MOST {
            return Err(Failure::new(Code::Malformed).because(format!("limit must be from 1 to {MOST}")));
        }
        let after = cursor
            .map(|cursor| {
                let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
                bytes
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .filter(|text| !text.contains('\0'))
                    .ok_or_else(|| Failure::new(Code::Malformed).because("the cursor is not one of ours"))
            })
            .transpose()?;
        Ok(Self { limit: u64::from(limit), after })
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
        let next = if more { items.last().map(|item| URL_SAFE_NO_PAD.encode(key(item))) } else { None };
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
}
