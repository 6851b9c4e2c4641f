//! `[cookie]`: the name of the session cookie.

use super::reader::Reader;

/// The effective `[cookie]`.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The name without its prefix: `symbolon` becomes `__Host-symbolon` under an https issuer. Two servers on one host
    /// need two names, because cookies do not know ports.
    pub name: String,
}

pub(super) fn read(reader: &mut Reader) -> Cookie {
    let mut s = reader.section("cookie");
    let name = s
        .setting("name", "symbolon".to_owned())
        .must(
            |name| {
                (1..=64).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            },
            "must be 1 to 64 letters, digits, _ and -",
        )
        .must(|name| !name.starts_with("__"), "must leave the prefix out: it is set by the server")
        .must(|name| !name.ends_with("-known"), "must not end in -known, which names the other cookie")
        .take();
    Cookie { name }
}
