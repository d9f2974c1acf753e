//! What the pages of a kind need to know of it: where they are, what its form asks, and how the two become one another.

use brevet_api::rest::check::Definition;
use brevet_api::rest::error::FieldError;
use brevet_core::file::File;
use serde::Serialize;

use super::defined::Defined;
use super::form::{Entered, Section};
use crate::console::Place;

/// A kind of definition that the console has a form for.
pub(crate) trait Formed: Defined + Serialize + Clone {
    /// Where its pages are.
    const BASE: &'static str;
    /// Where they stand in the console.
    const PLACE: Place;
    /// What one is called.
    const WORD: &'static str;

    /// The form of a new one.
    fn fresh() -> Entered;
    /// The form of this one.
    fn entered(&self) -> Entered;
    /// With moments as somebody in a zone types them.
    fn localise(_entered: &mut Entered, _zone: &str) {}
    /// What was filled in.
    ///
    /// # Errors
    /// Every field that cannot be read.
    fn read(entered: &Entered) -> Result<Self, Vec<FieldError>>;
    /// What the form asks, in order.
    fn sections(names: &Names) -> Vec<Section>;
    /// As the API checks it.
    fn definition(self) -> Definition;
    /// As `apply` takes it.
    fn file(self) -> File;
}

/// Names that a form can offer.
#[derive(Debug, Default)]
pub struct Names {
    /// Groups of users.
    pub user_groups: Vec<String>,
    /// Groups of computers.
    pub computer_groups: Vec<String>,
    /// Application lists.
    pub lists: Vec<String>,
}
