//! `[csrf]`: other origins whose pages may write with a cookie.

use super::origin::Origin;
use super::reader::Reader;

/// The effective `[csrf]`.
#[derive(Clone, Debug)]
pub struct Csrf {
    /// Trusted beside the issuer's own origin.
    pub trusted_origins: Vec<Origin>,
}

pub(super) fn read(reader: &mut Reader) -> Csrf {
    Csrf { trusted_origins: reader.section("csrf").setting("trusted_origins", Vec::new()).take() }
}
