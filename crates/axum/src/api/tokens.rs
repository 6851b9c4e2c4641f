//! `/v1/tokens`: login by token. Never reads a cookie.

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Deserializer};
use symbolon::{
    login::{Attempt, Carrier},
    session::Issued,
    token::issue::Wish,
};

use symbolon_http::Problem;

use super::view;
use crate::{
    Auth,
    address::Calling,
    failure::Failure,
    parts::{Json, NoParams, possession},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    identifier: String,
    password: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    audience: Audiences,
    scope: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Session,
    Stateless,
}

/// `audience`: a string, or an array of strings.
#[derive(Default)]
pub(crate) struct Audiences(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::One(one) => vec![one],
            Form::Many(many) => many,
        }))
    }
}

/// `POST /v1/tokens` → 201 tokens, bound to a key when a proof of it comes along.
pub(crate) async fn login(
    State(auth): State<Auth>,
    Calling(caller): Calling,
    _: NoParams,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response, Failure> {
    let proof = possession(&auth, &method, &uri, &headers).map_err(Problem::dpop_at_issue)?;
    let caller = caller.with_proof(proof);
    let wish = Wish { audience: body.audience.0, scope: body.scope };
    let carrier = match body.mode {
        Mode::Session => Carrier::Token(wish),
        Mode::Stateless => Carrier::Stateless(wish),
    };
    let attempt = Attempt {
        identifier: &body.identifier,
        password: &body.password,
        carrier,
        presented: None,
        known: None,
        caller: &caller,
    };
    match auth.engine().login(attempt).await?.issued {
        Issued::Token(answer) => Ok((StatusCode::CREATED, Json(view::Tokens::from(answer))).into_response()),
        Issued::Cookie { .. } => {
            Err(symbolon::Error::defect("A login by token answered with a cookie.").into())
        }
    }
}
