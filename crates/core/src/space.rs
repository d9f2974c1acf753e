//! Room on a disk, and when there is too little of it.

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

/// Room on the file system of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Space {
    /// Bytes that it has.
    pub total: u64,
    /// Bytes that are free for whoever writes there.
    pub available: u64,
}

/// Whether that is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// Nothing can be relied on to be written any more.
    Full,
    /// Somebody should make room.
    Little,
    /// Enough.
    Enough,
}

impl Space {
    /// Below this, nothing new is begun whose record must be written: what runs still has to be recorded to its end.
    pub const FULL: u64 = 16 * MIB;

    /// `Little` below a twentieth of the whole, at least 64 MiB and at most 1 GiB.
    #[must_use]
    pub fn room(&self) -> Room {
        let little = (self.total / 20).clamp(64 * MIB, 1024 * MIB);
        if self.available < Self::FULL {
            Room::Full
        } else if self.available < little {
            Room::Little
        } else {
            Room::Enough
        }
    }

    /// `12 MiB of 20480 MiB are free`
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{} MiB of {} MiB are free", self.available / MIB, self.total / MIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_a_twentieth_within_bounds_and_full_is_a_reserve() {
        let room = |total: u64, available: u64| Space { total: total * MIB, available: available * MIB }.room();
        assert_eq!((room(10_000, 500), room(10_000, 499)), (Room::Enough, Room::Little));
        assert_eq!((room(1_000_000, 1_024), room(1_000_000, 1_023)), (Room::Enough, Room::Little));
        assert_eq!((room(100, 64), room(100, 63)), (Room::Enough, Room::Little));
        assert_eq!((room(100, 16), room(100, 15), room(0, 0)), (Room::Little, Room::Full, Room::Full));
        assert_eq!(Space { total: 100 * MIB, available: 3 * MIB }.in_words(), "3 MiB of 100 MiB are free");
    }
}
