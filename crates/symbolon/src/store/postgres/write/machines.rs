//! Signing keys and machine clients.

use symbolon_token::Kid;

use crate::store::{
    ClientRow, KeyRow, Result,
    postgres::{
        attempt::Attempt,
        batch::{Batch, Place, params},
        pool::Connection,
        read,
        rows::{to_json, typed},
    },
    rules,
};

/// Adds a key or replaces its times and seal. Answers no row for one that was removed. Its algorithm it has for life.
pub(in crate::store::postgres) fn add_key(batch: &mut Batch<'_>, key: &KeyRow) -> Place {
    batch.add(
        "INSERT INTO keys (kid, algorithm, sealed, key_version, created_at, sign_from) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (kid) DO UPDATE SET sealed = excluded.sealed, key_version = excluded.key_version, \
         created_at = excluded.created_at, sign_from = excluded.sign_from WHERE keys.removed_at IS NULL RETURNING 1",
        params![
            key.kid.to_string(),
            key.algorithm.clone(),
            key.sealed.clone(),
            i64::from(key.key_version),
            key.created_at.as_millis(),
            key.sign_from.as_millis(),
        ],
    )
}

pub(in crate::store::postgres) async fn put_key(sql: &Connection, key: &KeyRow) -> Attempt<bool> {
    let mut batch = Batch::begin(sql);
    let written = add_key(&mut batch, key);
    Ok(!batch.commit().await?.take(written).is_empty())
}

pub(in crate::store::postgres) async fn add_key_beside(
    sql: &Connection,
    (key, beside): &(KeyRow, Vec<Kid>),
) -> Attempt<bool> {
    let mut batch = Batch::begin(sql);
    batch.add(super::LOCK, params![]);
    batch.run().await?;
    let keys = read::keys(sql, &()).await?;
    let alone = rules::same_keys(keys.iter().map(|key| key.kid), beside);
    if !alone || beside.contains(&key.kid) {
        sql.roll_back().await?;
        return Ok(false);
    }
    let mut batch = Batch::on(sql);
    let written = add_key(&mut batch, key);
    Ok(!batch.commit().await?.take(written).is_empty())
}

/// Adds a client or replaces it.
pub(in crate::store::postgres) fn add_client(batch: &mut Batch<'_>, client: &ClientRow) -> Result<()> {
    let secret = |at: usize| client.secrets.get(at).map(|hash| hash.to_vec());
    batch.add(
        "INSERT INTO clients (id, name, scopes, secret, previous, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes, secret = excluded.secret, \
         previous = excluded.previous, created_at = excluded.created_at",
        params![
            client.id,
            typed(&client.name),
            to_json(&client.scopes)?,
            secret(0),
            secret(1),
            client.created_at.as_millis(),
        ],
    );
    Ok(())
}
