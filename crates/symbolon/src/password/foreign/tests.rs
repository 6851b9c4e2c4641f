//! Known answers: each hash was made by the tool that is named, of the passphrase below unless said otherwise.

use super::*;

const PASSPHRASE: &str = "correct horse battery stäple";

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn opens(stored: &str, text: &str) -> bool {
    recognise(stored).unwrap().verify(&password(text))
}

#[track_caller]
fn known(stored: &str) {
    known_of(stored, PASSPHRASE);
}

#[track_caller]
fn known_of(stored: &str, text: &str) {
    assert!(opens(stored, text), "{stored}");
    assert!(!opens(stored, &format!("{text}x")), "{stored}");
    assert!(!opens(stored, "Correct horse battery stäple"), "{stored}");
    assert!(recognise(stored).unwrap().outdated(Argon2Params::default()), "{stored}");
}

/// passlib 1.7.4 over bcrypt 4.0.1: `bcrypt.using(rounds=4, ident=…).hash(…)`.
#[test]
fn bcrypt_of_passlib() {
    known("$2a$04$IU21mMqI7Uh7MPm3pqKU6OMZc5UmvGc09FDGRqUga5Qvsq4PKxo7S");
    known("$2b$04$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa");
    known("$2y$04$NTKbeBvX7lrSPidgVWZqtOgF5dFWyboLY2oPJhFYpCLRybGzXzH/S");
    known_of("$2b$04$BUM6nnHDZQ/rcAjCvepRHun0Z.zUc1iLu6PyR.SSLCVwC2TXNXxo6", "");
}

/// passlib 1.7.4: `bcrypt.using(rounds=4).hash("a" * 72)`.
#[test]
fn cr_19_bcrypt_is_not_asked_about_more_than_72_bytes() {
    let stored = "$2b$04$0FXFZDGOKa.h0k2dHeCd7ubi8G9t4Ak6GU/3R0hOYOnPGPx0gV1JW";
    assert!(opens(stored, &"a".repeat(72)));
    for other in
        ["a".repeat(73), "a".repeat(72) + "b", "a".repeat(1024), "a".repeat(71), "a".repeat(71) + "b"]
    {
        assert!(!opens(stored, &other), "{other}");
    }
    // The same by a zero byte, where C stops reading.
    let stored = "$2b$04$BUM6nnHDZQ/rcAjCvepRHun0Z.zUc1iLu6PyR.SSLCVwC2TXNXxo6";
    assert!(opens(stored, "") && !opens(stored, "\0") && !opens(stored, "\0x"));
}

/// OpenSSL 3.0.19: `openssl passwd -apr1 -salt …`, `openssl passwd -1 -salt …`; passlib 1.7.4: `apr_md5_crypt`, `md5_crypt`.
#[test]
fn md5_crypt_of_openssl_and_passlib() {
    known("$apr1$r31.qXyz$itNbpIkSYw/MnrpaZXcC2.");
    known("$1$r31.qXyz$SDG.jsrpyrNSiMArDT8XF.");
    known_of("$apr1$ab$eIePjsejfBGR8ITtu2z0U1", "x");
    known("$apr1$7PO.5TAD$4iJNBtWzBH6FIy4WifLwl.");
    known("$1$EQ5g0Lx1$WMLbtI.urvrP1XKDrIh8g0");
    known_of("$apr1$Its17fOh$fCsuIlxjRMipgNrvCNpdY1", "");
    known_of("$apr1$Q2pq1Ncx$zEP5ryT1xolQB9iBE9DTe0", &"y".repeat(200));
}

/// OpenSSL 3.0.19: `openssl dgst -sha1 -binary | base64`, which is what `htpasswd -s` writes; passlib's `ldap_sha1` agrees.
#[test]
fn sha1_of_openssl() {
    known("{SHA}GLBXRGQCN/CYMJGDzcknWgTdrN0=");
}

/// Django 5.2.19: `PBKDF2PasswordHasher().encode(…, "seasalt2026xyz", iterations=1000)`, the same of `…SHA1…`; passlib 1.7.4:
/// `django_pbkdf2_sha256.using(rounds=100)`.
#[test]
fn pbkdf2_of_django_and_passlib() {
    known("pbkdf2_sha256$1000$seasalt2026xyz$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=");
    known("pbkdf2_sha1$1000$seasalt2026xyz$2boPulJdceizR4x7/3pPlBjH15s=");
    known("pbkdf2_sha256$100$rZJOu81PxNIh$KTYAuPnrGxae3C/Uh1V5SxJV/HbZNRtDVGGU1UDmVRI=");
}

/// Django 5.2.19: `Argon2PasswordHasher` with `time_cost = 1`, `memory_cost = 64`, `parallelism = 2`.
#[test]
fn argon2_of_django() {
    known(
        "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjZ4eXo$GiTFYFNDTwy45ikJNLbanVmzBxaSEnN4cjvZ9F3zD2k",
    );
}

/// Django 5.2.19: `BCryptSHA256PasswordHasher` and `BCryptPasswordHasher` with `rounds = 4`.
#[test]
fn bcrypt_of_django() {
    known("bcrypt_sha256$$2b$04$bzgLrtma8Rz35jV7fwEcx..jqzphlJz9JZLgU4212M.COwQzSgIA2");
    known_of("bcrypt_sha256$$2b$04$8rqZIY18uHhSoYYqirbnAeNGmkQarZ/KFEfJ5L8wsyE1r6BRHqjge", &"x".repeat(100));
    known("bcrypt$$2b$04$yC2hYqTEpKfEAoxiGut.HuLesbYx9vNPVIO67bSXy7Nlk5WVlEUOm");
}

/// Django 5.2.19: `ScryptPasswordHasher().encode(…, "seasalt2026xyz", n=16)`, and with `r=1, p=1`.
#[test]
fn scrypt_of_django() {
    known(
        "scrypt$16$seasalt2026xyz$8$5$G0Tjie1/OKykWGH1HQ9megouoFRgQ3MaGykAEXCrDcTXVVteGc80+1gj4VtAdUY6/zsaHlA0zjQxInAWFCdUvg==",
    );
    known(
        "scrypt$16$seasalt2026xyz$1$1$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
    );
}

/// passlib 1.7.4: `scrypt.using(rounds=4, block_size=8, parallelism=1)`.
#[test]
fn scrypt_of_passlib() {
    known("$scrypt$ln=4,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s");
}

/// argon2-cffi 25.1.0: `low_level.hash_secret(…, b"saltsaltsalt1234", time_cost=2, memory_cost=64, parallelism=1)`, all types,
/// versions 19 and 16; the last with `time_cost=1, memory_cost=256, parallelism=4, hash_len=16`.
#[test]
fn argon2_of_the_reference_library() {
    known("$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$80eKVOjOeeoEsZRqWoXkljf0V261z8wG0ZLsI3Aw+6Y");
    known("$argon2i$v=16$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$HntRb7/8WSr1nyOGRPbnpKvhFPS6lhaJ2accMYM/+ow");
    known("$argon2i$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$HntRb7/8WSr1nyOGRPbnpKvhFPS6lhaJ2accMYM/+ow");
    known("$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA");
    known("$argon2id$v=16$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$i1jzkWfW7XorrTK43+rbIiFPhbrhyMdfKcunEFcN1jU");
    known("$argon2d$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$YalMCp0WSN6RVSfYRin4EKvj2Pfnw5EHd3h9/nW54GU");
    known("$argon2d$v=16$m=64,t=2,p=1$c2FsdHNhbHRzYWx0MTIzNA$ypkcF84FET6gFbWwq832RWCTu4bpJgshG3kqjzsVI/8");
    known("$argon2id$v=19$m=256,t=1,p=4$c2FsdHNhbHRzYWx0MTIzNA$hoqHdOfUVKw/cGxXudX4pQ");
}

#[test]
fn cr_22_alien_hashes_see_nfc() {
    assert!(opens("{SHA}GLBXRGQCN/CYMJGDzcknWgTdrN0=", "correct horse battery sta\u{308}ple"));
}

#[test]
fn cr_31_costs_above_the_caps_are_refused() {
    for stored in [
        "$2b$16$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
        "$2b$31$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
        "bcrypt$$2b$31$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
        "pbkdf2_sha256$5000001$seasalt2026xyz$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "pbkdf2_sha256$4294967295$seasalt2026xyz$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "argon2$argon2id$v=19$m=4294967295,t=1,p=2$c2Vhc2FsdDIwMjZ4eXo$GiTFYFNDTwy45ikJNLbanVmzBxaSEnN4cjvZ9F3zD2k",
        "$scrypt$ln=19,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=63,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=4294967295,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=4,r=4294967295,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=1,r=1,p=4294967295$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=18,r=8,p=5$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "scrypt$2147483648$salt$8$5$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
    ] {
        assert_eq!(recognise(stored).unwrap_err(), Unsupported::TOO_COSTLY, "{stored}");
    }
    // The tools' own defaults lie below.
    for stored in [
        "$2y$15$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
        "pbkdf2_sha256$5000000$seasalt2026xyz$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdDIwMjZ4eXo$GiTFYFNDTwy45ikJNLbanVmzBxaSEnN4cjvZ9F3zD2k",
        "$argon2id$v=19$m=65536,t=4,p=1$c2FsdHNhbHRzYWx0MTIzNA$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA",
        "$scrypt$ln=18,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "scrypt$16384$salt$8$5$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
    ] {
        assert!(recognise(stored).is_ok(), "{stored}");
    }
}

#[test]
fn cr_31_damaged_hashes_are_refused() {
    let bcrypt = "$2b$04$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa";
    for stored in [
        "",
        "$",
        "$$$$",
        "plain text",
        "$2b$",
        "$argon2",
        "argon2$",
        "{SHA}",
        "$apr1$",
        "$apr1$salt",
        "$1$$",
        "scrypt$",
        "$scrypt$",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$$$",
        "bcrypt$",
        "bcrypt_sha256$$",
        "{SHA}GLBXRGQCN/CYMJGDzcknWgTdrN0",
        "{SHA}ünïcödéünïcödéünïcö",
        "$apr1$saltsalt9$itNbpIkSYw/MnrpaZXcC2.",
        "$apr1$ünï$itNbpIkSYw/MnrpaZXcC2.",
        "$apr1$r31.qXyz$itNbpIkSYw/MnrpaZXcC2",
        "$apr1$r31.qXyz$itNbpIkSYw/MnrpaZXcC2$",
        "$apr1$$itNbpIkSYw/MnrpaZXcC2.",
        "pbkdf2_sha256$0$salt$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "pbkdf2_sha256$-1$salt$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "pbkdf2_sha256$1000$$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "pbkdf2_sha1$1000$salt$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "scrypt$15$salt$8$5$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
        "scrypt$16$salt$0$5$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
        "$scrypt$ln=0,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
        "$scrypt$ln=4,r=8,p=1,x=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
    ] {
        assert!(recognise(stored).is_err(), "{stored}");
    }
    for (from, to) in [
        ("$04$", "$4x$"),
        ("$04$", "$03$"),
        ("$04$", "$00$"),
        ("$04$", "$32$"),
        ("$04$", "$+4$"),
        ("pa", "é"),
        ("tu", "t:"),
        ("pa", "p"),
        ("pa", "paa"),
    ] {
        assert_eq!(
            recognise(&bcrypt.replacen(from, to, 1)).unwrap_err(),
            Unsupported::DAMAGED,
            "{from} {to}"
        );
    }
    // Sixty bytes, not sixty characters: before bcrypt 0.19.2 such a string was a panic.
    let bytes = format!("$2b$04$é{}", "a".repeat(51));
    assert_eq!((bytes.len(), recognise(&bytes).unwrap_err()), (60, Unsupported::DAMAGED));
}

#[test]
fn cr_31_no_string_makes_a_parser_panic() {
    let whole = [
        "$2b$04$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
        "bcrypt_sha256$$2b$04$bzgLrtma8Rz35jV7fwEcx..jqzphlJz9JZLgU4212M.COwQzSgIA2",
        "$apr1$r31.qXyz$itNbpIkSYw/MnrpaZXcC2.",
        "{SHA}GLBXRGQCN/CYMJGDzcknWgTdrN0=",
        "pbkdf2_sha256$1000$seasalt2026xyz$8MrdIbim+guM6rHy4dK8huLpCZjFkyQfCjN39BCeBbA=",
        "argon2$argon2id$v=19$m=64,t=1,p=2$c2Vhc2FsdDIwMjZ4eXo$GiTFYFNDTwy45ikJNLbanVmzBxaSEnN4cjvZ9F3zD2k",
        "scrypt$16$seasalt2026xyz$1$1$K6XWj1r8qIiQ+N3kwZyKQzIgHULpymicCRuCXAbO2RajLDVocTVxXgsYsqWHCKZutb3slm7baG+bNBQ1GYa2TQ==",
        "$scrypt$ln=4,r=8,p=1$QogxBkBoTQlByHnvvVeqVQ$3WnbkIzi2ftv9Mv663Dkm1nU+iF8St+O0Pm9J55qq8s",
    ];
    for stored in whole {
        for (place, _) in stored.char_indices() {
            let _ = recognise(&stored[..place]);
            for change in ["", "é", "\u{10ffff}", "$", "=", "9", "-", "\0", "/", ","] {
                let _ = recognise(&format!("{}{change}{}", &stored[..place], &stored[place + 1..]));
            }
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (stored, word) in [
        ("!Zx8", "no usable password"),
        ("*", "no usable password"),
        ("$6$salt$hash", "SHA-crypt"),
        ("$P$Bsalt", "phpass"),
        ("{SSHA}abc", "salted"),
        ("$2x$04$tuz2zCp71l", "2x"),
        ("md5$salt$hash", "MD5"),
        ("hello", "not known"),
    ] {
        let reason = recognise(stored).unwrap_err().to_string();
        assert!(reason.contains(word), "{stored}: {reason}");
    }
}
