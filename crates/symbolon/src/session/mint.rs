//! Making session rows. The write itself is a transition on condition (`revocation::end`).

use symbolon_token::{SessionCookie, Timestamp};
use uuid::Uuid;

use crate::{
    Symbolon,
    clock::random,
    login::Caller,
    store::{Amr, Kind, SessionRow, UserRow},
    token::{grant::Offer, issue::Wish},
};

/// What a new session begins with.
pub(crate) struct Start<'a> {
    pub(crate) user: &'a UserRow,
    pub(crate) caller: &'a Caller,
    /// A time taken before the user was read.
    pub(crate) at: Timestamp,
    pub(crate) amr: Vec<Amr>,
}

impl Symbolon {
    pub(crate) fn browser_session(
        &self,
        start: &Start<'_>,
        remember: bool,
    ) -> (SessionRow, Option<SessionCookie>) {
        let (cookie, mut row) = self.cookie_for(self.bare(start, Kind::Browser));
        row.remember = remember;
        (row, Some(cookie))
    }

    pub(crate) fn token_session(&self, start: &Start<'_>, wish: &Wish) -> SessionRow {
        SessionRow {
            client_id: Some(self.settings().token.client_id.clone()),
            scope: wish.scope.clone(),
            audience: wish.audience.clone(),
            jkt: start.caller.jkt().map(str::to_owned),
            ..self.bare(start, Kind::Token)
        }
    }

    /// A grant that the session `parent` gives. It proves what its giver proved, and nothing anew.
    pub(crate) fn grant_session(
        &self,
        start: &Start<'_>,
        parent: &SessionRow,
        offer: &Offer,
        expires_at: Timestamp,
    ) -> SessionRow {
        let bare = self.bare(start, Kind::Grant);
        SessionRow {
            client_id: Some(self.settings().token.client_id.clone()),
            parent: Some(parent.id),
            auth_time: parent.auth_time,
            scope: offer.wish.scope.clone(),
            audience: offer.wish.audience.clone(),
            label: Some(offer.label.clone()),
            idle_expires_at: bare.idle_expires_at.min(expires_at),
            expires_at,
            ..bare
        }
    }

    /// The successor of `row`: a new id and secret, and what it had. `proven_at`: the user just gave their password, which alone starts
    /// the absolute life anew.
    pub(crate) fn successor(
        &self,
        row: &SessionRow,
        proven_at: Option<Timestamp>,
        at: Timestamp,
    ) -> (SessionRow, Option<SessionCookie>) {
        let (idle, absolute) = self.lives(row.kind);
        let expires_at = proven_at.map_or(row.expires_at, |proven| proven.plus(absolute));
        let mut next = SessionRow {
            id: self.id_at(at),
            refresh_counter: 0,
            refresh_moved_at: None,
            last_seen: at,
            idle_expires_at: at.plus(idle).min(expires_at),
            expires_at,
            key_version: self.0.keyring.masters().cookie().1,
            ..row.clone()
        };
        if let Some(proven) = proven_at {
            next.auth_time = proven;
            next.amr.retain(|amr| amr.method != "pwd");
            next.amr.push(Amr { method: "pwd".into(), at: proven.as_millis() });
        }
        match row.kind {
            Kind::Browser => {
                let (cookie, next) = self.cookie_for(next);
                (next, Some(cookie))
            }
            Kind::Token | Kind::Grant => (next, None),
        }
    }

    fn bare(&self, start: &Start<'_>, kind: Kind) -> SessionRow {
        let (idle, absolute) = self.lives(kind);
        SessionRow {
            id: self.id_at(start.at),
            user: start.user.id,
            generation: start.user.generation,
            kind,
            client_id: None,
            parent: None,
            secret_hash: None,
            refresh_counter: 0,
            refresh_moved_at: None,
            auth_time: start.at,
            amr: start.amr.clone(),
            scope: None,
            audience: Vec::new(),
            jkt: None,
            remember: true,
            created_at: start.at,
            last_seen: start.at,
            idle_expires_at: start.at.plus(idle.min(absolute)),
            expires_at: start.at.plus(absolute),
            ended_at: None,
            device: start.caller.device.clone(),
            address: start.caller.address.clone(),
            label: None,
            key_version: self.0.keyring.masters().cookie().1,
        }
    }

    /// Idle and absolute life of a kind of session.
    pub(crate) fn lives(&self, kind: Kind) -> (std::time::Duration, std::time::Duration) {
        let settings = self.settings();
        match kind {
            Kind::Browser => (settings.session.idle, settings.session.absolute),
            Kind::Token | Kind::Grant => (settings.token.refresh_idle, settings.token.refresh_absolute),
        }
    }

    fn cookie_for(&self, row: SessionRow) -> (SessionCookie, SessionRow) {
        // The key and its number together: the master key may be replaced meanwhile.
        let masters = self.0.keyring.masters();
        let (key, key_version) = masters.cookie();
        let cookie = SessionCookie::mint(row.id, random(self.randomness()), key);
        let secret_hash = Some(cookie.hash());
        (cookie, SessionRow { secret_hash, key_version, ..row })
    }
}

/// Whether `at` is within `fresh` before `now`.
pub(crate) fn is_fresh(at: Timestamp, now: Timestamp, fresh: std::time::Duration) -> bool {
    now.since(at) <= fresh
}

impl Symbolon {
    /// Whether a proof given at `auth_time` still counts as fresh.
    pub fn fresh(&self, auth_time: Timestamp) -> bool {
        is_fresh(auth_time, self.now(), self.settings().session.fresh)
    }

    /// A new id, for whoever needs one at the edge (requests, incidents).
    pub fn new_id(&self) -> Uuid {
        self.id_at(self.now())
    }
}
