//! `[users]`: who may register.

use super::reader::Reader;
use super::value::{Found, Refused, Value};

/// The effective `[users]`.
#[derive(Clone, Copy, Debug)]
pub struct Users {
    /// Whether strangers may make themselves an account.
    pub registration: Registration,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Nobody: administrators make the accounts.
    Closed,
}

impl Value for Registration {
    const WANTS: &'static str = "\"open\" or \"closed\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        match found.text() {
            Some("open") => Ok(Self::Open),
            Some("closed") => Ok(Self::Closed),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Open => "\"open\"".to_owned(),
            Self::Closed => "\"closed\"".to_owned(),
        }
    }
}

pub(super) fn read(reader: &mut Reader) -> Users {
    Users { registration: reader.section("users").setting("registration", Registration::Open).take() }
}
