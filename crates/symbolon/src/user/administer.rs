//! What is done to users on somebody's authority: roles, profile, disabling, and the rule that somebody is left to do it.

use tokio::sync::MutexGuard;
use uuid::Uuid;

use super::{ADMIN, check_profile};
use crate::{
    Symbolon,
    audit::{Actor, By, Event},
    error::{Error, ErrorKind, Result},
    revocation::Ending,
    store::{End, Object, UserRow},
};

/// How many roles a user has at most, and how long a role's name is at most.
const ROLES: usize = 64;
/// How many users are looked at in one read in search of an administrator.
const PAGE: usize = 1_000;

/// What to change of a user. `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserPatch {
    /// Whether the user may not log in. Disabling ends everything of theirs.
    pub disabled: Option<bool>,
    /// Replaces the roles.
    pub roles: Option<Vec<String>>,
    /// Replaces the profile.
    pub profile: Option<Object>,
}

impl Symbolon {
    /// Changes a user. Everything is checked before anything is written; disabling comes first, since it ends access, and the rest
    /// follows in one transaction.
    ///
    /// # Errors
    /// `InvalidRequest` for a malformed role or profile, `Forbidden` when it would leave no administrator, `NotFound`, `Unavailable`
    /// (then a disabling may have happened; repeating it is safe).
    pub async fn change_user(&self, user: Uuid, patch: UserPatch, by: impl Into<By>) -> Result<UserRow> {
        let by = by.into();
        let UserPatch { disabled, roles, profile } = patch;
        roles.as_deref().map_or(Ok(()), check_roles)?;
        profile.as_ref().map_or(Ok(()), check_profile)?;
        let demotes = roles.as_ref().is_some_and(|roles| !roles.iter().any(|role| role == ADMIN));
        let takes_away = demotes || disabled == Some(true);
        let _one_at_a_time = if takes_away { Some(self.spare_last_admin(user, &by).await?) } else { None };
        if disabled == Some(true) {
            let event = Event::by("user_disabled", &by).user(user);
            self.end(Ending::of(End::DisableUser(user), event)).await?;
        }
        let enable = disabled == Some(false);
        // One row of the audit for one write, named after what weighs most in it.
        let event = match (&roles, enable, &profile) {
            (Some(roles), ..) => Event::by("roles_changed", &by).with("roles", roles.clone()),
            (None, true, _) => Event::by("user_enabled", &by),
            (None, false, Some(_)) => Event::by("profile_changed", &by),
            (None, false, None) => return self.store().user(user).await?.ok_or_else(Error::not_found),
        };
        let event = if enable { event.with("enabled", true) } else { event };
        let event = if profile.is_some() { event.with("profile", true) } else { event };
        let set = |change: &mut crate::store::UserChange| {
            change.roles = roles;
            change.profile = profile;
            change.enable = enable;
        };
        self.change(user, set, Some(event.user(user))).await
    }

    /// Replaces the roles.
    ///
    /// # Errors
    /// As [`Symbolon::change_user`].
    pub async fn set_roles(&self, user: Uuid, roles: Vec<String>, by: impl Into<By>) -> Result<UserRow> {
        self.change_user(user, UserPatch { roles: Some(roles), ..UserPatch::default() }, by).await
    }

    /// Disables a user, which ends everything of theirs, or lets them log in again.
    ///
    /// # Errors
    /// As [`Symbolon::change_user`].
    pub async fn set_disabled(&self, user: Uuid, disabled: bool, by: impl Into<By>) -> Result<UserRow> {
        self.change_user(user, UserPatch { disabled: Some(disabled), ..UserPatch::default() }, by).await
    }

    /// Refuses to take the only administrator away who can still log in. The answer is held until that is written: two of them that
    /// take each other away at once must not both succeed. The command line may; it can make a new one.
    ///
    /// The whole table is read when the administrator is indeed the last one, a page at a time, and seldom far otherwise: who
    /// administers came early.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub(super) async fn spare_last_admin(&self, user: Uuid, by: &By) -> Result<MutexGuard<'_, ()>> {
        let one_at_a_time = self.0.admins.lock().await;
        let row = self.store().user(user).await?.ok_or_else(Error::not_found)?;
        if by.actor == Actor::Cli || !administers(&row) {
            return Ok(one_at_a_time);
        }
        let mut after = None;
        loop {
            let page = self.store().users(None, after, PAGE).await?;
            if page.iter().any(|other| other.id != user && administers(other)) {
                return Ok(one_at_a_time);
            }
            after = page.last().map(|last| last.id);
            if page.len() < PAGE {
                return Err(Error::new(
                    ErrorKind::Forbidden,
                    "This is the only administrator who can log in. Make somebody else one first.",
                ));
            }
        }
    }
}

fn administers(user: &UserRow) -> bool {
    !user.disabled && user.roles.iter().any(|role| role == ADMIN)
}

/// A role has one spelling, and none that a path or another alphabet could turn into another role's (AD-23).
pub(super) fn check_roles(roles: &[String]) -> Result<()> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let plain = |role: &String| {
        let bytes = role.as_bytes();
        bytes.len() <= ROLES
            && bytes.first().is_some_and(|byte| letter(*byte))
            && bytes.last().is_some_and(|byte| letter(*byte))
            && bytes.iter().all(|byte| letter(*byte) || b"-_.:".contains(byte))
            && !role.contains("..")
    };
    let once = |(at, role): (usize, &String)| !roles[..at].contains(role);
    if roles.len() <= ROLES && roles.iter().all(plain) && roles.iter().enumerate().all(once) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidRequest,
        "A role is 1 to 64 lower-case letters and digits, with -_.: between them; a user has each once and at most 64.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ad_23_a_role_has_one_spelling() {
        let accepted = |names: &[&str]| {
            check_roles(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).is_ok()
        };
        assert!(accepted(&[]) && accepted(&["admin"]) && accepted(&["team:red", "team-2", "a.b_c", "9"]));
        let long = "x".repeat(65);
        for bad in [
            "",
            "Admin ",
            " admin",
            "ADMIN",
            "Admin",
            "аdmin",
            "admin\u{200b}",
            "a/b",
            "..",
            "a..b",
            ".",
            "a.",
            ":a",
            "%2f",
            "a b",
            "a,b",
            "admin\n",
            long.as_str(),
        ] {
            assert!(!accepted(&[bad]), "{bad:?}");
        }
        assert!(!accepted(&["admin", "admin"]), "each once");
        assert!(!accepted(&vec!["a"; 65]));
    }
}
