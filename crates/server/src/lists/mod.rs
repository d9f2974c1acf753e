//! Application lists: named sets of rules.

pub mod form;
pub mod pages;

use brevet_core::file::List;

use crate::definitions::defined::{Defined, kept, listed, named, remembered};
use crate::definitions::{Content, Kind};
use crate::http::routes::Routes;

impl Defined for List {
    const KIND: Kind = Kind::List;
    const SCHEMAS: (&'static str, &'static str) = ("List", "StoredList");
    const PLACES: (&'static str, &'static str) = ("/lists", "/lists/{reference}");
    const HISTORY: &'static str = "/lists/{reference}/history";

    fn content(self) -> Content {
        Content::List(self)
    }
}

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table.with(listed::<List>).with(kept::<List>).with(remembered::<List>).with(|table| named::<List>(table, "/lists/{reference}/uses"))
}
