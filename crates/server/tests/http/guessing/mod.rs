//! Guessing passwords: how often one may, and what one learns by it (CR).

mod foreign;
mod passwords;
mod throttle;
mod uniform;
