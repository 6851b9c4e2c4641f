//! Grants: a user's work, done by a job while the user is away. A refresh chain of its own, under a name that its owner gave it,
//! narrower than its owner: in scope and audience never wider than the login that gave it, and at this server it opens next to nothing.
//!
//! A grant is given by a fresh login, and never by a grant. It outlives the session that gave it and ends with everything. That it is one
//! stands in its access tokens (`kind`), so that a check knows without asking the store.

use symbolon_token::Timestamp;
use uuid::Uuid;

use super::issue::{TokenAnswer, Wish, subset};
use crate::{
    Symbolon,
    audit::{Actor, Event},
    error::{Error, ErrorKind, Result},
    login::{Caller, MARGIN, ROUNDS},
    revocation::Ending,
    session::{
        Via,
        mint::{Start, is_fresh},
    },
    store::{Condition, Kind, Outcome, SessionRow},
};

/// Most code points of a grant's name.
pub const LONGEST_LABEL: usize = 100;

/// What a user would lend to a job, as far as it can be judged without knowing who gives it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub(crate) label: String,
    /// With its defaults.
    pub(crate) wish: Wish,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Who gives: a session, how it was shown, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Giver<'a> {
    /// The session.
    pub session: Uuid,
    /// How it was shown.
    pub via: Via,
    /// The scope of the access token that showed it, which bounds the grant's.
    pub scope: Option<&'a str>,
    /// Who calls.
    pub caller: &'a Caller,
}

/// A grant that was given.
pub struct Given {
    /// Its row.
    pub session: SessionRow,
    /// What the job gets, once.
    pub answer: TokenAnswer,
}

impl Symbolon {
    /// An offer, if anybody could give it: a name of 1 to [`LONGEST_LABEL`] code points on one line; audience and scope that are
    /// configured; an end that lies ahead and within the absolute life of a refresh chain, which it is when none is named.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidTarget`, `InvalidScope`.
    pub fn offer(&self, label: &str, wish: &Wish, expires_at: Option<Timestamp>) -> Result<Offer> {
        let blank = label.trim().is_empty();
        if blank || label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "A label has 1 to 100 characters, all on one line.",
            ));
        }
        let offer = Offer { label: label.trim().to_owned(), wish: self.grantable(wish)?, expires_at };
        self.end_of(&offer, self.now())?;
        Ok(offer)
    }

    /// Gives a grant, in one transaction and on condition that the giver's session is live and the account as it was read.
    ///
    /// # Errors
    /// `NoSession` when the giver's session does not live, `Forbidden` when it is a grant itself, `FreshLoginRequired`,
    /// `InvalidTarget` and `InvalidScope` beyond the giver's own, `InvalidRequest` when the offer's end has passed, `Unavailable`.
    pub async fn give(&self, giver: &Giver<'_>, offer: &Offer) -> Result<Given> {
        for _ in 0..ROUNDS {
            let began = self.now();
            let held = self.live_at(giver.session, began).await?.ok_or_else(Error::no_session)?;
            self.may_give(giver, &held.session, offer, began)?;
            let expires_at = self.end_of(offer, began)?;
            let row = self.store().login_by_user(held.user.id).await?.ok_or_else(Error::no_session)?;
            let amr = held.session.amr.clone();
            let start = Start { user: &row.user, caller: giver.caller, at: began, amr };
            let session = self.grant_session(&start, &held.session, offer, expires_at);
            // Signed first: what is minted and could not be handed out would live on.
            let answer = self.token_answer(&row.user, &session, None, began)?;
            if self.now().since(began) > MARGIN {
                continue;
            }
            let condition = Condition {
                user: row.user.id,
                generation: row.user.generation,
                credential: row.credential.as_ref().map(|credential| (credential.id, credential.version)),
                predecessor: Some(held.session.id),
            };
            let event = Event::new("grant_given", Actor::User(row.user.id), Some(&giver.caller.address))
                .user(row.user.id)
                .session(session.id)
                .with("label", offer.label.clone())
                .with("parent", held.session.id.to_string())
                .with("device", giver.caller.device.clone());
            let minted = Ending::nothing(event).on(condition).minting(Some(session.clone()));
            return match self.transition(minted, began).await? {
                Outcome::Done(_) => Ok(Given { session, answer }),
                Outcome::Stale | Outcome::NotFound => Err(Error::no_session()),
            };
        }
        Err(Error::slow())
    }

    /// Whether this session may give this offer. By an access token no more is given than the token itself has: whoever holds one that
    /// was narrowed must not widen it by a detour.
    fn may_give(&self, giver: &Giver<'_>, session: &SessionRow, offer: &Offer, now: Timestamp) -> Result<()> {
        if session.kind == Kind::Grant {
            return Err(Error::new(ErrorKind::Forbidden, "A grant gives no grants."));
        }
        let fresh = self.settings().session.fresh;
        if !is_fresh(session.auth_time, now, fresh) {
            let detail = "A grant is given by a fresh login. Confirm the password first.";
            return Err(Error::later(ErrorKind::FreshLoginRequired, detail, fresh));
        }
        if giver.via == Via::Cookie {
            return Ok(());
        }
        // A browser's session has no audience: a token made of it was for the issuer, or it would not have come here.
        let own = |name: &String| *name == self.settings().issuer || session.audience.contains(name);
        if !offer.wish.audience.iter().all(own) {
            return Err(Error::new(
                ErrorKind::InvalidTarget,
                "The access token is not for an audience that was asked for.",
            ));
        }
        let held: Vec<String> = giver.scope.unwrap_or_default().split(' ').map(str::to_owned).collect();
        subset(offer.wish.scope.as_deref(), &held).map(drop)
    }

    /// The absolute end of an offer that is given at `now`.
    fn end_of(&self, offer: &Offer, now: Timestamp) -> Result<Timestamp> {
        let latest = now.plus(self.lives(Kind::Grant).1);
        let Some(end) = offer.expires_at else { return Ok(latest) };
        if end > latest {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "expires_at lies beyond the longest life of a refresh chain here.",
            ));
        }
        // Tokens count in whole seconds: in the second in which it ends it opens nothing any more.
        if end.as_secs() <= now.as_secs() {
            return Err(Error::new(ErrorKind::InvalidRequest, "expires_at has passed."));
        }
        Ok(end)
    }
}
