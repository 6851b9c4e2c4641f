//! Sessions: the check, what memory keeps of them, activity, and renewals.

mod check;
mod fill;
mod limit;
mod machine;
mod misses;
mod renewal;
mod renewal_race;
mod successor;
mod touch;

pub(crate) use successor::plant;
