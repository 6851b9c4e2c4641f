//! `[bearer]`: where else than in `Authorization` a bearer token may stand (RFC 6750 §2).

use super::reader::Reader;

/// The effective `[bearer]`.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    /// In a form body, as `access_token`.
    pub body: bool,
    /// In the query, as `access_token`: off, since URLs leak into histories and logs.
    pub query: bool,
}

pub(super) fn read(reader: &mut Reader) -> Bearer {
    let mut s = reader.section("bearer");
    Bearer { body: s.setting("body", true).take(), query: s.setting("query", false).dev(true).take() }
}
