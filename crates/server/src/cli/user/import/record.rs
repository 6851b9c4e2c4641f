//! A user to be taken in, whatever the file.

use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// What proves the user.
pub(super) enum Proof {
    /// A hash from elsewhere.
    Hash(Zeroizing<String>),
    /// The password itself, which is hashed here.
    Password(Zeroizing<String>),
}

/// A user to be taken in.
pub(super) struct Record {
    pub(super) identifier: String,
    pub(super) proof: Proof,
    pub(super) profile: Object,
    pub(super) disabled: bool,
}

#[derive(Serialize)]
struct Body<'r> {
    identifier: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'r str>,
    profile: &'r Object,
    disabled: bool,
}

impl Record {
    /// The request that takes the user in.
    pub(super) fn body(&self) -> serde_json::Result<Vec<u8>> {
        let (password_hash, password) = match &self.proof {
            Proof::Hash(hash) => (Some(hash.as_str()), None),
            Proof::Password(password) => (None, Some(password.as_str())),
        };
        let Self { identifier, profile, disabled, .. } = self;
        serde_json::to_vec(&Body { identifier, password_hash, password, profile, disabled: *disabled })
    }
}

/// What stands at a place of a file.
pub(super) enum What {
    User(Record),
    /// Something else that belongs there, such as a group.
    Other,
    /// Why it cannot be taken: words that never repeat what stands there.
    Refused(String),
}

impl From<Result<Record, String>> for What {
    fn from(parsed: Result<Record, String>) -> Self {
        parsed.map_or_else(Self::Refused, Self::User)
    }
}

/// A part of a file.
pub(super) struct Entry {
    /// `line 17`, or `entry 17`.
    pub(super) place: String,
    pub(super) what: What,
}

/// A member that must be a text.
pub(super) fn text(object: &mut Object, name: &str) -> Result<Option<Zeroizing<String>>, String> {
    match object.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Zeroizing::new(text))),
        Some(_) => Err(format!("\"{name}\" is not a text")),
    }
}

/// A member that must be `true` or `false`.
pub(super) fn switch(object: &mut Object, name: &str) -> Result<Option<bool>, String> {
    match object.remove(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(format!("\"{name}\" is not true or false")),
    }
}
