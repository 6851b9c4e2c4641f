//! Pages of lists: `after` is the id behind which a page begins, `limit` how long it is. The answer's `next` is the `after` of the
//! page that follows, or null.

use symbolon_http::Problem;
use uuid::Uuid;

use super::{ParamNames, Params};
use crate::failure::Failure;

const USUAL: usize = 50;
const MOST: usize = 200;

/// The page that a request asks for.
pub(crate) struct Page {
    /// The last id of the page before.
    pub(crate) after: Option<Uuid>,
    limit: usize,
}

impl Page {
    /// The parameters `after` and `limit`. What is out of bounds is refused, not bent: a client that asks for 10,000 must not take
    /// 200 for all there is.
    pub(crate) fn of<N: ParamNames>(params: &Params<N>) -> Result<Self, Failure> {
        let limit = params.parsed::<usize>("limit")?.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::invalid_request(format!("The parameter limit is 1 to {MOST}.")).into());
        }
        Ok(Self { after: params.parsed("after")?, limit })
    }

    /// How many rows to read: one more than the page, which tells whether another follows.
    pub(crate) fn asked(&self) -> usize {
        self.limit + 1
    }

    /// Cuts the rows to the page; answers `next`.
    pub(crate) fn cut<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        rows.last().filter(|_| more).map(id)
    }
}
