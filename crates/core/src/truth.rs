//! Three-valued answers with their reason, and how they combine (DESIGN section 5).
//!
//! An unknown answer is never turned into yes or no here: only the side that asks can say which way it counts.

use crate::application::Side;

/// Whether something holds, and why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    Yes(String),
    No(String),
    Unknown(String),
}

impl Truth {
    /// The answer for one side: what is unknown holds for those that refuse, and does not for those that allow.
    pub fn for_side(self, side: Side) -> Result<String, String> {
        match (self, side) {
            (Self::Yes(why), _) | (Self::Unknown(why), Side::Deny) => Ok(why),
            (Self::No(why), _) | (Self::Unknown(why), Side::Allow) => Err(why),
        }
    }

    /// Whether this is yes, without doubt.
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    /// Yes if any is; else unknown if any is; else no, for the given reason.
    pub fn any(answers: impl IntoIterator<Item = Self>, none: impl FnOnce() -> String) -> Self {
        let mut unknown = None;
        for answer in answers {
            match answer {
                Self::Yes(_) => return answer,
                Self::Unknown(_) => unknown = unknown.or(Some(answer)),
                Self::No(_) => {}
            }
        }
        unknown.unwrap_or_else(|| Self::No(none()))
    }
}
