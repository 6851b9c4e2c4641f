//! Random histories, and what must hold in each (invariants 1 and 4; CK-06, CK-17, ST-14, ST-15).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use symbolon::{
    Symbolon,
    audit::Actor,
    keyring::MasterKey,
    login::{Attempt, Carrier},
    session::Issued,
    store::Object,
    token::issue::Wish,
    user::NewAccount,
};
use symbolon_token::{AccessClaims, Kid, SessionCookie};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    database::Database,
    guard::Guard,
    node::{Node, caller, check_cookie, check_token},
    seed::{Chance, DriftingClock, begin, elapsed},
};

pub(crate) type Nodes = Arc<Mutex<Vec<Node>>>;

/// Something that can be shown and ended.
pub(crate) struct Subject {
    pub(crate) user: Uuid,
    pub(crate) session: Option<Uuid>,
    pub(crate) cookie: Option<SessionCookie>,
    pub(crate) token: String,
    pub(crate) claims: AccessClaims,
    pub(crate) kid: Kid,
    /// Whether a call that ends it has begun.
    pub(crate) ending: AtomicBool,
    /// Whether one has returned.
    pub(crate) ended: AtomicBool,
}

pub(crate) struct Simulation {
    pub(crate) seed: u64,
    pub(crate) chance: Arc<Chance>,
    pub(crate) since: tokio::time::Instant,
    pub(crate) database: Arc<Database>,
    pub(crate) master: MasterKey,
    pub(crate) nodes: Nodes,
    pub(crate) guards: Vec<Arc<Guard>>,
    pub(crate) subjects: Arc<Vec<Subject>>,
    pub(crate) wrong: Arc<Mutex<Vec<String>>>,
    pub(crate) tasks: JoinSet<()>,
}

impl Simulation {
    pub(crate) async fn new(seed: u64, nodes: usize, guards: usize, sessions: usize) -> Self {
        // Passwords are hashed in threads of their own, which simulated time would not wait for.
        tokio::time::resume();
        let (chance, since) = (Arc::new(Chance::new(seed)), begin());
        let database = Database::new(since);
        let master = MasterKey::generate(&*chance);
        let mut started = Vec::new();
        for _ in 0..nodes {
            started.push(Node::start(&database, &chance, &master, since).await);
        }
        let engine = started[0].engine.clone();
        let nodes: Nodes = Arc::new(Mutex::new(started));
        let subjects = Arc::new(subjects(&engine, sessions).await);
        tokio::time::pause();
        let guards = (0..guards).map(|_| Guard::start(&chance, &nodes, since)).collect();
        Self {
            seed,
            chance,
            since,
            database,
            master,
            nodes,
            guards,
            subjects,
            wrong: Arc::default(),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) fn engine(&self, place: usize) -> Symbolon {
        self.nodes.lock().unwrap()[place].engine.clone()
    }

    /// How long something takes.
    pub(crate) async fn takes<T>(&self, work: impl Future<Output = T>) -> (Duration, T) {
        let began = elapsed(self.since);
        let answer = work.await;
        (elapsed(self.since) - began, answer)
    }

    fn misbehave(&self, does: bool) {
        self.nodes.lock().unwrap().iter().for_each(|node| node.misbehaves(does));
    }

    /// Somebody shows something to a node.
    pub(crate) fn check(&mut self, place: usize, subject: usize) {
        let (engine, subjects, wrong) =
            (self.engine(place), Arc::clone(&self.subjects), Arc::clone(&self.wrong));
        let (seed, by_token) = (self.seed, self.chance.once_in(2));
        self.tasks.spawn(async move {
            let subject = &subjects[subject];
            let ended = subject.ended.load(Ordering::SeqCst);
            let answer = match &subject.cookie {
                Some(cookie) if !by_token => check_cookie(&engine, cookie).await,
                _ => check_token(&engine, &subject.token).await,
            };
            if ended && answer == Some(true) {
                let carrier = if by_token { "token" } else { "cookie" };
                wrong
                    .lock()
                    .unwrap()
                    .push(format!("seed {seed}: node {place} accepted a {carrier} after its end"));
            }
        });
    }

    /// Somebody shows a token to a guard.
    fn check_at_guard(&self, place: usize, subject: usize) {
        let subject = &self.subjects[subject];
        let accepted = self.guards[place].accepts(&subject.claims, &subject.kid) == Some(true);
        if accepted && subject.ended.load(Ordering::SeqCst) {
            let seed = self.seed;
            self.wrong
                .lock()
                .unwrap()
                .push(format!("seed {seed}: guard {place} accepted a token after its end"));
        }
    }

    /// Somebody ends something at a node; everything of its user, sometimes.
    pub(crate) fn end(&mut self, place: usize, subject: usize, all: bool) {
        let (engine, subjects) = (self.engine(place), Arc::clone(&self.subjects));
        self.tasks.spawn(async move {
            let chosen = &subjects[subject];
            let hit = |other: &Subject| {
                if all { other.user == chosen.user } else { other.claims.jti == chosen.claims.jti }
            };
            let hit: Vec<&Subject> = subjects.iter().filter(|other| hit(other)).collect();
            hit.iter().for_each(|one| one.ending.store(true, Ordering::SeqCst));
            let answer = if all {
                engine.end_all(chosen.user, Actor::Cli, None).await
            } else if let Some(session) = chosen.session {
                engine.end_session(session, Some(chosen.user), Actor::Cli, None).await
            } else {
                engine.end_token(chosen.claims.jti, chosen.user, None, &caller()).await
            };
            if answer.is_ok() {
                hit.iter().for_each(|one| one.ended.store(true, Ordering::SeqCst));
            }
        });
    }

    /// A node's process dies, or ends in good order, and another takes its place.
    async fn restart(&mut self, place: usize, killed: bool) {
        let node = Node::start(&self.database, &self.chance, &self.master, self.since).await;
        node.misbehaves(true);
        let old = std::mem::replace(&mut self.nodes.lock().unwrap()[place], node);
        if !killed {
            self.tasks.spawn(async move {
                let _ = old.engine.close().await;
            });
        }
    }

    /// Another node in the place of one, whose clock is off by so many thousandths.
    pub(crate) async fn restart_with_drift(&mut self, place: usize, drift: i32) {
        self.nodes.lock().unwrap().remove(place);
        self.add_with_drift(drift).await;
        // Until nobody waits for the one that is gone.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    pub(crate) async fn add_with_drift(&mut self, drift: i32) {
        let clock = DriftingClock { drift, ..DriftingClock::of(&self.chance, self.since) };
        let masters = self.master.clone().into();
        let node = Node::with_clock(&self.database, &self.chance, masters, clock).await.unwrap();
        self.nodes.lock().unwrap().push(node);
    }

    async fn step(&mut self) {
        let chance = Arc::clone(&self.chance);
        let nodes = self.nodes.lock().unwrap().len();
        let (place, subject) = (chance.place(nodes), chance.place(self.subjects.len()));
        match chance.below(100) {
            0..60 => self.check(place, subject),
            60..78 => self.check_at_guard(chance.place(self.guards.len()), subject),
            78..86 => self.end(place, subject, chance.once_in(6)),
            86..89 => {
                let nodes = self.nodes.lock().unwrap();
                nodes[place].link.cut.store(true, Ordering::SeqCst);
            }
            89 if chance.once_in(2) => self.nodes.lock().unwrap()[place].clock.step(&chance),
            89 => self.guards[chance.place(self.guards.len())].clock.step(&chance),
            90..95 => self.nodes.lock().unwrap()[place].link.heal(),
            95..97 => self.restart(place, chance.once_in(2)).await,
            97 => self.database.step(chance.millis(900)),
            98 => {
                self.tend(place);
                self.guards.iter().for_each(|guard| guard.sweep());
            }
            _ => tokio::time::sleep(chance.millis(200_000)).await,
        }
        // Bursts, and quiet in between.
        let pause = if chance.once_in(4) { chance.millis(2_000) } else { chance.millis(30) };
        tokio::time::sleep(pause).await;
    }

    fn tend(&mut self, place: usize) {
        let engine = self.engine(place);
        self.tasks.spawn(async move {
            let _ = engine.tend().await;
        });
    }

    /// What must hold of every history; and when all is well again, service is back by itself.
    async fn judge(mut self) {
        self.misbehave(false);
        for node in self.nodes.lock().unwrap().iter() {
            node.link.heal();
            // A node is not ready while its wall is another than the store's.
            node.clock.ahead.store(0, Ordering::SeqCst);
        }
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let nodes = self.nodes.lock().unwrap().len();
        for place in 0..nodes {
            let engine = self.engine(place);
            let (ready, standing) = (engine.ready().await, engine.guarding());
            assert!(ready.is_ok(), "seed {}: node {place} is not ready: {standing:?}", self.seed);
            for subject in self.subjects.iter() {
                let Some(cookie) = &subject.cookie else { continue };
                let accepted = check_cookie(&engine, cookie).await.expect("the store is in reach");
                if subject.ended.load(Ordering::SeqCst) {
                    assert!(!accepted, "seed {}: node {place}, at the end of all", self.seed);
                } else if !subject.ending.load(Ordering::SeqCst) {
                    assert!(accepted, "seed {}: node {place} refuses what nobody ended", self.seed);
                }
            }
        }
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

async fn subjects(engine: &Symbolon, sessions: usize) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for user in 0..3 {
        let password = "plum trolley under gravel".to_owned();
        let identifier = format!("user{user}");
        let account = NewAccount {
            identifier: identifier.clone(),
            password: password.clone(),
            profile: Object::new(),
            roles: Vec::new(),
        };
        engine.add_user(account, Actor::Cli).await.unwrap();
        for number in 0..sessions {
            let cookie = Carrier::Cookie { remember: true };
            let carrier = if number % 4 == 3 { Carrier::Stateless(Wish::default()) } else { cookie };
            let (identifier, password, caller) = (identifier.as_str(), password.as_str(), &caller());
            let attempt = Attempt { identifier, password, carrier, presented: None, known: None, caller };
            let (session, cookie, token) = match engine.login(attempt).await.unwrap().issued {
                Issued::Token(answer) => (None, None, answer.access_token),
                Issued::Cookie { session, cookie } => {
                    let answer = engine.exchange(session.id, &Wish::default()).await.unwrap();
                    (Some(session.id), Some(cookie), answer.access_token)
                }
            };
            let checked = engine.ask_token(&token).await.unwrap();
            subjects.push(Subject {
                user: checked.claims().sub,
                session,
                cookie,
                claims: checked.claims().clone(),
                kid: *checked.kid(),
                token,
                ending: AtomicBool::new(false),
                ended: AtomicBool::new(false),
            });
        }
    }
    subjects
}

fn run(seed: u64, steps: usize) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::new(seed, 3, 2, 8).await;
        simulation.misbehave(true);
        for _ in 0..steps {
            simulation.step().await;
        }
        simulation.judge().await;
    });
}

/// Histories of an ordinary run; `SYMBOLON_HISTORIES` asks for more, `SYMBOLON_SEED` for others.
#[test]
fn ck_17_st_14_a_check_that_begins_after_its_revoke_returned_is_refused_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (histories, first) =
        (number("SYMBOLON_HISTORIES").unwrap_or(60), number("SYMBOLON_SEED").unwrap_or(1));
    for seed in first..first + histories {
        run(seed, 250);
    }
}
