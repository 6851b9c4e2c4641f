//! What a user types to say who they are: a username or an e-mail address, in one canonical form.
//!
//! Two spellings of one name have one canonical form (case, width, NFC or NFD; A-label or U-label), so the throttle and the
//! unique index see one account (ATTACKS CR-11, CR-26). Anything with an `@` is an e-mail address; a username never holds
//! one, so nobody can register somebody's address as a name (CR-27). Nothing is trimmed: a space is simply not allowed.
//!
//! Lengths are checked before anything else looks at the text, and everything after that is bounded by them (JD-10).

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::precis_core::{IdentifierClass, StringClass};
use unicode_normalization::UnicodeNormalization;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection};

/// The most code points of a username.
pub const MAX_USERNAME: usize = 64;
/// The most bytes of an e-mail address, as typed and in canonical form (RFC 5321 §4.5.3.1.3, less the angle brackets).
pub const MAX_EMAIL: usize = 254;
/// The most bytes before the `@` (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;
/// No identifier is longer, whatever it is: 64 code points of four bytes.
const MAX_BYTES: usize = 4 * MAX_USERNAME;

/// Which of the two an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentifierKind {
    /// A name, RFC 8265 `UsernameCaseMapped`.
    Username,
    /// An e-mail address.
    Email,
}

impl IdentifierKind {
    /// The name the store uses: `username` or `email`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
        }
    }

    /// Reads what [`IdentifierKind::as_str`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "username" => Some(Self::Username),
            "email" => Some(Self::Email),
            _ => None,
        }
    }
}

/// A well-formed identifier.
#[derive(Clone, Debug)]
pub struct Identifier {
    canonical: String,
    shown: String,
    kind: IdentifierKind,
}

/// Why a text is no identifier. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// Nothing was typed.
    #[error("the identifier is empty")]
    Empty,
    /// More than [`MAX_USERNAME`] code points, or [`MAX_EMAIL`] bytes.
    #[error("the identifier is too long")]
    TooLong,
    /// Neither a username (RFC 8265 §3.3) nor an e-mail address.
    #[error("the identifier is neither a username nor an e-mail address")]
    Malformed,
    /// It mixes scripts, or is made to look like another name. Registration only.
    #[error("the identifier looks like another one")]
    Imitates,
}

impl Identifier {
    /// Reads an identifier in order to look somebody up. What this refuses belongs to nobody.
    ///
    /// # Errors
    /// Never [`IdentifierError::Imitates`]: a name that was once accepted stays usable.
    pub fn parse(typed: &str) -> Result<Self, IdentifierError> {
        if typed.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if typed.len() > MAX_BYTES {
            return Err(IdentifierError::TooLong);
        }
        let (kind, canonical) = match typed.rsplit_once('@') {
            Some((local, domain)) => (IdentifierKind::Email, email(typed, local, domain)?),
            None => (IdentifierKind::Username, username(typed)?),
        };
        Ok(Self { canonical, shown: typed.to_owned(), kind })
    }

    /// Reads an identifier that somebody wants to have. Also refuses what is made to be mistaken for another name
    /// (UTS #39: mixed scripts, characters outside the General Security Profile, Latin letters imitated one by one).
    ///
    /// This is a rule about one name alone. It refuses a few honest ones (`yıldız`, `þorn`), which may still be e-mail
    /// domains.
    ///
    /// # Errors
    /// Those of [`Identifier::parse`], and [`IdentifierError::Imitates`].
    pub fn parse_new(typed: &str) -> Result<Self, IdentifierError> {
        let identifier = Self::parse(typed)?;
        let imitates = match identifier.canonical.rsplit_once('@') {
            None => mixes_scripts(&identifier.canonical) || imitates_latin(&identifier.canonical),
            Some((local, domain)) => {
                let (domain, _) = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, HYPHENS);
                mixes_scripts(local) || imitates_latin(local) || domain.split('.').any(mixes_scripts)
            }
        };
        if imitates { Err(IdentifierError::Imitates) } else { Ok(identifier) }
    }

    /// What the store holds of an identifier that was parsed before.
    pub fn from_store(kind: IdentifierKind, canonical: String, shown: String) -> Self {
        Self { canonical, shown, kind }
    }

    /// The form that is compared, indexed and counted. Of an e-mail address the domain is in lower-case A-labels.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// What was typed, to the byte.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Username or e-mail address.
    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    /// The canonical form before the `@`; the whole of a username.
    pub fn local_part(&self) -> &str {
        self.canonical.rsplit_once('@').map_or(&self.canonical, |(local, _)| local)
    }
}

/// Hyphens may stand third and fourth: such names are in use (`r3---sn-…`).
const HYPHENS: Hyphens = Hyphens::CheckFirstLast;

fn username(typed: &str) -> Result<String, IdentifierError> {
    let enforce = |text: &str| {
        UsernameCaseMapped::enforce(text).map(Cow::into_owned).map_err(|_| IdentifierError::Malformed)
    };
    if typed.chars().count() > MAX_USERNAME {
        return Err(IdentifierError::TooLong);
    }
    let canonical = enforce(typed)?;
    if canonical.chars().count() > MAX_USERNAME {
        return Err(IdentifierError::TooLong);
    }
    // Mapping may make what it would not let in: a full-width `＠` becomes `@`. And a canonical form that is not its own
    // canonical form would be two names in one (RFC 8264 §7).
    if canonical.contains('@') || enforce(&canonical)? != canonical {
        return Err(IdentifierError::Malformed);
    }
    Ok(canonical)
}

/// Local part NFC and lower case, domain as lower-case A-labels; no rules about dots or tags.
fn email(typed: &str, local: &str, domain: &str) -> Result<String, IdentifierError> {
    if typed.len() > MAX_EMAIL {
        return Err(IdentifierError::TooLong);
    }
    let canonical_local: String = local.to_lowercase().nfc().collect();
    if canonical_local.is_empty() || !canonical_local.chars().all(is_atom) {
        return Err(IdentifierError::Malformed);
    }
    let stable: String = canonical_local.to_lowercase().nfc().collect();
    if stable != canonical_local || IdentifierClass::default().allows(&canonical_local).is_err() {
        return Err(IdentifierError::Malformed);
    }
    // IDNA drops these without a word; nobody types them, and they would stay in what is shown.
    if domain.contains(is_invisible) {
        return Err(IdentifierError::Malformed);
    }
    let domain = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, HYPHENS, DnsLength::Verify)
        .map_err(|_| IdentifierError::Malformed)?;
    let canonical = format!("{canonical_local}@{domain}");
    if canonical_local.len() > MAX_LOCAL_PART || canonical.len() > MAX_EMAIL {
        return Err(IdentifierError::TooLong);
    }
    Ok(canonical)
}

/// `atext` or a dot (RFC 5322 §3.2.3, RFC 6531 §3.3): nothing that would need quoting in a mail header.
fn is_atom(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// What takes no room on the screen (the default ignorables that occur).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether the letters come from scripts that nobody writes together (above UTS #39's "Highly Restrictive").
fn mixes_scripts(text: &str) -> bool {
    // ASCII punctuation belongs to every script, but the tables know only what programming languages allow.
    let letters: String = text.chars().filter(|c| !c.is_ascii() || c.is_ascii_alphanumeric()).collect();
    letters.as_str().detect_restriction_level() > RestrictionLevel::HighlyRestrictive
}

/// Whether every foreign letter stands in for exactly one ASCII character, as in `аррӏе` (Cyrillic) or `admın`. Those that
/// stand for several (`æ`) or for one with a mark (`é`) deceive nobody.
fn imitates_latin(text: &str) -> bool {
    let mut foreign = text.chars().filter(|c| !c.is_ascii()).peekable();
    foreign.peek().is_some()
        && foreign.all(|c| {
            let mut buffer = [0; 4];
            let mut prototype = unicode_security::skeleton(c.encode_utf8(&mut buffer));
            prototype.next().is_some_and(|c| c.is_ascii()) && prototype.next().is_none()
        })
}

#[cfg(test)]
mod tests;
