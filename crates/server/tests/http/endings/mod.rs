//! Revoked is revoked (invariant 1), acknowledged is durable (invariant 2).

mod rounds;
mod ways;
