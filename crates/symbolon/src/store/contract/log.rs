//! The revocation log, as it is read.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{World, at, promises};
use crate::store::*;

promises! {
    the_log_is_read_in_pages,
    a_page_of_the_log_is_of_one_moment,
}

async fn the_log_is_read_in_pages(world: World) {
    let read = async |after, limit| {
        let page = world.store.log_after(after, limit).await.unwrap();
        assert_eq!(page.now.is_some(), world.store.shared(), "the time of those who must agree on one");
        LogPage { now: None, ..page }
    };
    let page = |entries: &[_], head| LogPage {
        epoch: Uuid::from_u128(1),
        entries: entries.to_vec(),
        head,
        trimmed: 0,
        now: None,
    };
    assert_eq!(read(0, 9).await, page(&[], 0));
    for _ in 0..5 {
        world.end(End::Token { jti: world.id() }, at(0)).await;
    }
    let all = world.told();
    assert_eq!(read(0, 2).await, page(&all[..2], 5));
    assert_eq!(read(2, 9).await, page(&all[2..], 5));
    for beyond in [5, 6, u64::MAX] {
        assert_eq!(read(beyond, 9).await, page(&[], 5));
    }
}

/// Whoever reads the log moves its last number to the head: an entry up to there that the page lacks would be lost for good.
async fn a_page_of_the_log_is_of_one_moment(world: World) {
    let world = Arc::new(world);
    let enough = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (world, enough) = (Arc::clone(&world), Arc::clone(&enough));
        async move {
            while !enough.load(Ordering::Relaxed) {
                world.end(End::Token { jti: world.id() }, at(0)).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut heads = std::collections::BTreeSet::new();
    while heads.len() < 100 {
        let page = world.store.log_after(0, usize::MAX).await.unwrap();
        assert_eq!(page.entries.len() as u64, page.head);
        heads.insert(page.head);
        tokio::task::yield_now().await;
    }
    enough.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}
