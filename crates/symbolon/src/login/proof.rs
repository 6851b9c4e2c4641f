//! Proof: the password, verified in the hashing pool. A missing user costs what a wrong password costs.

use crate::{
    Symbolon,
    error::{Error, ErrorKind, Result},
    password::{
        Password,
        hasher::{HashError, Place},
    },
    store::{CredentialRow, LoginRow},
};

impl Symbolon {
    pub(crate) async fn hash(&self, password: Password) -> Result<String> {
        self.hash_at(self.place()?, password).await
    }

    pub(crate) async fn hash_at(&self, place: Place, password: Password) -> Result<String> {
        self.0.hasher.hash_at(place, password).await.map_err(hashing)
    }

    /// A place among those whose passwords are hashed: asked for before anything is read or charged, so that an attempt that finds no
    /// room costs nothing.
    pub(crate) fn place(&self) -> Result<Place> {
        self.0.hasher.place().map_err(hashing)
    }

    /// Whether the password is that of the user; without one, no, at the same cost.
    pub(crate) async fn prove(
        &self,
        place: Place,
        password: Password,
        row: Option<&LoginRow>,
    ) -> Result<Proof> {
        let stored = row.and_then(|row| row.credential.as_ref()).map(|credential| credential.data.clone());
        let verdict = self.0.hasher.verify_at(place, password, stored).await.map_err(hashing)?;
        if let (true, Some(row)) = (verdict.unreadable, row) {
            tracing::error!(user = %row.user.id, "a stored password hash cannot be read: this user cannot log in (CR-31)");
        }
        Ok(Proof { matches: verdict.matches, rehash: verdict.rehash })
    }

    /// Replaces a hash of yesterday's strength or of another system, if it is still the one that was verified. A busy pool puts
    /// it off to the next login.
    pub(crate) async fn rehash(&self, password: Password, credential: &CredentialRow) {
        let done = match self.hash(password).await {
            Ok(hash) => {
                self.store().rehash(credential.id, &credential.data, &hash).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "a password hash was not renewed; the next login tries again"
            );
        }
    }
}

/// What the pool found.
pub(crate) struct Proof {
    pub(crate) matches: bool,
    pub(crate) rehash: bool,
}

/// A password as it comes in, to be verified.
///
/// # Errors
/// `InvalidRequest` above 1,024 bytes: no password is, so nothing is told and nothing is hashed.
pub(crate) fn presented(text: &str) -> Result<Password> {
    Password::parse(text)
        .map_err(|_| Error::new(ErrorKind::InvalidRequest, "A password is at most 1024 bytes of UTF-8."))
}

fn hashing(error: HashError) -> Error {
    match error {
        HashError::Overloaded { retry_after } => Error::later(
            ErrorKind::Overloaded,
            "Too many logins at once. Try again in a moment.",
            retry_after,
        ),
        error => Error::caused(ErrorKind::Internal, "A password could not be hashed.", error),
    }
}
