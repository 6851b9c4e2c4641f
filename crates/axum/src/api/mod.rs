//! The JSON API: one file for each thing in the path.

pub(crate) mod admin;
pub(crate) mod check;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod machine;
pub(crate) mod me;
pub(crate) mod oauth;
pub(crate) mod openapi;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod view;
pub(crate) mod well_known;
