//! `openapi.json` as the tests read it: which operation a request is, and whether an answer is one that it promises.

use std::{collections::BTreeSet, sync::Mutex};

use serde_json::{Map, Value};

use super::{Answer, schema};

pub(crate) struct Document {
    pub(crate) value: Value,
    /// Operations and the statuses with which they were answered.
    pub(crate) seen: Mutex<BTreeSet<(String, u16)>>,
}

/// What any call may answer, said once for all of them in `default`: the limits, the method, a defect.
const ANYWHERE: [u16; 7] = [405, 408, 413, 414, 431, 500, 501];

impl Document {
    pub(crate) fn read() -> Self {
        let value = include_str!("../../src/api/openapi.json");
        let value = serde_json::from_str(value).expect("openapi.json parses");
        Self { value, seen: Mutex::default() }
    }

    /// Follows `$ref`s.
    pub(crate) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            value = self.value.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        }
        value
    }

    pub(crate) fn paths(&self) -> &Map<String, Value> {
        self.value["paths"].as_object().expect("paths")
    }

    /// The operation of a request: the template with the fewest variables that fits.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &str| {
            let (wanted, given): (Vec<_>, Vec<_>) =
                (template.split('/').collect(), path.split('/').collect());
            wanted.len() == given.len()
                && wanted
                    .iter()
                    .zip(given)
                    .all(|(wanted, given)| *wanted == given || wanted.starts_with('{') && !given.is_empty())
        };
        let templates = self.paths().keys().filter(|template| fits(template));
        let template = templates.min_by_key(|template| template.matches('{').count())?;
        self.paths()[template].get(method.to_ascii_lowercase())
    }

    /// Panics when the document does not promise the answer, or would not have let the request through that was.
    #[track_caller]
    pub(crate) fn holds(&self, method: &str, path: &str, sent: (Option<&str>, &[u8]), answer: &Answer) {
        let Some(operation) = self.operation(method, path) else {
            assert!(
                matches!(answer.status, 404 | 405) || matches!(method, "HEAD" | "OPTIONS"),
                "{method} {path} is answered with {} and not in the document",
                answer.status
            );
            return;
        };
        let listed = operation["responses"].get(answer.status.to_string());
        let promised = match listed {
            Some(promised) => promised,
            None if ANYWHERE.contains(&answer.status) => &operation["responses"]["default"],
            None => panic!("{method} {path}: {} is not in the document: {answer:?}", answer.status),
        };
        self.promises(self.resolve(promised), answer).unwrap_or_else(|why| {
            panic!("{method} {path}: {} is not as the document says: {why}: {answer:?}", answer.status)
        });
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        self.seen.lock().expect("nobody panicked here").insert((id, answer.status));
        if answer.is_success() {
            self.takes(operation, sent).unwrap_or_else(|why| {
                panic!("{method} {path} was taken, which the document does not say: {why}")
            });
        }
    }

    fn promises(&self, promised: &Value, answer: &Answer) -> Result<(), String> {
        for name in promised["headers"].as_object().into_iter().flat_map(Map::keys) {
            let required = self.resolve(&promised["headers"][name])["required"] == true;
            if required && !answer.headers.contains_key(name.as_str()) {
                return Err(format!("the header {name} is missing"));
            }
        }
        let Some(content) = promised.get("content").and_then(Value::as_object) else {
            return if answer.body.is_empty() { Ok(()) } else { Err("it has a body".into()) };
        };
        let media_type = answer.header("content-type").unwrap_or_default();
        let described = content.get(media_type).ok_or(format!("the media type {media_type:?}"))?;
        let body = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        schema::check(self, &described["schema"], &body)
    }

    fn takes(&self, operation: &Value, (media_type, body): (Option<&str>, &[u8])) -> Result<(), String> {
        // A body that a call does not ask for means nothing to it (RFC 9110 section 9.3).
        let Some(described) = operation.get("requestBody").map(|body| self.resolve(body)) else {
            return Ok(());
        };
        let Some(media_type) = media_type else {
            return if described["required"] == true { Err("a body is required".into()) } else { Ok(()) };
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let content = described["content"].get(&essence).ok_or(format!("the media type {essence:?}"))?;
        if essence != "application/json" {
            return Ok(());
        }
        let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        schema::check(self, &content["schema"], &body)
    }
}
