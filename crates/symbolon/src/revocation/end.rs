//! The one function that ends access.

use std::time::Duration;

use symbolon_token::Timestamp;

use crate::{
    Symbolon,
    audit::Event,
    error::{Error, Result},
    store::{Condition, Done, End, Limit, Outcome, Refund, Rekey, SessionRow, Transition},
};

/// What shall end, what is minted in its place, and on what condition.
pub struct Ending<'a> {
    pub(crate) end: Option<End>,
    pub(crate) condition: Option<Condition>,
    pub(crate) mint: Option<SessionRow>,
    pub(crate) password: Option<(uuid::Uuid, String)>,
    pub(crate) limit: Option<Limit>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) rekey: Option<Rekey>,
    pub(crate) events: Vec<Event<'a>>,
}

/// What an ending did.
pub type Ended = Done;

impl<'a> Ending<'a> {
    pub(crate) fn of(end: End, event: Event<'a>) -> Self {
        Self { end: Some(end), ..Self::nothing(event) }
    }

    /// A transition that ends nothing but mints (a login), so that minting has one way too.
    pub(crate) fn nothing(event: Event<'a>) -> Self {
        Self {
            end: None,
            condition: None,
            mint: None,
            password: None,
            limit: None,
            refunds: Vec::new(),
            rekey: None,
            events: vec![event],
        }
    }

    pub(crate) fn on(self, condition: Condition) -> Self {
        Self { condition: Some(condition), ..self }
    }

    pub(crate) fn rekeying(self, rekey: Rekey) -> Self {
        Self { rekey: Some(rekey), ..self }
    }

    pub(crate) fn minting(self, session: Option<SessionRow>) -> Self {
        Self { mint: session, ..self }
    }
}

impl Symbolon {
    /// Ends access. When it answers, nothing that ended is accepted any more, by any guard, nor after a restart.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is nothing to end; [`ErrorKind::NoSession`] when the condition does not hold, and then
    /// nothing has happened; [`ErrorKind::Unavailable`] when the store cannot be reached: the ending may have happened, repeating
    /// it is safe.
    pub(crate) async fn end(&self, ending: Ending<'_>) -> Result<Ended> {
        match self.transition(ending, self.now()).await? {
            Outcome::Done(done) => Ok(done),
            Outcome::Stale => Err(Error::no_session()),
            Outcome::NotFound => Err(Error::not_found()),
        }
    }

    /// [`Symbolon::end`] at a time of the caller's, with the outcome as it is: a login starts again when it is stale.
    pub(crate) async fn transition(&self, ending: Ending<'_>, at: Timestamp) -> Result<Outcome> {
        let Ending { end, condition, mint, password, limit, refunds, rekey, events } = ending;
        // What only mints takes nothing from anybody, and waits for nobody.
        let ends = end.is_some() || rekey.is_some();
        let outcome = self
            .store()
            .transact(Transition {
                condition,
                end,
                password,
                mint,
                limit,
                refunds,
                rekey,
                at,
                forget_at: self.forget_at(),
                audit: events.into_iter().map(|event| self.audit_row(event, at)).collect(),
            })
            .await?;
        if let Outcome::Done(done) = &outcome
            && (ends || !done.entries.is_empty())
        {
            self.barrier(done.head).await?;
        }
        Ok(outcome)
    }

    /// When a log entry that is written now may be forgotten, seconds since 1970: the longest life of a token, 60 s of leeway and a
    /// margin. It counts from now, never from when the caller began: a token may have been issued until just before the commit. And from
    /// no earlier than the last token that is known here: the clock may have been set back since that was issued (ST-17).
    pub(crate) fn forget_at(&self) -> i64 {
        const LEEWAY_AND_MARGIN: Duration = Duration::from_secs(60 + 60);
        let now = self.now().max(self.0.keyring.last_issued());
        now.plus(self.0.keyring.longest_life(now)).plus(LEEWAY_AND_MARGIN).as_secs()
    }
}
