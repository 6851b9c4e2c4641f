//! Statements sent one behind the other without waiting for answers: a transaction costs as many round trips as it has decisions.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use tokio_postgres::{Error, Row, Statement, types::ToSql};

use super::{
    attempt::{Attempt, Failed},
    pool::Connection,
};

/// The values of a statement, owned so that they outlive the wait.
pub(super) type Params = Vec<Box<dyn ToSql + Sync + Send>>;

/// Boxes the values of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send>),*]
    };
}
pub(super) use params;

/// Statements to send together. Of a transaction that is begun in one batch another may be the rest.
pub(super) struct Batch<'a> {
    sql: &'a Connection,
    steps: Vec<(&'static str, Params)>,
}

/// Where the answer to a statement will be.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

/// The rows that each statement answered.
pub(super) struct Answers(Vec<Vec<Row>>);

impl Answers {
    /// The rows of one statement.
    pub(super) fn take(&mut self, place: Place) -> Vec<Row> {
        std::mem::take(&mut self.0[place.0])
    }

    /// The rows of one statement, none where it was not asked.
    pub(super) fn take_if(&mut self, place: Option<Place>) -> Vec<Row> {
        place.map(|place| self.take(place)).unwrap_or_default()
    }
}

impl<'a> Batch<'a> {
    /// Statements by themselves, or the rest of a transaction.
    pub(super) fn on(sql: &'a Connection) -> Self {
        Self { sql, steps: Vec::new() }
    }

    /// A transaction from its beginning.
    pub(super) fn begin(sql: &'a Connection) -> Self {
        let mut batch = Self::on(sql);
        sql.begins();
        batch.add("BEGIN", params![]);
        batch
    }

    pub(super) fn add(&mut self, statement: &'static str, params: Params) -> Place {
        self.steps.push((statement, params));
        Place(self.steps.len() - 1)
    }

    /// Sends all and waits for all.
    pub(super) async fn run(self) -> Attempt<Answers> {
        let statements = self.prepared().await?;
        Ok(self.send(&statements).await?)
    }

    /// Sends all with the commit behind it, and waits for that.
    pub(super) async fn commit(mut self) -> Attempt<Answers> {
        // A commit that waits for a standby must not be told that it took too long: it would stand here and not there, and say nothing.
        self.add("SET LOCAL statement_timeout = 0", params![]);
        self.add("COMMIT", params![]);
        let statements = self.prepared().await?;
        let answers =
            self.send(&statements).await.map_err(|error| Failed::Sql { error, commit_sent: true })?;
        self.sql.committed();
        Ok(answers)
    }

    async fn prepared(&self) -> Attempt<Vec<Statement>> {
        let mut statements = Vec::with_capacity(self.steps.len());
        for (text, _) in &self.steps {
            statements.push(self.sql.prepare(text).await?);
        }
        Ok(statements)
    }

    async fn send(&self, statements: &[Statement]) -> Result<Answers, Error> {
        let sent = self.steps.iter().zip(statements);
        let sent =
            sent.map(|((_, params), statement)| Sent::Waiting(Box::pin(ask(self.sql, statement, params))));
        Ok(Answers(all(sent.collect()).await?))
    }
}

async fn ask(sql: &Connection, statement: &Statement, params: &Params) -> Result<Vec<Row>, Error> {
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| &**value as _).collect();
    sql.client().query(statement, &params).await
}

enum Sent<'a> {
    Waiting(Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>),
    Answered(Vec<Row>),
}

/// The driver sends a statement when it is first asked for the answer: asking in order sends in order. Answers come in
/// that order too, so the error that is met first is the one that the others follow from.
async fn all(mut sent: Vec<Sent<'_>>) -> Result<Vec<Vec<Row>>, Error> {
    poll_fn(|context| {
        let mut waits = false;
        for one in &mut sent {
            if let Sent::Waiting(answer) = one {
                match answer.as_mut().poll(context) {
                    Poll::Pending => waits = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(rows)) => *one = Sent::Answered(rows),
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(sent
        .into_iter()
        .map(|one| match one {
            Sent::Answered(rows) => rows,
            Sent::Waiting(_) => Vec::new(),
        })
        .collect())
}
