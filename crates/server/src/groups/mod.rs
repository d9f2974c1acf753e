//! Groups of computers or of users.

pub mod form;
pub mod pages;

use brevet_core::file::Group;

use crate::definitions::defined::{Defined, kept, listed, named, remembered};
use crate::definitions::{Content, Kind};
use crate::http::routes::Routes;

impl Defined for Group {
    const KIND: Kind = Kind::Group;
    const SCHEMAS: (&'static str, &'static str) = ("Group", "StoredGroup");
    const PLACES: (&'static str, &'static str) = ("/groups", "/groups/{reference}");
    const HISTORY: &'static str = "/groups/{reference}/history";

    fn content(self) -> Content {
        Content::Group(self)
    }
}

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table
        .with(listed::<Group>)
        .with(kept::<Group>)
        .with(remembered::<Group>)
        .with(|table| named::<Group>(table, "/groups/{reference}/uses"))
}
