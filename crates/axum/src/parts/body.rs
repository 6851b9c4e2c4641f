//! JSON bodies. Of a request: `application/json`, an object, no unknown and no repeated members. Of an answer: whatever it shows.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use symbolon_http::Problem;

use crate::failure::Failure;

/// Headers that most answers have room for.
const HEADERS: usize = 12;

/// The parsed body of a request, or what an answer shows.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Room for most answers: a buffer that grows on the way is copied each time.
        let mut body = Vec::with_capacity(512);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => {
                let mut answer = Response::new(Body::from(body));
                // Likewise for the headers that every answer gets.
                let mut headers = HeaderMap::with_capacity(HEADERS);
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *answer.headers_mut() = headers;
                answer
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Failure::from(Problem::internal(None)).into_response()
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported_media_type("application/json").into());
        }
        let body = read(request, state).await?;
        parse(&body).map(Self)
    }
}

/// The parsed body of a call that needs none: without one, the defaults. A body without a media type is no JSON.
pub(crate) struct JsonOrNothing<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonOrNothing<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return Json::from_request(request, state).await.map(|Json(body)| Self(body));
        }
        if read(request, state).await?.is_empty() {
            Ok(Self(T::default()))
        } else {
            Err(Problem::unsupported_media_type("application/json").into())
        }
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    symbolon_token::json::object(body).ok_or_else(|| {
        Problem::invalid_request("The body is not a JSON object with the members this call takes, each of its type and none twice.")
            .into()
    })
}

pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let status = rejection.into_response().status();
        match status.as_u16() {
            413 => Problem::payload_too_large(),
            408 => Problem::request_timeout(),
            _ => Problem::invalid_request("The body could not be read."),
        }
    })
}

/// `application/json`, without parameters or with `charset=utf-8`; one line only.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let mut pieces = text.split(';').map(str::trim);
    let essence = pieces.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    essence && pieces.all(|piece| piece.eq_ignore_ascii_case("charset=utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cs_07_only_plain_json_is_json() {
        let json =
            |value: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]));
        assert!(json("application/json") && json("Application/JSON; charset=UTF-8"));
        for other in [
            "",
            "text/plain",
            "text/plain; application/json",
            "application/json;charset=utf-7",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "application/json, text/plain",
            "application/problem+json",
        ] {
            assert!(!json(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
