//! How a user proved who they are: a method and when.

use std::borrow::Cow;

use crate::Timestamp;

/// One proof of a login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amr {
    /// RFC 8176 name: `pwd`, …
    pub method: Cow<'static, str>,
    /// When it was given.
    pub at: Timestamp,
}
