//! Sessions: the mint's row, refresh and activity.

use rusqlite::{Connection, params};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::{Step, Write, done};
use crate::store::{
    RefreshRequest, Refreshed, SessionRow, Touch, rules,
    sqlite::{
        read,
        rows::{stored, to_json},
    },
};

pub(super) fn insert(sql: &Connection, session: &SessionRow, generation: u64) -> Step<()> {
    sql.prepare_cached(
        "INSERT INTO sessions (id, user, generation, kind, client_id, parent, secret_hash, refresh_counter, refresh_moved_at, \
         auth_time, amr, scope, audience, jkt, remember, created_at, last_seen, idle_expires_at, expires_at, ended_at, device, \
         address, label, key_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
         ?19, ?20, ?21, ?22, ?23, ?24)",
    )?
    .execute(params![
        session.id.as_bytes(),
        session.user.as_bytes(),
        stored(generation),
        session.kind.as_str(),
        session.client_id,
        session.parent.as_ref().map(Uuid::as_bytes),
        session.secret_hash,
        stored(session.refresh_counter),
        session.refresh_moved_at.map(Timestamp::as_millis),
        session.auth_time.as_millis(),
        to_json(&session.amr)?,
        session.scope,
        to_json(&session.audience)?,
        session.jkt,
        session.remember,
        session.created_at.as_millis(),
        session.last_seen.as_millis(),
        session.idle_expires_at.as_millis(),
        session.expires_at.as_millis(),
        session.ended_at.map(Timestamp::as_millis),
        session.device,
        session.address,
        session.label,
        session.key_version,
    ])
    .map(drop)
}

pub(in crate::store::sqlite) fn refresh(sql: &Connection, request: &RefreshRequest) -> Write<Refreshed> {
    let Some(mut row) = read::session(sql, request.session)?.filter(|row| row.live(request.now)) else {
        return done(Refreshed::Dead);
    };
    match rules::refresh(&row.session, request.presented, request.now, request.grace_ms) {
        rules::Move::Same => done(Refreshed::Issue(row)),
        rules::Move::Reused => done(Refreshed::Reused(row)),
        rules::Move::Ahead => done(Refreshed::Ahead(row)),
        rules::Move::Next => {
            let session = &mut row.session;
            session.refresh_counter += 1;
            session.refresh_moved_at = Some(request.now);
            session.last_seen = session.last_seen.max(request.now);
            session.idle_expires_at = request.idle_expires_at.min(session.expires_at);
            sql.prepare_cached(
                "UPDATE sessions SET refresh_counter = ?2, refresh_moved_at = ?3, last_seen = ?4, idle_expires_at = ?5 WHERE id = ?1",
            )?
            .execute(params![
                session.id.as_bytes(),
                stored(session.refresh_counter),
                request.now.as_millis(),
                session.last_seen.as_millis(),
                session.idle_expires_at.as_millis(),
            ])?;
            done(Refreshed::Issue(row))
        }
    }
}

/// [`rules::moves`] as a condition of the UPDATE; never an upsert: activity must not bring a purged or ended session back (ST-21).
pub(in crate::store::sqlite) fn touch(sql: &Connection, touches: &[Touch]) -> Write<()> {
    let mut statement = sql.prepare_cached(
        "UPDATE sessions SET last_seen = ?2, idle_expires_at = min(?3, expires_at) \
         WHERE id = ?1 AND ended_at IS NULL AND last_seen < ?2 AND ?4 < idle_expires_at AND ?2 < expires_at",
    )?;
    for touch in touches {
        statement.execute(params![
            touch.session.as_bytes(),
            touch.seen.as_millis(),
            touch.idle_expires_at.as_millis(),
            touch.since.as_millis()
        ])?;
    }
    done(())
}
