//! Users in memory. A row is kept until the log says that it changed; it decides nothing, it is what a person sees.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use quick_cache::sync::Cache;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    Symbolon,
    error::{Error, Result},
    store::UserRow,
};

pub(crate) struct UserCache(Cache<Uuid, Arc<CachedUser>>);

/// A user's row as it was read, with room for what is shown of it: an answer is written once for each row, not for each request.
pub struct CachedUser {
    row: UserRow,
    shown: OnceLock<Box<RawValue>>,
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
        Self(Cache::new(capacity))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn holds(&self, id: Uuid) -> bool {
        self.0.contains_key(&id)
    }

    pub(crate) fn remove(&self, id: Uuid) {
        self.0.remove(&id);
    }
}

impl Symbolon {
    /// A user, from memory when that may decide (roles are asked of it) and knows.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], [`crate::ErrorKind::Unavailable`].
    pub async fn user(&self, id: Uuid) -> Result<Arc<CachedUser>> {
        let memory = self.memory();
        let fresh = memory.fresh(&*self.0.clock);
        if let Some(user) = memory.users.0.get(&id).filter(|_| fresh) {
            return Ok(user);
        }
        let noted = memory.view.last_seq();
        let row = self.store().user(id).await?.ok_or_else(Error::not_found)?;
        let user = Arc::new(CachedUser { row, shown: OnceLock::new() });
        if fresh {
            let keep = || memory.users.0.insert(id, Arc::clone(&user));
            memory.view.insert_user_unless_changed(noted, id, keep);
        }
        Ok(user)
    }
}
