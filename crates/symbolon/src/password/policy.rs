//! Which passwords may be set: long enough, and not among the first that an attacker tries (SP 800-63B-4 §3.1.1.2).
//!
//! No composition rules. A passphrase of several different words passes, whatever the words (ATTACKS CR-25).

use std::fmt;

use zeroize::Zeroizing;

use super::guessable::{Words, fold, guessable};
use super::{Password, TooLong};
use crate::user::identifier::Identifier;

/// An identifier shorter than this may stand in a password by chance; longer ones are refused wherever they stand.
const SHORTEST_CONTAINED: usize = 4;

/// The rules for a new password.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The least number of code points of the password's NFC form.
    pub min_code_points: usize,
    /// Words that a stranger would try first at this place, such as the service's name.
    pub service_words: Vec<String>,
}

/// Why a password was refused. The names are the contract's (`reasons` of `password_rejected`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Fewer code points than the policy asks for.
    TooShort,
    /// More than 1024 bytes. Found by [`Password::parse`], never by [`Policy::check`].
    TooLong,
    /// On the list of common passwords, or made from one entry, or a sequence.
    Common,
    /// Holds the user's own identifier, or is made from parts of it.
    ContainsIdentifier,
}

impl Reason {
    /// The name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
            Self::ContainsIdentifier => "contains_identifier",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<TooLong> for Reason {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

impl Default for Policy {
    /// 15 code points, for a password that is the only factor.
    fn default() -> Self {
        Self { min_code_points: 15, service_words: Vec::new() }
    }
}

impl Policy {
    /// Checks a password that is about to be set for somebody of that name. Takes at most a few milliseconds.
    ///
    /// # Errors
    /// Every reason that applies, each once, in the order of [`Reason`].
    pub fn check(&self, password: &Password, identifier: &Identifier) -> Result<(), Vec<Reason>> {
        let mut reasons = Vec::new();
        let text = password.text();
        if text.chars().count() < self.min_code_points {
            reasons.push(Reason::TooShort);
        }
        let service = Words::new(self.service_words.iter().map(String::as_str));
        let folded = fold(text);
        let common = guessable(&folded, &service);
        if common {
            reasons.push(Reason::Common);
        }
        if holds(&folded, identifier) || (!common && plays_on(&folded, identifier)) {
            reasons.push(Reason::ContainsIdentifier);
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}

/// Whether a folded password holds the identifier or its local part, signs between the letters aside.
fn holds(folded: &str, identifier: &Identifier) -> bool {
    let squeezed = squeeze(folded);
    let long_enough = |whole: &str| whole.chars().count() >= SHORTEST_CONTAINED;
    spellings(identifier).iter().any(|whole| {
        let letters = squeeze(whole);
        (long_enough(whole) && folded.contains(whole.as_str()))
            || (long_enough(&letters) && squeezed.contains(letters.as_str()))
    })
}

/// Whether a folded password is guessable by who knows the identifier, each part of which counts as a listed word.
fn plays_on(folded: &str, identifier: &Identifier) -> bool {
    let spellings = spellings(identifier);
    let parts = spellings.iter().flat_map(|whole| whole.split(|c: char| !c.is_alphanumeric()));
    guessable(folded, &Words::new(spellings.iter().map(String::as_str).chain(parts)))
}

/// The identifier and its local part, in canonical form and as typed.
fn spellings(identifier: &Identifier) -> [String; 4] {
    let shown = identifier.shown().to_lowercase();
    let shown_local = shown.rsplit_once('@').map_or(shown.as_str(), |(local, _)| local).to_owned();
    [identifier.canonical().to_owned(), identifier.local_part().to_owned(), shown, shown_local]
}

/// The letters and digits alone: `jane.doe` is found in `Jane-Doe 2026`.
fn squeeze(text: &str) -> Zeroizing<String> {
    let mut squeezed = Zeroizing::new(String::with_capacity(text.len()));
    squeezed.extend(text.chars().filter(|c| c.is_alphanumeric()));
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reason::{Common, ContainsIdentifier, TooShort};

    fn check(password: &str) -> Vec<Reason> {
        check_for(password, "nobody@nowhere.example")
    }

    fn check_for(password: &str, identifier: &str) -> Vec<Reason> {
        let policy = Policy { service_words: vec!["Symbolon".to_owned()], ..Policy::default() };
        let identifier = Identifier::parse(identifier).unwrap();
        policy.check(&Password::parse(password).unwrap(), &identifier).err().unwrap_or_default()
    }

    #[test]
    fn cr_23_length_is_counted_in_code_points() {
        assert_eq!(check("🦀🐙🦑🦐🦞🐡🐠🐟🐬🐳🐋🦈🐊🐅🐆"), []);
        let long_but_few = "𒀀𒁂𒂔𒃻𒄑𒅆𒆪𒇽𒈗𒉡𒊏𒋗𒌋𒍣";
        assert_eq!((long_but_few.chars().count(), long_but_few.len() >= 56), (14, true));
        assert_eq!(check(long_but_few), [TooShort]);
        // NFC counts: fifteen received, fourteen left.
        assert_eq!(check("qvnwkzrtpxlmde\u{301}"), [TooShort]);
    }

    #[test]
    fn cr_25_there_are_no_composition_rules() {
        for password in [
            "vlqrmzoptukwjxhdaeyf",
            "мой дядя самых честных правил",
            "correct horse battery staple",
            "correcthorsebatterystaple",
            "tomato cloud seventeen",
            "one two three buckle",
            "            k  q w ",
            "Rosa-Lampe-Teich-Fuchs",
            "849302751648293",
            "purplemonkeydishwasher",
            "love your neighbour",
            "i like cheese a lot",
            "this is my password today",
        ] {
            assert_eq!(check(password), [], "{password}");
        }
    }

    #[test]
    fn listed_words_with_ornaments_are_common() {
        for password in [
            "passwordpassword",
            "PasswordPassword",
            "password password",
            "password-password-password",
            "Password12345678",
            "123456789password",
            "!!!!!!password!!!!!!",
            "password_2026_password",
            "iloveyouiloveyou",
            "monkeymonkeymonk",
            "P@ssw0rd12345678",
            "p4ssw0rdp4ssw0rd",
            "i love you 1234567",
            "qwertyqwertyqwerty",
            "abc123abc123abc123",
            "letmein!letmein!letmein!",
            "Summer2026!!!!!!!",
            "trustno1trustno1",
            "trustno1123456789",
            "12031987!12031987!12031987!",
            "2026trustno1!!!!!!",
            "28041986!!!!!!!!",
            "280419861234567",
            "1q2w3e4r5t6y7u8i9o",
            "administrator12345",
        ] {
            assert_eq!(check(password), [Common], "{password}");
        }
    }

    #[test]
    fn sequences_are_common() {
        for password in [
            "abcdefghijklmno",
            "zyxwvutsrqponml",
            "111111111111111",
            "123456789012345",
            "aaaaaaaaaaaaaaab",
            "987654321098765",
            "qwertyuiopasdfghjkl",
            "poiuytrewqlkjhgfdsa",
            "azertyuiopqsdfghjklm",
            "qwertzuiopasdfghjkl",
            "1qaz2wsx3edc4rfv",
            "qazwsxedcrfvtgb",
            "abcabcabcabcabc",
            "xyxyxyxyxyxyxyx",
            "asdf1234asdf1234",
            "aaaaabbbbbccccc",
            "абвгдежзийклмно",
            "йцукенгшщзфывап",
            "!@#$%^&*()_+!@#",
            "               ",
        ] {
            assert_eq!(check(password), [Common], "{password}");
        }
    }

    #[test]
    fn the_identifier_is_refused() {
        for (password, identifier) in [
            ("my name is jane.doe ok", "jane.doe@example.com"),
            ("Jane-Doe and the fox!", "jane.doe@example.com"),
            ("x9 JANE.DOE@EXAMPLE.COM", "jane.doe@example.com"),
            ("under ＪＡＮＥ, of all", "ＪＡＮＥ"),
            ("brontosaurus.and.me", "Brontosaurus"),
            ("wlm-8493027516482", "wlm"),
            ("blafaselix202620272028", "k@blafaselix.example"),
            ("bücherei 2026 2027", "x@bücherei.example"),
        ] {
            assert_eq!(check_for(password, identifier), [ContainsIdentifier], "{password} {identifier}");
            assert_eq!(check(password), [], "{password}");
        }
        assert_eq!(check_for("janedoejanedoe!", "jane.doe@example.com"), [ContainsIdentifier]);
        assert_eq!(check_for("zoë-zoë-zoë-zoë-zoë", "zoë"), [Common]);
        // A short name may stand in a passphrase by chance.
        assert_eq!(check_for("a banner over the channel", "ann"), []);
        assert_eq!(check_for("correct horse battery staple", "ann@example.com"), []);
    }

    #[test]
    fn the_service_name_counts_as_a_listed_word() {
        for password in
            ["symbolonsymbolon", "Symbolon12345678", "symbolon!symbolon!", "2026 - Symbolon - 2027"]
        {
            assert_eq!(check(password), [Common], "{password}");
        }
        assert_eq!(check("a symbolon is a broken ring"), []);
    }

    #[test]
    fn every_reason_is_given() {
        let both = check_for("password", "password");
        assert_eq!(both, [TooShort, Common, ContainsIdentifier]);
        assert_eq!(
            both.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["too_short", "common", "contains_identifier"]
        );
        assert_eq!(Reason::from(TooLong).as_str(), "too_long");
        assert_eq!(check(""), [TooShort]);
    }

    #[test]
    fn jd_10_hostile_passwords_are_judged_quickly() {
        let worst = |unit: &str| unit.repeat(1024 / unit.len());
        for password in [
            worst("a"),
            worst("ab"),
            worst("abc "),
            worst("password1"),
            worst("qwe"),
            worst("aab"),
            worst("p@5!"),
            worst(" "),
            worst("\u{1d160}"),
            worst("e\u{301}"),
            worst("1q2w3e4r"),
            (0..1024).map(|i| if i % 3 == 0 { 'x' } else { 'y' }).collect(),
        ] {
            // Of this thread's own time, and the quickest of three: the machine may have other work.
            let spent = || {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                std::time::Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
            };
            let quickest = (0..3).map(|_| {
                let start = spent();
                let _ = check_for(&password, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab@aaab.example");
                spent() - start
            });
            let quickest = quickest.min().unwrap();
            assert!(quickest < std::time::Duration::from_millis(50), "{password}: {quickest:?}");
        }
    }
}
