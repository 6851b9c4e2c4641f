//! Form bodies: of pages (`/login` …) and of OAuth endpoints. Repeated fields are refused, unknown ones ignored, empty ones absent.

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use symbolon_http::{OAuthError, Problem, form};

use crate::failure::Failure;

/// The fields of a page's form.
#[derive(Default)]
pub(crate) struct Form(Fields);

/// The fields of an OAuth request (RFC 6749 §3.2); refused in its form of errors.
pub(crate) struct OAuthForm(Fields);

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let pairs = form::pairs(body)
            .map_err(|_| "The form is not well-formed: check the percent-encoding and use UTF-8.")?;
        Self::of(pairs)
    }

    fn of(mut pairs: Vec<(String, String)>) -> Result<Self, &'static str> {
        let repeated = pairs.iter().enumerate().any(|(at, (name, _))| {
            !matches!(name.as_str(), "resource" | "audience")
                && pairs[..at].iter().any(|(other, _)| other == name)
        });
        if repeated {
            return Err("A parameter is given more than once.");
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Form {
    /// From fields that were read already.
    pub(crate) fn of(fields: Vec<(String, String)>) -> Result<Self, Failure> {
        Fields::of(fields).map(Self).map_err(|why| Problem::invalid_request(why).into())
    }

    /// A field; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// All values of a field that may be repeated.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0.all(name)
    }

    /// The names of the fields, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.0.iter().map(|(name, _)| name.as_str())
    }

    /// Refuses fields that the call does not take.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Failure> {
        if self.0.0.iter().all(|(name, _)| names.contains(&name.as_str())) {
            return Ok(());
        }
        Err(Problem::invalid_request("The form holds a field that this call does not take.").into())
    }

    /// A field, or nothing of it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

impl OAuthForm {
    /// From a body that was read already.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        Fields::parse(body).map(Self).map_err(OAuthError::invalid_request)
    }

    /// A field; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Response> {
        self.get(name).ok_or_else(|| {
            OAuthError::invalid_request(format!("The parameter {name} is missing.")).into_response()
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !form::is_form(request.headers()) {
            return Err(Problem::unsupported_media_type(form::MEDIA_TYPE).into());
        }
        let body = super::body::read(request, state).await?;
        Fields::parse(&body).map(Self).map_err(|why| Problem::invalid_request(why).into())
    }
}

impl<S: Send + Sync> FromRequest<S> for OAuthForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let refused = |problem| OAuthError::from(problem).into_response();
        if !form::is_form(request.headers()) {
            return Err(refused(Problem::unsupported_media_type(form::MEDIA_TYPE)));
        }
        let body = super::body::read(request, state).await.map_err(refused)?;
        Self::parse(&body).map_err(IntoResponse::into_response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cr_29_repeated_fields_are_refused_and_empty_ones_absent() {
        assert!(Fields::parse(b"a=1&a=1").is_err());
        assert!(Fields::parse(b"a=1&%61=2").is_err());
        let fields = Fields::parse(b"a=&b=x+y&audience=1&audience=2").unwrap();
        assert_eq!((fields.get("a"), fields.get("b")), (None, Some("x y")));
    }

    #[test]
    fn cr_21_what_is_not_utf_8_is_refused() {
        assert!(Fields::parse(b"password=%ff").is_err());
        assert!(Fields::parse(b"password=\xff").is_err());
        assert!(Fields::parse(b"password=%4").is_err());
    }
}
