//! Machine clients: who may introspect, follow the log, or administer. Few, so all are in memory.
//!
//! Owns their secrets: shown once, stored as a hash, two valid at a time so that a rotation needs no stop (KM-14).

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq;
use symbolon_token::ClientSecret;
use uuid::Uuid;

use crate::{
    Symbolon,
    audit::{Actor, Event},
    clock::random,
    error::{Error, ErrorKind, Result},
    store::{ClientRow, Store},
};

/// What a client may be allowed.
pub const SCOPES: &[&str] = &["introspect", "revocations", "check", "admin"];

/// How many secrets of a client are valid at a time.
const SECRETS: usize = 2;

#[derive(Default)]
pub(crate) struct Clients {
    rows: ArcSwap<HashMap<Uuid, Arc<ClientRow>>>,
    /// Held from reading a client to having all of them in memory again, so that no change is lost and none comes back.
    changing: tokio::sync::Mutex<()>,
}

impl Clients {
    pub(crate) async fn load(&self, store: &dyn Store) -> Result<()> {
        let rows = store.clients().await?.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        self.rows.store(Arc::new(rows));
        Ok(())
    }
}

impl Symbolon {
    /// The client of a secret; `id`, when it is given besides, must be the secret's.
    ///
    /// # Errors
    /// `InvalidClient`.
    pub fn authenticate_client(&self, id: Option<&str>, secret: &str) -> Result<Arc<ClientRow>> {
        let refused =
            || Error::new(ErrorKind::InvalidClient, "The client is unknown or its secret is wrong.");
        let secret = ClientSecret::parse(secret).ok_or_else(refused)?;
        if id.is_some_and(|id| id != secret.id().to_string()) {
            return Err(refused());
        }
        let client = self.0.clients.rows.load().get(&secret.id()).cloned().ok_or_else(refused)?;
        let hash = secret.hash();
        // All of them, always: the time must not tell which one was right.
        let matches =
            client.secrets.iter().fold(subtle::Choice::from(0), |found, stored| found | stored.ct_eq(&hash));
        if bool::from(matches) { Ok(client) } else { Err(refused()) }
    }

    /// All clients, in order of registration.
    pub fn clients(&self) -> Vec<Arc<ClientRow>> {
        let mut clients: Vec<_> = self.0.clients.rows.load().values().cloned().collect();
        clients.sort_by_key(|client| client.id);
        clients
    }

    /// Registers a client; answers it and its secret, which is not to be had again.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty name or an unknown scope, `Unavailable`.
    pub async fn add_client(
        &self,
        name: &str,
        scopes: Vec<String>,
        actor: Actor,
    ) -> Result<(ClientRow, String)> {
        if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "A client's name is 1 to 200 bytes of plain text.",
            ));
        }
        if scopes.is_empty() || !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
            let text = format!("A client needs at least one scope of: {}.", SCOPES.join(", "));
            return Err(Error::new(ErrorKind::InvalidRequest, text));
        }
        let _alone = self.0.clients.changing.lock().await;
        let now = self.now();
        let client = ClientRow {
            id: self.id_at(now),
            name: name.to_owned(),
            scopes,
            secrets: Vec::new(),
            created_at: now,
        };
        self.give_secret(client, "client_added", actor).await
    }

    /// Gives a client a new secret; the one before stays valid until the next rotation.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn rotate_client(&self, id: Uuid, actor: Actor) -> Result<(ClientRow, String)> {
        let _alone = self.0.clients.changing.lock().await;
        let client = self.0.clients.rows.load().get(&id).cloned().ok_or_else(Error::not_found)?;
        self.give_secret((*client).clone(), "client_rotated", actor).await
    }

    /// Removes a client.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn remove_client(&self, id: Uuid, actor: Actor) -> Result<()> {
        let _alone = self.0.clients.changing.lock().await;
        let event = Event::new("client_removed", actor, None).with("client", id.to_string());
        let audit = self.audit_row(event, self.now());
        let removed = self.store().remove_client(id, self.forget_at(), audit).await?;
        self.0.clients.load(self.store()).await?;
        self.barrier(removed.ok_or_else(Error::not_found)?).await
    }

    async fn give_secret(
        &self,
        mut client: ClientRow,
        event: &'static str,
        actor: Actor,
    ) -> Result<(ClientRow, String)> {
        let secret = ClientSecret::mint(client.id, random(self.randomness()));
        client.secrets.insert(0, secret.hash());
        client.secrets.truncate(SECRETS);
        let event = Event::new(event, actor, None)
            .with("client", client.id.to_string())
            .with("name", client.name.clone());
        let audit = self.audit_row(event, self.now());
        let head = self.store().put_client(client.clone(), self.forget_at(), audit).await?;
        self.0.clients.load(self.store()).await?;
        self.barrier(head).await?;
        Ok((client, secret.reveal()))
    }
}
