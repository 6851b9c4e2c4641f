//! What a handler takes of a request besides the caller: a JSON body, a form, parameters, a path. Each refuses what the contract does
//! not name, and none looks at a body before the caller's right to send it was decided.

mod body;
mod form;
mod page;
mod params;
mod possession;
mod prefer;

pub(crate) use body::{Json, JsonOrNothing};
pub(crate) use form::{Form, OAuthForm};
pub(crate) use page::Page;
pub(crate) use params::{NoParams, ParamNames, Params, PathId, path_text};
pub(crate) use possession::{next_nonce, possession, shows_proof};
pub(crate) use prefer::Prefer;
