//! The engine with its caches against its store as the truth: random histories, and after every step memory says of every cookie that was
//! ever given out what the row says, or nothing.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use symbolon::{audit::Actor, session::Via, store::Store};

use crate::common::{Browser, Someone, World, caller};

/// Histories of an ordinary run; `PROPTEST_CASES` asks for more.
const HISTORIES: u32 = 24;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Step {
    Login {
        user: usize,
    },
    Check {
        cookie: usize,
    },
    Logout {
        cookie: usize,
    },
    EndAll {
        user: usize,
    },
    EndOthers {
        cookie: usize,
    },
    Confirm {
        cookie: usize,
        end_others: bool,
    },
    Disable {
        user: usize,
        disabled: bool,
    },
    /// Something of the user's row that ends nothing.
    Change {
        user: usize,
    },
    /// A password from the administrator.
    Reset {
        user: usize,
    },
    Advance {
        minutes: u64,
    },
    /// Longer than a session lives unused.
    Idle,
    Sweep,
    Flush,
    Kill,
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let (user, cookie) = (|| 0..3_usize, || 0..40_usize);
    let step = prop_oneof![
        6 => user().prop_map(|user| Step::Login { user }),
        12 => cookie().prop_map(|cookie| Step::Check { cookie }),
        3 => cookie().prop_map(|cookie| Step::Logout { cookie }),
        1 => user().prop_map(|user| Step::EndAll { user }),
        2 => cookie().prop_map(|cookie| Step::EndOthers { cookie }),
        2 => (cookie(), any::<bool>()).prop_map(|(cookie, end_others)| Step::Confirm { cookie, end_others }),
        2 => (user(), any::<bool>()).prop_map(|(user, disabled)| Step::Disable { user, disabled }),
        2 => user().prop_map(|user| Step::Change { user }),
        1 => user().prop_map(|user| Step::Reset { user }),
        3 => (1..20_u64).prop_map(|minutes| Step::Advance { minutes }),
        1 => Just(Step::Idle),
        3 => Just(Step::Sweep),
        2 => Just(Step::Flush),
        1 => Just(Step::Kill),
    ];
    vec(step, 1..60)
}

struct Machine {
    world: World,
    people: Vec<Someone>,
    given: Vec<Browser>,
}

impl Machine {
    async fn over(world: World) -> Self {
        // Few have room: what is pushed out and read again must be no less true.
        let world = world.restart_with(|settings| settings.session_cache = 6).await;
        let mut people = Vec::new();
        for name in ["ann", "bob", "cy"] {
            people.push(world.user(name).await);
        }
        Self { world, people, given: Vec::new() }
    }

    async fn run(mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for (number, step) in steps.into_iter().enumerate() {
            let told = format!("{number}: {step:?}");
            self = self.take(step).await;
            self.compare(number, &told).await?;
        }
        Ok(())
    }

    fn browser(&self, number: usize) -> Option<&Browser> {
        let place = number.checked_rem(self.given.len())?;
        self.given.get(self.given.len() - 1 - place)
    }

    /// What is refused changes nothing, which the comparison sees; only what must not fail is unwrapped.
    async fn take(mut self, step: Step) -> Self {
        let (engine, caller) = (self.world.engine.clone(), caller());
        let owner =
            |browser: &Browser| self.people.iter().find(|one| one.id == browser.session.user).unwrap();
        let mut given = None;
        match step {
            Step::Login { user } => {
                let Someone { name, password, .. } = &self.people[user];
                let carrier = symbolon::login::Carrier::Cookie { remember: true };
                given = self.world.attempt(name, password, carrier, &caller).await.ok().map(Browser::of);
            }
            Step::Check { cookie } => {
                if let Some(browser) = self.browser(cookie) {
                    let _ = self.world.check(&browser.cookie).await;
                }
            }
            Step::Logout { cookie } => {
                if let Some(Browser { session, .. }) = self.browser(cookie) {
                    let _ = engine.logout(session.id, session.user, &caller).await;
                }
            }
            Step::EndAll { user } => engine.end_all(self.people[user].id, Actor::Cli, None).await.unwrap(),
            Step::EndOthers { cookie } => {
                if let Some(browser) = self.browser(cookie) {
                    let holder = self.world.holder(browser.session.id, Via::Cookie, &caller);
                    given = engine
                        .end_others(&holder)
                        .await
                        .ok()
                        .map(|renewed| browser.succeeded(renewed.issued));
                }
            }
            Step::Confirm { cookie, end_others } => {
                if let Some(browser) = self.browser(cookie) {
                    let holder = self.world.holder(browser.session.id, Via::Cookie, &caller);
                    let renewed = engine.confirm(&holder, &owner(browser).password, end_others).await;
                    given = renewed.ok().map(|renewed| browser.succeeded(renewed.issued));
                }
            }
            Step::Disable { user, disabled } => {
                engine.set_disabled(self.people[user].id, disabled, Actor::Cli).await.map(drop).unwrap();
            }
            Step::Change { user } => {
                let roles = vec![format!("round-{}", self.given.len())];
                engine.set_roles(self.people[user].id, roles, Actor::Cli).await.map(drop).unwrap();
            }
            Step::Reset { user } => {
                let Someone { id, password, .. } = &self.people[user];
                engine.reset_password(*id, password, Actor::Cli).await.unwrap();
            }
            Step::Advance { minutes } => self.world.clock.advance(MINUTE * u32::try_from(minutes).unwrap()),
            Step::Idle => {
                // Written first, as the background would have: the row is the truth.
                engine.sessions_written().await.unwrap();
                self.world.clock.advance(8 * 24 * 60 * MINUTE);
            }
            Step::Sweep => engine.tend().await.unwrap(),
            Step::Flush => engine.sessions_written().await.unwrap(),
            Step::Kill => {
                drop(engine);
                self.world = self.world.kill().await;
            }
        }
        self.given.extend(given);
        self
    }

    async fn compare(&self, number: usize, told: &str) -> Result<(), TestCaseError> {
        let now = self.world.now();
        let mut truths = Vec::new();
        for browser in &self.given {
            let row = self.world.store.session(browser.session.id).await.unwrap();
            truths.push(row.is_some_and(|row| row.live(now)));
        }
        for (browser, live) in self.given.iter().zip(&truths) {
            let recalled = self.world.recalls(&browser.cookie);
            prop_assert!(
                recalled.is_none_or(|said| said == *live),
                "{told}: memory says {recalled:?}, the row {live}"
            );
        }
        // And one of them is asked about, store and all.
        if let Some(place) = (number * 7).checked_rem(self.given.len()) {
            let accepted = self.world.accepts(&self.given[place].cookie).await;
            prop_assert_eq!(accepted, truths[place], "{}: asked", told);
        }
        Ok(())
    }
}

fn histories(world: impl AsyncFn() -> World) {
    let ordinary = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ordinary.cases } else { HISTORIES };
    let config = Config { cases, failure_persistence: None, max_shrink_time: 60_000, ..ordinary };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |steps| runtime.block_on(async { Machine::over(world().await).await.run(steps).await });
    if let Err(failure) = TestRunner::new(config).run(&history(), run) {
        panic!("{failure}");
    }
}

#[test]
fn memory_says_what_the_memory_store_says() {
    histories(async || World::memory().await);
}

#[test]
fn memory_says_what_the_sqlite_store_says() {
    histories(async || World::sqlite().await);
}
