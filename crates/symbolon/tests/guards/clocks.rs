//! Wall clocks that are set, or wrong: the time of all is the store's, and a machine whose own is another is told apart (ST-18).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use symbolon::{
    Symbolon,
    limits::Settings,
    password::{hasher::HasherSettings, params::Argon2Params},
};

use crate::{
    database::{Link, Port},
    history::Simulation,
    node::{caller, check_token},
    rules::LEASE,
    seed::DriftingClock,
};

/// How long an ending is remembered is said by whoever ends, and judged by whoever forgets: neither goes by its own wall clock.
#[tokio::test(start_paused = true)]
async fn st_18_wall_clocks_that_are_minutes_off_bring_nothing_back() {
    const QUARTER: i64 = 15 * 60 * 1000;
    let simulation = Simulation::new(18, 3, 0, 4).await;
    for (place, ahead) in [(0, -QUARTER), (1, QUARTER), (2, 0)] {
        simulation.nodes.lock().unwrap()[place].clock.ahead.store(ahead, Ordering::SeqCst);
    }
    let (subject, engine) = (&simulation.subjects[3], simulation.engine(0));
    engine.end_token(subject.claims.jti, subject.user, None, &caller()).await.unwrap();
    let session = simulation.subjects[0].session.unwrap();
    let late = simulation.engine(1).exchange(session, &Default::default()).await.unwrap().access_token;
    let claims = simulation.engine(2).ask_token(&late).await.unwrap().claims().clone();
    engine.end_token(claims.jti, claims.sub, claims.sid, &caller()).await.unwrap();
    for _ in 0..20 {
        for place in 0..3 {
            let engine = simulation.engine(place);
            engine.tend().await.unwrap();
            assert_eq!(check_token(&engine, &subject.token).await, Some(false), "node {place}");
            assert_eq!(check_token(&engine, &late).await, Some(false), "node {place}");
        }
        tokio::time::sleep(Duration::from_secs(61)).await;
        for node in simulation.nodes.lock().unwrap().iter() {
            node.clock.step(&simulation.chance);
        }
    }
}

/// A node of which nothing is wrong but that its wall clock is so far ahead.
async fn node_ahead(simulation: &Simulation, millis: i64) -> (Symbolon, Arc<Link>) {
    let settings = Settings {
        hashing: HasherSettings {
            threads: 1,
            queue: 200,
            params: Argon2Params::dangerously_weak_for_tests(),
        },
        ..Settings::new("https://id.example")
    };
    let clock = DriftingClock {
        drift: 0,
        ahead: millis.into(),
        ..DriftingClock::of(&simulation.chance, simulation.since)
    };
    let link = Link::to(&simulation.database, &simulation.chance);
    let port = Arc::new(Port(Arc::clone(&link)));
    let (master, chance) = (simulation.master.clone().into(), Arc::clone(&simulation.chance));
    (Symbolon::open(settings, port, master, Arc::new(clock), chance).await.unwrap(), link)
}

#[tokio::test(start_paused = true)]
async fn st_18_a_node_whose_clock_is_another_than_the_installations_is_not_ready() {
    let simulation = Simulation::new(18, 1, 0, 2).await;
    let leeway = 30_000;
    for (apart, ready) in [(0, true), (leeway, true), (-leeway, true), (300_000, false), (-300_000, false)] {
        let (node, link) = node_ahead(&simulation, apart).await;
        let told = node.ready().await;
        assert_eq!(told.is_ok(), ready, "{apart} ms: {told:?}");
        if let Err(error) = told {
            assert!(error.to_string().contains("further apart"), "{error}");
        }
        // An answer that was long under way says nothing about the clocks.
        link.cut.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(60)).await;
        link.heal();
        tokio::time::sleep(LEASE).await;
        assert_eq!(node.ready().await.is_ok(), ready, "{apart} ms, after a while without the store");
    }
    simulation.engine(0).ready().await.unwrap();
}
