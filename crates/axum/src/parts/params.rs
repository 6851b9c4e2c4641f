//! Query parameters and ids in paths.

use std::marker::PhantomData;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use symbolon_http::{Problem, form};
use uuid::Uuid;

use crate::failure::Failure;

/// The parameters a call takes.
pub(crate) trait ParamNames {
    const NAMES: &'static [&'static str];
}

/// A call that takes none.
pub(crate) struct None_;
impl ParamNames for None_ {
    const NAMES: &'static [&'static str] = &[];
}

/// The query's parameters, each one of `N`'s and none twice. `access_token` is the transport's and passes.
pub(crate) struct Params<N>(Vec<(String, String)>, PhantomData<N>);

/// The extractor of a call without parameters.
pub(crate) type NoParams = Params<None_>;

impl<N> Params<N> {
    /// A parameter; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter of a type.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Failure> {
        let refused =
            |_| Problem::invalid_request(format!("The parameter {name} is not of its form.")).into();
        self.get(name).map(|text| text.parse().map_err(refused)).transpose()
    }
}

impl<S: Send + Sync, N: ParamNames> FromRequestParts<S> for Params<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let pairs = form::pairs(parts.uri.query().unwrap_or_default().as_bytes())?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if name == "access_token" {
                continue;
            }
            if !N::NAMES.contains(&name.as_str()) {
                return Err(Problem::invalid_request(
                    "The query holds a parameter that this call does not take.",
                )
                .into());
            }
            if pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(Problem::invalid_request("A parameter is given more than once.").into());
            }
        }
        Ok(Self(pairs, PhantomData))
    }
}

/// A segment of the path by its name in the table of routes, decoded; `None` when it does not decode.
pub(crate) async fn path_text<S: Send + Sync>(parts: &mut Parts, state: &S, wanted: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// The one id in the path. What is no id is nothing that exists: 404.
pub(crate) struct PathId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = path_text(parts, state, "id").await;
        let id = text.filter(|text| text.len() == 36).and_then(|text| Uuid::parse_str(&text).ok());
        id.map(Self).ok_or_else(|| Problem::not_found().into())
    }
}
