//! The order of a list, where its reader chose one: `sort=NAME`, or `sort=-NAME` for the other way round. Each list says which names
//! it knows. What is equal stands in the order of the ids, so that pages neither repeat nor skip; a cursor holds the value and the id of
//! the last item, and belongs to its order.

use brevet_api::rest::{Code, Page};
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, ColumnType, ConnectionTrait, EntityTrait, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select};
use serde::{Deserialize, Serialize};

use super::failure::{Failure, Outcome};
use super::page::{Filling, Shown, Slice};
use crate::store::entities::{computer, definition, notification_target, person};

/// What a list can be ordered by, each with both directions.
pub type Names = &'static [&'static str];

/// An order that was chosen of those that a list knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Key what.
    pub name: &'static str,
    /// The other way round.
    pub descending: bool,
}

/// Which order was asked for; the usual one, said as a query would, where none was.
///
/// # Errors
/// `malformed` where the list does not know it.
pub fn chosen(names: Names, asked: Option<&str>, usual: &'static str) -> Outcome<Chosen> {
    let asked = asked.unwrap_or(usual);
    let (name, descending) = asked.strip_prefix('-').map_or((asked, false), |name| (name, true));
    let known = names.iter().find(|known| **known == name).copied();
    let name = known.ok_or_else(|| {
        Failure::new(Code::Malformed)
            .because(format!("sort must be one of {}, or one of them after - for the other way round", names.join(", ")))
    })?;
    Ok(Chosen { name, descending })
}

/// Each name in both directions, as a query may have it.
#[must_use]
pub fn both_ways(names: Names) -> Vec<String> {
    names.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect()
}

/// What an item is ordered by. Numbers stand before text; a list has one of the two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum At {
    /// A count, or a moment in milliseconds.
    Number(i64),
    /// A name, without its case.
    Text(String),
}

impl At {
    /// A name, in any case.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::Text(name.to_lowercase())
    }
}

/// The last item of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place(At, String);

impl Place {
    fn read(text: &str) -> Outcome<Self> {
        let wrong = |_| Failure::new(Code::Malformed).because("the cursor is not one of ours").hint("begin anew without a cursor");
        brevet_core::json::read(text.as_bytes()).map_err(wrong)
    }
}

/// What a list in the database is ordered by.
#[derive(Debug, Clone)]
pub struct Key {
    expression: SimpleExpr,
    text: bool,
}

impl Key {
    /// A column of the list's own table, text in any case; what is absent comes first.
    pub fn column<C: ColumnTrait>(column: C) -> Self {
        let def = column.def();
        let text = matches!(def.get_column_type(), ColumnType::String(_) | ColumnType::Text | ColumnType::Char(_));
        let expression = Expr::col(column.as_column_ref());
        let expression = if text { SimpleExpr::from(Func::lower(expression)) } else { expression };
        Self::present(expression, text, def.is_null())
    }

    /// The name of the computer whose id the column holds.
    pub fn computer<C: ColumnTrait>(column: C) -> Self {
        Self::name(column, computer::Column::Id, computer::Column::NameKey)
    }

    /// The name of the policy whose id the column holds.
    pub fn policy<C: ColumnTrait>(column: C) -> Self {
        Self::name(column, definition::Column::Id, definition::Column::NameKey)
    }

    /// The name of the person whose id the column holds.
    pub fn person<C: ColumnTrait>(column: C) -> Self {
        Self::name(column, person::Column::Id, person::Column::Name)
    }

    /// The name of the target whose id the column holds.
    pub fn target<C: ColumnTrait>(column: C) -> Self {
        Self::name(column, notification_target::Column::Id, notification_target::Column::Name)
    }

    fn name<C: ColumnTrait, N: ColumnTrait>(column: C, id: N, name: N) -> Self {
        let same = Expr::col(id.as_column_ref()).eq(Expr::col(column.as_column_ref()));
        Self::text_of(
            Query::select().expr(Func::lower(Expr::col(name.as_column_ref()))).from(N::EntityName::default()).and_where(same).take(),
        )
    }

    /// Text that another table has for a row of the list: one column of one row, or nothing.
    #[must_use]
    pub fn text_of(select: SelectStatement) -> Self {
        Self::present(Expr::SubQuery(None, Box::new(select.into())), true, true)
    }

    /// A number that is never absent, such as a sum over a group.
    #[must_use]
    pub const fn number(expression: SimpleExpr) -> Self {
        Self { expression, text: false }
    }

    fn present(expression: SimpleExpr, text: bool, may_lack: bool) -> Self {
        let nothing = if text { Expr::val("") } else { Expr::val(i64::MIN) };
        let expression = if may_lack { SimpleExpr::from(Func::coalesce([expression, nothing])) } else { expression };
        Self { expression, text }
    }
}

/// The order of a list in the database.
#[derive(Debug, Clone)]
pub struct Sorting<C> {
    /// The page of it.
    pub slice: Slice,
    /// `None` where the id itself is the order.
    by: Option<Key>,
    id: C,
    descending: bool,
    after: Option<Place>,
    grouped: bool,
}

impl<C: ColumnTrait> Sorting<C> {
    /// From a query's `limit`, `cursor` and an order. `by` says what a name stands for: `None` for the order of the ids, which is that
    /// in which things were made.
    ///
    /// # Errors
    /// When one of them is out of range or not ours.
    pub fn new(
        (limit, cursor): (Option<u32>, Option<&str>),
        chosen: Chosen,
        id: C,
        by: impl Fn(&'static str) -> Option<Key>,
    ) -> Outcome<Self> {
        let slice = Slice::chosen_by(limit, cursor, &(chosen.name, chosen.descending))?;
        let by = by(chosen.name);
        let after = slice.after.as_deref().filter(|_| by.is_some()).map(Place::read).transpose()?;
        Ok(Self { slice, by, id, descending: chosen.descending, after, grouped: false })
    }

    /// The same for a selection that is grouped by the id, where the order is by what is known of a group alone.
    #[must_use]
    pub const fn grouped(mut self) -> Self {
        self.grouped = true;
        self
    }

    /// Puts the selection into the order, beginning where the page does.
    pub fn of<E: EntityTrait<Column = C>>(&self, mut select: Select<E>) -> Select<E> {
        let direction = || if self.descending { Order::Desc } else { Order::Asc };
        let id = || Expr::col(self.id.as_column_ref());
        let beyond = |here: SimpleExpr, there: SimpleExpr| if self.descending { here.lt(there) } else { here.gt(there) };
        match (&self.by, &self.after, &self.slice.after) {
            (None, _, Some(last)) => select = select.filter(beyond(id(), Expr::val(last.as_str()))),
            (Some(by), Some(Place(at, last)), _) => {
                let at = match at {
                    At::Number(number) => Expr::val(*number),
                    At::Text(text) => Expr::val(text.as_str()),
                };
                let here = Expr::tuple([by.expression.clone(), id()]);
                let beyond = beyond(here, Expr::tuple([at, Expr::val(last.as_str())]));
                select = if self.grouped { select.having(beyond) } else { select.filter(beyond) };
            }
            _ => {}
        }
        if let Some(by) = &self.by {
            select = select.order_by(by.expression.clone(), direction());
        }
        select.order_by(self.id, direction())
    }

    /// The page that was filled, each item with its id as key. `among` is the list's selection, in which an id is that of one item.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page<E: EntityTrait<Column = C>, D: ConnectionTrait, T: Serialize>(
        &self,
        connection: &D,
        among: Select<E>,
        filled: Filling<'_, T>,
    ) -> Outcome<Page<Shown<T>>> {
        let (items, last) = filled.parts();
        let next = match (last, &self.by) {
            (Some(id), Some(by)) => {
                let select = among.filter(self.id.eq(id.as_str())).select_only();
                let at = if by.text {
                    let found: Option<String> = select.expr_as(by.expression.clone(), "at").into_tuple().one(connection).await?;
                    found.map(At::Text)
                } else {
                    let number = by.expression.clone().cast_as("bigint");
                    let found: Option<i64> = select.expr_as(number, "at").into_tuple().one(connection).await?;
                    found.map(At::Number)
                };
                let place = at.map(|at| serde_json::to_string(&Place(at, id))).transpose()?;
                place.map(|place| self.slice.cursor(&place))
            }
            (last, _) => last.map(|id| self.slice.cursor(&id)),
        };
        Ok(Page { items, next })
    }

    /// A page from all rows that `of` gave with `slice.ask()` as their limit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cut<E: EntityTrait<Column = C>, D: ConnectionTrait, M>(
        &self,
        connection: &D,
        among: Select<E>,
        mut rows: Vec<M>,
        id: impl Fn(&M) -> String,
    ) -> Outcome<Page<M>> {
        let limit = usize::try_from(self.slice.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut filled = self.slice.filling(more);
        for row in &rows {
            filled.add(id(row), &())?;
        }
        let next = self.page(connection, among, filled).await?.next;
        Ok(Page { items: rows, next })
    }
}

/// The page of a list that is in memory, in the order that was chosen: `at` says what an item stands at, and its id.
///
/// # Errors
/// When the page is not ours, or an item cannot be shown.
pub fn in_memory<T, S: Serialize>(
    (limit, cursor): (Option<u32>, Option<&str>),
    chosen: Chosen,
    items: impl IntoIterator<Item = T>,
    at: impl Fn(&T) -> (At, String),
    shown: impl Fn(T) -> Outcome<S>,
) -> Outcome<Page<Shown<S>>> {
    let slice = Slice::chosen_by(limit, cursor, &(chosen.name, chosen.descending))?;
    let after = slice.after.as_deref().map(Place::read).transpose()?;
    let placed = items.into_iter().map(|item| {
        let (at, id) = at(&item);
        (Place(at, id), item)
    });
    let beyond = |place: &Place| after.as_ref().is_none_or(|after| if chosen.descending { place < after } else { place > after });
    let mut placed: Vec<(Place, T)> = placed.filter(|(place, _)| beyond(place)).collect();
    placed.sort_by(|(a, _), (b, _)| if chosen.descending { b.cmp(a) } else { a.cmp(b) });
    let mut page = slice.filling(false);
    for (place, item) in placed {
        if !page.add(serde_json::to_string(&place)?, &shown(item)?)? {
            break;
        }
    }
    Ok(page.page())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = &["size", "name"];

    #[test]
    fn an_order_is_one_that_the_list_knows() {
        assert_eq!(chosen(NAMES, None, "-size").ok(), Some(Chosen { name: "size", descending: true }));
        assert_eq!(chosen(NAMES, Some("name"), "-size").ok(), Some(Chosen { name: "name", descending: false }));
        for wrong in ["", "-", "--name", "name ", "Name", "other"] {
            assert_eq!(chosen(NAMES, Some(wrong), "-size").unwrap_err().code, Code::Malformed, "{wrong}");
        }
        assert_eq!(both_ways(NAMES), ["size", "-size", "name", "-name"]);
    }

    #[test]
    fn pages_in_any_order_neither_repeat_nor_skip_what_is_equal() {
        let all: Vec<(i64, String)> = (0..23).map(|n| (n % 3, format!("{n:02}"))).collect();
        for (asked, descending) in [("size", false), ("-size", true)] {
            let order = chosen(NAMES, Some(asked), "size").unwrap();
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let at = |it: &(i64, String)| (At::Number(it.0), it.1.clone());
                let page = in_memory((Some(4), cursor.as_deref()), order, all.clone(), at, Ok).unwrap();
                seen.extend(page.items.iter().map(Shown::read));
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
            let mut expected = all.clone();
            expected.sort();
            if descending {
                expected.reverse();
            }
            assert_eq!(seen, expected);
            // A cursor is of its own order.
            let other = chosen(NAMES, Some("name"), "size").unwrap();
            let first = in_memory((Some(4), None), order, all.clone(), |it| (At::Number(it.0), it.1.clone()), Ok).unwrap();
            let at = |it: &(i64, String)| (At::Text(it.1.clone()), it.1.clone());
            assert!(in_memory((Some(4), first.next.as_deref()), other, all.clone(), at, Ok).is_err());
        }
    }
}
