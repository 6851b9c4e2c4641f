//! What a token costs: `bench-tokens [ROUNDS [ALGORITHM]]` prints rows of JSON, `bench/run tokens` is the way
//! to start it.
//!
//! For each algorithm, one key and one token of about 560 characters (a payload of 350 bytes): verified by a
//! plain `Verifier` that never saw it before, and signed; beside AWS-LC alone over the same bytes with parsed
//! keys, and beside `jsonwebtoken` on AWS-LC with the same claims type and the same checks. Goals stand with
//! the rows they are for.

mod bare;
mod compare;
mod rounds;

use std::hint::black_box;

use anyhow::{Context, Result};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use bare::Bare;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use rounds::{Work, medians};
use serde_json::{Value, json};
use symbolon_token::{AccessClaims, Algorithm, SigningKey, Timestamp, Verifier};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
/// Ahead of every clock that this runs under, so that `jsonwebtoken`, which reads one, finds the token in
/// time.
const NOW: i64 = 4_000_000_000;

fn claims() -> Result<AccessClaims> {
    Ok(serde_json::from_value(json!({
        "iss": ISSUER, "sub": "01905a3c-1111-7222-8333-444455556666", "aud": AUDIENCE,
        "exp": NOW + 300, "iat": NOW, "jti": "01905a3c-1111-7222-8333-444455556667", "client_id": "symbolon",
        "sid": "01905a3c-1111-7222-8333-444455556668", "gen": 3, "amr": ["pwd"], "auth_time": NOW, "scope": "read write",
    }))?)
}

/// One algorithm with its key in the form that each of the three wants.
struct Contestants {
    algorithm: Algorithm,
    claims: AccessClaims,
    key: SigningKey,
    verifier: Verifier,
    bare: Bare,
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    token: String,
}

impl Contestants {
    fn new(algorithm: Algorithm, rsa: &[u8]) -> Result<Self> {
        let is_rsa = matches!(&algorithm.name()[..2], "RS" | "PS");
        let private =
            if is_rsa { rsa.to_vec() } else { SigningKey::generate(algorithm)?.1.as_bytes().to_vec() };
        let key = SigningKey::from_private_bytes(algorithm, &private)?;
        let verifier =
            Verifier::builder().issuer(ISSUER).audience(AUDIENCE).keys([key.verifying()]).build()?;
        let jwk = key.verifying().jwk().unwrap_or_default();
        let (n, e) = (jwk.n.unwrap_or_default(), jwk.e.unwrap_or_default());
        let (x, y) = (jwk.x.unwrap_or_default(), jwk.y.unwrap_or_default());
        let (encoding, decoding) = match &algorithm.name()[..2] {
            "ES" => (EncodingKey::from_ec_der(&private), DecodingKey::from_ec_components(&x, &y)?),
            "Ed" => (EncodingKey::from_ed_der(&private), DecodingKey::from_ed_components(&x)?),
            "HS" => (EncodingKey::from_secret(&private), DecodingKey::from_secret(&private)),
            // It wants PKCS#1, which stands in PKCS#8 behind 26 bytes of wrapping.
            _ => {
                let pkcs1 = private.get(26..).context("an RSA key")?;
                (EncodingKey::from_rsa_der(pkcs1), DecodingKey::from_rsa_components(&n, &e)?)
            }
        };
        let name = algorithm.name().parse()?;
        let mut header = Header::new(name);
        header.kid = Some(key.kid().to_string());
        header.typ = Some("at+jwt".to_owned());
        let mut validation = Validation::new(name);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let claims = claims()?;
        let token = key.sign("at+jwt", &claims)?;
        let bare = Bare::new(algorithm, &private)?;
        Ok(Self { algorithm, claims, key, verifier, bare, encoding, decoding, header, validation, token })
    }

    /// Nanoseconds of one verification: bare, ours, theirs.
    fn verify(&self, rounds: usize) -> Result<Vec<f64>> {
        let (signed, signature) = self.token.rsplit_once('.').context("a token")?;
        let mut made = [0; 512];
        let length = self.bare.sign(signed.as_bytes(), &mut made);
        anyhow::ensure!(signature.len() == (length * 4).div_ceil(3), "signatures of one length");
        let now = Timestamp::from_secs(NOW + 1);
        let mut works: [Work<'_>; 3] = [
            Box::new(|| self.bare.verify(black_box(signed.as_bytes()), black_box(&made[..length]))),
            Box::new(|| self.verifier.verify(black_box(&self.token), now).is_ok()),
            Box::new(|| {
                let read = jsonwebtoken::decode::<AccessClaims>(
                    black_box(&self.token),
                    &self.decoding,
                    &self.validation,
                );
                read.is_ok()
            }),
        ];
        medians(&mut works, rounds).with_context(|| format!("{}: somebody refuses the token", self.algorithm))
    }

    /// Nanoseconds of one signature: bare, ours, theirs.
    fn sign(&self, rounds: usize) -> Result<Vec<f64>> {
        let (signed, _) = self.token.rsplit_once('.').context("a token")?;
        let mut out = [0; 512];
        let mut works: [Work<'_>; 3] = [
            Box::new(|| self.bare.sign(black_box(signed.as_bytes()), &mut out) > 0),
            Box::new(|| self.key.sign("at+jwt", black_box(&self.claims)).is_ok()),
            Box::new(|| jsonwebtoken::encode(&self.header, black_box(&self.claims), &self.encoding).is_ok()),
        ];
        medians(&mut works, rounds).with_context(|| format!("{}: somebody does not sign", self.algorithm))
    }
}

/// What a row must reach beside another.
enum Goal {
    /// At most so many times the other.
    Times(f64),
    /// At most so many microseconds more than the other.
    Over(f64),
    /// At least so many times as fast as the other.
    Faster(f64),
}

fn row(name: &str, beside: &str, nanos: f64, against: f64, goal: &Goal) -> Value {
    let (value, against) = (nanos / 1e3, against / 1e3);
    let (ratio, goal, holds) = match goal {
        Goal::Times(most) => (value / against, format!("≤ {most} ×"), value <= against * most),
        Goal::Over(most) => (value / against, format!("≤ {most} µs over"), value - against <= *most),
        Goal::Faster(least) => (against / value, format!("≥ {least} × as fast"), against >= value * least),
    };
    let round = |number: f64| (number * 1e3).round() / 1e3;
    json!({
        "name": name, "beside": beside, "value": round(value), "unit": "µs", "against": round(against),
        "ratio": round(ratio), "goal": goal, "holds": holds,
    })
}

#[expect(clippy::print_stdout, reason = "rows are what this program is for")]
fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |rounds| rounds.parse())?;
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let rsa = rsa.as_der()?;
    let mut rows = Vec::new();
    let only = std::env::args().nth(2);
    let wanted = |algorithm: &Algorithm| only.as_ref().is_none_or(|name| name == algorithm.name());
    for algorithm in Algorithm::ALL.into_iter().filter(wanted) {
        let one = Contestants::new(algorithm, rsa.as_ref())?;
        let verified = one.verify(rounds)?;
        let signed = one.sign(rounds)?;
        let (symmetric, name) = (algorithm.symmetric(), algorithm.name());
        let verify = format!("verify {name}, first sight");
        let sign = format!("sign {name}");
        let verify_goal = if symmetric { Goal::Over(0.5) } else { Goal::Times(1.06) };
        let sign_goal = match algorithm {
            Algorithm::Ed25519 => Goal::Times(1.2),
            _ if symmetric => Goal::Over(0.6),
            _ => Goal::Times(1.1),
        };
        let twice = |wanted| if algorithm == wanted { Goal::Faster(2.0) } else { Goal::Faster(1.0) };
        rows.push(row(&verify, "AWS-LC alone", verified[1], verified[0], &verify_goal));
        rows.push(row(&verify, "jsonwebtoken", verified[1], verified[2], &twice(Algorithm::Hs256)));
        rows.push(row(&sign, "AWS-LC alone", signed[1], signed[0], &sign_goal));
        rows.push(row(&sign, "jsonwebtoken", signed[1], signed[2], &twice(Algorithm::Rs256)));
    }
    rows.push(compare::row(rounds)?);
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}
