//! `[logout]`: what a logout asks the browser to forget.

use super::reader::Reader;

/// The effective `[logout]`.
#[derive(Clone, Copy, Debug)]
pub struct Logout {
    /// Whether the answer carries `Clear-Site-Data`, which empties the whole origin: right for an origin of our own only.
    pub clear_site_data: bool,
}

pub(super) fn read(reader: &mut Reader) -> Logout {
    Logout { clear_site_data: reader.section("logout").setting("clear_site_data", false).take() }
}
