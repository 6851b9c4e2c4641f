//! `/oauth/…`, a file for each path.

mod introspect;
mod revoke;
mod token;

pub(crate) use revoke::client;
