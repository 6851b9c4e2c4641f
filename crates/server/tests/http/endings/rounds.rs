//! `kill -9` in the middle of writes, round after round: nothing acknowledged is lost, nothing ended comes back.
//!
//! Clients do what clients do and keep a ledger of what was acknowledged. A request whose answer did not come may have happened or
//! not; what it was about is asked after the next start, once, and from then on must stay as it was found. `SYMBOLON_TEST_ROUNDS` sets the
//! number of rounds.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    chance::Chance,
    people::{Key, Person},
    raw::Answer,
    server::TestServer,
    time,
};

const ROUNDS: u32 = 100;
const CLIENTS: usize = 5;
/// Sessions of each kind that a client keeps at most: every round asks about all of them.
const KEPT: usize = 5;

/// What a client knows of one user.
struct Ledger {
    person: Person,
    chance: Chance,
    /// Acknowledged and not ended.
    live: Vec<Key>,
    /// The refresh chains that live: each the last token that was answered.
    chains: Vec<String>,
    /// Ended, and acknowledged or found to be. For ever.
    dead: Vec<Key>,
    /// How many of `dead` were asked about already.
    asked: usize,
    profile: Value,
    /// What the request that was cut off was about.
    pending: Option<Pending>,
    /// What was done and acknowledged, for the sum at the end.
    done: u64,
}

/// A request without an answer.
enum Pending {
    /// Nothing that one could ask about: a login, whose cookie nobody got.
    Login,
    /// These end together, or not.
    Ending(Vec<Key>),
    /// The chain's token may have moved.
    Refresh(String),
    Profile(Value),
}

impl Ledger {
    fn new(server: &TestServer, number: usize, seed: u64) -> Self {
        Self {
            person: server.person(&format!("client{number}")),
            chance: Chance::new(seed, u64::try_from(number).unwrap()),
            live: Vec::new(),
            chains: Vec::new(),
            dead: Vec::new(),
            asked: 0,
            profile: json!({}),
            pending: None,
            done: 0,
        }
    }

    /// Does one thing. `None`: the server is gone.
    fn step(&mut self, server: &TestServer) -> Option<()> {
        let person = &self.person;
        let credentials = json!({ "identifier": person.identifier, "password": person.password });
        match self.chance.below(10) {
            0..=2 if self.live.len() < KEPT => {
                self.pending = Some(Pending::Login);
                let answer = server.post("/v1/sessions").json(credentials).try_send()?.is(201);
                self.live.push(Key::Cookie(answer.session_cookie()));
            }
            3 if self.chains.len() < KEPT => {
                self.pending = Some(Pending::Login);
                let body = server.post("/v1/tokens").json(credentials).try_send()?.gives(201);
                self.chains.push(text(&body, "refresh_token"));
            }
            4 | 5 => {
                let Some(token) = self.chance.pick(&self.chains).cloned() else { return Some(()) };
                self.pending = Some(Pending::Refresh(token.clone()));
                let next = text(&refresh(server, &token)?.gives(200), "refresh_token");
                self.chains
                    .iter_mut()
                    .filter(|chain| **chain == token)
                    .for_each(|chain| chain.clone_from(&next));
            }
            6 => {
                let Some(Key::Cookie(cookie)) = self.chance.pick(&self.live).cloned() else {
                    return Some(());
                };
                let profile = json!({ "n": self.done });
                self.pending = Some(Pending::Profile(profile.clone()));
                let request = server.patch("/v1/me").cookie(&cookie).json(json!({ "profile": profile }));
                request.try_send()?.gives(200);
                self.profile = profile;
            }
            7 | 8 => {
                let Some(key) = self.chance.pick(&self.live).cloned() else { return Some(()) };
                let Key::Cookie(cookie) = &key else { return Some(()) };
                self.pending = Some(Pending::Ending(vec![key.clone()]));
                server.delete("/v1/sessions/current").cookie(cookie).try_send()?.no_content();
                self.end(&[key]);
            }
            9 => self.end_much(server)?,
            _ => return Some(()),
        }
        self.pending = None;
        self.done += 1;
        Some(())
    }

    /// Ends a chain, or everything.
    fn end_much(&mut self, server: &TestServer) -> Option<()> {
        if let Some(token) = self.chance.pick(&self.chains).cloned().filter(|_| self.live.len() < KEPT) {
            let key = Key::Refresh(token.clone());
            self.pending = Some(Pending::Ending(vec![key.clone()]));
            server.post("/oauth/revoke").form(&[("token", &token)]).try_send()?.is(200);
            self.end(&[key]);
            return Some(());
        }
        let Some(Key::Cookie(cookie)) = self.chance.pick(&self.live).cloned() else { return Some(()) };
        let all: Vec<Key> =
            self.live.iter().cloned().chain(self.chains.iter().cloned().map(Key::Refresh)).collect();
        self.pending = Some(Pending::Ending(all.clone()));
        if self.chance.below(2) == 0 {
            server.delete("/v1/sessions").cookie(&cookie).try_send()?.no_content();
            self.end(&all);
        } else {
            let answer = server.delete("/v1/sessions?keep=current").cookie(&cookie).try_send()?.is(200);
            self.end(&all);
            self.live.push(Key::Cookie(answer.session_cookie()));
        }
        Some(())
    }

    fn end(&mut self, keys: &[Key]) {
        self.live.retain(|key| !keys.contains(key));
        self.chains.retain(|token| !keys.contains(&Key::Refresh(token.clone())));
        self.dead.extend_from_slice(keys);
    }

    /// After a start: everything is as it was acknowledged; what was cut off has happened or not, and wholly.
    fn check(&mut self, server: &TestServer) {
        match self.pending.take() {
            None | Some(Pending::Login) => {}
            Some(Pending::Ending(keys)) => {
                let open: Vec<bool> = keys.iter().map(|key| server.opens(key)).collect();
                assert!(open.iter().all(|one| *one == open[0]), "all together or none: {open:?}");
                if !open[0] {
                    self.end(&keys);
                }
            }
            Some(Pending::Refresh(token)) => {
                // A lost reply: the old token gets the successor, whether the move had happened or not.
                let next = text(&server.refresh(&token).gives(200), "refresh_token");
                assert_eq!(text(&server.refresh(&token).gives(200), "refresh_token"), next, "one successor");
                self.chains
                    .iter_mut()
                    .filter(|chain| **chain == token)
                    .for_each(|chain| chain.clone_from(&next));
            }
            Some(Pending::Profile(profile)) => {
                let found = self.found_profile(server);
                assert!(found == profile || found == self.profile, "{found}");
                self.profile = found;
            }
        }
        for key in &self.live {
            assert!(server.opens(key), "acknowledged and lost: {key:?}");
        }
        for token in &mut self.chains {
            *token = text(&server.refresh(token).gives(200), "refresh_token");
        }
        assert_eq!(self.found_profile(server), self.profile, "acknowledged and lost");
        // The latest endings, and some of those before.
        let (old, new) = self.dead.split_at(self.asked);
        for key in new.iter().chain((0..3).filter_map(|_| self.chance.pick(old))) {
            assert!(!server.opens(key), "ended and back: {key:?}");
        }
        self.asked = self.dead.len();
    }

    /// Somebody must be logged in to read it.
    fn found_profile(&mut self, server: &TestServer) -> Value {
        if self.live.is_empty() {
            self.live.push(Key::Cookie(server.cookie(&self.person)));
        }
        server.me(&self.live[0]).gives(200)["user"]["profile"].clone()
    }
}

fn refresh(server: &TestServer, token: &str) -> Option<Answer> {
    server.post("/oauth/token").form(&[("grant_type", "refresh_token"), ("refresh_token", token)]).try_send()
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

#[test]
fn st_01_st_03_a_hundred_kills_lose_nothing_and_bring_nothing_back() {
    let rounds = std::env::var("SYMBOLON_TEST_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number"));
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 1000);
    let mut server = TestServer::with(|settings| {
        // Counters are not what is tested here; and the grace time is longer than any start, so that a lost reply is no theft.
        settings.set("throttle.lookups", "1000000");
        settings.set("throttle.unsafe_account_tries", "100000");
        settings.set("token.refresh_grace", "\"5s\"");
    });
    let mut ledgers: Vec<Ledger> = (0..CLIENTS).map(|number| Ledger::new(&server, number, seed)).collect();
    let mut cut_off = 0;
    for round in 0..rounds {
        let (over, checked) = (AtomicBool::new(false), AtomicUsize::new(0));
        let pid = server.pid();
        std::thread::scope(|scope| {
            let clients: Vec<_> = ledgers
                .iter_mut()
                .map(|ledger| {
                    let (server, over, checked) = (&server, &over, &checked);
                    scope.spawn(move || {
                        ledger.check(server);
                        checked.fetch_add(1, Ordering::Relaxed);
                        while !over.load(Ordering::Relaxed) && ledger.step(server).is_some() {}
                    })
                })
                .collect();
            // Once all have checked what they know, at some moment or other. (A client that is done has failed.)
            let failed = || clients.iter().any(std::thread::ScopedJoinHandle::is_finished);
            time::wait_for("the checks", || {
                (checked.load(Ordering::Relaxed) == CLIENTS || failed()).then_some(())
            });
            std::thread::sleep(Duration::from_micros(chance.below(100_000)));
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            over.store(true, Ordering::Relaxed);
        });
        cut_off += ledgers.iter().filter(|ledger| ledger.pending.is_some()).count();
        server.crash();
        if round % 10 == 9 {
            println!("{} rounds", round + 1);
        }
    }
    // At the end about everything that ever ended.
    for ledger in &mut ledgers {
        ledger.check(&server);
        for key in &ledger.dead {
            assert!(!server.opens(key), "ended and back: {key:?}");
        }
    }
    let done: u64 = ledgers.iter().map(|ledger| ledger.done).sum();
    let dead: usize = ledgers.iter().map(|ledger| ledger.dead.len()).sum();
    println!("{rounds} rounds, {done} writes acknowledged, {cut_off} cut off, {dead} endings");
    assert!(done > u64::from(rounds) && cut_off > 0 && dead > 0, "the rounds did something");
}
