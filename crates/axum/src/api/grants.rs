//! `/v1/grants`: a refresh chain for a job that works while its user is away.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Deserializer, de};
use symbolon::{
    session::Via as Shown,
    token::{grant::Giver, issue::Wish},
};
use symbolon_http::{Fresh, Problem, Via};
use symbolon_token::Timestamp;

use super::{sessions::dead, tokens::Audiences, view};
use crate::{
    Auth,
    address::Calling,
    failure::Failure,
    parts::{Json, NoParams},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Give {
    label: String,
    #[serde(default)]
    audience: Audiences,
    scope: Option<String>,
    #[serde(default, deserialize_with = "stated")]
    expires_at: Option<At>,
}

/// A time in RFC 3339.
struct At(Timestamp);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // RFC 3339 alone: the parser knows more, such as a zone's name behind the offset.
        let known = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | '+' | 'T' | 'Z');
        let plain = text.len() <= 40 && text.chars().all(known) && text.get(4..5) == Some("-");
        let at = text.parse::<jiff::Timestamp>().ok().filter(|_| plain);
        let at = at.ok_or_else(|| de::Error::custom("not a time"))?;
        Ok(Self(Timestamp::from_millis(at.as_millisecond())))
    }
}

/// An end that is named is a time: `null` is none.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<At>, D::Error> {
    At::deserialize(deserializer).map(Some)
}

/// `POST /v1/grants` → 201 tokens.
pub(crate) async fn give(
    State(auth): State<Auth>,
    Fresh(who): Fresh,
    Calling(caller): Calling,
    _: NoParams,
    Json(body): Json<Give>,
) -> Result<Response, Failure> {
    let session = who.session_id.ok_or_else(|| {
        Problem::invalid_request("A stateless token has no session that could give a grant.")
    })?;
    let wish = Wish { audience: body.audience.0, scope: body.scope };
    let offer = auth.engine().offer(&body.label, &wish, body.expires_at.map(|at| at.0))?;
    let giver = Giver { session, via: shown(who.via), scope: who.scope.as_deref(), caller: &caller };
    let given = auth.engine().give(&giver, &offer).await.map_err(|error| dead(&who, error))?;
    Ok((StatusCode::CREATED, Json(view::Tokens::from(given.answer))).into_response())
}

fn shown(via: Via) -> Shown {
    match via {
        Via::Cookie => Shown::Cookie,
        Via::Bearer => Shown::Bearer,
    }
}
