//! A token as text for people and as JSON for programs.

use serde_json::{Value, json};
use symbolon_token::Timestamp;

use super::look::{DATES, Jwt, Look, Object, Opaque, seconds};
use crate::cli::{text, times};

/// For people.
pub(super) fn told(look: &Look, now: Timestamp) -> String {
    match look {
        Look::Signed(jwt) => signed(jwt, now),
        Look::Encrypted(header) => {
            format!(
                "JSON Web Token, encrypted: only its header can be read.\n\nHeader\n{}",
                members(header, now)
            )
        }
        Look::Opaque(opaque) => self::opaque(opaque, now),
    }
}

/// For programs.
pub(super) fn as_json(look: &Look) -> Value {
    match look {
        Look::Signed(jwt) => json!({
            "kind": "jwt",
            "bytes": jwt.bytes,
            "header": jwt.header,
            "claims": jwt.claims,
            "times": times_of(jwt),
            "signature_bytes": jwt.signature_bytes,
            "remarks": jwt.remarks,
        }),
        Look::Encrypted(header) => json!({ "kind": "encrypted jwt", "header": header }),
        Look::Opaque(opaque) => {
            json!({ "kind": opaque.kind, "id": opaque.id, "counter": opaque.counter, "made": opaque.made().map(times::date) })
        }
    }
}

fn signed(jwt: &Jwt, now: Timestamp) -> String {
    let algorithm = jwt.header.get("alg").and_then(Value::as_str).unwrap_or("no algorithm");
    let title = format!("JSON Web Token, {} bytes, {}", jwt.bytes, text::safe(algorithm));
    let claims = match &jwt.claims {
        Some(claims) => members(claims, now),
        None => format!("  {} bytes that are no JSON object", jwt.payload_bytes),
    };
    let mut out = format!("{title}\n\nHeader\n{}\n\nClaims\n{claims}\n", members(&jwt.header, now));
    out.push_str(&format!("\nSignature\n  {} bytes\n", jwt.signature_bytes));
    let remarks = jwt.remarks.iter().cloned().chain(by_time(jwt, now));
    for (at, remark) in remarks.enumerate() {
        out.push_str(&format!("{}! {remark}\n", if at == 0 { "\n" } else { "" }));
    }
    out.trim_end().to_owned()
}

/// What its own times say about it now.
fn by_time(jwt: &Jwt, now: Timestamp) -> Option<String> {
    let date = |name: &str| jwt.claims.as_ref()?.get(name).and_then(seconds);
    if let Some(exp) = date("exp").filter(|exp| *exp <= now.as_secs()) {
        return Some(format!("It expired {}.", times::distance(Timestamp::from_secs(exp), now)));
    }
    let nbf = date("nbf").filter(|nbf| *nbf > now.as_secs())?;
    Some(format!("It begins {}.", times::distance(Timestamp::from_secs(nbf), now)))
}

fn members(object: &Object, now: Timestamp) -> String {
    let facts = object.iter().map(|(name, value)| (name.as_str(), shown(name, value, now)));
    let lines = text::facts(facts);
    lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn shown(name: &str, value: &Value, now: Timestamp) -> String {
    if DATES.contains(&name)
        && let Some(seconds) = seconds(value)
    {
        let at = Timestamp::from_secs(seconds);
        return format!("{}, {} ({value})", times::date(at), times::distance(at, now));
    }
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn times_of(jwt: &Jwt) -> Object {
    let claims = jwt.claims.iter().flatten().filter(|(name, _)| DATES.contains(&name.as_str()));
    claims
        .filter_map(|(name, value)| {
            Some((name.clone(), symbolon::clock::rfc3339(Timestamp::from_secs(seconds(value)?)).into()))
        })
        .collect()
}

fn opaque(opaque: &Opaque, now: Timestamp) -> String {
    let (whose, means) = match opaque.kind {
        "client secret" => ("client", "It authenticates a program."),
        "refresh token" => ("session", "It is shown at POST /oauth/token alone."),
        _ => ("session", "It is a browser's half of a login."),
    };
    let mut facts = vec![(whose, opaque.id.to_string())];
    if let Some(made) = opaque.made() {
        facts.push(("made", format!("{}, {}", times::date(made), times::distance(made, now))));
    }
    facts.extend(opaque.counter.map(|counter| ("counter", counter.to_string())));
    let lines: Vec<_> = text::facts(facts).lines().map(|line| format!("  {line}")).collect();
    format!(
        "A {} of Symbolon's: a secret, not a JSON Web Token, and nothing is in it but this.\n\n{}\n\n{means}",
        opaque.kind,
        lines.join("\n")
    )
}
