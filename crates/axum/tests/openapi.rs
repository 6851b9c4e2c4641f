//! `openapi.json` is true: it names the routes that there are and no others, stands by itself, and every answer it promises can be had
//! and looks as it says (`common/document.rs` holds each answer of these tests, and of those of `admin/`, against it).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod common;
#[path = "openapi/promises.rs"]
mod promises;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use symbolon_http::problem::CODES;

use common::{World, document::Document, schema};

fn each(value: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Object(members) => members.values().for_each(|member| each(member, visit)),
        _ => {}
    }
}

fn operations(document: &Document) -> Vec<(&str, &str, &Value)> {
    let paths = document.paths().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[test]
fn it_names_the_routes_that_there_are_and_no_others() {
    let document = Document::read();
    let said: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method.to_ascii_uppercase()))
        .collect();
    let routed: BTreeSet<_> = symbolon_axum::inventory()
        .into_iter()
        .flat_map(|(path, methods)| {
            methods.into_iter().map(move |method| (path.to_owned(), method.to_string()))
        })
        .collect();
    assert_eq!(said, routed);
}

/// Whoever listens in a host application may let more through than the binary's listener does.
#[tokio::test]
async fn a_body_beyond_64_kib_is_refused_by_the_router_itself() {
    let world = World::new().await;
    let large = json!({ "identifier": "ada", "password": "x".repeat(64 * 1024) });
    let answer = world.ask("POST", "/v1/users").json(&large).await;
    assert_eq!(answer.said(), (413, "payload_too_large".into()));
    let large = format!("token={}", "x".repeat(64 * 1024));
    let answer = world.ask("POST", "/oauth/revoke").form(&large).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (413, Some("invalid_request")));
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let document = Document::read();
    let mut used = BTreeSet::new();
    each(&document.value, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            document.resolve(value);
            used.insert(reference.to_owned());
        }
    });
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document.value["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(&reference), "{reference} is not used");
        }
    }
    assert_eq!(document.value["openapi"], "3.1.0");
    assert_eq!(document.value["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_operation_says_what_it_needs() {
    let document = Document::read();
    let tags: Vec<&str> =
        document.value["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let text = |name: &str| {
            let text = operation[name].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{place} has no {name}");
            text.to_owned()
        };
        assert!(ids.insert(text("operationId")), "{place}: the operationId is taken");
        assert!(!text("summary").ends_with('.'), "{place}");
        assert!(
            operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag.as_str().unwrap()))
        );

        let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let parameters: Vec<_> = parameters.iter().map(|one| document.resolve(one)).collect();
        let in_path: BTreeSet<_> = parameters
            .iter()
            .filter(|one| one["in"] == "path")
            .collect::<Vec<_>>()
            .into_iter()
            .map(|one| {
                assert_eq!(one["required"], true, "{place}");
                format!("{{{}}}", one["name"].as_str().unwrap())
            })
            .collect();
        let in_template: BTreeSet<_> =
            path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned).collect();
        assert_eq!(in_path, in_template, "{place}");
        assert!(parameters.iter().all(|one| one["schema"].is_object()), "{place}");

        for alternative in operation["security"].as_array().unwrap_or_else(|| panic!("{place}: security")) {
            for scheme in alternative.as_object().unwrap().keys() {
                assert!(
                    document.value["components"]["securitySchemes"].get(scheme).is_some(),
                    "{place}: {scheme}"
                );
            }
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{place}");
        assert!(answers.contains_key("default"), "{place}");
        for answer in answers.values() {
            assert!(document.resolve(answer)["description"].is_string(), "{place}");
        }
    }
}

#[test]
fn it_knows_every_code_under_its_status() {
    let document = Document::read();
    let known: Vec<_> = CODES.iter().map(|(code, ..)| json!(code)).collect();
    let problem = &document.value["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    assert_eq!(*problem.as_array().unwrap(), known);
    for (path, method, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let content = &document.resolve(answer)["content"]["application/problem+json"];
            let Some(codes) = content["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array() else {
                continue;
            };
            for code in codes {
                let (_, real, _) =
                    CODES.iter().find(|(name, ..)| code == name).unwrap_or_else(|| panic!("{code}"));
                // A bad proof is 400 where tokens are issued, 401 where they are shown.
                let issuing = code.as_str().unwrap().contains("dpop") && status == "400";
                let fits = status == "default" || *status == real.as_u16().to_string() || issuing;
                assert!(fits, "{method} {path}: {code} is not {status}");
            }
        }
    }
}

#[test]
fn its_schemas_say_nothing_that_no_test_checks() {
    let document = Document::read();
    for (name, described) in document.value["components"]["schemas"].as_object().unwrap() {
        // Panics at a keyword it does not know; whether the value fits is no matter here.
        let _ = schema::check(&document, described, &json!({}));
        let named: Vec<_> =
            described.get("required").and_then(Value::as_array).into_iter().flatten().collect();
        for member in named {
            assert!(described["properties"].get(member.as_str().unwrap()).is_some(), "{name}: {member}");
        }
    }
}

#[tokio::test]
async fn it_is_what_is_served() {
    let world = World::new().await;
    let answer = world.ask("GET", "/openapi.json").await;
    assert_eq!(answer.json(), world.document.value);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
