//! Where a login leads: a path of this origin, and nothing else, whoever wrote the link.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Longer ones are nobody's.
const LONGEST: usize = 2048;

/// What a browser would encode itself, and what must not stand in a header or an attribute.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// A local path with its query: visible ASCII, beginning with one slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// Takes what is a path here and could not be taken for anything else by any browser. `None` is no error: the login then leads to
    /// the account.
    ///
    /// Refused: another origin (`https:…`, `//…`), what browsers read as such (`\` is a slash to them, and they skip tabs and
    /// line ends), control characters, and dot segments, which an honest link does not have.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let local = path.starts_with('/')
            && !path.starts_with("//")
            && text.len() <= LONGEST
            && !text.contains(|c: char| c == '\\' || c.is_control())
            && !path.split('/').any(is_dots);
        local.then(|| Self(utf8_percent_encode(text, ENCODED).to_string()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ht_05_only_a_local_path_is_next() {
        for good in
            ["/", "/account", "/app/page?x=1&y=//evil.example#top", "/%2F/evil.example", "/a//b", "/a.b/..c"]
        {
            assert_eq!(Next::parse(good).map(|next| next.0).as_deref(), Some(good));
        }
        for bad in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            " /account",
            "/\t/evil.example",
            "\t//evil.example",
            "/\r\nSet-Cookie: a=b",
            "/a\nb",
            "/a\0",
            "/a\u{85}b",
            "/./evil",
            "/..//evil.example",
            "/%2e%2E//evil.example",
            "/.",
            "%2F%2Fevil.example",
            "?x",
            "#x",
            "/a\\b",
        ] {
            assert_eq!(Next::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Next::parse(&format!("/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn ht_05_what_is_kept_is_fit_for_a_header_and_stays_itself() {
        let next = Next::parse("/größe?a=\"<b>\" c").unwrap();
        assert_eq!(next.as_str(), "/gr%C3%B6%C3%9Fe?a=%22%3Cb%3E%22%20c");
        assert_eq!(Next::parse(next.as_str()), Some(next));
    }
}
