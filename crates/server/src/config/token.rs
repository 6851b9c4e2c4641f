//! `[token]`: what tokens are signed with, for whom, for how long, and how they are renewed.

use std::time::Duration;

use symbolon_token::Algorithm;

use super::reader::Reader;
use super::value::{Found, Refused, Size, Value};

/// The effective `[token]`.
#[derive(Clone, Debug)]
pub struct Token {
    /// What new signing keys are made for. Keys that exist keep their own.
    pub algorithm: Algorithm,
    /// `client_id` of the first-party client, which is public.
    pub client_id: String,
    /// Audiences that may be asked for. The issuer always may.
    pub audiences: Vec<String>,
    /// Scopes that may be asked for.
    pub scopes: Vec<String>,
    /// Life of an access token: at most 24 h.
    pub access_life: Duration,
    /// Leeway for clocks when times are checked: at most 60 s.
    pub leeway: Duration,
    /// How long a refresh token that was just replaced still gets the same successor: at least 1 s.
    pub refresh_grace: Duration,
    /// Idle end of a refresh chain.
    pub refresh_idle: Duration,
    /// Absolute end of a refresh chain: at most 400 d.
    pub refresh_absolute: Duration,
    /// Age at which the signing key is replaced.
    pub rotate_every: Duration,
    /// How long a key is published before it signs: longer than verifiers cache the key set.
    pub publish_before: Duration,
    /// Profile fields that go into access tokens, by the name of the claim.
    pub claims: Claims,
    /// Memory for access tokens proven before, bytes.
    pub cache: usize,
}

/// Which profile field becomes which claim: pairs `(claim, field)` in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(pub Vec<(String, String)>);

/// Names that mean something to a verifier, here or elsewhere: a profile must not speak in them.
const RESERVED: [&str; 37] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "sid",
    "kind",
    "gen",
    "amr",
    "acr",
    "auth_time",
    "scope",
    "scp",
    "cnf",
    "act",
    "may_act",
    "azp",
    "nonce",
    "at_hash",
    "c_hash",
    "events",
    "roles",
    "role",
    "groups",
    "entitlements",
    "permissions",
    "authorization_details",
    "id",
    "typ",
    "alg",
    "kid",
    "token_type",
    "active",
    "ver",
];

impl Value for Claims {
    const WANTS: &'static str = "a table such as { email = \"email\" }, claim = profile field";
    const LIST: bool = true;

    fn read(found: &Found) -> Result<Self, Refused> {
        let mut pairs = match found {
            Found::Table(pairs) => pairs.clone(),
            Found::Loose(text) => text
                .split(',')
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    pair.split_once('=')
                        .map(|(claim, field)| (claim.trim().to_owned(), field.trim().to_owned()))
                })
                .collect::<Option<Vec<_>>>()
                .ok_or(Some("not every part of the list reads claim=field".to_owned()))?,
            _ => return Err(None),
        };
        pairs.sort();
        for (claim, field) in &pairs {
            let plain = |text: &str| {
                (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            };
            if !plain(field) || !(plain(claim) || plain_url(claim)) {
                return Err(Some(format!(
                    "\"{}\" = \"{}\" are not names of letters, digits, _ - and .",
                    claim.escape_debug(),
                    field.escape_debug()
                )));
            }
            if RESERVED.contains(&claim.as_str()) {
                return Err(Some(format!(
                    "the claim {claim} has a meaning of its own and cannot come from a profile"
                )));
            }
        }
        if pairs.windows(2).any(|two| matches!(two, [a, b] if a.0 == b.0)) {
            return Err(Some("it names one claim twice".to_owned()));
        }
        Ok(Self(pairs))
    }

    fn show(&self) -> String {
        let pairs: Vec<_> =
            self.0.iter().map(|(claim, field)| format!("{claim} = {}", field.show())).collect();
        if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
    }
}

/// A collision-resistant claim name (RFC 7519 §4.2).
fn plain_url(claim: &str) -> bool {
    claim.len() <= 128
        && claim.starts_with("https://")
        && claim.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:~".contains(&b))
}

impl Value for Algorithm {
    const WANTS: &'static str =
        "ES256, ES384, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512, HS256, HS384 or HS512";

    fn read(found: &Found) -> Result<Self, Refused> {
        match found.text().ok_or(None)? {
            "none" => Err(Some("\"none\" does not exist here".to_owned())),
            name => name.parse().map_err(|_| None),
        }
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.name())
    }
}

/// RFC 6749 §3.3: `%x21 / %x23-5B / %x5D-7E`.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Printable ASCII without spaces (RFC 6749 appendix A.1, but a space in an id only causes grief).
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

pub(super) fn read(reader: &mut Reader) -> Token {
    let second = Duration::from_secs;
    let (hour, day) = (second(3600), second(86_400));
    let mut s = reader.section("token");
    let token = Token {
        algorithm: s.setting("algorithm", Algorithm::Es256).take(),
        client_id: s
            .setting("client_id", "symbolon".to_owned())
            .must(|id| is_name(id), "must be printable ASCII without spaces")
            .take(),
        audiences: s
            .setting("audiences", Vec::new())
            .must(
                |all: &Vec<String>| all.iter().all(|audience| is_name(audience)),
                "must hold names or addresses of printable ASCII without spaces",
            )
            .take(),
        scopes: s
            .setting("scopes", Vec::new())
            .must(
                |all: &Vec<String>| all.iter().all(|scope| is_scope(scope)),
                "must hold scopes without spaces, quotation marks and backslashes",
            )
            .take(),
        access_life: s
            .setting("access_life", second(300))
            .ceiling(24 * hour)
            .within(second(1), 3650 * day)
            .take(),
        leeway: s.setting("leeway", second(30)).ceiling(second(60)).within(second(0), hour).take(),
        refresh_grace: s.setting("refresh_grace", second(30)).floor(second(1)).within(second(0), hour).take(),
        refresh_idle: s.setting("refresh_idle", 14 * day).within(second(1), 36_500 * day).take(),
        refresh_absolute: s
            .setting("refresh_absolute", 30 * day)
            .ceiling(400 * day)
            .within(second(1), 36_500 * day)
            .take(),
        rotate_every: s.setting("rotate_every", 90 * day).floor(hour).within(second(1), 3650 * day).take(),
        // Verifiers may cache the key set for 900 s (`CONTRACT.md`): a key that signs sooner is unknown to them.
        publish_before: s
            .setting("publish_before", 24 * hour)
            .floor(second(900))
            .within(second(0), 365 * day)
            .take(),
        claims: s.setting("claims", Claims::default()).take(),
        cache: s.setting("cache", Size(64 * 1024 * 1024)).within(Size(0), Size(4096 * 1024 * 1024)).take().0,
    };
    if token.publish_before >= token.rotate_every {
        reader.complain(format!(
            "a key is published token.publish_before ({}) ahead of its use, which must be less than token.rotate_every ({})",
            reader.source("token.publish_before"),
            reader.source("token.rotate_every")
        ));
    }
    token
}
