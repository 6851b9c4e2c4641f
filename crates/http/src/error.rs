//! The one error this crate makes when it is set up. What happens to a request is a [`crate::Refusal`].

use std::fmt;

/// A setting that cannot work (a malformed origin, an impossible cookie name), found at start.
///
/// Its text names the value and says what would be right; it holds no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingError(String);

impl SettingError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

impl From<SettingError> for String {
    fn from(error: SettingError) -> Self {
        error.0
    }
}
