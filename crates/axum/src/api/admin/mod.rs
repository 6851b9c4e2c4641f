//! `/v1/admin`: administration. By an administrator, by a machine client with scope `admin`, or by the operator of the machine.
//!
//! Owns who may ([`access`]). Refuses, before anything else of a request is looked at, everybody who may not: what there is and what
//! there is not look the same to them, and a body they send is never parsed. Every handler therefore takes [`access::Admin`] (or what
//! holds one) first. What an administrator may not do either (be the last one to go, name a role oddly) the engine refuses.
//!
//! The rows for the command line alone ([`access::Operator`]) are in the local socket's router only (`router.rs`); elsewhere they do not exist.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod master_key;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod users;
