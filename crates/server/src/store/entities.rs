//! The tables as SeaORM entities. Ids and digests are text, moments Unix milliseconds, structures JSON text.
//!
//! What a column means is said by the feature that owns the table; nothing here decides anything.
//! A table stands with its feature's neighbours; everybody names it as `entities::TABLE`.

mod applications;
mod credentials;
mod exception;
mod outbox;
mod people;
mod policy;
mod records;
mod replicas;
mod rights;
mod scope;
mod view;

pub use applications::*;
pub use credentials::*;
pub use exception::*;
pub use outbox::*;
pub use people::*;
pub use policy::*;
pub use records::*;
pub use replicas::*;
pub use rights::*;
pub use scope::*;
pub use view::*;
