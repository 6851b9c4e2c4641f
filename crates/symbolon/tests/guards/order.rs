//! The order of a renewal, a check and an answer to a guard: each in a history that pauses at the one place where another order would
//! accept what has ended (the mistakes of the protocol's model by their numbers).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use symbolon::{
    ErrorKind, Symbolon,
    audit::Actor,
    revocation::{Poll, without_waiting},
    session::Recalled,
    store::{PurgeBefore, Store},
};
use symbolon_token::{Ended, SessionCookie};
use uuid::Uuid;

use crate::{
    database::{Link, Message},
    history::{Simulation, Subject},
    node::{check_cookie, check_token},
    rules::{LEASE, SOON, TIMER, ask, cookie, end},
    seed::day,
};

/// Longer than a row counts: the lease, and the largest step of the store's clock.
const LAPSED: Duration = Duration::from_millis(4_200);

struct Two {
    simulation: Simulation,
    here: Symbolon,
    there: Symbolon,
    link: Arc<Link>,
    shown: SessionCookie,
    token: String,
}

/// Whoever ends, and a node that has seen the login and whose link is to misbehave.
async fn two(seed: u64) -> Two {
    let simulation = Simulation::new(seed, 2, 0, 4).await;
    let (here, there) = (simulation.engine(0), simulation.engine(1));
    let (shown, token) = (cookie(&simulation, 0), simulation.subjects[0].token.clone());
    assert_eq!(check_cookie(&there, &shown).await, Some(true));
    assert_eq!(check_token(&there, &token).await, Some(true));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    Two { simulation, here, there, link, shown, token }
}

/// What memory says of a token that it does not accept.
fn said(engine: &Symbolon, token: &str) -> Option<ErrorKind> {
    engine.check_token(token).err().map(|error| error.kind())
}

impl Two {
    fn subject(&self, place: usize) -> &Subject {
        &self.simulation.subjects[place]
    }

    /// Ends the login here; nobody whose lease is live may be behind.
    async fn ends_at_once(&self) {
        let (took, ()) = self.simulation.takes(end(&self.here, &self.simulation, 0)).await;
        assert!(took < SOON, "{took:?}");
    }

    /// Nothing of the login is accepted there by memory; by the store it is refused.
    fn is_refused_there(&self) {
        if let Recalled::Known(answer) = self.there.recall_session(&self.shown) {
            assert!(answer.is_err(), "a cookie, from memory");
        }
        assert!(self.there.check_token(&self.token).is_err(), "a token, from memory");
    }

    /// It comes back by itself, and knows of the end.
    async fn is_refused_when_it_recovers(&self) {
        tokio::time::sleep(LEASE).await;
        self.there.ready().await.unwrap();
        self.is_refused_there();
        assert_eq!(check_cookie(&self.there, &self.shown).await, Some(false));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_m1_the_log_is_read_after_the_lease_is_written() {
    let two = two(20).await;
    let renewals = two.link.hold(Message::Renewal, false);
    renewals.reached().await;
    tokio::time::sleep(LAPSED).await;
    two.ends_at_once().await;
    // Nothing more is read: what makes it fresh now was read before.
    let questions = two.link.hold(Message::Question, false);
    renewals.release();
    for _ in 0..20 {
        two.is_refused_there();
        tokio::time::sleep(SOON).await;
    }
    questions.release();
    two.is_refused_when_it_recovers().await;
}

#[tokio::test(start_paused = true)]
async fn rule_1_m7_a_lease_counts_from_before_it_was_asked_for() {
    let two = two(21).await;
    let renewed = two.link.hold(Message::Renewed, true);
    renewed.reached().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    renewed.release();
    // It is fresh for what is left, and gets nothing any more.
    while two.there.guarding().lease.unwrap().left < SOON {
        tokio::task::yield_now().await;
    }
    two.link.cut.store(true, Ordering::SeqCst);
    tokio::time::sleep(LAPSED - Duration::from_secs(2)).await;
    two.ends_at_once().await;
    two.is_refused_there();
}

#[tokio::test(start_paused = true)]
async fn rule_2_m2_memory_is_fresh_when_all_is_applied_and_not_before() {
    let two = two(22).await;
    let pages = two.link.hold(Message::Page, false);
    pages.reached().await;
    // Renewals go through, and what they are to read does not arrive: the ending waits for its timer.
    let (took, ()) = two.simulation.takes(end(&two.here, &two.simulation, 0)).await;
    assert!(took <= TIMER, "{took:?}");
    for _ in 0..20 {
        two.is_refused_there();
        tokio::time::sleep(SOON).await;
    }
    pages.release();
    two.is_refused_when_it_recovers().await;
}

#[tokio::test(start_paused = true)]
async fn rule_2_m15_whether_memory_is_fresh_is_asked_before_what_it_says() {
    let two = two(23).await;
    two.ends_at_once().await;
    two.is_refused_there();
    two.link.cut.store(true, Ordering::SeqCst);
    tokio::time::sleep(TIMER).await;
    // It knows of the end. But what it knows may be old, and so it may not say anything.
    assert!(matches!(two.there.recall_session(&two.shown), Recalled::Unknown));
    assert_eq!(said(&two.there, &two.token), Some(ErrorKind::Unavailable));
}

/// The view forgets an ending when what it ended has run out: a token that was in time a moment ago is not in the view a moment later. So an
/// ended one is refused before anybody asks what time it is.
#[tokio::test(start_paused = true)]
async fn rule_2_m24_the_time_of_a_token_is_asked_for_last() {
    let two = two(32).await;
    two.ends_at_once().await;
    let clock = Arc::clone(&two.simulation.nodes.lock().unwrap()[1].clock);
    let before = clock.asked.load(Ordering::SeqCst);
    assert_eq!(said(&two.there, &two.token), Some(ErrorKind::InvalidToken));
    // Once for freshness.
    assert_eq!(clock.asked.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test(start_paused = true)]
async fn rule_3_m23_an_own_ending_hides_no_other_that_was_not_read_yet() {
    let two = two(24).await;
    // Nothing is asked meanwhile that would be answered later.
    two.link.deaf.store(true, Ordering::SeqCst);
    let subject = two.subject(0);
    let ending = two.here.end_session(subject.session.unwrap(), Some(subject.user), Actor::Cli, None);
    without_waiting(ending).await.unwrap();
    let own = two.subject(1);
    let ending = two.there.end_session(own.session.unwrap(), Some(own.user), Actor::Cli, None);
    without_waiting(ending).await.unwrap();
    assert_eq!(check_token(&two.there, &own.token).await, Some(false), "it counts here at once");
    two.link.deaf.store(false, Ordering::SeqCst);
    tokio::time::sleep(LEASE).await;
    two.is_refused_there();
}

#[tokio::test(start_paused = true)]
async fn rule_3_m8_a_process_begins_with_all_that_the_log_holds() {
    let two = two(25).await;
    two.ends_at_once().await;
    let Simulation { database, chance, master, since, .. } = &two.simulation;
    let node = crate::node::Node::start(database, chance, master, *since).await;
    for _ in 0..2 {
        assert_eq!(said(&node.engine, &two.token), Some(ErrorKind::InvalidToken));
        assert_eq!(check_cookie(&node.engine, &two.shown).await, Some(false));
        tokio::time::sleep(LEASE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_8_f7_rows_count_longer_than_the_clock_of_a_new_primary_says() {
    let two = two(26).await;
    let next = two.link.hold(Message::Renewal, true);
    next.reached().await;
    // The last renewal was a third of a lease ago.
    two.link.cut.store(true, Ordering::SeqCst);
    two.simulation.database.step(Duration::from_millis(900));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(check_cookie(&two.there, &two.shown).await, Some(true), "it is fresh still");
    end(&two.here, &two.simulation, 0).await;
    two.is_refused_there();
}

#[tokio::test(start_paused = true)]
async fn m6_whoever_ends_waits_for_the_guards_of_other_nodes() {
    let two = two(27).await;
    let guard = Uuid::from_u128(1);
    let first = ask(&two.there, guard, None, 0).await.unwrap();
    let (engine, session) = (two.here.clone(), two.subject(0).session.unwrap());
    let ending = tokio::spawn(async move { engine.end_session(session, None, Actor::Cli, None).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!ending.is_finished(), "its node knows, the guard does not");
    let news = ask(&two.there, guard, Some(first.epoch), first.next).await.unwrap();
    assert_eq!(news.entries.len(), 1);
    assert!(!ending.is_finished());
    ask(&two.there, guard, Some(news.epoch), news.next).await.unwrap();
    let (took, ended) = two.simulation.takes(ending).await;
    ended.unwrap().unwrap();
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn f8_a_guard_that_missed_what_the_log_forgot_is_told_to_begin_anew() {
    let two = two(29).await;
    let first = ask(&two.there, Uuid::from_u128(1), None, 0).await.unwrap();
    end(&two.here, &two.simulation, 1).await;
    let known = ask(&two.there, Uuid::from_u128(1), Some(first.epoch), first.next).await.unwrap();
    for place in [0, 2] {
        end(&two.here, &two.simulation, place).await;
    }
    let later = day().plus(Duration::from_secs(80_000));
    let before = PurgeBefore { now: later, sessions: day(), audit: day(), throttle_most: 9 };
    assert!(two.simulation.database.rows.purge(before, 99).await.unwrap() > 0);
    let answer = ask(&two.there, Uuid::from_u128(1), Some(known.epoch), known.next).await.unwrap();
    assert!(answer.reset, "it holds what it saw before, and knows of no end since: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn f6_m16_what_is_applied_while_a_guard_is_answered_stands_in_the_answer() {
    let two = two(28).await;
    // Something to read, so that the answer has a page.
    end(&two.here, &two.simulation, 1).await;
    let page = two.link.hold(Message::Page, true);
    let there = two.there.clone();
    let answer = tokio::spawn(async move { ask(&there, Uuid::from_u128(1), None, 0).await });
    page.reached().await;
    two.ends_at_once().await;
    page.release();
    let answer = answer.await.unwrap().unwrap();
    let session = Ended::Session(two.subject(0).session.unwrap());
    let told = answer.entries.iter().any(|entry| entry.what == session);
    assert!(told || answer.lease.is_zero(), "a lease, and nobody waits for its holder: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn f6_a_page_that_grew_and_is_not_all_gives_no_lease() {
    let two = two(33).await;
    end(&two.here, &two.simulation, 1).await;
    let page = two.link.hold(Message::Page, true);
    let there = two.there.clone();
    let (guard, wait) = (Uuid::from_u128(1), Duration::ZERO);
    let poll = Poll { guard, epoch: None, after: 0, wait, limit: 1 };
    let answer = tokio::spawn(async move { there.poll(poll).await });
    page.reached().await;
    two.ends_at_once().await;
    page.release();
    let answer = answer.await.unwrap().unwrap();
    assert!(answer.more && answer.lease.is_zero(), "there is more that it has not seen: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_11_f4_m19_a_renewal_that_is_under_way_at_the_end_makes_nothing_fresh() {
    let two = two(34).await;
    let page = two.link.hold(Message::Page, false);
    page.reached().await;
    let there = two.there.clone();
    let closing = tokio::spawn(async move { there.close().await });
    tokio::time::sleep(SOON).await;
    page.release();
    closing.await.unwrap().unwrap();
    tokio::time::sleep(SOON).await;
    assert!(!two.there.guarding().fresh, "nobody waits for it any more");
    two.ends_at_once().await;
    two.is_refused_there();
}
