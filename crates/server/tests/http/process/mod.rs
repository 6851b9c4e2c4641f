//! The process: stopping, starting again, one owner of a folder, and what it writes besides answers.

mod backup;
mod drain;
mod logs;
mod master_key;
mod owner;
mod postgres;
mod races;
mod shared;
mod start;
