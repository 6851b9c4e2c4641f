//! Claims as [`AccessClaims`] are written: no white space, no escapes, no members of others, each in its place. Nearly every
//! token is of this form, and read so it costs a fraction. Whatever is not gets `None` and is read, or refused,
//! by [`read`](super::read), which alone decides what passes: the tests hold that what is read here is read
//! alike there.

use uuid::Uuid;

use super::{AccessClaims, Audience, LAST_SECOND, read};

/// The claims, if they are of that form.
pub(super) fn claims(text: &str) -> Option<AccessClaims> {
    // JSON has no control characters in strings, and this form none between them and no escapes within.
    if text.bytes().fold(false, |found, byte| found | (byte < 0x20) | (byte == b'\\')) {
        return None;
    }
    let mut rest = Rest(text);
    // In this order no member can stand there twice.
    let claims = AccessClaims {
        iss: rest.after(r#"{"iss":"#)?.text()?,
        sub: rest.after(r#","sub":"#)?.id()?,
        aud: rest.after(r#","aud":"#)?.audience()?,
        exp: rest.after(r#","exp":"#)?.date()?,
        iat: rest.after(r#","iat":"#)?.date()?,
        nbf: rest.perhaps(r#","nbf":"#, Rest::date)?,
        jti: rest.after(r#","jti":"#)?.id()?,
        client_id: rest.after(r#","client_id":"#)?.text()?,
        sid: rest.perhaps(r#","sid":"#, Rest::id)?,
        r#gen: rest.after(r#","gen":"#)?.number()?,
        amr: rest.after(r#","amr":"#)?.texts()?,
        auth_time: rest.after(r#","auth_time":"#)?.date()?,
        scope: rest.perhaps(r#","scope":"#, Rest::text)?,
        cnf: None,
        kind: None,
        extra: serde_json::Map::new(),
    };
    (rest.0 == "}").then_some(claims)
}

/// What is still to be read.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn after(&mut self, literal: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(self)
    }

    /// The value of a member that may be absent.
    fn perhaps<T>(&mut self, literal: &str, value: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.after(literal) {
            Some(rest) => value(rest).map(Some),
            None => Some(None),
        }
    }

    fn string(&mut self) -> Option<&'t str> {
        let text = self.0.strip_prefix('"')?;
        let end = memchr::memchr(b'"', text.as_bytes())?;
        self.0 = &text[end + 1..];
        Some(&text[..end])
    }

    fn text(&mut self) -> Option<String> {
        self.string().map(str::to_owned)
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.0.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (number, rest) = self.0.split_at(digits);
        // What follows decides whether it was a whole number: `.`, `e` and others do not follow a value here.
        if (digits > 1 && number.starts_with('0')) || !rest.starts_with([',', '}']) {
            return None;
        }
        self.0 = rest;
        number.parse().ok()
    }

    fn date(&mut self) -> Option<i64> {
        let seconds = i64::try_from(self.number()?).ok()?;
        (seconds <= LAST_SECOND).then_some(seconds)
    }

    fn id(&mut self) -> Option<Uuid> {
        read::id(self.string()?)
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        self.after("[")?;
        let mut all = Vec::new();
        if self.after("]").is_some() {
            return Some(all);
        }
        loop {
            all.push(self.text()?);
            if self.after(",").is_none() {
                return self.after("]").map(|_| all);
            }
        }
    }

    fn audience(&mut self) -> Option<Audience> {
        if self.0.starts_with('[') {
            self.texts().map(Audience::Many)
        } else {
            self.text().map(Audience::One)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = r#"{"iss":"https://id.example","sub":"01905a3c-1111-7222-8333-444455556666","aud":"https://api.example","exp":1700000300,"iat":1700000000,"jti":"01905a3c-1111-7222-8333-444455556667","client_id":"symbolon","sid":"01905a3c-1111-7222-8333-444455556668","gen":3,"amr":["pwd","é"],"auth_time":1700000000,"scope":"a b"}"#;

    /// What is read here is read alike there; whether it was read here.
    fn agree(text: &str) -> bool {
        let there = serde_json::from_str::<AccessClaims>(text).ok();
        let here = claims(text);
        assert!(here.is_none() || here == there, "{text}");
        here.is_some()
    }

    #[test]
    fn what_we_write_is_read_here() {
        assert!(agree(USUAL));
        let many = USUAL.replace(r#""https://api.example""#, r#"["a","b"]"#);
        let none = USUAL.replace(r#"["pwd","é"]"#, "[]").replace(r#","scope":"a b""#, "");
        assert!(agree(&many) && agree(&none));
        let written = serde_json::to_string(&claims(USUAL).unwrap()).unwrap();
        assert!(agree(&written));
    }

    #[test]
    fn every_letter_changed_taken_away_or_put_in_is_read_alike_or_not_here() {
        let letters: Vec<char> = (0..0x80_u8).map(char::from).chain(['é', '\u{2028}', '\u{feff}']).collect();
        let mut read = 0;
        for (at, old) in USUAL.char_indices() {
            let (before, after) = (&USUAL[..at], &USUAL[at + old.len_utf8()..]);
            read += usize::from(agree(&format!("{before}{after}")));
            for letter in &letters {
                read += usize::from(agree(&format!("{before}{letter}{after}")));
                read += usize::from(agree(&format!("{before}{letter}{old}{after}")));
            }
            assert!(!agree(before), "cut at {at}");
        }
        assert!(read > 1000, "most of a text is strings: {read}");
    }

    #[test]
    fn numbers_and_repeats_are_read_alike_or_not_here() {
        for number in [
            "0",
            "00",
            "01",
            "-0",
            "-1",
            "1.0",
            "1e3",
            "1E3",
            "18446744073709551615",
            "18446744073709551616",
            "253402300799",
            "253402300800",
            "true",
            "null",
            "\"3\"",
            "",
        ] {
            agree(&USUAL.replace("\"gen\":3", &format!("\"gen\":{number}")));
            agree(&USUAL.replace("1700000300", number));
            agree(&USUAL.replace("[\"pwd\",\"é\"]", &format!("[{number}]")));
        }
        for more in [r#","gen":3}"#, r#","cnf":{"jkt":"x"}}"#, r#","other":1}"#, ",}", "}}", "} ", "}x"] {
            assert!(!agree(&format!("{}{more}", USUAL.strip_suffix('}').unwrap())), "{more}");
        }
    }
}
