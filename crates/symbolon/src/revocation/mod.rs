//! Revocation: the one way in which access ends.
//!
//! Owns [`Ending`] and the call that carries it out. Refuses every other way: whatever ends access (logout, revoke, "all others",
//! password change, disable, delete, refresh reuse, key removal, a login over a presented session) comes through
//! `Symbolon::end` (invariant 11), as one transaction that ends the rows and appends to the log.
//!
//! The order, and why (model/README.md):
//! 1. The transaction commits, with the log entry in it. A crash after this point loses nothing: the log is read at start.
//! 2. The entry is applied: first the view, then the caches. A check that begins after this refuses.
//! 3. Barrier: every process that may decide from memory has applied the entry. A node that holds its file alone has applied it
//!    when the commit answers, for the writer tells the follower first; so here the barrier is the head of the log, reached.
//! 4. The call returns. Ending what is already ended takes the same way and waits for the log's head (F3).

pub mod end;

pub use end::{Ended, Ending};
