//! Documents that are not what they say.
