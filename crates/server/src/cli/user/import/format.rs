//! Which format a file has, and telling it by its beginning.

use clap::ValueEnum;
use serde_json::{Map, Value};

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JSON object on each line
    Jsonl,
    /// Apache's password file
    Htpasswd,
    /// Django's dumpdata
    Django,
}

/// What a user of Django's is to be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Identify {
    /// By e-mail address; users without one are refused
    Email,
    /// By username
    #[default]
    Username,
}

/// Tells the format by the first bytes of a file.
///
/// # Errors
/// When it is none of them.
pub(super) fn guess(head: &[u8]) -> Result<Format, &'static str> {
    let start = head.trim_ascii_start();
    match start.first() {
        None => Err("the file is empty"),
        Some(b'[') => Ok(Format::Django),
        Some(b'{') => {
            let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let object: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
            let dumped = object.contains_key("model") && object.contains_key("fields");
            Ok(if dumped { Format::Django } else { Format::Jsonl })
        }
        Some(_) => {
            let mut lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
            let named =
                first.is_some_and(|line| line.iter().position(|byte| *byte == b':').is_some_and(|at| at > 0));
            if named {
                Ok(Format::Htpasswd)
            } else {
                Err(
                    "the file is neither JSON Lines nor htpasswd nor Django's JSON; --format says which when it is",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_themselves() {
        for (head, format) in [
            ("{\"identifier\":\"ada\"}\n", Format::Jsonl),
            ("\n  {\"identifier\":\"model\",\"profile\":{\"fields\":1}}", Format::Jsonl),
            ("{\"model\":\"auth.user\",\"pk\":1,\"fields\":{}}\n{", Format::Django),
            ("[\n{\"model\": \"auth.user\"", Format::Django),
            ("# staff\n\nada:$2y$05$abc", Format::Htpasswd),
            ("ada:{SHA}abc=", Format::Htpasswd),
        ] {
            assert_eq!(guess(head.as_bytes()), Ok(format), "{head}");
        }
        for head in ["", " \n", "identifier,password\nada,x", "# nothing\n", ":x"] {
            assert!(guess(head.as_bytes()).is_err(), "{head}");
        }
    }
}
