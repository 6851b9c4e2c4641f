//! Random histories: what may be asked of a store, in numbers that shrink well. [`super::machine`] gives them meaning.

use proptest::{collection::vec, option, prelude::*};

/// One step. Users and sessions are chosen from those that there are, counted from the newest; 3 also brings back the gone.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// The caller's clock moves, back sometimes.
    Advance {
        secs: i64,
    },
    Register {
        name: u8,
        credential: bool,
    },
    ChangeUser {
        user: u8,
        profile: Option<u8>,
        roles: Option<u8>,
        enable: bool,
    },
    Rehash {
        user: u8,
        verified: bool,
    },
    Transact(Step),
    Refresh {
        session: u8,
        ahead: i8,
        grace_secs: i64,
    },
    Touch(Vec<Activity>),
    Charge {
        keys: Vec<u8>,
        rule: u8,
    },
    Refund(Vec<Back>),
    PutKey {
        key: u8,
        sealed: u8,
    },
    PutClient {
        client: u8,
        secrets: u8,
    },
    RemoveClient {
        client: u8,
    },
    Record {
        rows: u8,
    },
    SetInstallation {
        epoch: u32,
    },
    Purge {
        sessions_secs: i64,
        log_secs: i64,
        audit_secs: i64,
        throttle_most: usize,
        limit: usize,
    },
    Ask {
        prefix: Option<u8>,
        after: u8,
        limit: usize,
    },
    RenewGuard {
        guard: u8,
        /// Whether what it applied is of another epoch's log.
        foreign: bool,
        applied: u64,
        secs: u64,
    },
    Acknowledge {
        guard: u8,
        foreign: bool,
        applied: u64,
    },
    RemoveGuard {
        guard: u8,
    },
    /// The process ends and another starts.
    Reopen,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) user: u8,
    pub(super) condition: Option<Asked>,
    pub(super) end: Option<Ending>,
    pub(super) password: bool,
    pub(super) mint: Option<Mint>,
    pub(super) limit: Option<usize>,
    pub(super) refunds: Vec<Back>,
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// 0: as things are; else as they are not.
    pub(super) stale: u8,
    pub(super) credential: bool,
    /// One of the user's live sessions; 3 stands for any session of anybody.
    pub(super) predecessor: Option<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Session {
        session: u8,
        owner: bool,
    },
    /// The session that the condition names.
    Predecessor,
    User,
    Disable,
    Delete,
    Token,
    Key {
        key: u8,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Mint {
    /// A grant of the condition's predecessor.
    pub(super) grant: bool,
    pub(super) bound: bool,
    pub(super) idle_secs: i64,
    pub(super) life_secs: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) session: u8,
    /// This long ago, and for so long.
    pub(super) secs: i64,
    pub(super) went_on_secs: i64,
    pub(super) idle_secs: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Back {
    pub(super) key: u8,
    /// Which rule to lower by; the counter is cleared without.
    pub(super) rule: Option<u8>,
}

/// Some operations in a row.
pub(super) fn history() -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..120)
}

fn operation() -> impl Strategy<Value = Operation> {
    let few = || 0..4_u8;
    prop_oneof![
        4 => (-20..300_i64).prop_map(|secs| Operation::Advance { secs }),
        3 => (few(), prop::bool::weighted(0.9))
            .prop_map(|(name, credential)| Operation::Register { name, credential }),
        2 => (few(), option::of(few()), option::of(few()), any::<bool>())
            .prop_map(|(user, profile, roles, enable)| Operation::ChangeUser { user, profile, roles, enable }),
        1 => (few(), any::<bool>()).prop_map(|(user, verified)| Operation::Rehash { user, verified }),
        16 => step().prop_map(Operation::Transact),
        6 => (few(), -2..2_i8, prop::sample::select(vec![0_i64, 30, 300]))
            .prop_map(|(session, ahead, grace_secs)| Operation::Refresh { session, ahead, grace_secs }),
        3 => vec(activity(), 0..4).prop_map(Operation::Touch),
        4 => (vec(few(), 0..4), few()).prop_map(|(keys, rule)| Operation::Charge { keys, rule }),
        2 => vec(back(), 0..3).prop_map(Operation::Refund),
        2 => (few(), few()).prop_map(|(key, sealed)| Operation::PutKey { key, sealed }),
        1 => (few(), few()).prop_map(|(client, secrets)| Operation::PutClient { client, secrets }),
        1 => few().prop_map(|client| Operation::RemoveClient { client }),
        1 => few().prop_map(|rows| Operation::Record { rows }),
        1 => any::<u32>().prop_map(|epoch| Operation::SetInstallation { epoch }),
        3 => (-100..600_i64, 0..2_000_i64, 0..600_i64, 0..4_usize, 0..4_usize).prop_map(
            |(sessions_secs, log_secs, audit_secs, throttle_most, limit)| Operation::Purge {
                sessions_secs,
                log_secs,
                audit_secs,
                throttle_most,
                limit,
            }
        ),
        2 => (option::of(few()), few(), 0..4_usize)
            .prop_map(|(prefix, after, limit)| Operation::Ask { prefix, after, limit }),
        2 => (few(), prop::bool::weighted(0.2), 0..20_u64, 0..9_u64).prop_map(
            |(guard, foreign, applied, secs)| Operation::RenewGuard { guard, foreign, applied, secs }
        ),
        2 => (few(), prop::bool::weighted(0.2), 0..20_u64)
            .prop_map(|(guard, foreign, applied)| Operation::Acknowledge { guard, foreign, applied }),
        1 => few().prop_map(|guard| Operation::RemoveGuard { guard }),
        1 => Just(Operation::Reopen),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (
        0..4_u8,
        option::weighted(0.95, asked()),
        option::of(ending()),
        prop::bool::weighted(0.2),
        option::weighted(0.7, mint()),
        option::weighted(0.2, 0..4_usize),
        vec(back(), 0..2),
    )
        .prop_map(|(user, condition, end, password, mint, limit, refunds)| Step {
            user,
            condition,
            end,
            password,
            mint,
            limit,
            refunds,
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    (prop_oneof![9 => Just(0), 1 => 1..4_u8], any::<bool>(), option::of(0..4_u8))
        .prop_map(|(stale, credential, predecessor)| Asked { stale, credential, predecessor })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => (0..4_u8, any::<bool>()).prop_map(|(session, owner)| Ending::Session { session, owner }),
        4 => Just(Ending::Predecessor),
        2 => Just(Ending::User),
        1 => Just(Ending::Disable),
        1 => Just(Ending::Delete),
        1 => Just(Ending::Token),
        1 => (0..4_u8).prop_map(|key| Ending::Key { key }),
    ]
}

fn mint() -> impl Strategy<Value = Mint> {
    (any::<bool>(), any::<bool>(), 1..2_000_i64, 1..3_000_i64)
        .prop_map(|(grant, bound, idle_secs, life_secs)| Mint { grant, bound, idle_secs, life_secs })
}

fn activity() -> impl Strategy<Value = Activity> {
    let went_on = prop_oneof![Just(0_i64), 0..1_200_i64];
    (0..4_u8, -5..60_i64, went_on, 1..600_i64).prop_map(|(session, secs, went_on_secs, idle_secs)| Activity {
        session,
        secs,
        went_on_secs,
        idle_secs,
    })
}

fn back() -> impl Strategy<Value = Back> {
    (0..4_u8, option::of(0..4_u8)).prop_map(|(key, rule)| Back { key, rule })
}
