//! The view: the revocation log, in memory, as a set that answers "is this dead?" without I/O.
//!
//! It owns the rule that a pause cannot bring back what was ended (F1 of the protocol's model): whoever read
//! the store notes the log number *before* the read and may fill a cache only through
//! [`View::insert_unless_ended`], under the lock that applying and forgetting take. It knows no
//! epochs and no leases: a new epoch or a reset of the log is a new `View` with a new cache, so that a
//! fill still under way ends in the old pair.
//!
//! Invariants. Entries merge by maximum (generation, number, time to forget), so order, repetition and
//! splitting do not matter. Only log reading moves [`View::last_seq`]. A forgotten number raises the
//! watermark before anybody can fill a cache again. A `key` entry is never forgotten.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::marks::{Id, Marks};
use crate::sync::{AtomicU64, Ordering, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::{AccessClaims, Kid, Timestamp};

/// What an entry of the revocation log ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ended {
    /// One access token, by its `jti`.
    Token(Uuid),
    /// One session, and with it every token that names it by `sid`.
    Session(Uuid),
    /// Everything of a user up to and including a generation.
    User {
        /// The user.
        id: Uuid,
        /// This generation and all lower ones are dead.
        generation: u64,
    },
    /// A signing key, and with it every token it signed.
    Key(Kid),
    /// Ends nothing: the row of this user changed, so what was read of it before must not be cached.
    Changed(Uuid),
}

/// What an access token says of itself that an ending can speak against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenRef {
    /// The key that signed it.
    pub kid: Kid,
    /// Its own id.
    pub jti: Uuid,
    /// Its session, when it has one.
    pub session: Option<Uuid>,
    /// Whose.
    pub user: Uuid,
    /// The user's generation in it.
    pub generation: u64,
}

impl TokenRef {
    /// Of these claims, signed by this key.
    pub fn of(claims: &AccessClaims, kid: &Kid) -> Self {
        let AccessClaims { jti, sid, sub, r#gen, .. } = claims;
        Self { kid: *kid, jti: *jti, session: *sid, user: *sub, generation: *r#gen }
    }
}

/// One line of the revocation log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// Its number; numbers become visible in rising order within an epoch, the first is 1.
    pub seq: u64,
    /// What it ends.
    pub what: Ended,
    /// Unix seconds after which nothing it ends can be accepted anyway; `None` is never (always so for a
    /// key).
    pub forget_at: Option<i64>,
}

/// Until when something is remembered: seconds since 1970, and what is beyond them for good. A view holds millions of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Until(u32);

impl Until {
    const NEVER: Self = Self(u32::MAX);

    fn of(entry: &Entry) -> Self {
        let told = entry.forget_at.map(|at| u32::try_from(at.max(0)).unwrap_or(u32::MAX));
        told.map_or(Self::NEVER, Self)
    }

    fn is_over(self, now: i64) -> bool {
        self != Self::NEVER && i64::from(self.0) < now
    }
}

struct UserMark {
    until: Until,
    /// The highest number that named the user.
    seq: u64,
    /// The highest dead generation; `None` when the row only changed.
    generation: Option<u64>,
}

#[derive(Default)]
struct Inner {
    tokens: HashMap<Uuid, Until>,
    sessions: HashMap<Uuid, Until>,
    users: HashMap<Uuid, UserMark>,
    keys: HashSet<Kid>,
    last_seq: u64,
    /// The highest number that was applied, whoever told of it.
    highest: u64,
    /// Entries up to this number may have been dropped again, or be missing from the log itself; none above. Which number a dropped
    /// one had is not kept: it counts as the highest of that moment.
    dropped: u64,
}

/// The set of what is dead. Many readers, one writer; cheap to ask, and the answer to a question asked after
/// `apply` returned includes what was applied.
#[derive(Default)]
pub struct View {
    inner: RwLock<Inner>,
    /// Ids that `inner` may hold: what is not among them is not dead, and that is nearly everything.
    marks: Marks,
    forgettings: AtomicU64,
    /// The latest time to forget, Unix seconds, of all that was forgotten.
    spent: AtomicU64,
}

impl View {
    /// An empty view: nothing applied, number 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds entries, in any order, any number of times. Does not move [`View::last_seq`]: for an ending of
    /// this very process, below whose number entries of others may still be missing (rule 3, F5).
    pub fn apply(&self, entries: &[Entry]) {
        let mut inner = self.write();
        entries.iter().for_each(|entry| self.add(&mut inner, entry));
    }

    /// Adds entries that were read from the log without gaps after [`View::last_seq`], then moves it to the
    /// highest.
    pub fn apply_log(&self, entries: &[Entry]) {
        let mut inner = self.write();
        for entry in entries {
            self.add(&mut inner, entry);
            inner.last_seq = inner.last_seq.max(entry.seq);
        }
    }

    /// The number up to which the log has been read without gaps.
    pub fn last_seq(&self) -> u64 {
        self.read().last_seq
    }

    /// Whether an entry names this session.
    pub fn session_ended(&self, session: Uuid) -> bool {
        self.marks.has_any([session.as_bytes()]) && self.read().sessions.contains_key(&session)
    }

    /// Whether this generation of the user is dead.
    pub fn user_ended(&self, user: Uuid, generation: u64) -> bool {
        self.marks.has_any([user.as_bytes()]) && self.read().user_ended(user, generation)
    }

    /// Whether an entry names this token.
    pub fn token_ended(&self, jti: Uuid) -> bool {
        self.marks.has_any([jti.as_bytes()]) && self.read().tokens.contains_key(&jti)
    }

    /// Whether an entry names this key.
    pub fn key_ended(&self, kid: &Kid) -> bool {
        self.marks.has_any([kid.as_bytes()]) && self.read().keys.contains(kid)
    }

    /// How often something was forgotten. Whoever takes a session from a cache and then asks [`View::user_ended`] compares: where the number
    /// is another than before the cache was asked, the user's entry may have gone in between, after the cache was swept for it, and what
    /// was found in the cache counts for nothing.
    pub fn forgettings(&self) -> u64 {
        self.forgettings.load(Ordering::Acquire)
    }

    /// The time to judge a token's end by, asked after [`View::ends_token`]: `now`, or the time at which the last of what was forgotten
    /// could be, whichever is later. All that such an entry ended had run out by then, and stays so if the clock goes back (ST-17).
    pub fn judging(&self, now: Timestamp) -> Timestamp {
        let spent = i64::try_from(self.spent.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        now.max(Timestamp::from_secs(spent))
    }

    /// Whether a token is dead in any way: its key, itself, its session, or its user's generation.
    pub fn ends_token(&self, claims: &AccessClaims, kid: &Kid) -> bool {
        self.ends(&TokenRef::of(claims, kid))
    }

    /// [`View::ends_token`], of what is known of a token.
    pub fn ends(&self, token: &TokenRef) -> bool {
        let TokenRef { kid, jti, session, user, generation } = token;
        let ids = [kid.as_bytes(), jti.as_bytes(), user.as_bytes()];
        if !self.marks.has_any(ids.into_iter().chain(session.as_ref().map(Uuid::as_bytes))) {
            return false;
        }
        let inner = self.read();
        inner.keys.contains(kid)
            || inner.tokens.contains_key(jti)
            || session.is_some_and(|session| inner.sessions.contains_key(&session))
            || inner.user_ended(*user, *generation)
    }

    /// Fills a cache with a session that was read live from the store, or refuses (F1).
    ///
    /// `noted` is [`View::last_seq`] from *before* that read. Refused, with `None`, when the view ends the
    /// session or its user's generation, when an entry about the session or the user (`Changed` included)
    /// with a higher number was applied, or when an entry was dropped that may have had one. `insert` runs
    /// under the lock that excludes applying and forgetting: it must be short and must not call this view.
    pub fn insert_unless_ended<R>(
        &self,
        noted: u64,
        session: Uuid,
        user: Uuid,
        generation: u64,
        insert: impl FnOnce() -> R,
    ) -> Option<R> {
        let inner = self.read();
        let ended = inner.sessions.contains_key(&session) || inner.user_ended(user, generation);
        let stale = inner.dropped > noted || inner.user_touched_after(user, noted);
        (!ended && !stale).then(insert)
    }

    /// [`View::insert_unless_ended`] for what is cached of a user's row.
    pub fn insert_user_unless_changed<R>(
        &self,
        noted: u64,
        user: Uuid,
        insert: impl FnOnce() -> R,
    ) -> Option<R> {
        let inner = self.read();
        (inner.dropped <= noted && !inner.user_touched_after(user, noted)).then(insert)
    }

    /// Drops what may be forgotten at `now` (the store's time, or one that is not ahead of it) and raises the
    /// watermark of dropped numbers. What several entries name is kept until the last of them may go.
    pub fn forget(&self, now: Timestamp) {
        let now = now.as_secs();
        let mut inner = self.write();
        // Before anything goes: whoever misses an entry then sees the number too.
        self.forgettings.fetch_add(1, Ordering::AcqRel);
        let Inner { tokens, sessions, users, .. } = &mut *inner;
        let mut spent = None;
        let mut keep = |until: Until| {
            let over = until.is_over(now);
            spent = spent.max(over.then_some(until));
            !over
        };
        tokens.retain(|_, until| keep(*until));
        sessions.retain(|_, until| keep(*until));
        users.retain(|_, user| keep(user.until));
        if let Some(Until(spent)) = spent {
            inner.dropped = inner.dropped.max(inner.highest);
            // Before it can be missed: whoever does finds that time.
            self.spent.fetch_max(spent.into(), Ordering::AcqRel);
        }
        self.remake_marks(&inner);
    }

    /// The log was trimmed up to and including `floor`, above [`View::last_seq`] (F8): what was ended in
    /// between may never have been applied here. Call it after everything that the log still has, from number
    /// 0, went through [`View::apply_log`] (keys are never trimmed). Fills that began before are refused, the
    /// last number becomes at least `floor`, and the caller flushes its caches before it is fresh again.
    pub fn raise_floor(&self, floor: u64) {
        let mut inner = self.write();
        inner.dropped = inner.dropped.max(floor);
        inner.last_seq = inner.last_seq.max(floor);
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&self, inner: &mut Inner, entry: &Entry) {
        inner.add(entry);
        let id = match &entry.what {
            Ended::Token(id) | Ended::Session(id) | Ended::User { id, .. } | Ended::Changed(id) => {
                id.as_bytes()
            }
            Ended::Key(kid) => kid.as_bytes(),
        };
        if !self.marks.mark(id, inner.len()) {
            self.remake_marks(inner);
        }
    }

    fn remake_marks(&self, inner: &Inner) {
        let (len, ids) = inner.ids();
        self.marks.remake(len, ids);
    }

    // A reader that panics inside `insert` does not poison, and no writer panics between two changes that
    // belong together: a poisoned lock still guards a consistent set.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("last_seq", &self.last_seq()).field("len", &self.len()).finish()
    }
}

impl Inner {
    fn add(&mut self, entry: &Entry) {
        self.highest = self.highest.max(entry.seq);
        let until = Until::of(entry);
        let later = |known: &mut Until| *known = until.max(*known);
        match entry.what {
            Ended::Token(jti) => later(self.tokens.entry(jti).or_insert(until)),
            Ended::Session(id) => later(self.sessions.entry(id).or_insert(until)),
            Ended::User { id, generation } => self.add_user(id, entry.seq, until, Some(generation)),
            Ended::Changed(id) => self.add_user(id, entry.seq, until, None),
            Ended::Key(kid) => {
                self.keys.insert(kid);
            }
        }
    }

    /// How many ids are remembered, and which.
    fn ids(&self) -> (usize, impl Iterator<Item = &Id>) {
        let Self { tokens, sessions, users, keys, .. } = self;
        let ids = tokens.keys().chain(sessions.keys()).chain(users.keys()).map(Uuid::as_bytes);
        (self.len(), ids.chain(keys.iter().map(Kid::as_bytes)))
    }

    fn len(&self) -> usize {
        self.tokens.len() + self.sessions.len() + self.users.len() + self.keys.len()
    }

    fn add_user(&mut self, id: Uuid, seq: u64, until: Until, generation: Option<u64>) {
        let user = self.users.entry(id).or_insert(UserMark { until, seq, generation });
        user.until = user.until.max(until);
        user.seq = user.seq.max(seq);
        user.generation = user.generation.max(generation);
    }

    fn user_ended(&self, user: Uuid, generation: u64) -> bool {
        self.users.get(&user).and_then(|user| user.generation).is_some_and(|dead| generation <= dead)
    }

    fn user_touched_after(&self, user: Uuid, noted: u64) -> bool {
        self.users.get(&user).is_some_and(|user| user.seq > noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn entry(seq: u64, what: Ended) -> Entry {
        Entry { seq, what, forget_at: Some(100) }
    }

    fn fills(view: &View, noted: u64) -> bool {
        view.insert_unless_ended(noted, A, B, 5, || ()).is_some()
    }

    #[test]
    fn an_entry_ends_what_it_names_and_no_more() {
        let view = View::new();
        view.apply(&[
            entry(1, Ended::Token(A)),
            entry(2, Ended::Session(A)),
            entry(3, Ended::User { id: A, generation: 4 }),
            entry(4, Ended::Changed(B)),
        ]);
        assert!(view.token_ended(A) && !view.token_ended(B));
        assert!(view.session_ended(A) && !view.session_ended(B));
        assert!(view.user_ended(A, 0) && view.user_ended(A, 4) && !view.user_ended(A, 5));
        assert!(!view.user_ended(B, 0), "a change ends nothing");
        assert_eq!(view.len(), 4);
    }

    /// More than the smallest set has room for, forgotten and applied again; whatever is remembered is found, and the rest is not.
    #[test]
    fn no_number_of_entries_hides_one() {
        let id = |number: u32| {
            Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        };
        let view = View::new();
        let until = |number, forget_at| Entry {
            seq: u64::from(number),
            what: Ended::Session(id(number)),
            forget_at: Some(forget_at),
        };
        for number in 1..20_000 {
            view.apply_log(&[until(number, if number % 3 == 0 { 50 } else { 100 })]);
            assert!(view.session_ended(id(number)) && !view.token_ended(id(number)));
        }
        let all = |found: &dyn Fn(u32) -> bool| {
            (1..20_000).all(|number| view.session_ended(id(number)) == found(number))
        };
        assert!(all(&|_| true));
        assert!((20_000..40_000).all(|number| !view.session_ended(id(number))));
        view.forget(Timestamp::from_secs(60));
        assert!(all(&|number| number % 3 != 0), "what is forgotten, and nothing else");
        view.apply(&[until(3, 100)]);
        assert!(view.session_ended(id(3)));
        view.apply(&[Entry { what: Ended::User { id: id(6), generation: 2 }, ..until(6, 100) }]);
        assert!(view.user_ended(id(6), 2) && !view.user_ended(id(6), 3) && !view.session_ended(id(6)));
        view.forget(Timestamp::from_secs(101));
        assert!(view.is_empty() && all(&|_| false));
    }

    #[test]
    fn f5_only_log_reading_moves_the_last_number() {
        let view = View::new();
        view.apply(&[entry(9, Ended::Session(A))]);
        assert_eq!(view.last_seq(), 0);
        view.apply_log(&[entry(3, Ended::Session(A)), entry(2, Ended::Session(B))]);
        assert_eq!(view.last_seq(), 3);
        view.apply_log(&[entry(1, Ended::Session(B))]);
        view.apply_log(&[]);
        assert_eq!(view.last_seq(), 3);
    }

    #[test]
    fn f1_a_fill_is_refused_when_the_session_or_its_user_was_named_after_the_note() {
        for what in [
            Ended::Session(A),
            Ended::User { id: B, generation: 5 },
            Ended::User { id: B, generation: 1 },
            Ended::Changed(B),
        ] {
            let view = View::new();
            assert!(fills(&view, 0));
            view.apply(&[entry(7, what)]);
            assert!(!fills(&view, 6), "{what:?} after the note");
            let ends = matches!(what, Ended::Session(_) | Ended::User { generation: 5, .. });
            assert_eq!(fills(&view, 7), !ends, "{what:?} before the note");
        }
    }

    #[test]
    fn f1_a_fill_that_paused_past_forgetting_is_refused() {
        let view = View::new();
        view.apply_log(&[entry(7, Ended::Session(A)), entry(8, Ended::Changed(A))]);
        view.forget(Timestamp::from_secs(101));
        assert!(view.is_empty());
        assert!(!fills(&view, 6) && !fills(&view, 7), "number 8 is forgotten");
        assert!(fills(&view, 8));
        assert!(view.insert_user_unless_changed(7, A, || ()).is_none());
        assert!(view.insert_user_unless_changed(8, A, || ()).is_some());
    }

    #[test]
    fn f1_unrelated_entries_do_not_refuse_a_fill() {
        let view = View::new();
        view.apply_log(&[
            entry(5, Ended::Session(B)),
            entry(6, Ended::Token(A)),
            entry(7, Ended::Changed(A)),
        ]);
        assert!(fills(&view, 0));
    }

    #[test]
    fn f8_a_raised_floor_refuses_fills_that_began_below() {
        let view = View::new();
        view.raise_floor(10);
        assert_eq!(view.last_seq(), 10);
        assert!(!fills(&view, 9) && fills(&view, 10));
    }

    #[test]
    fn st_11_a_batch_cut_short_and_delivered_again_ends_the_same() {
        let batch: Vec<Entry> = [A, B]
            .into_iter()
            .flat_map(|id| {
                [Ended::Session(id), Ended::User { id, generation: 3 }, Ended::Token(id), Ended::Changed(id)]
            })
            .zip(1..)
            .map(|(what, seq)| entry(seq, what))
            .collect();
        let once = View::new();
        once.apply_log(&batch);
        for cut in 0..=batch.len() {
            let view = View::new();
            view.apply_log(&batch[..cut]);
            view.apply_log(&batch);
            view.apply_log(&batch[cut..]);
            assert_eq!((view.last_seq(), view.len()), (once.last_seq(), once.len()), "{cut}");
            for id in [A, B] {
                assert!(view.session_ended(id) && view.token_ended(id), "{cut}");
                assert!(view.user_ended(id, 3) && !view.user_ended(id, 4), "{cut}");
            }
        }
    }

    #[test]
    fn an_entry_is_forgotten_after_its_time_and_a_key_never() {
        let view = View::new();
        let kid = Kid::of(&[1; 32]);
        view.apply(&[entry(1, Ended::Session(A)), entry(2, Ended::Key(kid))]);
        view.forget(Timestamp::from_millis(100_999));
        assert!(view.session_ended(A));
        view.forget(Timestamp::from_secs(101));
        assert!(!view.session_ended(A) && view.key_ended(&kid));
    }

    #[test]
    fn st_17_what_had_run_out_when_its_end_was_forgotten_stays_so_when_the_clock_goes_back() {
        let view = View::new();
        let until = |seq, forget_at| Entry { seq, what: Ended::Token(A), forget_at };
        view.apply(&[until(1, Some(300)), Entry { what: Ended::Token(B), ..until(2, Some(900)) }]);
        let early = Timestamp::from_secs(10);
        assert_eq!(view.judging(early), early);
        view.forget(Timestamp::from_secs(301));
        assert!(!view.token_ended(A) && view.token_ended(B));
        assert_eq!(view.judging(early), Timestamp::from_secs(300), "no later: what is new lives");
        assert_eq!(view.judging(Timestamp::from_secs(301)), Timestamp::from_secs(301));
    }

    #[test]
    fn the_last_entry_about_an_id_decides_when_it_goes() {
        let view = View::new();
        let until = |seq, forget_at| Entry { seq, what: Ended::Session(A), forget_at };
        view.apply(&[until(2, Some(300)), until(1, Some(100))]);
        view.forget(Timestamp::from_secs(200));
        assert!(view.session_ended(A));
        view.apply(&[until(3, None), until(4, Some(1))]);
        view.forget(Timestamp::from_secs(i64::MAX));
        assert!(view.session_ended(A));
    }
}
