//! Not a test: how many sessions a second are minted by one writer, and by many at once.
//!
//! `cargo test -p symbolon --lib -- --ignored --nocapture sessions_minted_per_second`; `SYMBOLON_MEASURE_FOLDER` names the disk.

use std::{env, sync::Arc};

use super::{
    Condition, End, NewUser, Outcome, SqliteStore, Store, Timestamp, Transition, Uuid, ending, new_user, open,
};
use crate::{
    clock::{Clock, SystemClock},
    store::contract::session_row,
};

const SECONDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn sessions_minted_per_second() {
    let folder = env::var_os("SYMBOLON_MEASURE_FOLDER").unwrap_or_else(|| env::temp_dir().into());
    for writers in [1, 8, 64, 256] {
        let folder = tempfile::tempdir_in(&folder).unwrap();
        let store = Arc::new(open(folder.path()));
        let start = SystemClock.monotonic();
        let tasks: Vec<_> =
            (0..writers).map(|writer| tokio::spawn(mint(Arc::clone(&store), writer))).collect();
        let mut minted = 0;
        for task in tasks {
            minted += task.await.unwrap();
        }
        let millis = (SystemClock.monotonic() - start).as_millis();
        let per_second = |count: u64| u128::from(count) * 1000 / millis;
        let (minted, commits) = (per_second(minted), per_second(store.writer.commits()));
        println!("{writers:4} writers: {minted:7} sessions/s, {commits:6} commits/s");
    }
}

/// Mints until the time is over; how many.
async fn mint(store: Arc<SqliteStore>, writer: u128) -> u64 {
    let new = new_user(writer);
    let NewUser { user, credential, .. } = &new;
    let (user, credential) = (user.id, credential.as_ref().map(|row| (row.id, row.version)));
    store.register(new).await.unwrap();
    let condition = Condition { user, generation: 0, credential, predecessor: None };
    let start = SystemClock.monotonic();
    let mut minted = 0;
    while (SystemClock.monotonic() - start).as_secs() < SECONDS {
        // As a v7 is: time first, so that rows of all writers are appended.
        let id = Uuid::from_u128(u128::from(minted) << 64 | 1 << 63 | writer);
        let mint = Some(session_row(id, user, Timestamp::from_secs(1_700_000_000)));
        let login =
            Transition { condition: Some(condition.clone()), end: None, mint, ..ending(End::User(user)) };
        assert!(matches!(store.transact(login).await.unwrap(), Outcome::Done(_)));
        minted += 1;
    }
    minted
}
