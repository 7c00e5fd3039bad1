//! Cuts names of tables and columns into words: any separator, camel case in any script, digits dropped, glued words by
//! dictionary. Whole words only: a substring match finds "driver" in "policy" (a known fault of other tools).

use super::fold::fold;

/// One word of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The folded singular; plain words of the lexicon compare with it.
    pub(crate) word: String,
    /// The folded word as it stands; stems compare with its beginning.
    pub(crate) whole: String,
    /// An English word that begins like a Russian stem by accident.
    pub(crate) english: bool,
}

impl Token {
    pub(crate) fn new(raw: &str) -> Self {
        Self { word: fold(&singular(raw)), whole: fold(raw), english: false }
    }

    /// The same word, plural or not, or forms of one Russian word: equal but for an ending of at most three letters.
    pub(crate) fn akin(&self, other: &Self) -> bool {
        let (one, two) = (&self.whole, &other.whole);
        let shared = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
        self.word == other.word || (shared >= 4 && one.len().max(two.len()) - shared <= 3)
    }
}

/// Lower-case raw words of a name. Digits separate words and are dropped.
pub(crate) fn split(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_alphabetic() {
            words.push(String::new());
            continue;
        }
        if starts_word(&letters, at) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Camel case: a capital after a small letter, or a capital before a small letter after capitals (`IDCard`).
fn starts_word(letters: &[char], at: usize) -> bool {
    let capital = |index: usize| letters.get(index).is_some_and(|letter| letter.is_uppercase());
    let small = |index: usize| letters.get(index).is_some_and(|letter| letter.is_lowercase());
    at > 0 && capital(at) && (small(at - 1) || (capital(at - 1) && small(at + 1)))
}

/// The English singular, roughly; applied to names and to the lexicon alike, so its errors cancel.
pub(crate) fn singular(word: &str) -> String {
    let keep = |ending: &str| word.strip_suffix(ending);
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    if let Some(stem) = keep("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes", "uses"] {
        if keep(ending).is_some() {
            return word[..word.len() - 2].to_owned();
        }
    }
    match keep("s") {
        Some(stem) if !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) => stem.to_owned(),
        Some(_) | None => word.to_owned(),
    }
}

/// Cuts a glued word wholly into known pieces, the fewest that do; `None` when it is known itself or cannot be cut.
/// `known` says whether a piece is a word, `stem` whether a last piece begins with a known stem.
pub(crate) fn unglue(word: &str, known: &dyn Fn(&str) -> bool, stem: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    if word.len() < 6 || !word.is_ascii() || known(word) || stem(word) {
        return None;
    }
    // best[at]: the fewest pieces that cover word[..at], and where the last of them begins.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; word.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=word.len() {
        for start in 0..end {
            let Some((pieces, _)) = best[start] else { continue };
            let piece = &word[start..end];
            let last = end == word.len() && start > 0;
            let fits = known(piece) || known(&singular(piece)) || (last && piece.len() >= 4 && stem(piece));
            if fits && pieces < 4 && best[end].is_none_or(|(fewest, _)| pieces + 1 < fewest) {
                best[end] = Some((pieces + 1, start));
            }
        }
    }
    let mut cuts = Vec::new();
    let mut end = word.len();
    while end > 0 {
        let (_, start) = best[end]?;
        cuts.push(word[start..end].to_owned());
        end = start;
    }
    cuts.reverse();
    (cuts.len() > 1).then_some(cuts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_every_kind_of_border() {
        for (name, words) in [
            ("first_name", &["first", "name"][..]),
            ("firstName", &["first", "name"]),
            ("IDCardNo", &["id", "card", "no"]),
            ("ФамилияУченика", &["фамилия", "ученика"]),
            ("id_паспортных_данных", &["id", "паспортных", "данных"]),
            ("address2", &["address"]),
            ("custom_200000003", &["custom"]),
            ("STUDENT_ID", &["student", "id"]),
            ("e-mail", &["e", "mail"]),
            ("12", &[]),
        ] {
            assert_eq!(split(name), words, "{name}");
        }
    }

    #[test]
    fn plurals_meet_their_singulars() {
        for (plural, one) in [
            ("students", "student"),
            ("categories", "category"),
            ("classes", "class"),
            ("address", "address"),
            ("status", "status"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }

    #[test]
    fn glued_words_are_cut_only_when_wholly_known() {
        let known = |word: &str| ["date", "of", "birth", "home", "phone", "id"].contains(&word);
        let stem = |word: &str| word.starts_with("uchen");
        let cut = |word: &str| unglue(word, &known, &stem);
        assert_eq!(cut("dateofbirth").unwrap(), ["date", "of", "birth"]);
        assert_eq!(cut("homephone").unwrap(), ["home", "phone"]);
        assert_eq!(cut("iduchenika").unwrap(), ["id", "uchenika"]);
        assert_eq!(cut("phone"), None);
        assert_eq!(cut("microphone"), None);
    }
}
