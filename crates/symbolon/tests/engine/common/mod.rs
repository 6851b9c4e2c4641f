//! What every test of the engine stands on: a world of its own, whose time, randomness and store it owns.

pub(crate) mod edge;
pub(crate) mod logs;
pub(crate) mod probe;
pub(crate) mod world;

pub(crate) use edge::{TestClock, TestRandomness};
pub(crate) use probe::{Call, Hold, Probe};
pub(crate) use world::{Browser, Someone, World, caller, caller_at, kind, verdict};

/// Runs each of these tests over every store: `memory::name` and `sqlite::name`.
macro_rules! over_every_store {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::common::World::memory().await).await;
                }
            )+
        }
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::common::World::sqlite().await).await;
                }
            )+
        }
    };
}
pub(crate) use over_every_store;
