//! A line of Apache's password file: `name:hash`.

use zeroize::Zeroizing;

use super::record::{Object, Proof, Record};

/// Reads a line.
///
/// # Errors
/// What is wrong, in words that repeat nothing of it.
pub(super) fn parse(line: &str) -> Result<Record, String> {
    let (name, rest) = line.split_once(':').ok_or("there is no colon between name and hash")?;
    // Apache reads up to the next colon; no hash that is supported holds one.
    let hash = rest.split(':').next().unwrap_or_default();
    if name.is_empty() || hash.is_empty() {
        return Err("the name or the hash is empty".to_owned());
    }
    if !hash.starts_with(['$', '{']) {
        return Err(
            "only bcrypt (htpasswd -B), apr1 (-m) and SHA-1 (-s) are supported, not crypt or plain text"
                .to_owned(),
        );
    }
    Ok(Record {
        identifier: name.to_owned(),
        proof: Proof::Hash(Zeroizing::new(hash.to_owned())),
        profile: Object::new(),
        disabled: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_hash_stand_around_the_colon() {
        let record = parse("ada:$apr1$x$y:a remark").unwrap();
        assert_eq!(record.identifier, "ada");
        assert!(matches!(record.proof, Proof::Hash(hash) if *hash == "$apr1$x$y"));
        for bad in ["canary", ":canary", "ada:", "ada::canary", "ada:canary", "ada:rlcanary.4567"] {
            assert!(!parse(bad).err().unwrap().contains("canary"), "{bad}");
        }
    }
}
