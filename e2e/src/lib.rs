//! The whole product on one machine, from outside: real processes, real users, real terminals.
//!
//! Used by the end-to-end tests, the demo, `make up` and the benchmarks, so that there is one way to set Brevet up.
//! Whatever is made here is written down first (`record`) and undone also when its maker is killed (`keeper`).

pub mod browser;
pub mod installation;
pub mod keeper;
pub mod processes;
pub mod program;
pub mod record;
pub mod signals;
pub mod terminal;
pub mod user;
pub mod wait;

pub use installation::{Installation, Options};
pub use terminal::Terminal;
pub use user::OsUser;
