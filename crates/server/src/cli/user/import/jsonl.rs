//! A line of JSON Lines: `{identifier, password_hash | password, profile?, disabled?}`.

use serde_json::Value;

use super::record::{Object, Proof, Record, switch, text};

/// Reads a line.
///
/// # Errors
/// What is wrong, in words that repeat no value of it.
pub(super) fn parse(line: &str) -> Result<Record, String> {
    let mut object = object(line)?;
    let identifier = text(&mut object, "identifier")?.ok_or("\"identifier\" is missing")?;
    let proof = match (text(&mut object, "password_hash")?, text(&mut object, "password")?) {
        (Some(hash), None) => Proof::Hash(hash),
        (None, Some(password)) => Proof::Password(password),
        (None, None) => return Err("it has neither \"password_hash\" nor \"password\"".to_owned()),
        (Some(_), Some(_)) => return Err("it has both \"password_hash\" and \"password\"".to_owned()),
    };
    let profile = match object.remove("profile") {
        None | Some(Value::Null) => Object::new(),
        Some(Value::Object(profile)) => profile,
        Some(_) => return Err("\"profile\" is not an object".to_owned()),
    };
    let disabled = switch(&mut object, "disabled")?.unwrap_or(false);
    if let Some(name) = object.keys().next() {
        // A name and not a value; whoever writes passwords as names is beyond help, but is not quoted at length either.
        let name: String = crate::cli::text::safe(name).chars().take(40).collect();
        return Err(format!(
            "it has a member \"{name}\", which is none of identifier, password_hash, password, profile, disabled"
        ));
    }
    Ok(Record { identifier: identifier.to_string(), proof, profile, disabled })
}

/// The object that a text is, read strictly.
pub(super) fn object(text: &str) -> Result<Object, String> {
    // serde_json's own words may quote a value.
    let object: Object = serde_json::from_str(text)
        .map_err(|error| format!("it is not a JSON object (column {})", error.column()))?;
    if symbolon_token::json::object::<Object>(text.as_bytes()).is_none() {
        return Err("a member stands in it twice, or it is nested too deep".to_owned());
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        parse(line).err().unwrap_or_else(|| panic!("taken: {line}"))
    }

    #[test]
    fn a_line_is_a_user() {
        let record =
            parse(r#"{"identifier":"ada","password_hash":"$2y$…","profile":{"name":"Ada"},"disabled":true}"#)
                .unwrap();
        assert_eq!((record.identifier.as_str(), record.disabled), ("ada", true));
        assert_eq!(record.profile["name"], "Ada");
        let body: Value = serde_json::from_slice(&record.body().unwrap()).unwrap();
        assert_eq!(body["password_hash"], "$2y$…");
        assert!(body.get("password").is_none());
    }

    #[test]
    fn lg_10_what_is_refused_is_not_repeated() {
        for (line, why) in [
            (r#"{"identifier":"ada"}"#, "neither"),
            (r#"{"identifier":"ada","password":"canary","password_hash":"canary"}"#, "both"),
            (r#"{"identifier":"ada","password":{"canary":1}}"#, "\"password\" is not a text"),
            (r#"{"password":"canary"}"#, "\"identifier\" is missing"),
            (r#"{"identifier":"ada","password":"canary","password":"canary"}"#, "twice"),
            (r#"{"identifier":"ada","password":"canary","profile":["canary"]}"#, "not an object"),
            (r#"{"identifier":"ada","password":"canary","disabled":"canary"}"#, "true or false"),
            (r#"{"identifier":"ada","password":"canary","age":"canary"}"#, "a member \"age\""),
            (r#"{"identifier":"ada","password":canary}"#, "not a JSON object (column"),
            (r#"["canary"]"#, "not a JSON object"),
            ("canary", "not a JSON object"),
        ] {
            let said = refused(line);
            assert!(said.contains(why) && !said.contains("canary"), "{said}");
        }
    }
}
