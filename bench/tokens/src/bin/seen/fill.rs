//! A login, endings for the view, and tokens.

use anyhow::Result;
use symbolon::{
    Symbolon,
    login::{Attempt, Caller, Carrier},
    session::Issued,
    token::issue::Wish,
    user::NewAccount,
};
use tokio::task::JoinSet;
use uuid::Uuid;

fn caller() -> Caller {
    Caller::new([127, 0, 0, 1].into(), true, None)
}

/// A session, and whose it is.
pub(crate) async fn login(engine: &Symbolon) -> Result<(Uuid, Uuid)> {
    let caller = caller();
    let password = "nine amber lanterns drift";
    let account = NewAccount {
        identifier: "bench".into(),
        password: password.into(),
        profile: serde_json::Map::new(),
        roles: Vec::new(),
    };
    let user = engine.register(account, &caller).await?;
    let attempt = Attempt {
        identifier: "bench",
        password,
        carrier: Carrier::Cookie { remember: true },
        presented: None,
        known: None,
        caller: &caller,
    };
    let Issued::Cookie { session, .. } = engine.login(attempt).await?.issued else {
        anyhow::bail!("a login by cookie answered otherwise");
    };
    Ok((session.id, user.id))
}

/// So many tokens that were ended, which the view holds from now on.
pub(crate) async fn endings(engine: &Symbolon, user: Uuid, count: usize) -> Result<()> {
    // Many at a time, which share their commits.
    let mut endings = JoinSet::new();
    for _ in 0..count {
        let engine = engine.clone();
        endings.spawn(async move { engine.end_token(engine.new_id(), user, None, &caller()).await });
        if endings.len() >= 500 {
            endings.join_next().await.transpose()?.transpose()?;
        }
    }
    while let Some(ended) = endings.join_next().await {
        ended??;
    }
    Ok(())
}

/// So many live tokens of one session.
pub(crate) async fn tokens(engine: &Symbolon, session: Uuid, count: usize) -> Result<Vec<String>> {
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        tokens.push(engine.exchange(session, &Wish::default()).await?.access_token);
    }
    Ok(tokens)
}
