//! Pages with opaque cursors: the cursor is the sort key of the last item, so a list that grows neither repeats nor skips.
//!
//! A page is bounded by bytes as well as by rows: one user's arguments may have a quarter of a megabyte, and what a list costs the
//! server must not grow with them. What does not fit is on the next page.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::rest::{Code, Page};
use brevet_core::digest::Fields;
use sea_orm::sea_query::{Expr, Func, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, EntityTrait, ExprTrait as _, FromQueryResult, QuerySelect as _, QueryTrait as _, Select};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::failure::{Failure, Outcome};

const DEFAULT: u32 = 50;
const MOST: u32 = 500;
/// What the items of a page, and the rows that are read for it, have together, unless the first alone has more.
pub const MOST_BYTES: usize = 2 << 20;

/// How many are asked for.
///
/// # Errors
/// `malformed` where that is none, or more than one may.
pub fn at_most(limit: Option<u32>, usual: u32, most: u32) -> Outcome<u32> {
    let limit = limit.unwrap_or(usual);
    if limit == 0 || limit > most {
        return Err(Failure::new(Code::Malformed).because(format!("limit must be from 1 to {most}")));
    }
    Ok(limit)
}

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
        let limit = at_most(limit, DEFAULT, MOST)?;
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

    /// A page to be filled with items; `more` where there are more than will be added in any case.
    #[must_use]
    pub const fn filling<T>(&self, more: bool) -> Filling<'_, T> {
        Filling { slice: self, items: Vec::new(), bytes: 0, last: None, more }
    }

    /// A page of a list that is in memory, sorted by `key` here, as it is shown.
    ///
    /// # Errors
    /// When an item cannot be shown.
    pub fn page_shown<T, S: Serialize>(
        &self,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
        shown: impl Fn(T) -> Outcome<S>,
    ) -> Outcome<Page<Shown<S>>> {
        items.sort_by_cached_key(&key);
        let mut page = self.filling(false);
        for item in items {
            let key = key(&item);
            if self.after.as_ref().is_none_or(|after| key > *after) && !page.add(key, &shown(item)?)? {
                break;
            }
        }
        Ok(page.page())
    }

    /// A page of a list of small things that is in memory, sorted by `key` here.
    #[must_use]
    pub fn page_of<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        items.sort_by_cached_key(&key);
        if let Some(after) = &self.after {
            items.retain(|item| key(item) > *after);
        }
        self.page(items, key)
    }
}

/// Rows that were read, and whether there are more.
pub struct Rows<M> {
    /// In the order that was asked for.
    pub rows: Vec<M>,
    /// Whether there are more than these.
    pub more: bool,
}

/// How many bytes a row has in some columns.
pub fn bytes<E: EntityTrait>(columns: &[E::Column]) -> SimpleExpr {
    let size = |column: &E::Column| {
        let length = Func::cust("octet_length").arg(Expr::col((E::default(), *column)));
        SimpleExpr::from(Func::coalesce([SimpleExpr::from(length), Expr::val(0)]))
    };
    columns.iter().map(size).fold(Expr::val(0), |sum, size| sum.add(size)).cast_as("bigint")
}

/// Reads the first rows of a selection that is in order: at most `limit`, and no more than a page's bytes in the columns that users fill.
///
/// # Errors
/// When the database does not answer.
pub async fn bounded<E: EntityTrait, C: ConnectionTrait>(
    connection: &C,
    select: Select<E>,
    limit: u64,
    large: &[E::Column],
) -> Outcome<Rows<E::Model>>
where
    E::Model: FromQueryResult + Send + Sync,
{
    let sizes = select.clone().limit(limit.saturating_add(1)).select_only().expr_as(bytes::<E>(large), "size");
    // Almost always all of them fit, which one number says.
    let together = Func::coalesce([SimpleExpr::from(Func::sum(Expr::col("size"))), Expr::val(0)]);
    let together = Query::select()
        .expr_as(SimpleExpr::from(together).cast_as("bigint"), "together")
        .from_subquery(sizes.clone().into_query(), "sizes")
        .take();
    let together = connection.query_one(&together).await?.map(|row| row.try_get::<i64>("", "together")).transpose()?;
    let sizes: Vec<i64> = match together.map(usize::try_from) {
        Some(Ok(bytes)) if bytes <= MOST_BYTES => Vec::new(),
        _ => sizes.into_tuple().all(connection).await?,
    };
    let (mut fitting, mut bytes) = (0u64, 0usize);
    for size in &sizes {
        bytes = bytes.saturating_add(usize::try_from(*size).unwrap_or(usize::MAX));
        if fitting == limit || (bytes > MOST_BYTES && fitting > 0) {
            break;
        }
        fitting = fitting.saturating_add(1);
    }
    let more = u64::try_from(sizes.len()).unwrap_or(u64::MAX) > fitting;
    // Where all of them fit, one that came meanwhile must not push the last one out unseen.
    let ask = if more { fitting } else { limit.saturating_add(1) };
    let mut rows = select.limit(ask).all(connection).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = more || rows.len() > most;
    rows.truncate(most);
    Ok(Rows { rows, more })
}

/// An item as it goes out: its JSON, made once.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Shown<T>(Box<RawValue>, #[serde(skip)] PhantomData<fn() -> T>);

#[cfg(test)]
impl<T: serde::de::DeserializeOwned> Shown<T> {
    pub fn read(&self) -> T {
        serde_json::from_str(self.0.get()).unwrap()
    }
}

/// A page that takes items until it is full.
pub struct Filling<'a, T> {
    slice: &'a Slice,
    items: Vec<Shown<T>>,
    bytes: usize,
    last: Option<String>,
    more: bool,
}

impl<T: Serialize> Filling<'_, T> {
    /// Adds an item with its key; one that the page has no room for is the first of the next page, and `false`: add no other.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn add(&mut self, key: String, item: &T) -> Outcome<bool> {
        let shown = to_raw_value(item)?;
        let full = u64::try_from(self.items.len()).unwrap_or(u64::MAX) >= self.slice.limit;
        if full || (!self.items.is_empty() && self.bytes.saturating_add(shown.get().len()) > MOST_BYTES) {
            self.more = true;
            return Ok(false);
        }
        self.bytes = self.bytes.saturating_add(shown.get().len());
        self.items.push(Shown(shown, PhantomData));
        self.last = Some(key);
        Ok(true)
    }

    /// The next page begins after this key, also where it is that of an item which was looked at and is not on the page.
    pub fn looked_until(&mut self, key: String) {
        self.last = Some(key);
        self.more = true;
    }

    /// The page.
    #[must_use]
    pub fn page(self) -> Page<Shown<T>> {
        let slice = self.slice;
        let (items, last) = self.parts();
        Page { items, next: last.map(|key| slice.cursor(&key)) }
    }

    /// Its items, and the key of the last one where there are more.
    #[must_use]
    pub fn parts(self) -> (Vec<Shown<T>>, Option<String>) {
        (self.items, self.last.filter(|_| self.more))
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
    fn a_page_is_full_by_bytes_too_and_the_next_one_goes_on_there() {
        let all: Vec<String> = (10..19).map(|n| n.to_string().repeat(MOST_BYTES / 5)).chain(["99".repeat(MOST_BYTES)]).collect();
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let slice = Slice::new(Some(500), cursor.as_deref()).unwrap();
            let page = slice.page_shown(all.clone(), |text| text[..2].to_owned(), Ok).unwrap();
            let items: Vec<String> = page.items.iter().map(Shown::read).collect();
            assert!(items.len() == 1 || items.iter().map(String::len).sum::<usize>() <= MOST_BYTES);
            seen.extend(items);
            pages += 1;
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!((seen, pages), (all, 6));
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
