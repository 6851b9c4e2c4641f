//! A user with logins of every kind, and the tasks that check, renew and end them at whatever node or guard chance sends them to.
//! (Longer than most files: what is remembered of a login and what each call may do to it belong together.)

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    ledger::{Credential, Found},
    time,
};

/// Somewhere a credential can be shown.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    /// Without a path.
    pub(crate) base: String,
    /// What answers 200 to a login: `/v1/me` at nodes.
    pub(crate) door: &'static str,
}

/// What all tasks share.
pub(crate) struct World {
    pub(crate) nodes: Vec<Place>,
    /// Nodes and guards.
    pub(crate) places: Vec<Place>,
    pub(crate) client: Client,
    pub(crate) over: AtomicBool,
    pub(crate) tally: Tally,
    /// What was found wrong.
    pub(crate) faults: Mutex<Vec<String>>,
}

/// What happened, to be told at the end.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) nobody: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) endings: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// A login by cookie.
#[derive(Clone)]
struct Cookie {
    credential: Credential,
    value: String,
}

/// A login by token: the session, and what was issued last.
#[derive(Clone)]
struct Chain {
    session: Credential,
    access: (Credential, String),
    refresh: String,
}

pub(crate) struct Family {
    identifier: String,
    world: Arc<World>,
    cookies: Mutex<Vec<Cookie>>,
    chains: Mutex<Vec<Chain>>,
    /// Everything that ever was.
    all: Mutex<Vec<(Credential, Shown)>>,
    /// The sessions of chains that ever were: their tokens die with them.
    sessions: Mutex<Vec<Credential>>,
    /// Calls that end all of this user: begun, under way, and until when one whose answer was lost may still happen.
    begun: AtomicU64,
    under_way: AtomicU64,
    in_doubt: Mutex<Option<Instant>>,
}

/// What was under way when something was asked for.
#[derive(Clone, Copy)]
struct Asked {
    /// Calls that end all of the user which had begun, and those of other tasks that had not returned.
    begun: u64,
    under_way: u64,
}

/// How a credential is shown.
#[derive(Clone)]
enum Shown {
    Cookie(String),
    Bearer(String),
}

const PASSWORD: &str = "walnut 1000003 lantern over quarry";
/// What nobody heard the end of has happened by then or never will: a node gives up on the database sooner, and stands still for shorter.
const LOST: Duration = Duration::from_secs(20);
/// Logins of each kind that a family keeps.
const KEPT: usize = 4;

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl World {
    fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn fault(&self, fault: String) {
        self.faults.lock().unwrap().push(fault);
    }

    fn node<'a>(&'a self, chance: &mut Chance) -> &'a Place {
        chance.pick(&self.nodes).unwrap()
    }
}

/// An answer that says something: neither none nor 503.
async fn send(request: RequestBuilder) -> Option<Response> {
    request.send().await.ok().filter(|answer| answer.status() != 503 && answer.status() != 429)
}

impl Shown {
    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Cookie(value) => request.header(header::COOKIE, format!("symbolon={value}")),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

impl Family {
    /// Registers it.
    pub(crate) async fn register(identifier: &str, world: &Arc<World>) -> Arc<Self> {
        let body = json!({ "identifier": identifier, "password": PASSWORD });
        let answer =
            world.client.post(format!("{}/v1/users", world.nodes[0].base)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{:?}", answer.text().await);
        Arc::new(Self {
            identifier: identifier.to_owned(),
            world: Arc::clone(world),
            cookies: Mutex::default(),
            chains: Mutex::default(),
            all: Mutex::default(),
            sessions: Mutex::default(),
            begun: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            in_doubt: Mutex::default(),
        })
    }

    /// Marks a credential that was made while another call may have ended all of this user. To be asked before it is remembered, and
    /// after: a call that begins then knows of it.
    fn doubt(&self, credential: &Credential, asked: Asked) {
        let now = self.begun.load(Ordering::SeqCst);
        let may_happen = self.in_doubt.lock().unwrap().is_some_and(|until| time::now() < until);
        if asked.under_way > 0 || now != asked.begun || may_happen {
            credential.ending();
        }
    }

    fn remember(&self, credential: &Credential, shown: Shown) {
        self.all.lock().unwrap().push((credential.clone(), shown));
    }

    async fn login(&self, chance: &mut Chance, number: u64) -> Option<()> {
        let place = self.world.node(chance).clone();
        let by_cookie = chance.below(2) == 0;
        let path = if by_cookie { "/v1/sessions" } else { "/v1/tokens" };
        let asked = Asked {
            begun: self.begun.load(Ordering::SeqCst),
            under_way: self.under_way.load(Ordering::SeqCst),
        };
        let body = json!({ "identifier": self.identifier, "password": PASSWORD });
        let answer = send(self.world.client.post(format!("{}{path}", place.base)).json(&body)).await?;
        if answer.status() != 201 {
            self.world.fault(format!("{} refused a login: {}", place.name, answer.status()));
            return None;
        }
        count(&self.world.tally.logins);
        let name = |kind: &str| format!("{kind} {number} of {}", self.identifier);
        if by_cookie {
            let value = session_cookie(&answer)?;
            let credential = Credential::new(name("cookie"));
            self.doubt(&credential, asked);
            self.remember(&credential, Shown::Cookie(value.clone()));
            self.doubt(&credential, asked);
            self.cookies.lock().unwrap().push(Cookie { credential, value });
        } else {
            let body: Value = answer.json().await.ok()?;
            let session = Credential::new(name("chain"));
            self.doubt(&session, asked);
            self.sessions.lock().unwrap().push(session.clone());
            self.doubt(&session, asked);
            let chain = self.chain(&body, session)?;
            self.chains.lock().unwrap().push(chain);
        }
        Some(())
    }

    /// What a token answer gave.
    fn chain(&self, body: &Value, session: Credential) -> Option<Chain> {
        let text = body["access_token"].as_str()?.to_owned();
        let refresh = body["refresh_token"].as_str()?.to_owned();
        let token = Credential::under(&session, format!("a token of {}", self.identifier));
        self.remember(&token, Shown::Bearer(text.clone()));
        Some(Chain { session, access: (token, text), refresh })
    }

    /// Shows credentials at doors until all is over.
    pub(crate) async fn check(self: Arc<Self>, mut chance: Chance) {
        while !self.world.over() {
            // Dead ones are shown as well: they are what must not come back.
            let shown = {
                let all = self.all.lock().unwrap();
                let recent = &all[all.len().saturating_sub(24)..];
                chance.pick(recent).cloned()
            };
            if let Some((credential, shown)) = shown {
                let place = chance.pick(&self.world.places).unwrap().clone();
                self.show(&credential, &shown, &place).await;
            }
            tokio::time::sleep(Duration::from_millis(2 + chance.below(8))).await;
        }
    }

    async fn show(&self, credential: &Credential, shown: &Shown, place: &Place) -> Found {
        let begun = credential.check();
        let request = shown.on(self.world.client.get(format!("{}{}", place.base, place.door)));
        let found = match send(request).await.map(|answer| answer.status().as_u16()) {
            Some(200) => Found::Accepted,
            Some(401) => Found::Refused,
            None => Found::Nobody,
            Some(other) => {
                self.world.fault(format!("{} answered {other} to a check", place.name));
                Found::Nobody
            }
        };
        let tally = &self.world.tally;
        count(match found {
            Found::Accepted => &tally.accepted,
            Found::Refused => &tally.refused,
            Found::Nobody => &tally.nobody,
        });
        if let Err(fault) = begun.answered(found, &place.name) {
            self.world.fault(fault);
        }
        found
    }

    /// Logs in, renews and ends until all is over.
    pub(crate) async fn live(self: Arc<Self>, mut chance: Chance) {
        let mut number = 0;
        while !self.world.over() {
            let few = self.cookies.lock().unwrap().len() + self.chains.lock().unwrap().len() < KEPT;
            match chance.below(8) {
                _ if few => {
                    number += 1;
                    self.login(&mut chance, number).await;
                }
                0..=2 => self.refresh(&mut chance).await,
                3 | 4 => self.logout(&mut chance).await,
                5 => self.revoke(&mut chance).await,
                6 if chance.below(12) == 0 => self.end_all(&mut chance).await,
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(5 + chance.below(40))).await;
        }
    }

    async fn refresh(&self, chance: &mut Chance) {
        let Some(chain) = take(chance, &self.chains) else { return };
        let place = self.world.node(chance).clone();
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*chain.refresh)];
        let request = self.world.client.post(format!("{}/oauth/token", place.base)).form(&form);
        let begun = chain.session.check();
        let Some(answer) = send(request).await else {
            // A lost answer costs nothing: the same token is shown again, and gets the same successor.
            return self.chains.lock().unwrap().push(chain);
        };
        let found = match answer.status().as_u16() {
            200 => Found::Accepted,
            400 => Found::Refused,
            other => return self.world.fault(format!("{} answered {other} to a refresh", place.name)),
        };
        if let Err(fault) = begun.answered(found, &place.name) {
            self.world.fault(format!("refresh: {fault}"));
        }
        if found == Found::Refused {
            return;
        }
        count(&self.world.tally.refreshes);
        let next =
            answer.json::<Value>().await.ok().and_then(|body| self.chain(&body, chain.session.clone()));
        self.chains.lock().unwrap().push(next.unwrap_or(chain));
    }

    /// Ends one cookie session.
    async fn logout(&self, chance: &mut Chance) {
        let Some(cookie) = take(chance, &self.cookies) else { return };
        let place = self.world.node(chance).clone();
        let request = self.world.client.delete(format!("{}/v1/sessions/current", place.base));
        cookie.credential.ending();
        // 401: it had ended before, and the call waited as well.
        let by = format!("a logout at {}", place.name);
        self.ends(Shown::Cookie(cookie.value).on(request), &[204, 401], &by, &[cookie.credential]).await;
    }

    /// Ends a chain by its refresh token, or one access token.
    async fn revoke(&self, chance: &mut Chance) {
        let Some(chain) = take(chance, &self.chains) else { return };
        let place = self.world.node(chance).clone();
        let (credential, token) =
            if chance.below(3) > 0 { (chain.session, chain.refresh) } else { chain.access };
        let request =
            self.world.client.post(format!("{}/oauth/revoke", place.base)).form(&[("token", token)]);
        credential.ending();
        self.ends(request, &[200], &format!("a revocation at {}", place.name), &[credential]).await;
    }

    /// Ends everything of the user, or everything but one session.
    async fn end_all(&self, chance: &mut Chance) {
        let Some(cookie) = take(chance, &self.cookies) else { return };
        let place = self.world.node(chance).clone();
        let keep = chance.below(2) == 0;
        let path = if keep { "/v1/sessions?keep=current" } else { "/v1/sessions" };
        let asked = Asked {
            begun: self.begun.fetch_add(1, Ordering::SeqCst) + 1,
            under_way: self.under_way.fetch_add(1, Ordering::SeqCst),
        };
        let mut dead: Vec<Credential> = self.all.lock().unwrap().iter().map(|(one, _)| one.clone()).collect();
        dead.extend(self.sessions.lock().unwrap().iter().cloned());
        self.chains.lock().unwrap().clear();
        self.cookies.lock().unwrap().clear();
        dead.iter().for_each(Credential::ending);
        let request = self.world.client.request(Method::DELETE, format!("{}{path}", place.base));
        let by = format!("an end of everything at {}", place.name);
        let answer = self.ends(Shown::Cookie(cookie.value).on(request), &[200, 204], &by, &dead).await;
        if answer.is_none() {
            // It may happen yet, and take with it what is made meanwhile.
            *self.in_doubt.lock().unwrap() = Some(time::now() + LOST);
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if let Some(value) = answer.and_then(|answer| session_cookie(&answer)) {
            let credential = Credential::new(format!("a successor of {}", self.identifier));
            self.doubt(&credential, asked);
            self.remember(&credential, Shown::Cookie(value.clone()));
            self.doubt(&credential, asked);
            self.cookies.lock().unwrap().push(Cookie { credential, value });
        }
    }

    /// Sends what ends `dead`, and notes it when the call has returned.
    async fn ends(
        &self,
        request: RequestBuilder,
        done: &[u16],
        by: &str,
        dead: &[Credential],
    ) -> Option<Response> {
        match send(request).await {
            Some(answer) if done.contains(&answer.status().as_u16()) => {
                dead.iter().for_each(|credential| credential.ended(by));
                count(&self.world.tally.endings);
                Some(answer)
            }
            // Its own credential had ended: nothing happened.
            Some(answer) if answer.status() == 401 => None,
            Some(answer) => {
                self.world.fault(format!("{by} was answered {}", answer.status()));
                None
            }
            None => {
                count(&self.world.tally.lost);
                None
            }
        }
    }

    /// When all is whole again: what was ended is dead at every door, and what nobody ended opens each.
    pub(crate) async fn settle(&self) -> (usize, usize) {
        let all = self.all.lock().unwrap().clone();
        let (mut dead, mut live) = (0, 0);
        for (credential, shown) in all {
            if !credential.is_ended() && !credential.is_live() {
                continue;
            }
            for place in &self.world.places {
                let found = self.show(&credential, &shown, place).await;
                match found {
                    Found::Refused => dead += 1,
                    Found::Accepted => live += 1,
                    Found::Nobody => {
                        let request =
                            shown.on(self.world.client.get(format!("{}{}", place.base, place.door)));
                        let said = match request.send().await {
                            Ok(answer) => {
                                format!("{} {}", answer.status(), answer.text().await.unwrap_or_default())
                            }
                            Err(error) => error.to_string(),
                        };
                        self.world
                            .fault(format!("{} does not know, though all is whole: {said}", place.name));
                    }
                }
            }
        }
        (dead, live)
    }
}

fn some_index(chance: &mut Chance, len: usize) -> Option<usize> {
    let len = u64::try_from(len).ok().filter(|len| *len > 0)?;
    usize::try_from(chance.below(len)).ok()
}

fn take<T>(chance: &mut Chance, from: &Mutex<Vec<T>>) -> Option<T> {
    let mut from = from.lock().unwrap();
    some_index(chance, from.len()).map(|at| from.swap_remove(at))
}

fn session_cookie(answer: &Response) -> Option<String> {
    let lines = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let value =
        lines.filter_map(|line| line.split(['=', ';']).nth(1)).find(|value| value.starts_with("ses_"));
    value.map(str::to_owned)
}
