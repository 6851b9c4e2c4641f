//! Tokens: whatever the text, no panic; what is accepted was signed by our key; and a genuine signature over
//! chosen segments is read without one, too.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use symbolon_token::{AccessClaims, Algorithm, Compact, SigningKey, Timestamp, Verifier};

struct Issuer {
    strict: Verifier,
    lenient: Verifier,
    key: SigningKey,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let (key, _) = SigningKey::generate(Algorithm::Hs256).expect("a key");
    let builder = || Verifier::builder().issuer("i").audience("a").keys([key.verifying()]);
    Issuer {
        strict: builder().build().expect("a verifier"),
        lenient: builder()
            .typ_may_be_absent()
            .kid_may_be_absent()
            .unsafe_any_audience()
            .build()
            .expect("a verifier"),
        key: key.clone(),
    }
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = Timestamp::from_secs(1_700_000_000);
    assert!(ISSUER.strict.verify(text, now).is_err(), "nobody has the key");
    assert!(ISSUER.lenient.verify_as::<serde_json::Value>(text, now).is_err(), "nobody has the key");
    if let Ok(compact) = Compact::parse(text) {
        // What no signature has to protect: taking it apart.
        assert!(text.len() <= symbolon_token::jws::MAX_TOKEN);
        let _ = (compact.payload_without_verifying(), compact.algorithm());
    }
    // Behind the signature: the claims, as two readers see them.
    if let Ok(claims) = serde_json::from_str::<AccessClaims>(text) {
        if let Ok(token) = ISSUER.key.sign("at+jwt", &claims) {
            let again = ISSUER.strict.authenticate(&token);
            let ours = claims.iss == "i" && claims.aud.contains("a") && claims.exp > claims.iat;
            assert!(again.is_ok() <= ours, "an issuer or audience slipped through");
            if let Ok((again, _)) = again {
                assert_eq!(again, claims, "what was signed is what is read");
            }
        }
    }
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        if let Ok(token) = ISSUER.key.sign("at+jwt", &value) {
            let _ = ISSUER.strict.verify(&token, now);
            let _ = ISSUER.lenient.verify_as::<serde_json::Value>(&token, now);
        }
    }
});
