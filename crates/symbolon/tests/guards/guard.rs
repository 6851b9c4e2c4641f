//! A guard without a store, as the protocol asks it to be: it decides tokens from the view that a node's answers fill.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use symbolon::{
    clock::{Clock, random},
    revocation::Poll,
};
use symbolon_token::{AccessClaims, Kid, Timestamp, ToldTime, View};
use uuid::Uuid;

use crate::{history::Nodes, seed::Chance, seed::DriftingClock};

pub(crate) struct Guard {
    id: Uuid,
    pub(crate) clock: DriftingClock,
    time: ToldTime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    view: View,
    epoch: Option<Uuid>,
    next: u64,
    fresh_until: Duration,
}

impl Guard {
    pub(crate) fn start(chance: &Arc<Chance>, nodes: &Nodes, since: tokio::time::Instant) -> Arc<Self> {
        let id = Uuid::from_bytes(random(&**chance));
        let clock = DriftingClock::of(chance, since);
        let guard = Arc::new(Self { id, clock, time: ToldTime::default(), state: Mutex::default() });
        let (weak, chance, nodes) = (Arc::downgrade(&guard), Arc::clone(chance), Arc::clone(nodes));
        tokio::spawn(async move {
            let mut place = 0;
            while let Some(guard) = weak.upgrade() {
                if !guard.poll(&chance, &nodes, place).await {
                    place = chance.place(nodes.lock().unwrap().len());
                    tokio::time::sleep(chance.millis(200)).await;
                }
            }
        });
        guard
    }

    /// One round; `false` when it came to nothing.
    async fn poll(&self, chance: &Arc<Chance>, nodes: &Nodes, place: usize) -> bool {
        let (engine, calm) = {
            let nodes = nodes.lock().unwrap();
            let node = &nodes[place % nodes.len()];
            (node.engine.clone(), node.link.calm.load(std::sync::atomic::Ordering::SeqCst))
        };
        let began = self.clock.monotonic();
        let poll = {
            let state = self.state.lock().unwrap();
            let (epoch, after) = (state.epoch, state.next);
            Poll { guard: self.id, epoch, after, wait: Duration::from_secs(1), limit: 1 + chance.place(50) }
        };
        let travels = Arc::clone(chance);
        let asked = tokio::spawn(async move {
            travel(&travels, calm).await;
            let answer = engine.poll(poll).await;
            travel(&travels, calm).await;
            answer
        });
        // Given up, it may still acknowledge, any time later.
        let Ok(Ok(Ok(answer))) = tokio::time::timeout(Duration::from_secs(2), asked).await else {
            return false;
        };
        self.time.tell(answer.now, began, self.clock.monotonic(), || self.clock.now());
        let mut state = self.state.lock().unwrap();
        if answer.reset {
            *state = State::default();
        }
        state.view.apply_log(&answer.entries);
        (state.epoch, state.next) = (Some(answer.epoch), answer.next);
        if !answer.more {
            state.fresh_until = began + answer.lease - answer.lease / 50;
        }
        true
    }

    fn now(&self) -> Timestamp {
        self.time.now(|| self.clock.monotonic(), || self.clock.now())
    }

    /// Forgets what is over, as a guard does every minute.
    pub(crate) fn sweep(&self) {
        self.state.lock().unwrap().view.forget(self.now());
    }

    /// Whether it accepts a token that its keys have proven; `None` when it may not say.
    pub(crate) fn accepts(&self, claims: &AccessClaims, kid: &Kid) -> Option<bool> {
        let state = self.state.lock().unwrap();
        let fresh = self.clock.monotonic() < state.fresh_until;
        let in_time = || state.view.judging(self.now()).as_secs() < claims.exp + 30;
        fresh.then(|| !state.view.ends_token(claims, kid) && in_time())
    }
}

async fn travel(chance: &Chance, calm: bool) {
    if !calm {
        let late = if chance.once_in(12) { chance.millis(4_000) } else { chance.millis(3) };
        tokio::time::sleep(late).await;
    }
}
