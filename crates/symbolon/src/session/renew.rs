//! Renewals: the caller's session ends, with others or alone, and a successor takes its place, in one transaction, on condition that the
//! predecessor is live and the account is as it was read. Of two at once one wins; the other gets 401 and mints nothing.

use symbolon_token::{KnownBrowser, Timestamp};
use uuid::Uuid;

use super::{Issued, Via};
use crate::{
    Symbolon,
    audit::{Actor, Event},
    error::{Error, ErrorKind, Result},
    login::{Caller, proof, throttle::Charges},
    password::Password,
    revocation::Ending,
    store::{Condition, CredentialRow, End, Kind, LoginRow, Outcome, SessionRow, UserRow},
    user::named,
};

/// Who renews: the session, how it was shown, and from where.
pub struct Holder<'a> {
    /// The session.
    pub session: Uuid,
    /// How it was shown.
    pub via: Via,
    /// The known-browser cookie beside it.
    pub known: Option<&'a KnownBrowser>,
    /// Who calls.
    pub caller: &'a Caller,
}

/// A renewal that succeeded.
pub struct Renewed {
    /// Whose.
    pub user: UserRow,
    /// What the client gets.
    pub issued: Issued,
}

struct Read {
    session: SessionRow,
    row: LoginRow,
    credential: CredentialRow,
    began: Timestamp,
}

impl Symbolon {
    /// Changes the password; everything else of the user ends.
    ///
    /// # Errors
    /// `NoSession` or `InvalidToken` when the session does not live, `Forbidden` for carriers that get no successor,
    /// `InvalidCredentials`, `PasswordRejected`, `TooManyAttempts`, `Overloaded`, `Unavailable`.
    pub async fn change_password(&self, holder: &Holder<'_>, current: &str, new: &str) -> Result<Renewed> {
        let current = proof::presented(current)?;
        let read = self.read_holder(holder).await?;
        let new = self.acceptable(new, &named(&read.row.user))?;
        let charges = self.prove_again(holder, &read, current, "password_change_failed").await?;
        let renewed = async {
            let hash = self.hash(new).await?;
            let event = self.event(holder, &read, "password_changed");
            let mut ending = Ending::of(End::User(read.row.user.id), event);
            ending.password = Some((read.credential.id, hash));
            ending.refunds = charges.refunds();
            self.renew(holder, read, ending, Some(self.now())).await
        };
        self.settle(renewed.await, &charges).await
    }

    /// Step-up: the password again, for a successor with a new `auth_time`; with `end_others` everything else of the user ends.
    ///
    /// # Errors
    /// As [`Symbolon::change_password`].
    pub async fn confirm(&self, holder: &Holder<'_>, password: &str, end_others: bool) -> Result<Renewed> {
        let password = proof::presented(password)?;
        let read = self.read_holder(holder).await?;
        let charges = self.prove_again(holder, &read, password, "confirm_failed").await?;
        let user = read.row.user.id;
        let end =
            if end_others { End::User(user) } else { End::Session { id: holder.session, owner: Some(user) } };
        let mut ending =
            Ending::of(end, self.event(holder, &read, "confirmed").with("end_others", end_others));
        ending.refunds = charges.refunds();
        let renewed = self.renew(holder, read, ending, Some(self.now())).await;
        self.settle(renewed, &charges).await
    }

    /// Ends everything else of the user; the caller's cookie session gets a successor.
    ///
    /// # Errors
    /// `NoSession`, `Forbidden` by bearer, `Unavailable`.
    pub async fn end_others(&self, holder: &Holder<'_>) -> Result<Renewed> {
        if holder.via == Via::Bearer {
            return Err(Error::new(ErrorKind::Forbidden, "An access token alone does not become a session."));
        }
        let read = self.read_holder(holder).await?;
        let ending = Ending::of(End::User(read.row.user.id), self.event(holder, &read, "others_ended"));
        self.renew(holder, read, ending, None).await
    }

    async fn read_holder(&self, holder: &Holder<'_>) -> Result<Read> {
        let began = self.now();
        let dead = || match holder.via {
            Via::Cookie => Error::no_session(),
            Via::Bearer => Error::invalid_token(),
        };
        let held = self.live_at(holder.session, began).await?.ok_or_else(dead)?;
        let own_carrier = match holder.via {
            Via::Cookie => held.session.kind == Kind::Browser,
            Via::Bearer => held.session.kind == Kind::Token,
        };
        if !own_carrier {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "A successor goes only to the carrier of its predecessor.",
            ));
        }
        let row = self.store().login_by_user(held.user.id).await?.ok_or_else(dead)?;
        let credential = row.credential.clone().ok_or_else(Error::invalid_credentials)?;
        Ok(Read { session: held.session, row, credential, began })
    }

    /// The password again, charged to the same counters as a login (CR-14); answers what was charged.
    async fn prove_again(
        &self,
        holder: &Holder<'_>,
        read: &Read,
        password: Password,
        failure: &'static str,
    ) -> Result<Charges> {
        let place = self.place()?;
        let user = &read.row.user;
        let name = named(user);
        let charges =
            self.charge_attempt(name.canonical(), Some(user.id), holder.known, holder.caller).await?;
        match self.prove(place, password, Some(&read.row)).await {
            Ok(proof) if proof.matches => Ok(charges),
            Ok(_) => Err(self.failed(Some(user.id), holder.caller, failure).await?),
            Err(unproven) => {
                self.give_back(&charges).await;
                Err(unproven)
            }
        }
    }

    /// A right password costs nothing, whatever came of it.
    async fn settle(&self, renewed: Result<Renewed>, charges: &Charges) -> Result<Renewed> {
        if renewed.is_err() {
            self.give_back(charges).await;
        }
        renewed
    }

    async fn renew(
        &self,
        holder: &Holder<'_>,
        read: Read,
        ending: Ending<'_>,
        proven: Option<Timestamp>,
    ) -> Result<Renewed> {
        let Read { session, row, credential, began } = read;
        let (mut next, cookie) = self.successor(&session, proven, began);
        if cookie.is_none() {
            // Signed once before anything ends: what cannot be issued must change nothing.
            self.token_answer(&row.user, &next, None, began)?;
        }
        let condition = Condition {
            user: row.user.id,
            generation: row.user.generation,
            credential: Some((credential.id, credential.version)),
            predecessor: Some(holder.session),
        };
        let outcome = self.transition(ending.on(condition).minting(Some(next.clone())), began).await?;
        let Outcome::Done(done) = outcome else {
            return Err(match holder.via {
                Via::Cookie => Error::no_session(),
                Via::Bearer => Error::invalid_token(),
            });
        };
        next.generation = done.generation.unwrap_or(next.generation);
        let user = UserRow { generation: next.generation, ..row.user };
        let issued = match cookie {
            Some(cookie) => Issued::Cookie { session: Box::new(next), cookie },
            None => Issued::Token(self.token_answer(&user, &next, None, began)?),
        };
        Ok(Renewed { user, issued })
    }

    fn event<'a>(&self, holder: &Holder<'a>, read: &Read, name: &'static str) -> Event<'a> {
        let user = read.row.user.id;
        Event::new(name, Actor::User(user), Some(&holder.caller.address)).user(user).session(holder.session)
    }
}
