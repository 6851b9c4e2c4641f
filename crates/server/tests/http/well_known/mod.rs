//! `/.well-known/…`.

mod algorithms;
mod jwks;
mod metadata;
mod rotation;
