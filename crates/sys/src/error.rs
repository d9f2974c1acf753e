//! What failed: the step in words and the kernel's reason. Modules whose callers must tell failures apart
//! (`exec`, `fdpass`, `pam`, `nss`) have errors of their own.

use std::io;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}")]
pub struct Error {
    /// The step, as the end of a sentence that begins "cannot".
    pub doing: &'static str,
    /// The kernel's reason.
    #[source]
    pub source: io::Error,
}

/// The result of a step.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error number, 0 where there is none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }

    /// The last system call's failure.
    pub(crate) fn last(doing: &'static str) -> Self {
        Self { doing, source: io::Error::last_os_error() }
    }

    /// A failure that the kernel did not report but that we saw.
    pub(crate) fn other(doing: &'static str, why: &'static str) -> Self {
        Self { doing, source: io::Error::other(why) }
    }
}

/// Lets `?` name the step of a standard library call.
pub(crate) trait Doing<T> {
    /// Names the step.
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error { doing, source })
    }
}

/// A system call's return value, or its error where it is negative.
pub(crate) fn check(doing: &'static str, value: i32) -> Result<i32> {
    if value < 0 { Err(Error::last(doing)) } else { Ok(value) }
}

/// As `check`, for `libc::syscall` and calls that return a size.
pub(crate) fn check_long(doing: &'static str, value: i64) -> Result<i64> {
    if value < 0 { Err(Error::last(doing)) } else { Ok(value) }
}
