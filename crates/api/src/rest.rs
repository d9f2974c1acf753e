//! REST: bodies of `/api/v1`.
