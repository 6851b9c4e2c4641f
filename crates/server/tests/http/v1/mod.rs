//! `/v1/…`, a file for each path.

mod activity;
mod confirm;
mod current;
mod exchange;
mod grants;
mod me;
mod password;
mod sessions;
mod tokens;
mod users;
