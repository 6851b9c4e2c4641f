//! Login: throttle, proof, conditional mint.

mod answer;
mod flood;
mod mint;
mod presented;
mod rehash;
mod throttle;
mod throttle_rows;
