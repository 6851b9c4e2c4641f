//! Users: who there is, what they are called, and what their application keeps about them.
//!
//! Owns registration, profile, roles, disabling and deleting. Refuses two users of one canonical identifier, and to be left without
//! an administrator (`administer`). What ends access goes through `revocation`.

pub mod administer;
pub mod cache;
pub mod identifier;

use uuid::Uuid;

use crate::{
    Symbolon,
    audit::{Actor, By, Event},
    error::{Error, ErrorKind, Result},
    login::Caller,
    password::{Password, policy::Reason},
    revocation::Ending,
    store::{CredentialRow, End, NewUser, Object, Registered, UserChange, UserRow},
};
use identifier::{Identifier, IdentifierKind};

/// How large and how deep a profile may be.
pub const PROFILE_BYTES: usize = 4096;
/// See [`PROFILE_BYTES`]; the profile itself is depth 1.
pub const PROFILE_DEPTH: usize = 4;

/// The role that opens administration.
pub const ADMIN: &str = "admin";

/// A user to be.
pub struct NewAccount {
    /// As typed.
    pub identifier: String,
    /// The password as typed.
    pub password: String,
    /// The application's object.
    pub profile: Object,
    /// Roles from the start; a stranger gets none.
    pub roles: Vec<String>,
}

/// A user with a hash from elsewhere, or a password.
pub struct ImportedAccount {
    /// As it was elsewhere.
    pub identifier: String,
    /// A hash of a form that this engine verifies.
    pub password_hash: String,
    /// The application's object.
    pub profile: Object,
    /// May not log in.
    pub disabled: bool,
}

impl Symbolon {
    /// Registers a stranger: refused when registration is closed, throttled by address.
    ///
    /// # Errors
    /// `Forbidden`, `InvalidRequest`, `PasswordRejected`, `IdentifierTaken`, `TooManyAttempts`, `Overloaded`, `Unavailable`.
    pub async fn register(&self, account: NewAccount, caller: &Caller) -> Result<UserRow> {
        if !self.settings().registration_open {
            return Err(Error::new(ErrorKind::Forbidden, "Registration is closed."));
        }
        let account = NewAccount { roles: Vec::new(), ..account };
        self.create(account, false, &By::caller(Actor::Unknown, caller), Some(caller)).await
    }

    /// Makes a user on somebody's authority.
    ///
    /// # Errors
    /// `InvalidRequest`, `PasswordRejected`, `IdentifierTaken`, `Overloaded`, `Unavailable`.
    pub async fn add_user(&self, account: NewAccount, by: impl Into<By>) -> Result<UserRow> {
        self.create(account, false, &by.into(), None).await
    }

    async fn create(
        &self,
        account: NewAccount,
        disabled: bool,
        by: &By,
        stranger: Option<&Caller>,
    ) -> Result<UserRow> {
        let identifier = parse_new(&account.identifier)?;
        check_profile(&account.profile)?;
        administer::check_roles(&account.roles)?;
        let password = self.acceptable(&account.password, &identifier)?;
        let place = self.place()?;
        if let Some(caller) = stranger {
            self.charge_registration(caller).await?;
        }
        let hash = self.hash_at(place, password).await?;
        self.insert_user(&identifier, hash, account.profile, account.roles, disabled, by).await
    }

    /// Takes in a user with a hash from elsewhere, which is replaced at the first login.
    ///
    /// # Errors
    /// `InvalidRequest` when the identifier or the hash is not usable, `IdentifierTaken`, `Unavailable`.
    pub async fn import_user(&self, account: ImportedAccount) -> Result<UserRow> {
        let identifier = parse_new(&account.identifier)?;
        check_profile(&account.profile)?;
        crate::password::importable(&account.password_hash)
            .map_err(|reason| Error::new(ErrorKind::InvalidRequest, reason.to_string()))?;
        let ImportedAccount { password_hash, profile, disabled, .. } = account;
        self.insert_user(&identifier, password_hash, profile, Vec::new(), disabled, &Actor::Cli.into()).await
    }

    /// Takes in a user whose password is known: the policy is asked, as at a registration.
    ///
    /// # Errors
    /// As [`Symbolon::add_user`].
    pub async fn import_user_with_password(&self, account: NewAccount, disabled: bool) -> Result<UserRow> {
        self.create(account, disabled, &Actor::Cli.into(), None).await
    }

    async fn insert_user(
        &self,
        identifier: &Identifier,
        hash: String,
        profile: Object,
        roles: Vec<String>,
        disabled: bool,
        by: &By,
    ) -> Result<UserRow> {
        let now = self.now();
        let user = UserRow {
            id: self.id_at(now),
            generation: 1,
            disabled,
            roles,
            profile,
            identifier: identifier.shown().to_owned(),
            created_at: now,
            updated_at: now,
        };
        let mut event = Event::by("user_created", by).user(user.id);
        if !user.roles.is_empty() {
            event = event.with("roles", user.roles.clone());
        }
        let new = NewUser {
            canonical: identifier.canonical().to_owned(),
            identifier_kind: identifier.kind().as_str(),
            credential: Some(CredentialRow { id: self.id_at(now), data: hash, version: 1 }),
            audit: self.audit_row(event, now),
            user: user.clone(),
        };
        match self.store().register(new).await? {
            Registered::Created => Ok(user),
            Registered::Taken => {
                Err(Error::new(ErrorKind::IdentifierTaken, "This identifier belongs to an account already."))
            }
        }
    }

    /// A password that meets the policy.
    pub(crate) fn acceptable(&self, text: &str, identifier: &Identifier) -> Result<Password> {
        let password = Password::parse(text).map_err(|_| Error::rejected(vec!["too_long"]))?;
        self.0
            .policy
            .check(&password, identifier)
            .map_err(|reasons| Error::rejected(reasons.into_iter().map(Reason::as_str).collect()))?;
        Ok(password)
    }

    /// The user's id by what people call them; exact, in canonical form.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn find_user(&self, identifier: &str) -> Result<UserRow> {
        let identifier = Identifier::parse(identifier).map_err(|_| Error::not_found())?;
        let row = self.store().login_by_identifier(identifier.canonical()).await?;
        row.map(|row| row.user).ok_or_else(Error::not_found)
    }

    /// Users in order of registration behind `after`; `prefix` begins the canonical identifier, however it is spelled.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn users(
        &self,
        prefix: Option<&str>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<UserRow>> {
        // What is an identifier by itself has its canonical form; half an address (`alice@`) has at least no capitals in it.
        let canonical = |prefix: &str| {
            Identifier::parse(prefix)
                .map_or_else(|_| prefix.to_lowercase(), |parsed| parsed.canonical().to_owned())
        };
        let prefix = prefix.map(canonical);
        Ok(self.store().users(prefix.as_deref(), after, limit).await?)
    }

    /// Replaces the profile.
    ///
    /// # Errors
    /// `InvalidRequest` above 4 KiB or depth 4, `NotFound`, `Unavailable`.
    pub async fn set_profile(&self, user: Uuid, profile: Object) -> Result<UserRow> {
        check_profile(&profile)?;
        self.change(user, |change| change.profile = Some(profile), None).await
    }

    /// Deletes a user and everything of theirs; audit rows stay.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for the last administrator, `Unavailable`.
    pub async fn delete_user(&self, user: Uuid, by: impl Into<By>) -> Result<()> {
        let by = by.into();
        let _one_at_a_time = self.spare_last_admin(user, &by).await?;
        let event = Event::by("user_deleted", &by).user(user);
        self.end(Ending::of(End::DeleteUser(user), event)).await.map(drop)
    }

    /// Sets a password on somebody's authority: everything of the user ends.
    ///
    /// # Errors
    /// `NotFound`, `PasswordRejected`, `Overloaded`, `Unavailable`.
    pub async fn reset_password(&self, user: Uuid, password: &str, by: impl Into<By>) -> Result<()> {
        let by = by.into();
        let row = self.store().login_by_user(user).await?.ok_or_else(Error::not_found)?;
        let hash = self.hash(self.acceptable(password, &named(&row.user))?).await?;
        let credential = row.credential.ok_or_else(Error::not_found)?;
        let event = Event::by("password_reset", &by).user(user);
        let ending = Ending { password: Some((credential.id, hash)), ..Ending::of(End::User(user), event) };
        self.end(ending).await.map(drop)
    }

    /// Changes what ends nothing. A change of roles is a matter of access: like an ending it waits for the barrier.
    async fn change(
        &self,
        user: Uuid,
        set: impl FnOnce(&mut UserChange),
        event: Option<Event<'_>>,
    ) -> Result<UserRow> {
        let at = self.now();
        let mut change = UserChange {
            user,
            profile: None,
            roles: None,
            enable: false,
            at,
            forget_at: self.forget_at(),
            audit: event.map(|event| self.audit_row(event, at)),
        };
        set(&mut change);
        let access = change.roles.is_some();
        let (user, head) = self.store().change_user(change).await?.ok_or_else(Error::not_found)?;
        if access {
            self.barrier(head).await?;
        }
        Ok(user)
    }
}

/// What a user is called. A name that was taken in under older rules is taken as it is: its owner must not be stuck with it.
pub(crate) fn named(user: &UserRow) -> Identifier {
    let shown = &user.identifier;
    Identifier::parse(shown).unwrap_or_else(|_| {
        let kind = if shown.contains('@') { IdentifierKind::Email } else { IdentifierKind::Username };
        Identifier::from_store(kind, shown.to_lowercase(), shown.clone())
    })
}

fn parse_new(text: &str) -> Result<Identifier> {
    Identifier::parse_new(text).map_err(|error| Error::new(ErrorKind::InvalidRequest, error.to_string()))
}

fn check_profile(profile: &Object) -> Result<()> {
    fn depth(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    let too_deep = 1 + profile.values().map(depth).max().unwrap_or(0) > PROFILE_DEPTH;
    let bytes = serde_json::to_vec(profile).map_or(usize::MAX, |json| json.len());
    if too_deep || bytes > PROFILE_BYTES {
        return Err(Error::new(
            ErrorKind::InvalidRequest,
            "A profile is an object of at most 4 KiB and depth 4.",
        ));
    }
    Ok(())
}
