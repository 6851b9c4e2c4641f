//! Sessions: the mint's row, refresh and activity.

use std::collections::HashSet;

use symbolon_token::Timestamp;

use crate::store::{
    RefreshRequest, Refreshed, Result, SessionRow, Touch,
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        read,
        rows::{self, stored, to_json, typed},
    },
    rules,
};

/// The row of a mint, of its user's generation.
pub(in crate::store::postgres) fn insert(
    batch: &mut Batch<'_>,
    session: &SessionRow,
    generation: u64,
) -> Result<()> {
    batch.add(
        "INSERT INTO sessions (id, user_id, generation, kind, client_id, parent, secret_hash, refresh_counter, refresh_moved_at, \
         auth_time, amr, scope, audience, jkt, remember, created_at, last_seen, idle_expires_at, expires_at, ended_at, device, \
         address, label, key_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21, $22, $23, $24)",
        params![
            session.id,
            session.user,
            stored(generation),
            session.kind.as_str(),
            session.client_id.clone(),
            session.parent,
            session.secret_hash.map(|hash| hash.to_vec()),
            stored(session.refresh_counter),
            session.refresh_moved_at.map(Timestamp::as_millis),
            session.auth_time.as_millis(),
            to_json(&session.amr)?,
            session.scope.clone(),
            to_json(&session.audience)?,
            session.jkt.clone(),
            session.remember,
            session.created_at.as_millis(),
            session.last_seen.as_millis(),
            session.idle_expires_at.as_millis(),
            session.expires_at.as_millis(),
            session.ended_at.map(Timestamp::as_millis),
            session.device.clone(),
            session.address.clone(),
            session.label.as_deref().map(typed),
            i64::from(session.key_version),
        ],
    );
    Ok(())
}

/// Under the locks that endings take: the user's, shared, and the session's.
pub(in crate::store::postgres) async fn refresh(
    sql: &Connection,
    request: &RefreshRequest,
) -> Attempt<Refreshed> {
    let mut batch = Batch::begin(sql);
    batch.add(
        "SELECT 1 FROM users WHERE id = (SELECT user_id FROM sessions WHERE id = $1) FOR SHARE",
        params![request.session],
    );
    batch.add("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", params![request.session]);
    let found = batch.add(read::SESSIONS, params![vec![request.session]]);
    let found = batch.run().await?.take(found);
    let found = found.first().map(rows::session_with_user).transpose()?;
    let Some(mut row) = found.filter(|row| row.live(request.now)) else {
        sql.roll_back().await?;
        return Ok(Refreshed::Dead);
    };
    let refreshed = match rules::refresh(&row.session, request.presented, request.now, request.grace_ms) {
        rules::Move::Same => Refreshed::Issue(row),
        rules::Move::Reused => Refreshed::Reused(row),
        rules::Move::Ahead => Refreshed::Ahead(row),
        rules::Move::Next => {
            let session = &mut row.session;
            session.refresh_counter += 1;
            session.refresh_moved_at = Some(request.now);
            session.last_seen = session.last_seen.max(request.now);
            session.idle_expires_at = request.idle_expires_at.min(session.expires_at);
            let mut batch = Batch::on(sql);
            batch.add(
                "UPDATE sessions SET refresh_counter = $2, refresh_moved_at = $3, last_seen = $4, idle_expires_at = $5 \
                 WHERE id = $1",
                params![
                    session.id,
                    stored(session.refresh_counter),
                    request.now.as_millis(),
                    session.last_seen.as_millis(),
                    session.idle_expires_at.as_millis(),
                ],
            );
            batch.commit().await?;
            return Ok(Refreshed::Issue(row));
        }
    };
    sql.roll_back().await?;
    Ok(refreshed)
}

/// [`rules::moves`] as a condition of the UPDATE; never an upsert: activity must not bring a purged or ended session back (ST-21).
pub(in crate::store::postgres) async fn touch(sql: &Connection, touches: &[Touch]) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    batch.add(
        "SELECT 1 FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        params![touches.iter().map(|touch| touch.session).collect::<Vec<_>>()],
    );
    // One UPDATE moves a row once: a session's second activity is the next one's.
    let mut left: Vec<&Touch> = touches.iter().collect();
    while !left.is_empty() {
        let mut seen = HashSet::new();
        let (now, later): (Vec<&Touch>, Vec<&Touch>) =
            left.into_iter().partition(|touch| seen.insert(touch.session));
        batch.add(
            "UPDATE sessions AS s SET last_seen = t.seen, idle_expires_at = least(t.idle, s.expires_at) \
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS t (id, seen, idle, since) \
             WHERE s.id = t.id AND s.ended_at IS NULL AND s.last_seen < t.seen AND t.since < s.idle_expires_at \
             AND t.seen < s.expires_at",
            params![
                now.iter().map(|touch| touch.session).collect::<Vec<_>>(),
                now.iter().map(|touch| touch.seen.as_millis()).collect::<Vec<_>>(),
                now.iter().map(|touch| touch.idle_expires_at.as_millis()).collect::<Vec<_>>(),
                now.iter().map(|touch| touch.since.as_millis()).collect::<Vec<_>>(),
            ],
        );
        left = later;
    }
    batch.commit().await?;
    Ok(())
}
