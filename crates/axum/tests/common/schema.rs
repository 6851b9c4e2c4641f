//! As much of JSON Schema 2020-12 as `openapi.json` uses. A keyword that is not known here is an error, so that nothing stands in the
//! document that is not checked.

use serde_json::Value;

use super::document::Document;

/// Why `value` is not what `schema` describes.
pub(crate) fn check(document: &Document, schema: &Value, value: &Value) -> Result<(), String> {
    at(document, schema, value, "")
}

fn at(document: &Document, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let fail = |what: String| Err(format!("{} {what}: {value}", if place.is_empty() { "/" } else { place }));
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let ok = match keyword.as_str() {
            "$ref" => {
                at(document, document.resolve(schema), value, place)?;
                true
            }
            "title" | "description" | "default" | "examples" | "contentEncoding" | "writeOnly" => true,
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "const" => wanted == value,
            "enum" => wanted.as_array().expect("enum").contains(value),
            "format" => has_format(wanted.as_str().expect("format"), value),
            "pattern" => true,
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().expect("minimum")),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().expect("maximum")),
            "minLength" => length(value).is_none_or(|length| length >= count(wanted)),
            "maxLength" => length(value).is_none_or(|length| length <= count(wanted)),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= count(wanted)),
            "uniqueItems" => true,
            "required" => {
                let mut names = wanted.as_array().expect("required").iter().filter_map(Value::as_str);
                let missing = names.find(|name| value.is_object() && value.get(name).is_none());
                if let Some(missing) = missing {
                    return fail(format!("lacks {missing}"));
                }
                true
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("properties") {
                    if let Some(member) = value.get(name) {
                        at(document, schema, member, &format!("{place}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match wanted {
                        Value::Bool(true) => {}
                        Value::Bool(false) => return fail(format!("has {name} besides")),
                        schema => at(document, schema, member, &format!("{place}/{name}"))?,
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    at(document, wanted, item, &format!("{place}/{index}"))?;
                }
                true
            }
            "allOf" => {
                for schema in wanted.as_array().expect("allOf") {
                    at(document, schema, value, place)?;
                }
                true
            }
            "oneOf" | "anyOf" => {
                let fits = |schema: &&Value| at(document, schema, value, place).is_ok();
                let fitting = wanted.as_array().expect("oneOf").iter().filter(fits).count();
                fitting == 1 || keyword == "anyOf" && fitting > 0
            }
            unknown => panic!("{unknown}: a keyword that no test checks"),
        };
        if !ok {
            return fail(format!("is not {keyword} {wanted}"));
        }
    }
    Ok(())
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().expect("type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

fn has_format(format: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return true };
    match format {
        "uuid" => text.len() == 36 && uuid::Uuid::parse_str(text).is_ok(),
        "date-time" => text.len() == 24 && text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z'),
        "uri" => text.contains(':'),
        "password" => true,
        other => panic!("{other} is no format that is checked"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn count(wanted: &Value) -> u64 {
    wanted.as_u64().expect("a number of things")
}
