//! Refresh under faults (invariant 6): whole lives of a chain, in which up to fifty tabs refresh at once, replies are lost after the
//! commit, clients hang up, the process is killed between commit and reply or begins anew, and the clock steps by up to ten seconds.
//! The honest client is never logged out, and whoever steals one of its tokens always ends the session.
//!
//! `SYMBOLON_REFRESH_ROUNDS`: how many rounds over each store (10,000 over memory, 1,500 over the embedded one, which writes each
//! move to disk). `SYMBOLON_SEED`: where chance begins.

use std::time::Duration;

use symbolon::{
    Error, ErrorKind,
    login::{Caller, Carrier},
    token::issue::{TokenAnswer, Wish},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Holder, counter};
use crate::common::{Browser, Call, Hold, Someone, World, caller, caller_at, kind, world::tokens};

const GRACE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);
/// Rounds of one chain, after which somebody steals from it.
const LIFE: usize = 50;

/// Chance that can be repeated (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.below(usize::try_from(most.as_millis()).unwrap() + 1) as u64)
    }
}

/// What happens to the tabs that refresh together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Some replies of the store are lost, before or after it has committed: those tabs are told 503.
    Store {
        after: bool,
    },
    /// Some tabs hang up while the store has their request.
    Gone {
        after: bool,
    },
    /// `kill -9` while the store has the requests of all: nobody is answered.
    Killed {
        after: bool,
    },
    /// The process ended in good order and began anew before anybody came.
    Restarted,
}

const FAULTS: [Fault; 8] = [
    Fault::Store { after: false },
    Fault::Store { after: true },
    Fault::Gone { after: false },
    Fault::Gone { after: true },
    Fault::Killed { after: false },
    Fault::Killed { after: true },
    Fault::Killed { after: true },
    Fault::Restarted,
];

/// A client: what its tabs keep in common, and all that it ever kept.
struct Client {
    who: Someone,
    /// Another login of the same user, which nothing here concerns.
    bystander: Browser,
    session: Uuid,
    /// With it, the chain is bound.
    holder: Option<Holder>,
    proofs: usize,
    tokens: Vec<String>,
    access: String,
}

impl Client {
    async fn new(world: &World, number: usize) -> Self {
        let who = world.user(&format!("ann.{number}")).await;
        let mut client = Self {
            bystander: world.browser(&who).await,
            who,
            session: Uuid::nil(),
            holder: (number % 4 == 3).then(Holder::new),
            proofs: 0,
            tokens: Vec::new(),
            access: String::new(),
        };
        let (carrier, shown) = (Carrier::Token(Wish::default()), client.caller(world));
        let login = world.attempt(&client.who.name, &client.who.password, carrier, &shown).await;
        let answer = tokens(login.unwrap().issued);
        client.session = answer.session_id.unwrap();
        client.tokens.push(answer.refresh_token.unwrap());
        client
    }

    /// Who calls: with a proof of its own when the chain is bound.
    fn caller(&mut self, world: &World) -> Caller {
        self.proofs += 1;
        let proof = self.holder.as_ref().map(|holder| holder.proof(&self.proofs.to_string(), world.now()));
        caller().with_proof(proof)
    }

    fn token(&self) -> &str {
        self.tokens.last().unwrap()
    }

    /// What came of it: the same for everybody who was answered.
    fn keep(&mut self, answers: &[TokenAnswer]) {
        let successor = answers[0].refresh_token.as_deref().unwrap();
        for answer in answers {
            assert_eq!(answer.refresh_token.as_deref(), Some(successor));
            assert_eq!(answer.session_id, Some(self.session));
        }
        assert!(counter(successor) - counter(self.token()) <= 1);
        self.access.clone_from(&answers[0].access_token);
        if successor != self.token() {
            self.tokens.push(successor.to_owned());
        }
    }
}

/// So many tabs at once.
fn tabs(world: &World, client: &mut Client, count: usize) -> JoinSet<Result<TokenAnswer, Error>> {
    let mut tabs = JoinSet::new();
    for _ in 0..count {
        let (engine, token, caller) = (world.engine.clone(), client.token().to_owned(), client.caller(world));
        tabs.spawn(async move { engine.refresh(&token, None, &caller).await });
    }
    tabs
}

fn spoil(world: &World, after: bool, times: usize) {
    for _ in 0..times {
        if after { world.store.fail_after(Call::Refresh) } else { world.store.fail_before(Call::Refresh) }
    }
}

fn hold(world: &World, after: bool) -> Hold {
    if after { world.store.hold_after(Call::Refresh) } else { world.store.hold_before(Call::Refresh) }
}

/// They all ask, something goes wrong, and some are answered.
async fn together(
    mut world: World,
    client: &mut Client,
    count: usize,
    fault: Fault,
) -> (World, Vec<TokenAnswer>) {
    let what = format!("{count} tabs of {}, {fault:?}", client.who.name);
    let lost = count.div_ceil(2);
    let (told, answered, refused) = match fault {
        Fault::None => (tabs(&world, client, count).join_all().await, count, 0),
        Fault::Restarted => {
            world = world.restart().await;
            (tabs(&world, client, count).join_all().await, count, 0)
        }
        Fault::Store { after } => {
            spoil(&world, after, lost);
            (tabs(&world, client, count).join_all().await, count - lost, lost)
        }
        Fault::Gone { after } => {
            let mut held = hold(&world, after);
            let mut gone = tabs(&world, client, 1);
            held.reached().await;
            gone.abort_all();
            assert!(gone.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()), "{what}");
            let others = tabs(&world, client, count - 1);
            held.release();
            let told = others.join_all().await;
            // What nobody waits for is done all the same.
            world.store.settled(Call::Refresh).await;
            (told, count - 1, 0)
        }
        Fault::Killed { after } => {
            let mut held: Vec<_> = (0..count).map(|_| hold(&world, after)).collect();
            let dying = tabs(&world, client, count);
            for one in &mut held {
                one.reached().await;
            }
            // What was not committed never will be; of what was, nobody hears.
            spoil(&world, after, count);
            held.into_iter().for_each(Hold::release);
            let told = dying.join_all().await;
            world = world.kill().await;
            (told, 0, count)
        }
    };
    let (good, bad): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
    let why: Vec<_> = bad.iter().map(kind).collect();
    assert!(why.iter().all(|kind| *kind == Some(ErrorKind::Unavailable)), "{what}: {why:?}");
    assert_eq!((good.len(), bad.len()), (answered, refused), "{what}");
    (world, good.into_iter().map(Result::unwrap).collect())
}

/// The client needs a new access token, and asks until it has one. From the move on no more than 26 s of a clock pass, its step included.
async fn round(mut world: World, client: &mut Client, chance: &mut Chance) -> World {
    world
        .clock
        .advance(Duration::from_secs(chance.of(&[0, 1, 29, 30, 31, 300, 3600])) + chance.up_to(SECOND));
    let before = client.token().to_owned();
    let step = chance.below(6);
    for attempt in 0..=3 {
        if attempt == step {
            let by = chance.up_to(10 * SECOND);
            if chance.below(2) == 0 { world.clock.advance(by) } else { world.clock.set_back(by) }
        }
        let fault = if attempt == 3 || chance.below(2) == 0 { Fault::None } else { chance.of(&FAULTS) };
        let count = chance.of(&[1, 1, 1, 1, 2, 3, 5, 50]);
        let (next, answers) = together(world, client, count, fault).await;
        world = next;
        if !answers.is_empty() {
            client.keep(&answers);
            break;
        }
        world.clock.advance(chance.up_to(4 * SECOND));
    }
    if chance.below(3) == 0 {
        // A tab that slept over it all.
        world.clock.advance(chance.up_to(4 * SECOND));
        let caller = client.caller(&world);
        let late = world.engine.refresh(&before, None, &caller).await.unwrap();
        client.keep(&[late]);
    }
    assert_eq!(world.engine.check_token(&client.access).is_ok(), client.holder.is_none());
    world
}

/// What goes wrong while a thief is found out.
#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    /// The ending fails once, before or after it was committed.
    Store {
        after: bool,
    },
    /// The thief hangs up before the store has said what it thinks of the token.
    HangsUp,
    /// `kill -9` before anything was ended.
    Killed,
}

const ESCAPES: [Escape; 5] = [
    Escape::None,
    Escape::Store { after: false },
    Escape::Store { after: true },
    Escape::HangsUp,
    Escape::Killed,
];

/// A token that tells of a theft is shown.
async fn caught(
    mut world: World,
    token: &str,
    by: &mut impl FnMut(&World) -> Caller,
    escape: Escape,
) -> World {
    let caller = by(&world);
    let show = {
        let (engine, token) = (world.engine.clone(), token.to_owned());
        async move { engine.refresh(&token, None, &caller).await }
    };
    match escape {
        Escape::None => assert_eq!(kind(&show.await), Some(ErrorKind::InvalidGrant)),
        Escape::Store { after } => {
            if after {
                world.store.fail_after(Call::Transact);
            } else {
                world.store.fail_before(Call::Transact);
            }
            assert_eq!(kind(&show.await), Some(ErrorKind::Unavailable));
            if !after {
                let again = world.engine.refresh(token, None, &by(&world)).await;
                assert_eq!(kind(&again), Some(ErrorKind::InvalidGrant));
            }
        }
        Escape::HangsUp => {
            let (mut asked, mut ended) =
                (world.store.hold_before(Call::Refresh), world.store.hold_after(Call::Transact));
            let gone = tokio::spawn(show);
            asked.reached().await;
            gone.abort();
            assert!(gone.await.is_err_and(|error| error.is_cancelled()));
            asked.release();
            ended.reached().await;
            ended.release();
            world.store.settled(Call::Transact).await;
        }
        Escape::Killed => {
            world.store.fail_after(Call::Refresh);
            assert_eq!(kind(&show.await), Some(ErrorKind::Unavailable));
            world = world.kill().await;
            let again = world.engine.refresh(token, None, &by(&world)).await;
            assert_eq!(kind(&again), Some(ErrorKind::InvalidGrant));
        }
    }
    world
}

/// Somebody has a copy of one of the client's tokens.
async fn theft(mut world: World, client: &mut Client, chance: &mut Chance) -> World {
    let thief = |_: &World| caller_at("203.0.113.9");
    let escape = chance.of(&ESCAPES);
    let (used, last) = (client.tokens.len() - 2, client.tokens.len() - 1);
    assert!(used > 0, "the chain moved");
    let old = client.tokens[chance.below(used)].clone();
    world.clock.advance(chance.up_to(20 * SECOND));
    if client.holder.is_some() {
        // Without the key no token is of any use, nor does it harm its owner.
        for token in [&old, client.token()] {
            for proof in [None, Some(Holder::new().proof("x", world.now()))] {
                let refused = world.engine.refresh(token, None, &thief(&world).with_proof(proof)).await;
                assert!(matches!(kind(&refused), Some(ErrorKind::InvalidProof | ErrorKind::InvalidGrant)));
            }
        }
        world = round(world, client, chance).await;
        world = caught(world, &old, &mut |world| client.caller(world), escape).await;
    } else {
        match chance.below(3) {
            0 => world = caught(world, &old, &mut { thief }, escape).await,
            1 => {
                // The one used last, from when the clock that stepped back most has seen the grace time pass.
                world.clock.advance(GRACE + 10 * SECOND);
                let token = client.tokens[used].clone();
                world = caught(world, &token, &mut { thief }, escape).await;
            }
            _ => {
                // The one that counts. The thief goes on with it, and the client comes later than a lost reply would let it.
                let mut stolen = client.tokens[last].clone();
                for _ in 0..=chance.below(3) {
                    world.clock.advance(GRACE + 10 * SECOND);
                    let answer = world.engine.refresh(&stolen, None, &thief(&world)).await.unwrap();
                    assert!(world.engine.check_token(&answer.access_token).is_ok());
                    (stolen, client.access) = (answer.refresh_token.unwrap(), answer.access_token);
                }
                world.clock.advance(GRACE + 10 * SECOND);
                let own = client.token().to_owned();
                client.tokens.push(stolen);
                world = caught(world, &own, &mut |_| caller(), escape).await;
            }
        }
    }
    over(&world, client).await;
    world = world.kill().await;
    over(&world, client).await;
    world
}

/// The session has ended, for whoever holds anything of it, and no other.
async fn over(world: &World, client: &mut Client) {
    for token in [0, client.tokens.len() - 2, client.tokens.len() - 1].map(|at| client.tokens[at].clone()) {
        let caller = client.caller(world);
        assert_eq!(kind(&world.engine.refresh(&token, None, &caller).await), Some(ErrorKind::InvalidGrant));
    }
    assert!(world.engine.check_token(&client.access).is_err());
    assert_eq!(world.live(client.who.id).await, [client.bystander.session.id]);
    assert!(world.accepts(&client.bystander.cookie).await);
    let rows = world.engine.audit(Some(client.who.id), None, usize::MAX).await.unwrap();
    let theft: Vec<_> = rows.iter().filter(|row| row.event.starts_with("refresh_")).collect();
    assert_eq!(theft.len(), 1, "the audit says so once: {theft:?}");
    assert_eq!((theft[0].event.as_str(), theft[0].session), ("refresh_reused", Some(client.session)));
    assert_eq!(theft[0].detail["reason"], "theft");
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

async fn lives(mut world: World, rounds: usize) {
    let seed = number("SYMBOLON_SEED", 0x5e_ed);
    let mut chance = Chance(u64::try_from(seed).unwrap().max(1));
    for life in 0..rounds.div_ceil(LIFE) {
        let mut client = Client::new(&world, life).await;
        for _ in 0..LIFE {
            world = round(world, &mut client, &mut chance).await;
        }
        world = theft(world, &mut client, &mut chance).await;
        world.engine.tend().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_6_no_fault_logs_anybody_out_and_every_thief_ends_the_session_in_memory() {
    lives(World::memory().await, number("SYMBOLON_REFRESH_ROUNDS", 10_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_6_no_fault_logs_anybody_out_and_every_thief_ends_the_session_on_disk() {
    lives(World::sqlite().await, number("SYMBOLON_REFRESH_ROUNDS", 1_500)).await;
}
