//! `[cors]`: other origins whose scripts may call with a bearer token. Never with cookies.

use super::origin::Origin;
use super::reader::Reader;

/// The effective `[cors]`.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Exact origins.
    pub origins: Vec<Origin>,
}

pub(super) fn read(reader: &mut Reader) -> Cors {
    Cors { origins: reader.section("cors").setting("origins", Vec::new()).take() }
}
