//! What the API shows of rows.

use serde::Serialize;
use symbolon::{
    clock::serialize_rfc3339,
    store::{AuditRow, Object, SessionRow, UserRow},
    token::issue::TokenAnswer,
};
use symbolon_token::Timestamp;
use uuid::Uuid;

/// `user` of the contract.
#[derive(Serialize)]
pub(crate) struct User<'a> {
    id: Uuid,
    identifier: &'a str,
    profile: &'a Object,
    #[serde(serialize_with = "serialize_rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    updated_at: Timestamp,
    disabled: bool,
    roles: &'a [String],
}

impl<'a> From<&'a UserRow> for User<'a> {
    fn from(row: &'a UserRow) -> Self {
        Self {
            id: row.id,
            identifier: &row.identifier,
            profile: &row.profile,
            created_at: row.created_at,
            updated_at: row.updated_at,
            disabled: row.disabled,
            roles: &row.roles,
        }
    }
}

/// `session` of the contract.
#[derive(Serialize)]
pub(crate) struct Session<'a> {
    id: Uuid,
    user_id: Uuid,
    carrier: &'static str,
    kind: &'static str,
    #[serde(serialize_with = "serialize_rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    last_seen_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    idle_expires_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    expires_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    auth_time: Timestamp,
    amr: Vec<&'a str>,
    device: Device<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    current: bool,
}

#[derive(Serialize)]
struct Device<'a> {
    name: &'a str,
    address: &'a str,
}

impl<'a> Session<'a> {
    /// `current`: the caller's own session.
    pub(crate) fn of(row: &'a SessionRow, current: Option<Uuid>) -> Self {
        Self {
            id: row.id,
            user_id: row.user,
            carrier: row.kind.carrier(),
            kind: row.kind.as_str(),
            created_at: row.created_at,
            last_seen_at: row.last_seen,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
            auth_time: row.auth_time,
            amr: row.amr.iter().map(|amr| amr.method.as_str()).collect(),
            device: Device { name: &row.device, address: &row.address },
            label: row.label.as_deref(),
            current: current == Some(row.id),
        }
    }
}

/// A token response (RFC 6749 §5.1).
#[derive(Serialize)]
pub(crate) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl From<TokenAnswer> for Tokens {
    fn from(answer: TokenAnswer) -> Self {
        Self {
            access_token: answer.access_token,
            token_type: if answer.bound { "DPoP" } else { "Bearer" },
            expires_in: answer.expires_in.as_secs(),
            refresh_token: answer.refresh_token,
            session_id: answer.session_id,
            scope: answer.scope,
        }
    }
}

/// One thing that happened to an account.
#[derive(Serialize)]
pub(crate) struct Activity<'a> {
    id: Uuid,
    #[serde(serialize_with = "serialize_rfc3339")]
    at: Timestamp,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    detail: &'a Object,
}

impl<'a> From<&'a AuditRow> for Activity<'a> {
    fn from(row: &'a AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            event: &row.event,
            actor: row.actor.as_deref(),
            user_id: row.user,
            session_id: row.session,
            address: row.address.as_deref(),
            detail: &row.detail,
        }
    }
}
