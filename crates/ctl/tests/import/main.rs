//! `brevetctl import sudoers`, held against sudo itself: what it reads by `cvtsudoers`, what it allows by `sudo -l` and `sudo -n`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test's part that fails is a failed test")]

mod command;
mod drafts;
mod oracle;
mod sudo;
