//! An entry of Django's `dumpdata auth.User`: `{"model", "pk", "fields": {"username", "password", …}}`.

use std::{
    fmt,
    io::{self, Read},
};

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::{
    format::Identify,
    jsonl,
    record::{Entry, Object, Proof, Record, What, switch, text},
};

/// The longest entry that is looked at: custom models may hold much that is not ours.
const LONGEST: u64 = 1024 * 1024;

/// Reads an entry.
pub(super) fn parse(entry: &str, by: Identify) -> What {
    match jsonl::object(entry) {
        Err(why) => What::Refused(why),
        Ok(mut entry) => match entry.remove("fields") {
            // Whatever its model is called, a user is what has a password.
            Some(Value::Object(fields)) if fields.contains_key("password") => user(fields, by).into(),
            Some(Value::Object(_)) if entry.contains_key("model") => What::Other,
            _ => What::Refused("it is no entry of dumpdata: it has no \"fields\"".to_owned()),
        },
    }
}

fn user(mut fields: Object, by: Identify) -> Result<Record, String> {
    let password = text(&mut fields, "password")?.ok_or("\"password\" is missing")?;
    let active = switch(&mut fields, "is_active")?.unwrap_or(true);
    let mut known = |name: &str| {
        text(&mut fields, name).map(|text| text.map(|text| text.to_string()).filter(|text| !text.is_empty()))
    };
    let (username, email) = (known("username")?, known("email")?);
    let mut profile = Object::new();
    for name in ["first_name", "last_name"] {
        profile.extend(known(name)?.map(|text| (name.to_owned(), text.into())));
    }
    let identifier = match by {
        Identify::Email => email.clone().ok_or("it has no e-mail address")?,
        Identify::Username => username.clone().ok_or("it has no username")?,
    };
    profile.extend(email.map(|email| ("email".to_owned(), email.into())));
    if by == Identify::Email {
        // Nothing else would remember what they were called.
        profile.extend(username.map(|username| ("username".to_owned(), username.into())));
    }
    Ok(Record { identifier, proof: Proof::Hash(password), profile, disabled: !active })
}

/// Reads an array of entries, one at a time, as long as `deliver` takes them.
///
/// # Errors
/// Where the array is damaged, or an entry too long: what is behind it cannot be read.
pub(super) fn array(
    from: impl Read,
    by: Identify,
    deliver: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), String> {
    let budget = std::rc::Rc::new(std::cell::Cell::new(LONGEST));
    let limited = Limited { from, left: std::rc::Rc::clone(&budget) };
    let mut read = 0;
    let visitor = Entries { by, deliver, budget: &budget, read: &mut read };
    let mut deserializer = serde_json::Deserializer::from_reader(limited);
    let outcome = deserializer.deserialize_seq(visitor).and_then(|()| deserializer.end());
    outcome.map_err(|error| {
        let what = if error.is_io() { "is too long or cannot be read" } else { "is damaged" };
        let (line, column) = (error.line(), error.column());
        format!(
            "entry {}: the file {what} here (line {line}, column {column}); nothing behind it was read",
            read + 1
        )
    })
}

/// A file of which no entry may be longer than its budget.
struct Limited<R> {
    from: R,
    left: std::rc::Rc<std::cell::Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other("an entry is too long"));
        }
        let read = self.from.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(read as u64));
        Ok(read)
    }
}

struct Entries<'e> {
    by: Identify,
    deliver: &'e mut dyn FnMut(Entry) -> bool,
    budget: &'e std::cell::Cell<u64>,
    read: &'e mut u64,
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(raw) = entries.next_element::<Box<RawValue>>()? {
            *self.read += 1;
            self.budget.set(LONGEST);
            let entry = Entry { place: format!("entry {}", self.read), what: parse(raw.get(), self.by) };
            if !(self.deliver)(entry) {
                return Err(serde::de::Error::custom("nobody takes them any more"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, by: Identify) -> (Vec<Entry>, Result<(), String>) {
        let mut entries = Vec::new();
        let outcome = array(io::BufReader::new(text.as_bytes()), by, &mut |entry| {
            entries.push(entry);
            true
        });
        (entries, outcome)
    }

    const DUMP: &str = r#"[
        {"model": "auth.group", "pk": 1, "fields": {"name": "staff"}},
        {"model": "auth.user", "pk": 1, "fields": {"password": "pbkdf2…", "username": "ada", "first_name": "Ada", "last_name": "",
         "email": "ada@example.org", "is_active": false, "is_superuser": true, "groups": []}},
        {"model": "auth.user", "pk": 2, "fields": {"password": "!", "username": "bob", "email": ""}}
    ]"#;

    #[test]
    fn users_are_told_from_the_rest() {
        let (entries, outcome) = all(DUMP, Identify::Username);
        outcome.unwrap();
        let [
            Entry { what: What::Other, .. },
            Entry { what: What::User(ada), .. },
            Entry { what: What::User(bob), place },
        ] = entries.as_slice()
        else {
            panic!()
        };
        assert_eq!(
            (ada.identifier.as_str(), ada.disabled, bob.disabled, place.as_str()),
            ("ada", true, false, "entry 3")
        );
        assert_eq!(
            serde_json::to_value(&ada.profile).unwrap(),
            serde_json::json!({"first_name": "Ada", "email": "ada@example.org"})
        );
    }

    #[test]
    fn by_e_mail_the_username_is_kept_and_an_address_needed() {
        let (entries, _) = all(DUMP, Identify::Email);
        assert!(
            matches!(&entries[1].what, What::User(ada) if ada.identifier == "ada@example.org" && ada.profile["username"] == "ada")
        );
        assert!(matches!(&entries[2].what, What::Refused(why) if why.contains("no e-mail")));
    }

    #[test]
    fn damage_ends_the_reading_and_says_where() {
        let (entries, outcome) = all(&DUMP.replace("\"pk\": 2", "\"pk\" 2"), Identify::Username);
        assert_eq!(entries.len(), 2);
        assert!(outcome.unwrap_err().starts_with("entry 3: the file is damaged here (line 5"));
        let (_, outcome) =
            all(&format!("[{{\"model\":\"{}\"}}]", "x".repeat(2 * 1024 * 1024)), Identify::Username);
        assert!(outcome.unwrap_err().contains("too long"));
    }
}
