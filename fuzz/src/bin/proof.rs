//! Proofs of possession: whatever the text, no panic; what is taken is signed by the key it brings, is for one request, one time and
//! one token alone, and reads the same a second time. Half of the inputs are signed as they are, so that what lies behind the
//! signature is met, too.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use libfuzzer_sys::fuzz_target;
use symbolon_token::{Proof, Timestamp, dpop::WINDOW};

const URL: &str = "https://id.example/v1/me";
const NOW: i64 = 1_700_000_000;

struct Holder {
    pair: EcdsaKeyPair,
    header: String,
}

static HOLDER: LazyLock<Holder> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
    let header =
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#);
    Holder { pair, header }
});

impl Holder {
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn check(text: &str) {
    let Ok(proof) = Proof::parse(text) else { return };
    assert!(text.len() <= symbolon_token::jws::MAX_TOKEN);
    assert_eq!(proof.thumbprint().len(), 43);
    assert_eq!(Proof::parse(text).as_ref(), Ok(&proof));
    let now = Timestamp::from_secs(NOW);
    if proof.is_for("GET", URL, now).is_ok() {
        assert!(proof.is_for("POST", URL, now).is_err() && proof.is_for("GET", "https://evil.example/v1/me", now).is_err());
        let late = now.plus(2 * WINDOW + Duration::from_secs(1));
        assert!(proof.is_for("GET", URL, late).is_err(), "it is over some time");
    }
    assert!(proof.is_for_token("a").is_err() || proof.is_for_token("b").is_err());
    // Another signature over the same is none.
    let (signed, signature) = text.rsplit_once('.').expect("three segments");
    let other = URL_SAFE_NO_PAD.encode(vec![0; signature.len() / 4 * 3]);
    assert!(Proof::parse(&format!("{signed}.{other}")).is_err());
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check(text);
    // As claims under a good header; as a header over good claims.
    check(&HOLDER.sign(&HOLDER.header, text));
    check(&HOLDER.sign(text, &format!(r#"{{"jti":"x","htm":"GET","htu":"{URL}","iat":{NOW}}}"#)));
});
