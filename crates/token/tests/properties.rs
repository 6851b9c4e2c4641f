//! Properties: no input makes a parser panic, one secret has one spelling, and the view answers like the list
//! of all entries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use std::sync::LazyLock;

use common::{Issuer, NOW, at, b64, claims};
use proptest::collection::vec;
use proptest::prelude::*;
use symbolon_token::{
    AccessClaims, Algorithm, ClientSecret, Compact, Ended, Entry, Jwk, Jwks, Kid, KnownBrowser, MacKey,
    RefreshToken, SessionCookie, SigningKey, Timestamp, VerifyingKey, View,
};
use uuid::Uuid;

static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) }
}

/// Takes text through every parser of this crate.
fn parse_all(text: &str) {
    let _ = SessionCookie::parse(text);
    let _ = RefreshToken::parse(text);
    let _ = ClientSecret::parse(text);
    let _ = KnownBrowser::parse(text);
    let _ = text.parse::<Kid>();
    let _ = text.parse::<Algorithm>();
    let _ = Jwk::parse(text.as_bytes());
    let _ = Jwks::parse(text.as_bytes()).map(|set| set.verifying_keys());
    let _ = Compact::parse(text)
        .map(|compact| (compact.payload_without_verifying(), compact.algorithm().is_ok()));
    let _ = ISSUER.verifier.verify(text, at(NOW));
    let _ = serde_json::from_str::<AccessClaims>(text);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,300}", segments in vec("[A-Za-z0-9_-]{0,80}", 0..6)) {
        parse_all(&text);
        parse_all(&segments.join("."));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = SessionCookie::parse_bytes(&bytes);
        let _ = Jwk::parse(&bytes);
        let _ = Jwks::parse(&bytes);
        for algorithm in Algorithm::ALL {
            let _ = SigningKey::from_private_bytes(algorithm, &bytes);
            let _ = VerifyingKey::from_secret(algorithm, &bytes);
        }
        let key = ISSUER.key.verifying();
        prop_assert!(!key.verify(b"message", &bytes));
        parse_all(&String::from_utf8_lossy(&bytes));
    }

    /// JSON-shaped text reaches further in than letters do.
    #[test]
    fn no_json_makes_a_parser_panic(json in "(\\{|\\[|\"|\\\\u00|kty|EC|crv|x|alg|ES256|keys|:|,|1e9|-|0|null|\\}|\\]){0,60}") {
        parse_all(&json);
        let header = ISSUER.header().to_string();
        for token in [ISSUER.sign(&json, claims().to_string()), ISSUER.sign(&header, &json)] {
            prop_assert!(ISSUER.verifier.verify(&token, at(NOW)).is_err());
        }
    }

    /// One byte of a good token changed: refused, or changed to what it was.
    #[test]
    fn no_byte_of_a_token_can_be_changed(position in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let token = ISSUER.token();
        let mut changed = token.clone().into_bytes();
        let position = position.index(changed.len());
        changed[position] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert_eq!(ISSUER.verifier.verify(&changed, at(NOW)).is_ok(), changed == token);
    }

    #[test]
    fn any_key_bytes_in_a_jwk_are_taken_or_refused(
        x in vec(any::<u8>(), 0..70), y in vec(any::<u8>(), 0..70), n in vec(any::<u8>(), 0..600), e in vec(any::<u8>(), 0..12),
        kty in prop::sample::select(vec!["EC", "OKP", "RSA", "oct", ""]),
        crv in prop::sample::select(vec!["P-256", "P-384", "Ed25519", "Ed448", ""]),
        alg in prop::sample::select(vec![None, Some("ES256"), Some("ES384"), Some("EdDSA"), Some("RS256"), Some("PS512"), Some("HS256")]),
    ) {
        let jwk = Jwk {
            kty: kty.into(), crv: Some(crv.into()), x: Some(b64(x)), y: Some(b64(y)), n: Some(b64(n)), e: Some(b64(e)),
            alg: alg.map(str::to_owned), ..Jwk::default()
        };
        if let Ok(key) = VerifyingKey::from_jwk(&jwk) {
            prop_assert!(!key.verify(b"message", b"signature"));
        }
    }

    #[test]
    fn secrets_are_read_as_they_were_written(id in any::<u128>(), random in any::<[u8; 24]>(), counter in any::<u64>(), key in any::<[u8; 32]>()) {
        let (id, key) = (Uuid::from_u128(id), MacKey::new(key));
        let session = SessionCookie::mint(id, random, &key);
        let read = SessionCookie::parse(&session.reveal()).unwrap();
        prop_assert!(read.genuine(&key));
        prop_assert_eq!((read.id(), read.hash(), read.reveal()), (id, session.hash(), session.reveal()));
        let refresh = RefreshToken::mint(id, counter, &key);
        let read = RefreshToken::parse(&refresh.reveal()).unwrap();
        prop_assert!(read.genuine(&key));
        prop_assert_eq!((read.id(), read.counter(), read.reveal()), (id, counter, refresh.reveal()));
    }

    #[test]
    fn time_arithmetic_never_panics(a in any::<i64>(), b in any::<i64>(), secs in any::<u64>()) {
        let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
        let duration = std::time::Duration::from_secs(secs);
        prop_assert!(a.plus(duration) >= a && a.minus(duration) <= a);
        prop_assert_eq!(a.since(b).is_zero(), a <= b);
        let _ = Timestamp::from_secs(b.as_millis()).as_secs();
    }
}

// ---- The view against the list of all entries ----

/// Few ids and numbers, so that they meet.
fn ended() -> impl Strategy<Value = Ended> {
    let id = || (1_u128..4).prop_map(Uuid::from_u128);
    prop_oneof![
        id().prop_map(Ended::Token),
        id().prop_map(Ended::Session),
        (id(), 0_u64..4).prop_map(|(id, generation)| Ended::User { id, generation }),
        id().prop_map(Ended::Changed),
        (0_usize..3).prop_map(|n| Ended::Key(kids()[n])),
    ]
}

fn kids() -> [Kid; 3] {
    ["AAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCC"].map(|kid| kid.parse().unwrap())
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (1_u64..20, ended(), prop::option::weighted(0.9, 0_i64..100))
        .prop_map(|(seq, what, forget_at)| Entry { seq, what, forget_at });
    vec(entry, 0..12)
}

/// What the view must be: all entries applied, one group for each thing that can be named, and what was
/// dropped.
#[derive(Default)]
struct Model {
    applied: Vec<Entry>,
    last_seq: u64,
    highest: u64,
    dropped: u64,
}

#[derive(PartialEq, Clone, Copy)]
enum Thing {
    Token(Uuid),
    Session(Uuid),
    User(Uuid),
    Key(Kid),
}

fn thing(what: Ended) -> Thing {
    match what {
        Ended::Token(id) => Thing::Token(id),
        Ended::Session(id) => Thing::Session(id),
        Ended::User { id, .. } | Ended::Changed(id) => Thing::User(id),
        Ended::Key(kid) => Thing::Key(kid),
    }
}

impl Model {
    fn apply(&mut self, entries: Vec<Entry>) {
        self.highest = entries.iter().map(|entry| entry.seq).fold(self.highest, u64::max);
        self.applied.extend(entries);
    }

    fn named(&self, wanted: Thing) -> impl Iterator<Item = &Entry> {
        self.applied.iter().filter(move |entry| thing(entry.what) == wanted)
    }

    fn user_ended(&self, user: Uuid, generation: u64) -> bool {
        self.named(Thing::User(user))
            .any(|entry| matches!(entry.what, Ended::User { generation: dead, .. } if generation <= dead))
    }

    fn user_fills(&self, noted: u64, user: Uuid) -> bool {
        self.dropped <= noted && self.named(Thing::User(user)).all(|entry| entry.seq <= noted)
    }

    fn fills(&self, noted: u64, session: Uuid, user: Uuid, generation: u64) -> bool {
        let dead = self.named(Thing::Session(session)).next().is_some() || self.user_ended(user, generation);
        !dead && self.user_fills(noted, user)
    }

    fn forget(&mut self, now: i64) {
        let all = std::mem::take(&mut self.applied);
        for entry in &all {
            let group = || all.iter().filter(|other| thing(other.what) == thing(entry.what));
            let key = matches!(entry.what, Ended::Key(_));
            if key || group().any(|other| other.forget_at.is_none_or(|at| at >= now)) {
                self.applied.push(*entry);
            } else {
                // Of what is gone it is known that it was applied by then, and not which number it had.
                self.dropped = self.dropped.max(self.highest);
            }
        }
    }

    /// Every question that can be asked, asked of both.
    fn agrees_with(&self, view: &View) -> Result<(), TestCaseError> {
        prop_assert_eq!(view.last_seq(), self.last_seq);
        for id in (0..5).map(Uuid::from_u128) {
            prop_assert_eq!(view.token_ended(id), self.named(Thing::Token(id)).next().is_some());
            prop_assert_eq!(view.session_ended(id), self.named(Thing::Session(id)).next().is_some());
            for generation in 0..5 {
                prop_assert_eq!(view.user_ended(id, generation), self.user_ended(id, generation));
            }
            for noted in 0..21 {
                let filled = view.insert_user_unless_changed(noted, id, || 7);
                prop_assert_eq!(
                    filled,
                    self.user_fills(noted, id).then_some(7),
                    "user {} noted {}",
                    id,
                    noted
                );
                for (user, generation) in
                    (0..5).map(Uuid::from_u128).flat_map(|user| (0..5).map(move |n| (user, n)))
                {
                    let filled = view.insert_unless_ended(noted, id, user, generation, || 7).is_some();
                    prop_assert_eq!(filled, self.fills(noted, id, user, generation));
                }
            }
        }
        for kid in kids() {
            prop_assert_eq!(view.key_ended(&kid), self.named(Thing::Key(kid)).next().is_some());
        }
        let mut things: Vec<Thing> = Vec::new();
        for entry in &self.applied {
            if !things.contains(&thing(entry.what)) {
                things.push(thing(entry.what));
            }
        }
        prop_assert_eq!((view.len(), view.is_empty()), (things.len(), things.is_empty()));
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<Entry>),
    ApplyLog(Vec<Entry>),
    Forget(i64),
    RaiseFloor(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => entries().prop_map(Step::Apply),
        3 => entries().prop_map(Step::ApplyLog),
        2 => (0_i64..110).prop_map(Step::Forget),
        1 => (0_u64..20).prop_map(Step::RaiseFloor),
    ];
    vec(step, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn order_repetition_and_splitting_do_not_matter(all in entries(), order in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let model = Model { applied: all.clone(), ..Model::default() };
        let whole = View::new();
        whole.apply(&all);
        model.agrees_with(&whole)?;

        let mut shuffled = all.clone();
        shuffled.sort_by_key(|entry| (entry.seq ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let pieces = View::new();
        let (front, back) = shuffled.split_at(cut.index(shuffled.len() + 1));
        pieces.apply(back);
        pieces.apply(front);
        all.chunks(2).rev().for_each(|chunk| pieces.apply(chunk));
        model.agrees_with(&pieces)?;
    }

    #[test]
    fn the_view_answers_like_the_list_of_all_entries(steps in steps()) {
        let (view, mut model) = (View::new(), Model::default());
        for step in steps {
            match step {
                Step::Apply(entries) => {
                    view.apply(&entries);
                    model.apply(entries);
                }
                Step::ApplyLog(entries) => {
                    view.apply_log(&entries);
                    model.last_seq = entries.iter().map(|entry| entry.seq).fold(model.last_seq, u64::max);
                    model.apply(entries);
                }
                Step::Forget(now) => {
                    view.forget(Timestamp::from_secs(now));
                    model.forget(now);
                }
                Step::RaiseFloor(floor) => {
                    view.raise_floor(floor);
                    model.dropped = model.dropped.max(floor);
                    model.last_seq = model.last_seq.max(floor);
                }
            }
            model.agrees_with(&view)?;
        }
    }
}

/// F1 between threads: a fill and an ending race, round after round; whoever wins, no cache keeps what is
/// dead.
#[test]
fn f1_no_race_leaves_a_dead_session_in_a_cache() {
    use std::collections::HashSet;
    use std::sync::{Barrier, Mutex};

    let user = Uuid::from_u128(1);
    for round in 0..2000 {
        let (view, cache) = (View::new(), Mutex::new(HashSet::new()));
        let session = Uuid::from_u128(round);
        let start = Barrier::new(3);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                view.apply_log(&[Entry { seq: 1, what: Ended::Session(session), forget_at: Some(10) }]);
                cache.lock().unwrap().remove(&session);
            });
            scope.spawn(|| {
                start.wait();
                view.forget(Timestamp::from_secs(11));
            });
            // The note was taken, and the row read live, before any of it.
            start.wait();
            view.insert_unless_ended(0, session, user, 0, || cache.lock().unwrap().insert(session));
        });
        assert!(!cache.lock().unwrap().contains(&session), "round {round}");
    }
}
