//! What a text is, by its form alone: a JWT of anybody's, or an opaque secret of ours. Nothing is believed: no signature is looked
//! at here. Lenient where a verifier is strict, and says where that would have been.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};
use symbolon_token::{ClientSecret, RefreshToken, SessionCookie, Timestamp};
use uuid::Uuid;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The claims that hold a time in seconds since 1970.
pub(super) const DATES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];
/// What our own verifiers accept at most.
const OUR_LIMIT: usize = 8 * 1024;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What the text is.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    /// A signed token (JWS), or one that claims to be.
    Signed(Jwt),
    /// An encrypted token (JWE): only its header can be read.
    Encrypted(Object),
    /// A secret of Symbolon's, which means something to its server alone.
    Opaque(Opaque),
}

/// The three parts of a signed token.
#[derive(Debug, PartialEq)]
pub(super) struct Jwt {
    /// The length of all of it.
    pub(super) bytes: usize,
    /// The first part.
    pub(super) header: Object,
    /// The second, when it is a JSON object.
    pub(super) claims: Option<Object>,
    /// How long the second part is.
    pub(super) payload_bytes: usize,
    /// How long the third is.
    pub(super) signature_bytes: usize,
    /// What is odd about its form, as sentences.
    pub(super) remarks: Vec<String>,
}

/// A secret of ours, taken apart.
#[derive(Debug, PartialEq)]
pub(super) struct Opaque {
    /// `session cookie`, `refresh token` or `client secret`.
    pub(super) kind: &'static str,
    /// Whose: the session's or the client's.
    pub(super) id: Uuid,
    /// Which of the chain it is.
    pub(super) counter: Option<u64>,
}

impl Opaque {
    /// When the session or client was made: UUIDv7 tells.
    pub(super) fn made(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.id.get_timestamp()?.to_unix();
        let millis =
            i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))?;
        Some(Timestamp::from_millis(millis))
    }
}

/// Looks at a text, as it was copied from wherever.
///
/// # Errors
/// What is wrong with it, as a sentence that does not repeat it.
pub(super) fn look(text: &str) -> Result<Look, String> {
    let text = unwrapped(text);
    if text.is_empty() {
        return Err("there is no token".to_owned());
    }
    if let Some(opaque) = opaque(text) {
        return opaque.map(Look::Opaque);
    }
    let parts: Vec<_> = text.split('.').collect();
    match parts.as_slice() {
        [header, payload, signature] => signed(text.len(), header, payload, signature).map(Look::Signed),
        [header, _, _, _, _] => object(header, "header").map(Look::Encrypted),
        parts => Err(format!(
            "this is no token: a signed JWT has three parts with dots between them, an encrypted one five, and this {}",
            parts.len()
        )),
    }
}

/// Without what surrounds a token where people copy it from.
pub(super) fn unwrapped(text: &str) -> &str {
    let mut text = text.trim().trim_matches(['"', '\'']).trim();
    for wrapping in ["authorization:", "bearer ", "dpop "] {
        let wraps = text.get(..wrapping.len()).is_some_and(|start| start.eq_ignore_ascii_case(wrapping));
        if wraps {
            text = text[wrapping.len()..].trim_start();
        }
    }
    text
}

fn opaque(text: &str) -> Option<Result<Opaque, String>> {
    let (kind, parsed) = match text.get(..4)? {
        "ses_" => ("session cookie", SessionCookie::parse(text).map(|cookie| (cookie.id(), None))),
        "ref_" => {
            ("refresh token", RefreshToken::parse(text).map(|token| (token.id(), Some(token.counter()))))
        }
        "key_" => ("client secret", ClientSecret::parse(text).map(|secret| (secret.id(), None))),
        _ => return None,
    };
    let parsed = parsed.map(|(id, counter)| Opaque { kind, id, counter });
    Some(
        parsed
            .ok_or_else(|| format!("this begins like a {kind} of Symbolon's, but it is damaged or cut off")),
    )
}

fn signed(bytes: usize, header: &str, payload: &str, signature: &str) -> Result<Jwt, String> {
    let mut remarks = Vec::new();
    if [header, payload, signature].iter().any(|part| part.contains('=')) {
        remarks.push("It has base64 padding (=), which a JWT must not have.".to_owned());
    }
    let header_bytes = decoded(header, "header")?;
    let header = parsed(&header_bytes, "header")?;
    let payload = decoded(payload, "payload")?;
    let signature = decoded(signature, "signature")?;
    let claims = parsed(&payload, "payload").ok();
    let strict = |bytes: &[u8]| symbolon_token::json::object::<Object>(bytes).is_some();
    if !strict(&header_bytes) || (claims.is_some() && !strict(&payload)) {
        remarks.push(
            "A member stands in it twice, or it is nested too deep: readers may not agree on what it says."
                .to_owned(),
        );
    }
    match header.get("alg").and_then(Value::as_str) {
        None => remarks.push("Its header names no algorithm.".to_owned()),
        Some(alg) if alg.eq_ignore_ascii_case("none") => {
            remarks.push("It is not signed (alg none): anybody can write such a token.".to_owned());
        }
        Some(_) if signature.is_empty() => remarks.push("Its signature is empty.".to_owned()),
        Some(_) => {}
    }
    match &claims {
        None => remarks.push("Its payload is not a JSON object, so it has no claims.".to_owned()),
        Some(claims) if !claims.contains_key("exp") => remarks.push("It has no end (exp).".to_owned()),
        Some(_) => {}
    }
    if bytes > OUR_LIMIT {
        remarks
            .push(format!("It is longer than {OUR_LIMIT} bytes, the most that Symbolon's verifiers read."));
    }
    let (payload_bytes, signature_bytes) = (payload.len(), signature.len());
    Ok(Jwt { bytes, header, claims, payload_bytes, signature_bytes, remarks })
}

fn object(part: &str, name: &str) -> Result<Object, String> {
    parsed(&decoded(part, name)?, name)
}

fn decoded(part: &str, name: &str) -> Result<Vec<u8>, String> {
    LENIENT.decode(part).map_err(|_| format!("this is no token: its {name} is not base64url"))
}

fn parsed(bytes: &[u8], name: &str) -> Result<Object, String> {
    serde_json::from_slice(bytes).map_err(|_| format!("this is no token: its {name} is not a JSON object"))
}

/// A date of a claim (RFC 7519 §2): seconds, perhaps with a fraction.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    // What does not fit into the calendar is shown as a number.
    #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
    let of_float = |seconds: f64| (seconds.abs() < 1e15).then(|| seconds.floor() as i64);
    value
        .as_i64()
        .or_else(|| value.as_f64().and_then(of_float))
        .filter(|seconds| (0..=253_402_300_799).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7519 §3.1.
    const FOREIGN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn jwt(text: &str) -> Jwt {
        match look(text) {
            Ok(Look::Signed(jwt)) => jwt,
            other => panic!("{other:?}"),
        }
    }

    fn made(header: &str, payload: &str) -> String {
        let part = |text: &str| LENIENT.encode(text).replace('=', "");
        format!("{}.{}.AAAA", part(header), part(payload))
    }

    #[test]
    fn the_example_of_the_specification_is_taken_apart() {
        let found = jwt(FOREIGN);
        assert_eq!(found.header["alg"], "HS256");
        assert_eq!(seconds(&found.claims.as_ref().unwrap()["exp"]), Some(1_300_819_380));
        assert_eq!((found.bytes, found.signature_bytes), (FOREIGN.len(), 32));
        assert!(found.remarks.is_empty(), "{:?}", found.remarks);
        for wrapped in [
            format!("Bearer {FOREIGN}\n"),
            format!("authorization: bearer {FOREIGN}"),
            format!("\"{FOREIGN}\""),
        ] {
            assert_eq!(jwt(&wrapped), found);
        }
    }

    #[test]
    fn what_is_odd_is_said() {
        let said = |header, payload| jwt(&made(header, payload)).remarks.join(" ");
        assert!(said(r#"{"alg":"none"}"#, r#"{"exp":1}"#).contains("anybody can write"));
        assert!(said(r#"{"typ":"JWT"}"#, r#"{"exp":1}"#).contains("names no algorithm"));
        assert!(said(r#"{"alg":"ES256"}"#, "{}").contains("no end"));
        assert!(said(r#"{"alg":"ES256"}"#, r#"{"exp":1,"exp":2}"#).contains("twice"));
        assert!(said(r#"{"alg":"ES256"}"#, "plain").contains("no claims"));
        assert!(
            jwt(&format!("{}.", made(r#"{"alg":"ES256"}"#, "{}").rsplit_once('.').unwrap().0)).remarks[0]
                .contains("empty")
        );
        assert!(
            said(r#"{"alg":"ES256"}"#, &format!(r#"{{"exp":1,"x":"{}"}}"#, "y".repeat(9000)))
                .contains("8192")
        );
    }

    #[test]
    fn garbage_is_refused_and_never_repeated() {
        for garbage in [
            "",
            " ",
            "canary",
            "canary.canary",
            "c+n/ry.e30.e30",
            "e30.c@n@ry.e30",
            "W10.e30.e30",
            "ses_canary",
            "a.b.c.d",
        ] {
            let said = look(garbage).unwrap_err();
            assert!(!said.contains("canary") && !said.contains("n@ry"), "{said}");
        }
    }

    #[test]
    fn an_encrypted_token_shows_its_header() {
        let header = LENIENT.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#).replace('=', "");
        let Ok(Look::Encrypted(header)) = look(&format!("{header}.a.b.c.d")) else { panic!() };
        assert_eq!(header["enc"], "A256GCM");
    }

    #[test]
    fn dates_beyond_the_calendar_are_none() {
        for (value, expected) in [
            (serde_json::json!(1.5), Some(1)),
            (serde_json::json!(-1), None),
            (serde_json::json!(1e300), None),
            (serde_json::json!(u64::MAX), None),
            (serde_json::json!("1"), None),
        ] {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }
}
