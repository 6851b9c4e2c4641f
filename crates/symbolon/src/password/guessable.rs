//! Whether a password is among the first that an attacker tries: on the list, or a listed word with ornaments, or a sequence.
//!
//! Rules about the folded text as a whole, no estimate of entropy: a text with two different words in it passes.
//! Work is bounded by the length, which is at most 3,072 code points.

use zeroize::Zeroizing;

use super::blocklist;

/// Shorter words are not looked for: they stand in anything.
const SHORTEST_WORD: usize = 3;
/// A piece of a sequence has at least so many code points.
const SHORTEST_RUN: usize = 3;
/// A sequence stays one with so many other code points beside it.
const STRAY: usize = 2;
/// A unit of fewer code points, said again and again, is as weak as it is short.
const SHORTEST_UNIT: usize = 8;
/// In a longer text a word is not looked for at every place.
const LONGEST_ORNAMENTED: usize = 64;

/// Lines along which fingers and memories run: keyboard rows (US, German, French, Russian; shifted), columns, diagonals.
const ROWS: [&str; 25] = [
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü+",
    "asdfghjklöä#",
    "yxcvbnm,.-",
    "!\"§$%&/()=?",
    "azertyuiop^$",
    "qsdfghjklmù*",
    "wxcvbn,;:!",
    "&é\"'(-è_çà)=",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю.",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik<(ol>)p:?",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2b3c4d5e6f7g8h9i0j",
    "a1b2c3d4e5f6g7h8i9j0",
    "qawsedrftgyhujikolp",
    "147258369",
];

/// Words that count as listed beside the embedded list.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words = words.into_iter().map(str::to_lowercase);
        Self(words.filter(|word| word.chars().count() >= SHORTEST_WORD).collect())
    }

    fn list(&self, word: &[char]) -> bool {
        if word.len() < SHORTEST_WORD {
            return false;
        }
        let text = written(word);
        self.0.contains(&text) || word.len() <= blocklist::LONGEST && blocklist::contains(&text)
    }

    /// As it stands, or with the usual digits for letters undone (`p4ssw0rd`).
    fn list_loosely(&self, word: &[char]) -> bool {
        self.list(word) || [unleet(word, 'i'), unleet(word, 'l')].iter().any(|plain| self.list(plain))
    }
}

/// The form that is compared: lower case.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    // Lower case is at most three bytes for two (`İ`, `Ⱥ`).
    let mut folded = Zeroizing::new(String::with_capacity(text.len() * 2));
    folded.extend(text.chars().flat_map(char::to_lowercase));
    folded
}

/// Whether a folded text is guessed from a list: the embedded one, or `words`.
pub(super) fn guessable(folded: &str, words: &Words) -> bool {
    let text = Zeroizing::new(folded.chars().collect::<Vec<_>>());
    if text.is_empty() {
        return false;
    }
    let joined: Zeroizing<Vec<_>> = Zeroizing::new(
        text.iter().copied().filter(|c| !c.is_whitespace() && !"-_.,:;/+*".contains(*c)).collect(),
    );
    patterned(&text, words) || joined.len() * 2 >= text.len() && patterned(&joined, words)
}

fn patterned(text: &[char], words: &Words) -> bool {
    strays_from_sequences(text) <= STRAY
        || repeats_something_short(text)
        || is_one_word(unit(text), words)
        || is_one_word(unit(core(text)), words)
        || holds_one_word(text, words)
}

fn repeats_something_short(text: &[char]) -> bool {
    let unit = unit(text);
    unit.len() < text.len() && unit.len() < SHORTEST_UNIT
}

/// A listed word, with ornaments or without: digits and signs around all the letters, or signs and sequences on one side.
fn is_one_word(text: &[char], words: &Words) -> bool {
    if words.list_loosely(text) || words.list_loosely(core(text)) {
        return true;
    }
    if text.len() > LONGEST_ORNAMENTED {
        return false;
    }
    // Digits may belong to the word (`trustno1`): every cut that leaves the letters whole is tried.
    let letters = core(text).len();
    let before = text.iter().position(|c| c.is_alphabetic()).unwrap_or(text.len());
    let around_letters = || {
        letters > 0
            && (0..=before).any(|start| {
                let ends = before + letters..=text.len().min(start + blocklist::LONGEST);
                ends.into_iter().any(|end| words.list(&text[start..end]))
            })
    };
    let ornament =
        |rest: &[char]| !rest.iter().any(|c| c.is_alphanumeric()) || strays_from_sequences(rest) == 0;
    let on_one_side = || {
        (SHORTEST_WORD..text.len().min(blocklist::LONGEST)).any(|length| {
            let rest = text.len() - length;
            (words.list(&text[..length]) && ornament(&text[length..]))
                || (words.list(&text[rest..]) && ornament(&text[..rest]))
        })
    };
    around_letters() || on_one_side()
}

/// Every stretch of letters is the same listed word, or a sequence: digits and signs around it do not matter.
fn holds_one_word(text: &[char], words: &Words) -> bool {
    let mut word: Option<&[char]> = None;
    for stretch in text.split(|c| !c.is_alphabetic()).filter(|stretch| !stretch.is_empty()) {
        let unit = unit(stretch);
        if words.list(unit) {
            if *word.get_or_insert(unit) != unit {
                return false;
            }
        } else if strays_from_sequences(stretch) > 0 {
            return false;
        }
    }
    word.is_some()
}

/// The text without what is no letter at both ends.
fn core(text: &[char]) -> &[char] {
    let start = text.iter().position(|c| c.is_alphabetic()).unwrap_or(text.len());
    let end = text.iter().rposition(|c| c.is_alphabetic()).map_or(start, |last| last + 1);
    &text[start..end]
}

/// The shortest beginning that makes the whole text when said again and again, at least twice (the last time perhaps not to
/// its end); the text itself if there is none. By the failure function of Knuth, Morris and Pratt: linear.
fn unit(text: &[char]) -> &[char] {
    let mut border = Zeroizing::new(vec![0_usize; text.len()]);
    let mut length = 0;
    for i in 1..text.len() {
        while length > 0 && text[i] != text[length] {
            length = border[length - 1];
        }
        length += usize::from(text[i] == text[length]);
        border[i] = length;
    }
    let period = text.len() - border.last().copied().unwrap_or(0);
    if period * 2 <= text.len() { &text[..period] } else { text }
}

/// How many code points are left over when the text is cut into sequences in the best way.
fn strays_from_sequences(text: &[char]) -> usize {
    let reach = sequences(text);
    let mut fewest = Zeroizing::new((0..=text.len()).collect::<Vec<_>>());
    for start in 0..text.len() {
        fewest[start + 1] = fewest[start + 1].min(fewest[start] + 1);
        for end in start + SHORTEST_RUN..=start + reach[start] {
            fewest[end] = fewest[end].min(fewest[start]);
        }
    }
    fewest[text.len()]
}

/// For each place the length of the longest sequence that begins there: equal or adjacent characters, or a walk along one of
/// [`ROWS`] in one direction.
fn sequences(text: &[char]) -> Vec<usize> {
    let mut longest = vec![1; text.len()];
    let mut along = |follows: &dyn Fn(usize) -> bool| {
        let mut length = 1;
        for i in (0..text.len().saturating_sub(1)).rev() {
            length = if follows(i) { length + 1 } else { 1 };
            longest[i] = longest[i].max(length);
        }
    };
    let step = |from: char, to: char| {
        from.is_alphanumeric() && to.is_alphanumeric() && u32::from(from) + 1 == u32::from(to)
    };
    along(&|i| text[i] == text[i + 1]);
    along(&|i| step(text[i], text[i + 1]));
    along(&|i| step(text[i + 1], text[i]));
    for row in ROWS {
        let place: Vec<_> = text.iter().map(|c| row.chars().position(|key| key == *c)).collect();
        let next = |a: Option<usize>, b: Option<usize>| a.zip(b).is_some_and(|(a, b)| a + 1 == b);
        along(&|i| next(place[i], place[i + 1]));
        along(&|i| next(place[i + 1], place[i]));
    }
    longest
}

fn unleet(word: &[char], one: char) -> Zeroizing<Vec<char>> {
    let plain = |c: &char| match c {
        '@' | '4' => 'a',
        '8' => 'b',
        '3' => 'e',
        '6' | '9' => 'g',
        '1' | '!' | '|' => one,
        '0' => 'o',
        '$' | '5' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        other => *other,
    };
    Zeroizing::new(word.iter().map(plain).collect())
}

fn written(word: &[char]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(word.len() * 4));
    text.extend(word);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn the_unit_of_a_repetition_is_found() {
        for (text, expected) in [
            ("abcabc", "abc"),
            ("abcabcab", "abc"),
            ("aaaa", "a"),
            ("abcab", "abcab"),
            ("abc", "abc"),
            ("", ""),
            ("aa", "a"),
            ("aabaab", "aab"),
            ("abababa", "ab"),
        ] {
            assert_eq!(unit(&chars(text)), chars(expected), "{text}");
        }
    }

    #[test]
    fn strays_are_counted() {
        for (text, strays) in [
            ("abcdef", 0),
            ("abcdefx", 1),
            ("qwer1234", 0),
            ("horse", 5),
            ("aaa", 0),
            ("ab", 2),
            ("zyx", 0),
            ("xabcx", 2),
            ("poi", 0),
            ("890", 0),
            ("ab9ab", 5),
            ("1qaz2wsx", 0),
        ] {
            assert_eq!(strays_from_sequences(&chars(text)), strays, "{text}");
        }
    }

    #[test]
    fn the_core_lies_between_the_first_and_the_last_letter() {
        for (text, expected) in [("12ab3c!", "ab3c"), ("123", ""), ("abc", "abc"), ("", "")] {
            assert_eq!(core(&chars(text)), chars(expected), "{text}");
        }
    }

    #[test]
    fn digits_for_letters_are_undone() {
        let none = Words::new([]);
        assert!(
            none.list_loosely(&chars("p455w0rd"))
                && none.list_loosely(&chars("1loveyou"))
                && none.list_loosely(&chars("we1come"))
        );
    }

    #[test]
    fn rows_hold_each_key_once() {
        for row in ROWS {
            let keys: std::collections::HashSet<_> = row.chars().collect();
            assert_eq!(keys.len(), row.chars().count(), "{row}");
        }
    }
}
