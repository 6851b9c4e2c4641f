//! A million tokens, valid and mutated, before us and before `jsonwebtoken`. Where the two disagree,
//! [`MUTATIONS`] names why we are right; a disagreement that is not named there fails the test, and so does a
//! named one that did not come up.
//!
//! `SYMBOLON_DIFFERENTIAL` is how many tokens (1,000,000), `SYMBOLON_SEED` where chance begins. Most are
//! HS256, which costs least: what can differ is how a token is read, not how a signature is computed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod common;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use common::{AUDIENCE, ISSUER, b64};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use symbolon_token::{Algorithm, SigningKey, Timestamp, Verifier};

/// Chance that can be repeated (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// A token in the making: texts of header and payload before they are encoded and signed.
#[derive(Clone)]
struct Draft {
    header: String,
    payload: String,
    now: i64,
}

type Mutation = fn(&mut Draft, &mut Chance);

/// What is done to a token before our own key signs it, and why we refuse what `jsonwebtoken` takes (when it
/// does).
const MUTATIONS: &[(&str, Option<&str>, Mutation)] = &[
    ("nothing", None, |_, _| {}),
    ("white space", None, |draft, chance| {
        let space = chance.of(&[" ", "\n", "\t", "\r\n  "]);
        for text in [&mut draft.header, &mut draft.payload] {
            *text = text.replace(':', &format!("{space}:{space}")).replace("https : //", "https://");
        }
        draft.payload = draft.payload.replace(&format!("https{space}:{space}//"), "https://");
    }),
    ("unknown members", None, |draft, chance| {
        let name = chance.next();
        draft.set_header(&format!("x{name}"), json!({"deep": [1, {"a": null}]}));
        draft.set(&format!("y{name}"), json!(["é", "\u{1f512}", 1e3]));
    }),
    (
        "no kid",
        Some("a token without kid would be tried against keys it may choose (RFC 8725 §3.1)"),
        |draft, _| {
            draft.header = r#"{"alg":"HS256","typ":"JWT"}"#.to_owned();
        },
    ),
    ("another kid", Some("the key that it names is not the one that signed it"), |draft, chance| {
        let kid = json!(chance.of(&["", "x", "AAAAAAAAAAAAAAAA", "../../key", "' OR 1=1--"]));
        draft.set_header("kid", kid);
    }),
    ("a kid that is no text", None, |draft, chance| {
        let kid = chance.of(&[json!(1), json!(["x"]), json!({})]).clone();
        draft.set_header("kid", kid);
    }),
    ("a null in the header", Some("null is not absence"), |draft, chance| {
        let name = chance.of(&["kid", "typ"]);
        draft.set_header(name, Value::Null);
    }),
    ("another alg", None, |draft, chance| {
        let other =
            ["none", "None", "HS384", "HS512", "hs256", "HS256 ", "RS256", "ES256", "EdDSA", "", "RSA1_5"];
        let alg = json!(chance.of(&other));
        draft.set_header("alg", alg);
    }),
    ("another typ", Some("one kind of token is not another (RFC 8725 §3.11)"), |draft, chance| {
        let typ = json!(chance.of(&["at+jwt", "dpop+jwt", "JOSE", "logout+jwt", "jwt ", "text/jwt"]));
        draft.set_header("typ", typ);
    }),
    (
        "an extension",
        Some("what must be understood must not be ignored (RFC 7515 §4.1.11)"),
        |draft, chance| {
            let crit =
                chance.of(&[json!(["exp"]), json!([]), json!("exp"), json!(["b64"]), json!(1)]).clone();
            draft.set_header("crit", crit);
        },
    ),
    (
        "a JWE or unencoded header",
        Some("compressed, encrypted or unencoded is no JWT of ours"),
        |draft, chance| {
            let (name, value) =
                chance.of(&[("zip", json!("DEF")), ("enc", json!("A256GCM")), ("b64", json!(false))]);
            draft.set_header(name, value.clone());
        },
    ),
    ("a key brought along", None, |draft, chance| {
        let (name, value) = chance.of(&[
            ("jku", json!("https://evil.example/jwks")),
            ("x5u", json!("https://evil.example/x5u")),
            ("x5t", json!("AAAA")),
        ]);
        draft.set_header(name, value.clone());
    }),
    ("a header member twice", Some("which of two would count? (RFC 7515 §4)"), |draft, chance| {
        let more = chance.of(&[r#""x":1,"x":2"#, r#""x":1,"\u0078":2"#, r#""a":{"b":1,"b":1}"#]);
        draft.header = format!("{{{more},{}", &draft.header[1..]);
    }),
    ("a known header member twice", None, |draft, chance| {
        let more = chance.of(&[r#""alg":"none""#, r#""kid":"x""#, r#""typ":"x""#]);
        draft.header = format!("{{{more},{}", &draft.header[1..]);
    }),
    ("a claim twice", Some("which of two would count? (RFC 7519 §4)"), |draft, chance| {
        let name = chance.of(&["sub", "cart", "\\u0073ub", "x\":1,\"x"]);
        draft.payload = format!("{{\"{name}\":\"u-17\",{}", &draft.payload[1..]);
    }),
    ("a registered claim twice", Some("which of two would count? (RFC 7519 §4)"), |draft, chance| {
        let name = chance.of(&["iss", "exp", "aud", "nbf\":0,\"nbf", "ia\\u0074"]);
        draft.payload = format!("{{\"{name}\":1,{}", &draft.payload[1..]);
    }),
    ("a claim missing", None, |draft, chance| {
        let name = chance.of(&["exp", "iss", "aud", "sub"]);
        draft.change(name, None);
    }),
    ("another audience", None, |draft, chance| {
        let audience = chance.of(&[
            json!("https://api.example/"),
            json!("https://api.exampl"),
            json!([]),
            json!(["x"]),
            json!(""),
            json!([AUDIENCE, "x"]),
        ]);
        draft.set("aud", audience.clone());
    }),
    ("an audience that is none", None, |draft, chance| {
        let audience =
            chance.of(&[json!(1), json!([AUDIENCE, 1]), json!([null]), json!({"a": 1}), json!([[AUDIENCE]])]);
        draft.set("aud", audience.clone());
    }),
    ("another issuer", None, |draft, chance| {
        let issuer =
            chance.of(&[json!("https://id.example/"), json!("HTTPS://ID.EXAMPLE"), json!(""), json!(7)]);
        draft.set("iss", issuer.clone());
    }),
    ("a list of issuers", Some("an issuer is one text (RFC 7519 §4.1.1)"), |draft, _| {
        draft.set("iss", json!([ISSUER, "https://evil.example"]));
    }),
    (
        "another end",
        Some("a token of more than a day outlives what ends it; one that ends before it begins is nonsense"),
        |draft, chance| {
            let far = i64::try_from(chance.next() >> 40).unwrap();
            let exp = chance.of(&[-3600, -60, -20, 0, 10, 300, 3600, 80_000, 90_000, far]);
            draft.set("exp", json!(draft.now + exp));
        },
    ),
    ("an odd end", Some("a date is a number between 1970 and 9999"), |draft, chance| {
        let texts = [
            "1e308",
            "-1",
            "0.5",
            "-0.0",
            "true",
            "\"4000000000\"",
            "null",
            "[]",
            "9223372036854775807",
            "18446744073709551615",
            "4e9",
        ];
        let exp = chance.of(&texts);
        draft.change("exp", None);
        draft.payload = format!("{{\"exp\":{exp},{}", &draft.payload[1..]);
    }),
    ("a fraction of a second", None, |draft, _| {
        draft.set("exp", json!(draft.now_f64() + 300.5));
    }),
    (
        "another beginning",
        Some("what was issued ahead of now was not issued yet, or a clock is wrong"),
        |draft, chance| {
            let iat = chance.of(&[-80_000, -600, -20, 10, 200, 250]);
            draft.set("iat", json!(draft.now + iat));
        },
    ),
    ("an odd beginning", Some("a date is a number between 1970 and 9999"), |draft, chance| {
        let iat = chance.of(&[json!("x"), json!(null), json!(-5), json!([]), json!(1e300)]).clone();
        draft.set("iat", iat);
    }),
    ("not before", None, |draft, chance| {
        let nbf = chance.of(&[-600, -20, 0, 10, 200, 250]);
        draft.set("nbf", json!(draft.now + nbf));
    }),
    ("an odd not-before", None, |draft, chance| {
        let nbf = chance.of(&[json!("x"), json!(null), json!(-5), json!([]), json!(true)]).clone();
        draft.set("nbf", nbf);
    }),
    ("deep claims", Some("nothing honest is 33 levels deep"), |draft, chance| {
        let depth = 20 + chance.below(60);
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        draft.payload = format!("{{\"deep\":{deep},{}", &draft.payload[1..]);
    }),
    ("wide claims", Some("nothing honest has more than 256 members"), |draft, chance| {
        let members: String = (0..230 + chance.below(60)).map(|n| format!("\"{n}\":0,")).collect();
        draft.payload = format!("{{{members}{}", &draft.payload[1..]);
    }),
    ("no object", None, |draft, chance| {
        let other = chance.of(&["[]", "null", "42", "\"x\"", "", "{", "{}", "\u{feff}{}", "{}{}"]);
        if chance.below(2) == 0 { &mut draft.payload } else { &mut draft.header }.replace_range(.., other);
    }),
    ("something after the end", None, |draft, chance| {
        let text = chance.of(&["x", "}", ",", "\0", "{}"]);
        if chance.below(2) == 0 { &mut draft.payload } else { &mut draft.header }.push_str(text);
    }),
    (
        "one letter of the JSON",
        Some("as the other rows say: chance hits a name, a type or a date"),
        |draft, chance| {
            let text = if chance.below(2) == 0 { &mut draft.payload } else { &mut draft.header };
            let at = chance.below(text.len());
            let letter = char::from(u8::try_from(0x20 + chance.below(0x5f)).unwrap());
            text.replace_range(at..=at, &letter.to_string());
        },
    ),
];

impl Draft {
    fn new(now: i64, kid: &str) -> Self {
        let payload = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "u-17", "iat": now, "exp": now + 300, "cart": 7,
        });
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"JWT"}}"#);
        Self { header, payload: payload.to_string(), now }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
    fn now_f64(&self) -> f64 {
        self.now as f64
    }

    fn set(&mut self, name: &str, value: Value) {
        self.change(name, Some(value));
    }

    fn change(&mut self, name: &str, value: Option<Value>) {
        let mut claims: Value = serde_json::from_str(&self.payload).unwrap();
        let members = claims.as_object_mut().unwrap();
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
        self.payload = claims.to_string();
    }

    fn set_header(&mut self, name: &str, value: Value) {
        let mut header: Value = serde_json::from_str(&self.header).unwrap();
        header[name] = value;
        self.header = header.to_string();
    }

    fn sign(&self, key: &hmac::Key) -> String {
        let signed = format!("{}.{}", b64(&self.header), b64(&self.payload));
        let tag = hmac::sign(key, signed.as_bytes());
        format!("{signed}.{}", b64(tag.as_ref()))
    }
}

/// A change of the finished text, which nobody signed.
fn bend(token: &str, chance: &mut Chance) -> String {
    const LETTERS: &[u8] = b"ABCDwxyz0189-_=+/. %\n\0";
    let mut bytes = token.as_bytes().to_vec();
    for _ in 0..=chance.below(3) {
        if bytes.len() < 2 {
            break;
        }
        let at = chance.below(bytes.len());
        match chance.below(6) {
            0 => bytes[at] = chance.of(LETTERS),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, chance.of(LETTERS)),
            3 => bytes.truncate(at.max(1)),
            // The last letter of a segment, of which some bits are not used.
            4 => {
                let last = bytes.len() - 1;
                bytes[last] = bytes[last].wrapping_add(1);
            }
            _ => {
                let (to, length) = (chance.below(bytes.len()), bytes.len());
                bytes.swap(at, to.min(length - 1));
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

struct Judges {
    ours: Verifier,
    theirs: (DecodingKey, Validation),
    now: Timestamp,
}

impl Judges {
    fn new(key: &SigningKey, decoding: DecodingKey, now: i64) -> Self {
        let ours =
            Verifier::builder().issuer(ISSUER).audience(AUDIENCE).typ("JWT").keys([key.verifying()]).build();
        let mut validation = Validation::new(key.algorithm().name().parse().unwrap());
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.leeway = 30;
        validation.validate_nbf = true;
        Self { ours: ours.unwrap(), theirs: (decoding, validation), now: Timestamp::from_secs(now) }
    }

    /// Whether we accept, whether they do.
    fn judge(&self, token: &str) -> (bool, bool) {
        let ours = self.ours.verify_as::<Value>(token, self.now);
        let theirs = jsonwebtoken::decode::<Value>(token, &self.theirs.0, &self.theirs.1);
        if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
            assert_eq!(*ours, theirs.claims, "both accept, and read differently: {token}");
        }
        (ours.is_ok(), theirs.is_ok())
    }
}

#[expect(clippy::disallowed_methods, reason = "`jsonwebtoken` reads the clock, so we must agree on it")]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Tokens that are judged by one reading of the clock; short beside the seconds that mutations choose from.
const PORTION: u64 = 1000;

/// How often a mutation came up, and how often only they accepted.
type Seen = BTreeMap<&'static str, [usize; 2]>;

fn one(judges: &Judges, draft: &Draft, key: &hmac::Key, chance: &mut Chance, seen: &mut Seen) {
    let (name, why, mutate) = chance.of(MUTATIONS);
    let mut draft = draft.clone();
    mutate(&mut draft, chance);
    let whole = draft.sign(key);
    let bent = chance.below(4) == 0;
    let token = if bent { bend(&whole, chance) } else { whole.clone() };
    let name = if token == whole { name } else { "bent" };
    let (ours, theirs) = judges.judge(&token);
    let count = seen.entry(name).or_default();
    count[0] += 1;
    if ours != theirs {
        let said = if ours { "only we accept" } else { "only they accept" };
        let named = name != "bent" && why.is_some() && theirs;
        assert!(named, "{name} ({said}): {} . {} is {token}", draft.header, draft.payload);
        count[1] += 1;
    }
}

fn run(tokens: u64, seed: u64) -> Seen {
    let mut chance = Chance(seed);
    let secret: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * n * 37 % 251).unwrap() ^ 0x8b);
    let key = SigningKey::from_private_bytes(Algorithm::Hs256, &secret).unwrap();
    let hmac = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let mut seen = Seen::new();
    // In portions, as the clock goes on.
    for _ in 0..tokens.div_ceil(PORTION) {
        let now = now();
        let judges = Judges::new(&key, DecodingKey::from_secret(&secret), now);
        for _ in 0..PORTION {
            one(&judges, &Draft::new(now, key.kid().as_str()), &hmac, &mut chance, &mut seen);
        }
    }
    seen
}

#[test]
fn what_we_refuse_and_others_take_has_a_reason() {
    let tokens = number("SYMBOLON_DIFFERENTIAL", 1_000_000);
    let seed = number("SYMBOLON_SEED", 0x5e_ed);
    let threads = 2;
    let shares: Vec<Seen> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|n| scope.spawn(move || run(tokens / threads, seed + n * 7919 + 1))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut seen = Seen::new();
    for (name, [times, differed]) in shares.into_iter().flatten() {
        let count = seen.entry(name).or_default();
        count[0] += times;
        count[1] += differed;
    }
    for (name, [times, differed]) in &seen {
        println!("{name:32} {times:8} tokens, {differed:8} that only jsonwebtoken takes");
    }
    if tokens >= 100_000 {
        for (name, why, _) in MUTATIONS.iter().filter(|(_, why, _)| why.is_some()) {
            assert!(seen[name][1] > 0, "{name}: nobody disagrees any more, so {why:?} is no reason");
        }
    }
}

#[test]
fn a_bent_text_is_refused_by_both_whatever_the_algorithm() {
    let now = now();
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Rs256, Algorithm::Ps256] {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        let jwk = key.verifying().jwk().unwrap();
        let member = |value: Option<String>| value.unwrap_or_default();
        let (x, y, n, e) = (member(jwk.x), member(jwk.y), member(jwk.n), member(jwk.e));
        let decoding = match algorithm {
            Algorithm::Es256 => DecodingKey::from_ec_components(&x, &y),
            Algorithm::Ed25519 => DecodingKey::from_ed_components(&x),
            _ => DecodingKey::from_rsa_components(&n, &e),
        };
        let judges = Judges::new(&key, decoding.unwrap(), now);
        let claims: Value = serde_json::from_str(&Draft::new(now, "").payload).unwrap();
        let token = key.sign("JWT", &claims).unwrap();
        assert_eq!(judges.judge(&token), (true, true), "{algorithm}");
        let mut chance = Chance(0xb_e47);
        for _ in 0..5000 {
            let bent = bend(&token, &mut chance);
            let wanted = (bent == token, bent == token);
            assert_eq!(judges.judge(&bent), wanted, "{algorithm}: {bent}");
        }
    }
}
