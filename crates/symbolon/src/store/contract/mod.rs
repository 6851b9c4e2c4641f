//! What every store promises, a test per promise, run for each store alike; and [`machine`], which holds one store against
//! another over random histories.
//!
//! A promise is an `async fn` over a [`World`]; `promises!` turns it into one test per store. A new store joins by one more line
//! there and one more constructor of `World`.

mod activity;
mod endings;
mod guards;
mod keys_and_clients;
mod log;
mod machine;
mod mints;
mod operations;
mod purge;
mod races;
mod refresh;
mod throttle;
mod users;
mod visible;
mod world;

pub(crate) use world::session_row;
use world::{Someone, World, at, transition};

/// One test per store of each promise in a file.
macro_rules! promises {
    ($($promise:ident),+ $(,)?) => {
        promises! { @each memory: $($promise),+ }
        promises! { @each sqlite: $($promise),+ }
        promises! { @each postgres: $($promise),+ }
    };
    (@each $store:ident: $($promise:ident),+) => {
        mod $store {
            use crate::store::contract::World;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    // A store that is not installed here has said so.
                    if let Some(world) = World::$store().await {
                        super::$promise(world).await;
                    }
                }
            )+
        }
    };
}
use promises;
