//! What can go wrong on the way to the database, and which of it is tried again.
//!
//! | what happened | what is done |
//! |---|---|
//! | a serialisation failure or a deadlock: the database took all of it back | again |
//! | the connection broke before the commit was sent: nothing can have happened | again, on another connection |
//! | the server is no primary any more (failover) | again, on another connection |
//! | the connection broke after the commit was sent | an error: it may have happened, and repeating it is safe |
//! | a statement took too long, or anything else | an error: nothing has happened |

use std::{future::Future, pin::Pin, time::Duration};

use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::{Error, error::SqlState};

use super::pool::{Connection, Connections};
use crate::store::{Result, StoreError};

/// How often one thing is tried, and how long is waited before the second time; twice as long each time after.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(5);
/// From when on an answer keeps somebody waiting.
const LATE: Duration = Duration::from_millis(500);

/// The outcome of one attempt.
pub(super) type Attempt<T> = std::result::Result<T, Failed>;

/// What is tried: the work over a connection that a request asks for.
pub(super) type Work<R, T> =
    for<'a> fn(&'a Connection, &'a R) -> Pin<Box<dyn Future<Output = Attempt<T>> + Send + 'a>>;

/// Why all attempts came to nothing.
pub(super) struct GivenUp {
    pub(super) error: StoreError,
    /// Whether it was for what was to be written, so that of several such things the others can still be.
    pub(super) for_its_rows: bool,
}

impl GivenUp {
    fn because(error: StoreError) -> Self {
        Self { error, for_its_rows: false }
    }
}

/// Does the work, as often as the module says.
pub(super) async fn attempts<R, T>(connections: &Connections, request: &R, work: Work<R, T>) -> Result<T> {
    tried(connections, request, work).await.map_err(|given_up| given_up.error)
}

/// [`attempts`], with more about why not.
pub(super) async fn tried<R, T>(
    connections: &Connections,
    request: &R,
    work: Work<R, T>,
) -> std::result::Result<T, GivenUp> {
    let patience = connections.options().patience();
    let mut left = TRIES;
    loop {
        let sql = connections.take().await.map_err(GivenUp::because)?;
        let Ok(attempt) = within(patience, &sql, work(&sql, request)).await else {
            sql.settle(Verdict::Unknown).await;
            return Err(GivenUp::because(StoreError::new(format!(
                "the database said nothing for {} s: what was asked of it may have happened, and repeating it is safe",
                patience.as_secs_f64()
            ))));
        };
        let failed = match attempt {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        left -= 1;
        let verdict = failed.verdict();
        sql.settle(verdict).await;
        if verdict == Verdict::Elsewhere {
            connections.forget();
        }
        if left == 0 || matches!(verdict, Verdict::Never | Verdict::Unknown) {
            return Err(GivenUp { for_its_rows: failed.for_its_rows(), error: failed.into() });
        }
        tokio::time::sleep(PAUSE * (1 << (TRIES - 1 - left))).await;
    }
}

/// Waits so long for what was asked over a connection. Whoever gives up sooner, and yet not at once, takes the connection with it: given back,
/// one that leads nowhere would keep the next waiting too, who has no more patience.
async fn within<T>(
    patience: Duration,
    sql: &Connection,
    mut asked: impl Future<Output = T> + Unpin,
) -> std::result::Result<T, Elapsed> {
    if let Ok(answer) = timeout(LATE, &mut asked).await {
        return Ok(answer);
    }
    sql.is_late(true);
    let answer = timeout(patience.saturating_sub(LATE), asked).await;
    sql.is_late(false);
    answer
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// Decided here: nobody tries again.
    Refused(StoreError),
    /// By the database or the way to it.
    Sql { error: Error, commit_sent: bool },
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another attempt, on this connection if it is sound.
    Again,
    /// Another attempt; this connection leads to the wrong place.
    Elsewhere,
    /// No other attempt: nothing has happened.
    Never,
    /// No other attempt: it may have happened.
    Unknown,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Sql { error, commit_sent: false }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Failed {
    pub(super) fn verdict(&self) -> Verdict {
        let Self::Sql { error, commit_sent } = self else { return Verdict::Never };
        let Some(code) = error.code() else {
            // No answer of the database's: what was under way broke off.
            return if *commit_sent { Verdict::Unknown } else { Verdict::Elsewhere };
        };
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Verdict::Again,
            SqlState::READ_ONLY_SQL_TRANSACTION => Verdict::Elsewhere,
            // A plan that another node's migration outdated.
            SqlState::FEATURE_NOT_SUPPORTED if !commit_sent => Verdict::Elsewhere,
            SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Verdict::Unknown,
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
                if *commit_sent {
                    Verdict::Unknown
                } else {
                    Verdict::Elsewhere
                }
            }
            _ => Verdict::Never,
        }
    }
}

impl Failed {
    /// Whether a row cannot be written as it is: its key is taken, say (classes 22 and 23).
    fn for_its_rows(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Sql { error, .. } => error
                .code()
                .is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("23")),
        }
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        let verdict = failed.verdict();
        match failed {
            Failed::Refused(error) => error,
            Failed::Sql { error, .. } => Self::caused(
                match verdict {
                    Verdict::Unknown => {
                        "the database went away during a commit: it may have happened, and repeating it is safe"
                    }
                    Verdict::Again | Verdict::Elsewhere => {
                        "the database did not take it, however often it was asked"
                    }
                    Verdict::Never => "a statement failed",
                },
                error,
            ),
        }
    }
}
