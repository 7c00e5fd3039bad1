//! UTF-8 read as windows-1251, as a migration with the wrong connection charset does it: the SQL expression of each engine.
//! Reads and writes nothing.

use crate::corpus::database::Engine;
use lastbell::charsets::cp1251;

/// The expression that misreads a column. It must hold no `И`, of whose second byte windows-1251 knows nothing.
pub(crate) fn misread(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Sqlite => in_sqlite(column),
        Engine::Postgres => format!("convert_from(convert_to({column}, 'UTF8'), 'WIN1251')"),
        Engine::Mysql => format!("CONVERT(CAST(CONVERT({column} USING utf8mb4) AS BINARY) USING cp1251)"),
    }
}

/// SQLite has no charsets: letter by letter, by way of signs that no text has, since the results hold letters again.
fn in_sqlite(column: &str) -> String {
    let letters: Vec<char> = ('А'..='я').chain(['Ё', 'ё']).collect();
    let aside = |at: usize| 0xE000 + at;
    let away = letters
        .iter()
        .enumerate()
        .fold(column.to_owned(), |inner, (at, letter)| format!("replace({inner}, '{letter}', char({}))", aside(at)));
    letters.iter().enumerate().fold(away, |inner, (at, letter)| {
        let mut bytes = [0; 4];
        let read: String = letter.encode_utf8(&mut bytes).bytes().map(as_cp1251).collect();
        format!("replace({inner}, char({}), '{read}')", aside(at))
    })
}

/// The letter that windows-1251 writes as that byte.
fn as_cp1251(byte: u8) -> char {
    let all = ('\0'..='\u{2122}').find(|letter| cp1251(&letter.to_string()) == Some(vec![byte]));
    all.expect("every byte is a letter or a sign")
}
