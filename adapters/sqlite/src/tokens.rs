//! A small tokenizer for SQL that a schema keeps: enough to find names and a trigger's event. Never runs anything.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A bare word, a number or a quoted name, unquoted.
    Name {
        /// The text without its quotes.
        text: String,
        /// Whether it stood in quotes; then it is no keyword.
        quoted: bool,
    },
    /// Any other character.
    Sign(char),
}

impl Token {
    /// Is it this keyword?
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Name { text, quoted: false } if text.eq_ignore_ascii_case(keyword))
    }
}

/// The tokens of a text; comments and white space are left out.
pub(crate) fn tokens(sql: &str) -> Vec<Token> {
    let characters: Vec<char> = sql.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        at = match (character, next) {
            ('-', Some('-')) => skip_until(&characters, at + 2, &['\n']),
            ('/', Some('*')) => skip_until(&characters, at + 2, &['*', '/']),
            ('"' | '\'' | '`', _) => quoted(&characters, at, character, &mut found),
            ('[', _) => quoted(&characters, at, ']', &mut found),
            (letter, _) if in_word(letter) => word(&characters, at, &mut found),
            (space, _) if space.is_whitespace() => at + 1,
            (sign, _) => {
                found.push(Token::Sign(sign));
                at + 1
            }
        };
    }
    found
}

fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn skip_until(characters: &[char], from: usize, end: &[char]) -> usize {
    let mut at = from;
    while at < characters.len() && !characters[at..].starts_with(end) {
        at += 1;
    }
    at + end.len()
}

fn quoted(characters: &[char], start: usize, end: char, found: &mut Vec<Token>) -> usize {
    let mut text = String::new();
    let mut at = start + 1;
    while let Some(&character) = characters.get(at) {
        let doubled = end != ']' && character == end && characters.get(at + 1) == Some(&end);
        if character == end && !doubled {
            break;
        }
        text.push(character);
        at += if doubled { 2 } else { 1 };
    }
    found.push(Token::Name { text, quoted: true });
    at + 1
}

fn word(characters: &[char], start: usize, found: &mut Vec<Token>) -> usize {
    let text: String = characters[start..].iter().take_while(|character| in_word(**character)).collect();
    let length = text.chars().count();
    found.push(Token::Name { text, quoted: false });
    start + length
}

/// Would the trigger fire on a DELETE, or on an INSERT during a rebuild? When unsure, yes.
pub(crate) fn trigger_fires(sql: &str) -> bool {
    let all = tokens(sql);
    let mut rest = all.iter().peekable();
    if !rest.next().is_some_and(|token| token.is("create")) {
        return true;
    }
    rest.next_if(|token| token.is("temp") || token.is("temporary"));
    if !rest.next().is_some_and(|token| token.is("trigger")) {
        return true;
    }
    if rest.next_if(|token| token.is("if")).is_some() {
        rest.next_if(|token| token.is("not"));
        rest.next_if(|token| token.is("exists"));
    }
    rest.next(); // the name, or the schema before it
    if rest.next_if_eq(&&Token::Sign('.')).is_some() {
        rest.next();
    }
    rest.next_if(|token| token.is("before") || token.is("after") || token.is("instead"));
    rest.next_if(|token| token.is("of"));
    !rest.next().is_some_and(|token| token.is("update"))
}

/// The module and the arguments of a virtual table: `CREATE VIRTUAL TABLE name USING module(arg, …)`.
/// An argument is its tokens' texts; `content=''` gives `["content", "=", ""]`.
pub(crate) fn module(sql: &str) -> Option<(String, Vec<Vec<String>>)> {
    let all = tokens(sql);
    let using = all.iter().position(|token| token.is("using"))?;
    let mut rest = all[using + 1..].iter().map(|token| match token {
        Token::Name { text, .. } => text.clone(),
        Token::Sign(sign) => sign.to_string(),
    });
    let name = rest.next()?.to_ascii_lowercase();
    let mut arguments = vec![Vec::new()];
    for part in rest.skip(1) {
        match part.as_str() {
            "," => arguments.push(Vec::new()),
            ")" => break,
            other => arguments.last_mut()?.push(other.to_owned()),
        }
    }
    Some((name, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_update_trigger_is_harmless() {
        assert!(!trigger_fires("CREATE TRIGGER t AFTER UPDATE OF a ON x BEGIN DELETE FROM y; END"));
        assert!(!trigger_fires("create temp trigger if not exists main.\"delete\" update on x begin select 1; end"));
        assert!(trigger_fires("CREATE TRIGGER \"update\" BEFORE DELETE ON x BEGIN SELECT 1; END"));
        assert!(trigger_fires("CREATE TRIGGER /* update */ t -- update\n AFTER INSERT ON x BEGIN SELECT 1; END"));
        assert!(trigger_fires("CREATE TRIGGER [a b].[update] INSTEAD OF DELETE ON x BEGIN SELECT 1; END"));
        assert!(trigger_fires("something else"));
    }

    #[test]
    fn a_modules_options_are_read_whatever_their_quotes() {
        let sql = "CREATE VIRTUAL TABLE \"USING\" USING fts5(a, b, content='', tokenize = \"unicode61\")";
        let (name, arguments) = module(sql).unwrap_or_default();
        assert_eq!(name, "fts5");
        assert_eq!(arguments[2], ["content", "=", ""]);
        assert_eq!(arguments[3], ["tokenize", "=", "unicode61"]);
    }
}
