//! The embedded list of common passwords: 55,774 entries, lower case, NFC, 435 KiB. Where it comes from: `NOTICE`; how it is
//! made: `data/common-passwords.py`.

use std::cmp::Ordering;

/// One entry a line, sorted by bytes; the last line ends with a newline too.
const LIST: &[u8] = include_bytes!("../../data/common-passwords.txt");

/// No entry has more code points.
pub(super) const LONGEST: usize = 21;

/// Whether `word`, already folded, is on the list. Bisects the text itself: nothing to build, nothing to keep.
pub(super) fn contains(word: &str) -> bool {
    // Both are starts of lines, or the end.
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = LIST[low..middle]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(low, |newline| low + newline + 1);
        let end = LIST[middle..high]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(high, |newline| middle + newline);
        match LIST[start..end].cmp(word.as_bytes()) {
            Ordering::Equal => return true,
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> impl Iterator<Item = &'static str> {
        std::str::from_utf8(LIST).unwrap().lines()
    }

    #[test]
    fn the_list_is_what_the_search_expects() {
        assert_eq!(entries().count(), 55_774);
        assert!(entries().is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        assert!(LIST.ends_with(b"\n"));
        assert!(
            entries()
                .all(|entry| (3..=LONGEST).contains(&entry.chars().count()) && entry.to_lowercase() == entry)
        );
    }

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        for entry in entries() {
            assert!(contains(entry), "{entry}");
        }
        for stranger in [
            "",
            "\n",
            "!",
            "zzzzzzzzzzzzzzzz",
            "password\n",
            "passwordq",
            "correct horse",
            "яяяя",
            "123456\nx",
        ] {
            assert!(!contains(stranger), "{stranger:?}");
        }
    }
}
