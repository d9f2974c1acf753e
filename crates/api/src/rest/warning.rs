//! What somebody should look at before it hurts.

use serde::{Deserialize, Serialize};

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// Stable.
    pub code: WarningCode,
    /// In words.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Warning {
    /// Puts one together.
    #[must_use]
    pub fn new(code: WarningCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// A computer's clock is off by more than a minute.
    ClockWrong,
    /// There is little room on a disk.
    DiskLow,
    /// There is so little that nothing is relied on to be written.
    DiskFull,
    /// The server's certificate ends within 30 days.
    CertificateEnds,
    /// The database has another audit log than the one that was signed.
    LogBroken,
}

impl WarningCode {
    /// As JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClockWrong => "clock_wrong",
            Self::DiskLow => "disk_low",
            Self::DiskFull => "disk_full",
            Self::CertificateEnds => "certificate_ends",
            Self::LogBroken => "log_broken",
        }
    }
}
