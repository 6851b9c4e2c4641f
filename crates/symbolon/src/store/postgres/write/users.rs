//! Users and what they prove themselves by.

use uuid::Uuid;

use super::add_audit;
use crate::store::{
    NewUser, Registered,
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        rows::{stored, to_json, typed},
    },
};

pub(in crate::store::postgres) async fn register(sql: &Connection, new: &NewUser) -> Attempt<Registered> {
    let user = &new.user;
    let mut batch = Batch::begin(sql);
    batch.add(
        "INSERT INTO users (id, generation, disabled, roles, profile, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            user.id,
            stored(user.generation),
            user.disabled,
            to_json(&user.roles)?,
            to_json(&user.profile)?,
            user.created_at.as_millis(),
            user.updated_at.as_millis(),
        ],
    );
    // Waits for whoever is about to take the same name, and then knows.
    let named = batch.add(
        "INSERT INTO identifiers (canonical, user_id, kind, shown) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (canonical) DO NOTHING RETURNING 1",
        params![typed(&new.canonical), user.id, new.identifier_kind, typed(&user.identifier)],
    );
    if batch.run().await?.take(named).is_empty() {
        sql.roll_back().await?;
        return Ok(Registered::Taken);
    }
    let mut batch = Batch::on(sql);
    if let Some(credential) = &new.credential {
        batch.add(
            "INSERT INTO credentials (id, user_id, kind, data, version) VALUES ($1, $2, 'password', $3, $4)",
            params![credential.id, user.id, typed(&credential.data), stored(credential.version)],
        );
    }
    add_audit(&mut batch, std::slice::from_ref(&new.audit))?;
    batch.commit().await?;
    Ok(Registered::Created)
}

/// Credential, old hash, new hash.
pub(in crate::store::postgres) type Rehash = (Uuid, String, String);

pub(in crate::store::postgres) async fn rehash(
    sql: &Connection,
    (credential, old, new): &Rehash,
) -> Attempt<bool> {
    let mut batch = Batch::begin(sql);
    let changed = batch.add(
        "UPDATE credentials SET data = $3 WHERE id = $1 AND data = $2 RETURNING 1",
        params![*credential, typed(old), typed(new)],
    );
    Ok(!batch.commit().await?.take(changed).is_empty())
}
