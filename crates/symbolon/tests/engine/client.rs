//! Machine clients and their secrets.

use symbolon::{ErrorKind, audit::Actor};
use symbolon_token::ClientSecret;

use crate::common::{Call, World, kind, over_every_store};

over_every_store! {
    km_14_a_rotated_secret_counts_beside_the_new_one_until_the_next_rotation,
    a_removed_client_is_nobody_at_once_and_after_a_kill,
    a_wrong_secret_a_wrong_id_and_an_unknown_client_are_refused_alike,
    clients_changed_at_the_same_time_lose_nothing_and_bring_nobody_back,
    malformed_clients_are_refused,
}

async fn km_14_a_rotated_secret_counts_beside_the_new_one_until_the_next_rotation(world: World) {
    let scopes = vec!["introspect".to_owned()];
    let (client, first) = world.engine.add_client("api", scopes.clone(), Actor::Cli).await.unwrap();
    let good = |world: &World, secret: &str| world.engine.authenticate_client(None, secret).is_ok();
    assert_eq!(
        world.engine.authenticate_client(Some(&client.id.to_string()), &first).unwrap().scopes,
        scopes
    );
    let (_, second) = world.engine.rotate_client(client.id, Actor::Cli).await.unwrap();
    assert!(good(&world, &first) && good(&world, &second));
    let world = world.kill().await;
    assert!(good(&world, &first) && good(&world, &second));
    let (_, third) = world.engine.rotate_client(client.id, Actor::Cli).await.unwrap();
    assert!(!good(&world, &first) && good(&world, &second) && good(&world, &third));
    for event in ["client_added", "client_rotated"] {
        let rows = world.audited(event).await;
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| !format!("{row:?}").contains(&third[4..])));
    }
}

async fn a_removed_client_is_nobody_at_once_and_after_a_kill(world: World) {
    let (client, secret) = world.engine.add_client("api", vec!["admin".into()], Actor::Cli).await.unwrap();
    world.engine.remove_client(client.id, Actor::Cli).await.unwrap();
    assert_eq!(kind(&world.engine.authenticate_client(None, &secret)), Some(ErrorKind::InvalidClient));
    assert_eq!(kind(&world.engine.remove_client(client.id, Actor::Cli).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(&world.engine.rotate_client(client.id, Actor::Cli).await), Some(ErrorKind::NotFound));
    let world = world.kill().await;
    assert!(world.engine.authenticate_client(None, &secret).is_err());
    assert!(world.engine.clients().is_empty());
}

async fn a_wrong_secret_a_wrong_id_and_an_unknown_client_are_refused_alike(world: World) {
    let (client, secret) = world.engine.add_client("api", vec!["check".into()], Actor::Cli).await.unwrap();
    let (other, _) = world.engine.add_client("other", vec!["check".into()], Actor::Cli).await.unwrap();
    let wrong = ClientSecret::mint(client.id, [7; 32]).reveal();
    let unknown = ClientSecret::mint(world.engine.new_id(), [7; 32]).reveal();
    let id = client.id.to_string();
    let upper = id.to_uppercase();
    let cases = [
        (None, wrong.as_str()),
        (None, unknown.as_str()),
        (None, ""),
        (None, "key_"),
        (None, &secret[..67]),
        (Some(""), secret.as_str()),
        (Some(upper.as_str()), secret.as_str()),
    ];
    let answer =
        crate::common::verdict(world.engine.authenticate_client(Some(&other.id.to_string()), &secret));
    for (id, secret) in cases {
        let refused = world.engine.authenticate_client(id, secret);
        assert_eq!(crate::common::verdict(refused), answer, "{id:?}");
    }
    assert!(world.engine.authenticate_client(Some(&id), &secret).is_ok());
}

/// A change whose re-reading is slow must not undo in memory what another did meanwhile.
async fn clients_changed_at_the_same_time_lose_nothing_and_bring_nobody_back(world: World) {
    let (client, secret) = world.engine.add_client("gone", vec!["admin".into()], Actor::Cli).await.unwrap();
    let mut hold = world.store.hold_after(Call::Clients);
    let engine = world.engine.clone();
    let adding =
        tokio::spawn(async move { engine.add_client("new", vec!["check".into()], Actor::Cli).await });
    hold.reached().await;
    let engine = world.engine.clone();
    let removing = tokio::spawn(async move { engine.remove_client(client.id, Actor::Cli).await });
    let engine = world.engine.clone();
    let rotating = tokio::spawn(async move { engine.rotate_client(client.id, Actor::Cli).await });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    hold.release();
    let (_, new) = adding.await.unwrap().unwrap();
    removing.await.unwrap().unwrap();
    let rotated = rotating.await.unwrap();
    assert!(world.engine.authenticate_client(None, &new).is_ok());
    assert!(world.engine.authenticate_client(None, &secret).is_err());
    if let Ok((_, secret)) = rotated {
        assert!(world.engine.authenticate_client(None, &secret).is_err(), "rotated before it was removed");
    }
    assert_eq!(world.engine.clients().len(), 1);
    let world = world.restart().await;
    assert_eq!(world.engine.clients().len(), 1);
}

async fn malformed_clients_are_refused(world: World) {
    let long = "x".repeat(201);
    for name in ["", "  ", "a\nb", long.as_str()] {
        let answer = world.engine.add_client(name, vec!["check".into()], Actor::Cli).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidRequest), "{name:?}");
    }
    for scopes in [vec![], vec!["root".to_owned()], vec!["check".to_owned(), "Admin".to_owned()]] {
        let answer = world.engine.add_client("api", scopes, Actor::Cli).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidRequest));
    }
    assert!(world.engine.clients().is_empty());
}
