//! Requests with a text in what people read of them. What a request says is one column of JSON, in which a database would find names of
//! fields too: so requests are looked through here, a bounded number for each page, whatever there is.

use brevet_core::escape;
use brevet_core::request::Request;
use brevet_core::text::OsText;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select};

use crate::http::failure::Outcome;
use crate::http::filter::any_has;
use crate::http::page::{MOST_BYTES, bounded};
use crate::http::sort::Sorting;
use crate::store::entities::request::{self, Column as C};

/// A page looks through so many: what it costs does not grow with the list.
const LOOKED_THROUGH: usize = 2000;
/// So many are read at once.
const AT_ONCE: usize = 100;

/// What was found for a page.
pub(super) struct Found {
    /// Those with the text, in the order of the list; perhaps more than the page takes.
    pub rows: Vec<request::Model>,
    /// The last that was looked at, where there are others behind it.
    pub looked_until: Option<String>,
}

/// Looks through a selection from where the page begins, until the page is full or enough was looked at. `wanted` has no capitals.
pub(super) async fn having<D: ConnectionTrait>(
    connection: &D,
    sorting: &Sorting<C>,
    among: &Select<request::Entity>,
    wanted: &str,
) -> Outcome<Found> {
    let ids = sorting.of(among.clone()).select_only().column(C::Id).limit(u64::try_from(LOOKED_THROUGH + 1).unwrap_or(u64::MAX));
    let mut ids: Vec<String> = ids.into_tuple().all(connection).await?;
    let others = ids.len() > LOOKED_THROUGH;
    ids.truncate(LOOKED_THROUGH);
    let full = usize::try_from(sorting.slice.limit).unwrap_or(usize::MAX);
    let (mut rows, mut bytes, mut left) = (Vec::new(), 0usize, ids.as_slice());
    let mut looked = None;
    while !left.is_empty() && rows.len() <= full && bytes <= MOST_BYTES {
        let (some, behind) = left.split_at_checked(AT_ONCE).unwrap_or((left, &[]));
        let select = sorting.of(request::Entity::find().filter(C::Id.is_in(some)));
        let read = bounded(connection, select, u64::try_from(some.len()).unwrap_or(u64::MAX), &[C::Body]).await?;
        // Only so many of them fit together: the others are read next.
        let kept = if read.more { left.split_at_checked(read.rows.len()) } else { None };
        left = kept.map_or(behind, |(_, rest)| rest);
        looked = read.rows.last().map(|row| row.id.clone()).or(looked);
        for row in read.rows {
            if has(&row, wanted)? {
                bytes = bytes.saturating_add(row.body.len());
                rows.push(row);
            }
        }
    }
    Ok(Found { rows, looked_until: looked.filter(|_| others || !left.is_empty()) })
}

fn has(row: &request::Model, wanted: &str) -> Outcome<bool> {
    let body: Request = serde_json::from_str(&row.body)?;
    let command = escape::command(body.command.arguments.iter().map(OsText::as_bytes));
    let (code, ticket) = (body.digest.short_code(), body.ticket.unwrap_or_default());
    Ok(any_has([row.user.as_str(), &body.reason, &command, &body.policy.name, &ticket, &code], wanted))
}
