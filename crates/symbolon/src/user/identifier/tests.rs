//! Names and addresses, honest and hostile.

use super::*;
use IdentifierError::{Empty, Imitates, Malformed, TooLong};

fn canonical(typed: &str) -> Result<String, IdentifierError> {
    Identifier::parse(typed).map(|identifier| identifier.canonical().to_owned())
}

fn registered(typed: &str) -> Result<String, IdentifierError> {
    Identifier::parse_new(typed).map(|identifier| identifier.canonical().to_owned())
}

#[test]
fn what_was_typed_is_kept() {
    let identifier = Identifier::parse("Ann.Lee@Bücher.Example").unwrap();
    assert_eq!(identifier.shown(), "Ann.Lee@Bücher.Example");
    assert_eq!(identifier.canonical(), "ann.lee@xn--bcher-kva.example");
    assert_eq!(identifier.local_part(), "ann.lee");
    assert_eq!(identifier.kind(), IdentifierKind::Email);
    let identifier = Identifier::parse("Ann").unwrap();
    assert_eq!((identifier.canonical(), identifier.shown(), identifier.local_part()), ("ann", "Ann", "ann"));
    assert_eq!(IdentifierKind::from_name(identifier.kind().as_str()), Some(IdentifierKind::Username));
}

#[test]
fn mail_addresses_have_no_rules_for_dots_or_tags() {
    assert_eq!(canonical("A.n.n+Tag@Example.com").unwrap(), "a.n.n+tag@example.com");
    assert_ne!(canonical("ann+tag@example.com"), canonical("ann@example.com"));
    assert_eq!(canonical("root@localhost").unwrap(), "root@localhost");
    assert_eq!(canonical("o'neil@example.com").unwrap(), "o'neil@example.com");
    assert_eq!(canonical("jose\u{301}@example.com"), canonical("JOS\u{c9}@example.com"));
    assert_eq!(canonical("ann@XN--BCHER-KVA.example"), canonical("ann@bu\u{308}cher.EXAMPLE"));
}

#[test]
fn malformed_addresses_are_refused() {
    for typed in [
        "@",
        "a@",
        "@example.com",
        "a@b@example.com",
        "a b@example.com",
        "a@exa mple.com",
        " a@example.com",
        "a@example.com ",
        "a@example.com.",
        "a@.example.com",
        "a@example..com",
        "a@-x.example",
        "a@x_y.example",
        "\"a\"@example.com",
        "a@[127.0.0.1]",
        "a@example.com\n",
        "a\0@example.com",
        "a@exam\u{200b}ple.com",
        "a@exam\u{ad}ple.com",
        "a@example\0.com",
        "a\u{200d}@example.com",
        "a\u{202e}@example.com",
        "<a@example.com>",
        "a,b@example.com",
        "a@xn--a",
    ] {
        assert_eq!(canonical(typed), Err(Malformed), "{typed:?}");
    }
}

#[test]
fn malformed_names_are_refused() {
    for typed in [
        "ann lee",
        " ann",
        "ann ",
        "ann\t",
        "ann\n",
        "\0",
        "ann\u{7f}",
        "ann\u{200b}",
        "ann\u{202e}",
        "\u{feff}ann",
    ] {
        assert_eq!(canonical(typed), Err(Malformed), "{typed:?}");
    }
    assert_eq!(canonical(""), Err(Empty));
}

#[test]
fn lengths_are_counted_in_code_points_and_bytes() {
    assert!(canonical(&"é".repeat(64)).is_ok());
    assert_eq!(canonical(&"a".repeat(65)), Err(TooLong));
    assert_eq!(canonical(&"é".repeat(65)), Err(TooLong));
    let domain = [["d"; 63].concat(), ["e"; 63].concat(), ["f"; 58].concat(), "com".to_owned()].join(".");
    let longest = format!("{}@{domain}", "a".repeat(64));
    assert_eq!((longest.len(), canonical(&longest)), (MAX_EMAIL + 1, Err(TooLong)));
    assert!(canonical(&longest[1..]).is_ok());
    assert_eq!(canonical(&format!("{}@example.com", "a".repeat(65))), Err(TooLong));
    // Short as typed, too long as A-labels.
    let wide = ["ü".repeat(25), "ö".repeat(25), "ä".repeat(25), "ß".repeat(25)].join(".");
    assert!(canonical(&format!("a@{wide}")).is_ok());
    assert_eq!(canonical(&format!("a@{}", "ü".repeat(63))), Err(Malformed));
}

#[test]
fn canonical_forms_are_their_own_canonical_form() {
    for typed in ["İstanbul", "ΣΑΣ", "ΣΑΣ@example.com", "ſtraße", "Ǆ", "\u{1e9e}", "İ@İ.example", "ｄｅ"]
    {
        if let Ok(once) = canonical(typed) {
            assert_eq!(canonical(&once), Ok(once.clone()), "{typed:?}");
        }
    }
}

#[test]
fn cr_11_spellings_of_one_account_are_one() {
    for typed in ["ADMIN", "Admin", "ａｄｍｉｎ", "ＡＤＭＩＮ"] {
        assert_eq!(canonical(typed).unwrap(), "admin", "{typed:?}");
    }
    assert_eq!(canonical("re\u{301}mi"), canonical("RÉMI"));
}

#[test]
fn cr_26_names_that_look_like_others_are_refused_at_registration() {
    assert_eq!(registered("ADMIN").unwrap(), "admin");
    assert_eq!(registered("ａdmin").unwrap(), "admin");
    for typed in ["admin ", "adm\u{200d}in", "admin\u{200c}"] {
        assert_eq!(registered(typed), Err(Malformed), "{typed:?}");
    }
    for typed in
        ["\u{430}dmin", "adm\u{131}n", "\u{430}\u{440}\u{440}\u{4cf}\u{435}", "p\u{430}ypal", "αdmin"]
    {
        assert_eq!(registered(typed), Err(Imitates), "{typed:?}");
        // Who has such a name already may still use it.
        assert!(canonical(typed).is_ok(), "{typed:?}");
    }
    assert_eq!(registered("\u{430}nn@example.com"), Err(Imitates));
    assert_eq!(registered("ann@ex\u{430}mple.com"), Err(Imitates));
    assert_eq!(registered("ann@xn--exmple-4nf.com"), registered("ann@ex\u{430}mple.com"));
}

#[test]
fn honest_names_of_other_scripts_are_accepted() {
    let names = "josé müller øystein kjær łukasz жанна дмитрий.1990 γιώργος דוד محمد 田中 たなか タナカtokyo 김철수 नरेंद्र สมชาย \
                 o'neil a_b-c.d x+y петров@пример.рф ann@yıldız.example";
    for typed in names.split(' ') {
        assert!(registered(typed).is_ok(), "{typed:?} {:?}", registered(typed));
    }
}

#[test]
fn cr_27_a_username_never_holds_an_at_sign() {
    for typed in ["ann＠example.com", "ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ann\u{fe6b}example.com"]
    {
        assert_eq!(canonical(typed), Err(Malformed), "{typed:?}");
    }
    assert_eq!(Identifier::parse("ann@example.com").unwrap().kind(), IdentifierKind::Email);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures")]
fn jd_10_hostile_text_is_refused_at_once() {
    let long = |unit: &str, bytes: usize| unit.repeat(bytes / unit.len());
    let mut hostile =
        vec![long("a@a.", 100_000), long("(", 100_000), "a".repeat(100_000) + "!", long("\u{301}", 100_000)];
    // The worst that passes the length checks.
    for unit in
        ["a@a.", "(", "\u{301}", "\u{660}", "\u{6f0}", "xn--a.", "\u{fdfa}", "\u{1d160}", "\u{200d}", "ß."]
    {
        hostile.push(long(unit, 250));
        hostile.push(format!("a@{}", long(unit, 250)));
        hostile.push(format!("{}@a", long(unit, 250)));
    }
    for typed in hostile {
        // The quickest of three: the machine may have other work.
        let quickest = (0..3).map(|_| {
            let start = std::time::Instant::now();
            let _ = Identifier::parse_new(&typed);
            start.elapsed()
        });
        assert!(quickest.min().unwrap() < std::time::Duration::from_millis(50), "{typed:?}");
    }
}
