//! Users in memory. A row is kept until the log says that it changed; it decides nothing, it is what a person sees.

use std::{
    hash::BuildHasherDefault,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    Symbolon,
    cache::{Asked, Cache},
    error::{Error, Result},
    session::cache::Tail,
    store::UserRow,
};

pub(crate) struct UserCache(Cache<Uuid, Arc<CachedUser>, BuildHasherDefault<Tail>>);

/// A user's row as it was read, with room for what is shown of it: an answer is written once for each row, not for each request.
// What nearly everybody asks lies in front, in the line of memory that holding it has brought already.
#[repr(C)]
pub struct CachedUser {
    shown: OnceLock<Box<RawValue>>,
    row: UserRow,
}

impl CachedUser {
    /// What is shown of the row, made by the first who asks. Everybody must make the same.
    pub fn shown(&self, make: impl FnOnce(&UserRow) -> Box<RawValue>) -> &RawValue {
        self.shown.get_or_init(|| make(&self.row))
    }
}

impl Deref for CachedUser {
    type Target = UserRow;

    fn deref(&self) -> &UserRow {
        &self.row
    }
}

impl UserCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Cache::new(u64::try_from(capacity).unwrap_or(u64::MAX), 1))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn asked(&self) -> Asked {
        self.0.asked()
    }

    pub(crate) fn fetch_place(&self, id: Uuid) {
        self.0.fetch_place(&id);
    }

    pub(crate) fn fetch_entry(&self, id: Uuid) {
        self.0.fetch_entry(&id);
    }

    pub(crate) fn holds(&self, id: Uuid) -> bool {
        self.0.contains(&id)
    }

    pub(crate) fn remove(&self, id: Uuid) {
        self.0.remove(&id);
    }
}

impl Symbolon {
    /// A user, where memory may decide and knows.
    pub fn recall_user(&self, id: Uuid) -> Option<Arc<CachedUser>> {
        let memory = self.0.memory.load();
        memory.fresh(&*self.0.clock).then(|| memory.users.0.get(&id)).flatten()
    }

    /// A user, from memory when that may decide (roles are asked of it) and knows.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], [`crate::ErrorKind::Unavailable`].
    pub async fn user(&self, id: Uuid) -> Result<Arc<CachedUser>> {
        if let Some(user) = self.recall_user(id) {
            return Ok(user);
        }
        let memory = self.memory();
        let fresh = memory.fresh(&*self.0.clock);
        let noted = memory.view.last_seq();
        let row = self.store().user(id).await?.ok_or_else(Error::not_found)?;
        let user = Arc::new(CachedUser { row, shown: OnceLock::new() });
        if fresh {
            let keep = || memory.users.0.insert(id, Arc::clone(&user), 1);
            memory.view.insert_user_unless_changed(noted, id, keep);
        }
        Ok(user)
    }
}
