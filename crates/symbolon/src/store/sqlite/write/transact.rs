//! The one write that ends or mints anything.

use rusqlite::{Connection, params};
use symbolon_token::{
    Timestamp,
    view::{Ended, Entry},
};

use super::{
    Step, Write, add_audit, append, done, machines::put_key, sessions::insert, set_installation,
    throttle::apply_refunds,
};
use crate::store::{
    Condition, Done, End, Outcome, Rekey, SessionRow, Transition, rules,
    sqlite::{read, writer::Verdict},
};

fn holds(sql: &Connection, condition: &Condition, now: Timestamp) -> Step<bool> {
    let login = read::login(sql, condition.user)?;
    let predecessor = condition.predecessor.map(|id| read::session(sql, id)).transpose()?.flatten();
    Ok(rules::holds(condition, login.as_ref(), predecessor.as_ref(), now))
}

/// What an ending found.
enum Found {
    Nothing,
    Dead(Option<SessionRow>),
    Ended(Ended, Option<SessionRow>),
}

fn end(sql: &Connection, end: &End, at: Timestamp) -> Step<Found> {
    match end {
        End::Session { id, owner } => {
            let Some(row) = read::session(sql, *id)? else { return Ok(Found::Nothing) };
            if owner.is_some_and(|owner| owner != row.user.id) {
                return Ok(Found::Nothing);
            }
            if rules::ended(&row) {
                return Ok(Found::Dead(Some(row.session)));
            }
            sql.prepare_cached("UPDATE sessions SET ended_at = ?2 WHERE id = ?1")?
                .execute(params![id.as_bytes(), at.as_millis()])?;
            Ok(Found::Ended(end.entry(0), Some(row.session)))
        }
        End::User(id) | End::DisableUser(id) => {
            let Some(user) = read::user(sql, *id)? else { return Ok(Found::Nothing) };
            let disables = matches!(end, End::DisableUser(_));
            if disables && user.disabled {
                return Ok(Found::Dead(None));
            }
            let updated = if disables { at } else { user.updated_at };
            sql.prepare_cached(
                "UPDATE users SET generation = generation + 1, disabled = ?2, updated_at = ?3 WHERE id = ?1",
            )?
            .execute(params![id.as_bytes(), user.disabled || disables, updated.as_millis()])?;
            Ok(Found::Ended(end.entry(user.generation), None))
        }
        End::DeleteUser(id) => {
            let gone = sql.prepare_cached("DELETE FROM users WHERE id = ?1")?.execute([id.as_bytes()])?;
            Ok(if gone == 0 { Found::Nothing } else { Found::Ended(end.entry(0), None) })
        }
        End::Token { .. } => Ok(Found::Ended(end.entry(0), None)),
        End::Key(kid) => {
            let removed = sql
                .prepare_cached(
                    "UPDATE keys SET sealed = NULL, removed_at = ?2 WHERE kid = ?1 AND removed_at IS NULL",
                )?
                .execute(params![kid.to_string(), at.as_millis()])?;
            if removed == 1 {
                return Ok(Found::Ended(end.entry(0), None));
            }
            let known = sql.prepare_cached("SELECT 1 FROM keys WHERE kid = ?1")?.exists([kid.to_string()])?;
            Ok(if known { Found::Dead(None) } else { Found::Nothing })
        }
    }
}

pub(in crate::store::sqlite) fn transact(
    sql: &Connection,
    transition: &Transition,
    entries: &mut Vec<Entry>,
) -> Write<Outcome> {
    let Transition { condition, end: what, password, mint, limit, refunds, rekey, at, forget_at, audit } =
        transition;
    if let Some(condition) = condition
        && !holds(sql, condition, *at)?
    {
        return Ok((Verdict::RollBack, Outcome::Stale));
    }
    let first = entries.len();
    let mut ended = None;
    if let Some(what) = what {
        match end(sql, what, *at)? {
            Found::Nothing => return Ok((Verdict::RollBack, Outcome::NotFound)),
            Found::Dead(session) => ended = session,
            Found::Ended(what, session) => {
                ended = session;
                append(sql, what, *forget_at, entries)?;
            }
        }
    }
    if let Some((credential, hash)) = password {
        let changed = sql
            .prepare_cached("UPDATE credentials SET data = ?2, version = version + 1 WHERE id = ?1")?
            .execute(params![credential.as_bytes(), hash])?;
        if changed == 0 {
            return Ok((Verdict::RollBack, Outcome::NotFound));
        }
    }
    let mut generation = None;
    if let Some(session) = mint {
        // The condition was about this user, so only `end` can have deleted it.
        let Some(user) = read::user(sql, session.user)? else {
            return Ok((Verdict::RollBack, Outcome::Stale));
        };
        generation = Some(user.generation);
        if let Some(predecessor) = rules::succeeded(transition) {
            sql.prepare_cached("UPDATE sessions SET parent = ?2 WHERE parent = ?1")?
                .execute([predecessor.as_bytes(), session.id.as_bytes()])?;
        }
        if let Some(limit) = limit {
            // Before the mint: it stands for itself.
            let crowded_out = rules::crowded_out(&read::sessions_of(sql, session.user, *at)?, limit);
            for id in &crowded_out {
                if let Found::Ended(what, _) = end(sql, &End::Session { id: *id, owner: None }, *at)? {
                    append(sql, what, *forget_at, entries)?;
                }
            }
            if let Some(row) = rules::crowded_out_row(limit, &crowded_out) {
                add_audit(sql, &row)?;
            }
        }
        insert(sql, session, user.generation)?;
    }
    apply_refunds(sql, refunds)?;
    if let Some(Rekey { was, installation, removed, keys, ends_sessions }) = rekey {
        if read::installation(sql)? != *was {
            return Ok((Verdict::RollBack, Outcome::Stale));
        }
        if *ends_sessions {
            sql.execute("UPDATE sessions SET ended_at = ?1 WHERE ended_at IS NULL", [at.as_millis()])?;
        }
        for kid in removed {
            if let Found::Ended(what, _) = end(sql, &End::Key(*kid), *at)? {
                append(sql, what, *forget_at, entries)?;
            }
        }
        for key in keys {
            let (_, written) = put_key(sql, key)?;
            if !written {
                // A removed key does not come back.
                return Err(rusqlite::Error::StatementChangedRows(0));
            }
        }
        set_installation(sql, installation)?;
        append(sql, Rekey::ENTRY, *forget_at, entries)?;
    }
    audit.iter().try_for_each(|row| add_audit(sql, row))?;
    let head = read::meta_number(sql, "log_head")?;
    done(Outcome::Done(Done { head, entries: entries[first..].to_vec(), generation, ended }))
}
