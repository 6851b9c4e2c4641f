//! JSON Web Signatures, compact serialization only (RFC 7515 §7.1), strictly. This room owns the form of a
//! token and who signed it; it does not know claims. It refuses, before decoding anything, what is too long
//! or has not exactly two dots; then foreign base64, JSON with repeated members, and headers that must not be
//! ignored. The verifier calls it.
//!
//! Nothing in a header brings a key along: `jwk`, `jku`, `x5u`, `x5c` are read over as if they were not
//! there.

mod header;
pub(crate) mod sign;
mod verify;

pub use header::Header;
pub use verify::Compact;
pub(crate) use verify::Segments;

/// A token that is longer is refused undecoded, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
/// Likewise the header segment, as it stands in the token.
pub const MAX_HEADER: usize = 1024;
/// Likewise the signature segment; RSA of 4096 bits takes 683.
const MAX_SIGNATURE: usize = 1024;
/// What that decodes to at most.
const MAX_SIGNATURE_BYTES: usize = MAX_SIGNATURE / 4 * 3;
/// A token that would be longer is not made.
pub const MAX_SIGNED: usize = 4 * 1024;
