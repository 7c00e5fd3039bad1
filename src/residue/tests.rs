//! The promises of the residue search, each in a sentence that can be false.
#![allow(clippy::unwrap_used)]

use super::forms::Atom;
use super::shard::check_set;
use super::*;
use lastbell_contract::{Kind, Value};
use std::io::{self, Cursor, Read};

const KEY: [u8; 32] = [7; 32];

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn collect(values: &[Value]) -> Vec<Shard> {
    let mut collector = Collector::new(&KEY, Limits::default());
    values.iter().for_each(|value| collector.add("pupils", "name", value));
    collector.finish()
}

fn scanner(values: &[Value]) -> Scanner {
    Scanner::new(&KEY, &collect(values)).unwrap()
}

fn read(scanner: &Scanner, bytes: &[u8]) -> FileScan {
    scanner.scan_reader(&mut Cursor::new(bytes), &mut |_| true).unwrap()
}

fn only(found: &Found) -> Vec<(Encoding, u64)> {
    found.by_encoding.iter().map(|(encoding, hits)| (*encoding, *hits)).collect()
}

fn count(shards: &[Shard], reason: Reason) -> u64 {
    tallies(shards).iter().filter_map(|tally| tally.not_looked_for.get(&reason)).sum()
}

/// SplitMix64: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const NAME: &str = "Ёлкина-Пробная Зинаида";

fn escaped(text: &str, upper: bool, doubled: bool) -> String {
    let lead = if doubled { "\\\\u" } else { "\\u" };
    let escape = |unit: u16| if upper { format!("{lead}{unit:04X}") } else { format!("{lead}{unit:04x}") };
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escape(c as u16) }).collect()
}

/// The name's bytes in every encoding that a file may have, written out independently of `charsets`.
fn in_all_encodings() -> Vec<(Encoding, Vec<u8>)> {
    let cp1251 = b"\xA8\xEB\xEA\xE8\xED\xE0-\xCF\xF0\xEE\xE1\xED\xE0\xFF \xC7\xE8\xED\xE0\xE8\xE4\xE0";
    let koi8r = b"\xB3\xCC\xCB\xC9\xCE\xC1-\xF0\xD2\xCF\xC2\xCE\xC1\xD1 \xFA\xC9\xCE\xC1\xC9\xC4\xC1";
    vec![
        (Encoding::Utf8, NAME.as_bytes().to_vec()),
        (Encoding::Utf16Le, NAME.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (Encoding::Utf16Be, NAME.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        (Encoding::Cp1251, cp1251.to_vec()),
        (Encoding::Koi8R, koi8r.to_vec()),
        (Encoding::Escaped, escaped(NAME, false, false).into_bytes()),
        (Encoding::Escaped, escaped(NAME, true, false).into_bytes()),
        (Encoding::Escaped, escaped(NAME, false, true).into_bytes()),
    ]
}

#[test]
fn a_value_is_found_in_every_encoding() {
    let scanner = scanner(&[text(NAME)]);
    for (encoding, bytes) in in_all_encodings() {
        let page = [&[0xA5; 100][..], &bytes, &[0xA5; 100]].concat();
        let found = scanner.scan_bytes(&page);
        assert_eq!(only(&found), [(encoding, 1)]);
        assert_eq!((found.distinct(), found.first[0].offset), (1, 100), "{encoding:?}");
    }
}

#[test]
fn nothing_is_missed_or_counted_twice_at_a_chunk_boundary() {
    for (encoding, bytes) in in_all_encodings() {
        let scanner = scanner(&[text(NAME)]).with_chunk(512);
        for before in 0..800 {
            let page = [&vec![b'.'; before][..], &bytes, &[b'.'; 700]].concat();
            let scan = read(&scanner, &page);
            assert_eq!(only(&scan.found), [(encoding, 1)], "at {before}");
            assert_eq!((scan.found.first[0].offset, scan.found.bytes), (before as u64, page.len() as u64));
        }
    }
}

#[test]
fn tiny_chunks_see_the_same_as_one_piece() {
    let long = "Решение педагогического совета о переводе Прохора Незаметного в седьмой класс ".repeat(3);
    let values = [text(NAME), text("Xk9#qT"), text(&long), Value::Int(11_223_344_595), text("O\"Brien the first")];
    let mut page = Vec::new();
    for (_, bytes) in in_all_encodings() {
        page.extend_from_slice(&bytes);
        page.extend_from_slice(b"Xk9#qT \\u0041 O\\\"Brien the first ");
        page.extend_from_slice(long.as_bytes());
        page.extend_from_slice(&11_223_344_595_u64.to_be_bytes());
    }
    let whole = scanner(&values).scan_bytes(&page);
    assert_eq!(whole.distinct(), 5);
    for chunk in [1, 2, 7, 64, 255, 1000] {
        assert_eq!(read(&scanner(&values).with_chunk(chunk), &page).found, whole, "chunk {chunk}");
    }
}

#[test]
fn short_values_are_found_to_the_last_byte() {
    let scanner = scanner(&[text("Xk9#qT"), text("Zp4!wR7"), text("Чижова")]);
    for needle in ["Xk9#qT".as_bytes(), b"Zp4!wR7", b"\xD7\xE8\xE6\xEE\xE2\xE0"] {
        for before in 0..20 {
            for after in 0..4 {
                let page = [&vec![0; before][..], needle, &vec![0; after]].concat();
                assert_eq!(scanner.scan_bytes(&page).hits(), 1, "{before} {after}");
            }
        }
        assert_eq!(scanner.scan_bytes(&needle[1..]).hits(), 0);
        assert_eq!(scanner.scan_bytes(&needle[..needle.len() - 1]).hits(), 0);
    }
}

#[test]
fn a_long_value_split_by_a_page_is_found_by_either_end() {
    let long: String = (0..60).map(|number| format!("слово{} ", number * 7919)).collect();
    let raw: Vec<u8> = (0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let scanner = scanner(&[text(&long), Value::Bytes(raw.clone())]);
    let long = long.trim();
    assert_eq!(scanner.scan_bytes(&long.as_bytes()[..200]).distinct(), 1, "head");
    assert_eq!(scanner.scan_bytes(&long.as_bytes()[long.len() - 200..]).distinct(), 1, "tail");
    assert_eq!(scanner.scan_bytes(&raw[400..600]).distinct(), 1, "middle");
    assert_eq!(scanner.scan_bytes(&raw[900..]).distinct(), 1, "raw tail");
    let both = scanner.scan_bytes(long.as_bytes());
    assert_eq!((both.hits(), both.distinct()), (2, 1), "two pieces are one value");
}

#[test]
fn numbers_identifiers_and_json_strings_are_found_as_they_are_stored() {
    let uuid = *b"\x12\x34\x56\x78\x9a\xbc\xde\xf0\x11\x22\x33\x44\x55\x66\x77\x88";
    let values = [
        Value::Int(11_223_344_595),
        Value::Uuid(uuid),
        Value::Json(format!(r#"{{"a":["{NAME}",1],"b":"+7 900 000 0012"}}"#)),
        Value::Float(79_010_000_123.0),
        Value::Invalid(Kind::Text, b"\xCF\xF0\xEE\xE1\xED\xE0\xFF \xC7\xE8\xED".to_vec()),
    ];
    let scanner = scanner(&values);
    for (place, bytes) in [
        ("text", b"11223344595".to_vec()),
        ("low byte first", 11_223_344_595_u64.to_le_bytes().to_vec()),
        ("high byte first", 11_223_344_595_u64.to_be_bytes().to_vec()),
        ("InnoDB", (11_223_344_595_u64 | 1 << 63).to_be_bytes().to_vec()),
        ("raw uuid", uuid.to_vec()),
        ("uuid", b"12345678-9abc-def0-1122-334455667788".to_vec()),
        ("string in json", NAME.as_bytes().to_vec()),
        ("another", b"+7 900 000 0012".to_vec()),
        ("float", 79_010_000_123.0_f64.to_be_bytes().to_vec()),
        ("invalid text", b"\xCF\xF0\xEE\xE1\xED\xE0\xFF \xC7\xE8\xED".to_vec()),
    ] {
        assert_eq!(scanner.scan_bytes(&bytes).distinct(), 1, "{place}");
    }
}

const FAMILY: [&str; 8] = ["Белкин", "Волков", "Грачёв", "Дроздов", "Ежов", "Жуков", "Зайцев", "Котов"];
const GIVEN: [&str; 6] = ["Иван", "Иванна", "Марина", "Мария", "Пётр", "Петрина"];
const FATHER: [&str; 5] = ["Иванович", "Ивановна", "Петрович", "Петровна", "Мариевич"];

fn prose(dice: &mut Dice, words: usize) -> String {
    let pick = |dice: &mut Dice| match dice.below(3) {
        0 => FAMILY[dice.below(8)],
        1 => GIVEN[dice.below(6)],
        _ => FATHER[dice.below(5)],
    };
    (0..words).map(|_| format!("{} ", pick(dice))).collect()
}

#[test]
fn names_with_common_prefixes_in_dense_prose_are_found_exactly() {
    let mut dice = Dice(3);
    let mut names = Vec::new();
    for family in FAMILY {
        for given in GIVEN {
            names.push(format!("{family} {given} {}", dice.pick(&FATHER)));
        }
    }
    let scanner = scanner(&names.iter().map(|name| text(name)).collect::<Vec<_>>());
    let prose = prose(&mut dice, 60_000);
    let naive: usize = names.iter().map(|name| prose.matches(name.as_str()).count()).sum();
    assert!(naive > 100, "the prose must hold some names: {naive}");
    assert_eq!(scanner.scan_bytes(prose.as_bytes()).hits(), naive as u64);
    let wide: Vec<u8> = prose.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(only(&scanner.scan_bytes(&wide)), [(Encoding::Utf16Le, naive as u64)]);
    let json = scanner.scan_bytes(escaped(&prose, false, false).as_bytes());
    assert_eq!(only(&json), [(Encoding::Escaped, naive as u64)]);
}

/// Every place of every form, by the simplest means.
fn naive(values: &[Value], page: &[u8]) -> u64 {
    let mut places = std::collections::BTreeSet::new();
    for value in values {
        let Some(atom) = Atom::of(value).filter(|atom| atom.judge().is_none()) else { continue };
        for form in atom.forms() {
            let at = page.windows(form.bytes.len()).enumerate().filter(|(_, window)| *window == form.bytes);
            places.extend(at.map(|(start, _)| (start, form.bytes.clone())));
        }
    }
    places.len() as u64
}

#[test]
fn it_agrees_with_the_simplest_search_on_random_bytes() {
    let mut hits = 0;
    for seed in 0..60 {
        let mut dice = Dice(seed);
        // Few letters, so that values overlap, repeat and stand within each other.
        let letters: Vec<char> = "abЖи9№".chars().take(2 + dice.below(5)).collect();
        let word = |dice: &mut Dice, most: usize| -> String {
            let length = 4 + dice.below(most);
            (0..length).map(|_| *dice.pick(&letters)).collect()
        };
        let mut values: Vec<Value> = (0..40).map(|_| text(&word(&mut dice, 12))).collect();
        values.extend((0..3).map(|_| text(&word(&mut dice, 300))));
        values.extend((0..5).map(|_| Value::Bytes((0..6 + dice.below(200)).map(|_| dice.next() as u8).collect())));
        let mut page = Vec::new();
        while page.len() < 6000 {
            match dice.below(3) {
                0 => page.extend_from_slice(word(&mut dice, 200).as_bytes()),
                1 => page.extend((0..dice.below(50)).map(|_| (dice.0 >> 20) as u8 & 3)),
                _ => {
                    let forms = Atom::of(dice.pick(&values)).unwrap().forms();
                    if !forms.is_empty() {
                        page.extend_from_slice(&dice.pick(&forms).bytes);
                    }
                }
            }
        }
        let expected = naive(&values, &page);
        hits += expected;
        assert_eq!(scanner(&values).scan_bytes(&page).hits(), expected, "seed {seed}");
        let chunk = 1 + dice.below(3000);
        assert_eq!(read(&scanner(&values).with_chunk(chunk), &page).found.hits(), expected, "seed {seed} in chunks");
    }
    assert!(hits > 500, "the test must find something: {hits}");
}

#[test]
fn a_value_inside_a_kept_cell_is_not_looked_for() {
    let tail = "и это окончание длинного замечания знает только один человек";
    let long = format!("{}{tail}", "Уважаемые родители, сообщаем вам о собрании. ".repeat(4));
    let mut shards =
        collect(&[text("Чижова"), text(NAME), text(&long), Value::Int(11_223_344_595), text("users_of_school_7")]);
    let mut kept = KeptRows::new(&KEY, &shards).unwrap();
    kept.exclude(&text("Кабинет имени Чижовой и Чижова"));
    kept.exclude(&text("Уважаемые родители, сообщаем вам о собрании. Приходите"));
    kept.exclude(&Value::Int(11_223_344_595));
    kept.exclude_text("CREATE TABLE users_of_school_7 (id INTEGER)");
    assert_eq!(kept.apply(&mut shards), 3);
    assert_eq!(count(&shards, Reason::StandsInKeptRows), 3);

    let again: Vec<Shard> =
        shards.iter().map(|shard| Shard::from_bytes(&KEY, &shard.to_bytes(&KEY)).unwrap()).collect();
    let scanner = Scanner::new(&KEY, &again).unwrap();
    let hits = |bytes: &[u8]| scanner.scan_bytes(bytes).hits();
    assert_eq!(hits("Чижова".as_bytes()) + hits(b"\xD7\xE8\xE6\xEE\xE2\xE0") + hits(b"11223344595"), 0);
    assert_eq!(hits("Уважаемые родители, сообщаем вам о собрании. ".repeat(2).as_bytes()), 0, "the common head");
    assert_eq!(hits(tail.as_bytes()), 1, "the tail is still looked for");
    assert_eq!(hits(NAME.as_bytes()), 1);
}

#[test]
fn every_cell_is_counted_once() {
    let mut collector = Collector::new(&KEY, Limits::default());
    for value in [Value::Null, text(""), text("  "), Value::Bytes(Vec::new())] {
        collector.add("pupils", "name", &value);
    }
    for value in [NAME, NAME, "0000000", "Математика", "2010-01-02"] {
        collector.add("pupils", "name", &text(value));
    }
    collector.add("log", "who", &text(NAME));
    collector.add("log", "who", &Value::Int(5));
    let shards = collector.finish();
    assert_eq!(shards[0].needles(), 1, "equal values are one needle");
    let tallies = tallies(&shards);
    assert_eq!((tallies[0].table.as_str(), tallies[0].cells, tallies[0].looked_for), ("log", 2, 1));
    assert_eq!((tallies[1].cells, tallies[1].looked_for), (5, 2));
    let reasons: Vec<(Reason, u64)> = tallies[1].not_looked_for.iter().map(|(reason, n)| (*reason, *n)).collect();
    let one_each = [Reason::LowEntropy, Reason::CommonWord, Reason::Number].map(|reason| (reason, 1));
    assert_eq!(reasons, one_each);
}

#[test]
fn beyond_the_bound_a_sample_of_each_column_stays() {
    let limits = Limits { needles_max: 500, shards_max: 2 };
    let mut collector = Collector::new(&KEY, limits);
    for number in 0..20 {
        collector.add("teachers", "name", &text(&format!("Учитель Учителев {number}")));
    }
    for number in 0..5000 {
        collector.add("pupils", "name", &text(&format!("Ученик Учеников {number}")));
        collector.add("parents", "mail", &text(&format!("parent{}@school.example", number % 4000)));
    }
    let shards = collector.finish();
    check_set(&shards).unwrap();
    assert_eq!(shards.len(), 2);
    assert!(shards.iter().all(|shard| shard.entries.len() <= 500));
    for tally in tallies(&shards) {
        let beyond = tally.not_looked_for.get(&Reason::BeyondBound).copied().unwrap_or(0);
        assert_eq!(tally.cells, tally.looked_for + beyond, "{}", tally.table);
        match tally.table.as_str() {
            "teachers" => assert_eq!(beyond, 0, "a small column stays whole"),
            _ => assert!(tally.looked_for >= 20 && beyond > 4000, "{} {}", tally.table, tally.looked_for),
        }
    }
    let scanner = Scanner::new(&KEY, &shards).unwrap();
    let late = (4000..5000).filter(|n| scanner.scan_bytes(format!("Ученик Учеников {n}").as_bytes()).distinct() > 0);
    assert!(late.count() > 2, "the sample is no first-come list");
}

#[test]
fn a_bound_of_nothing_looks_for_nothing_and_says_so() {
    let mut collector = Collector::new(&KEY, Limits { needles_max: 0, shards_max: 0 });
    collector.add("pupils", "name", &text(NAME));
    let shards = collector.finish();
    assert_eq!((shards.len(), shards[0].needles(), count(&shards, Reason::BeyondBound)), (1, 0, 1));
}

#[test]
fn shards_read_one_after_another_find_the_same() {
    let mut collector = Collector::new(&KEY, Limits { needles_max: 40, shards_max: 50 });
    let names: Vec<String> = (0..100).map(|number| format!("Ученик Учеников {number:03}")).collect();
    names.iter().for_each(|name| collector.add("pupils", "name", &text(name)));
    let shards = collector.finish();
    assert!(shards.len() > 5);
    let page = names.join("|");
    let mut merged = Found::default();
    for shard in &shards {
        merged.merge(Scanner::new(&KEY, std::slice::from_ref(shard)).unwrap().scan_bytes(page.as_bytes()));
    }
    let whole = Scanner::new(&KEY, &shards).unwrap().scan_bytes(page.as_bytes());
    assert_eq!((whole.distinct(), whole.hits()), (100, 100));
    assert_eq!(merged, whole);
    assert_eq!(check_set(&shards[1..]).unwrap_err().code, "needles-incomplete");
    assert_eq!(check_set(&[]).unwrap_err().code, "needles-incomplete");
}

/// MD5 by RFC 1321, since no dependency has it and its digests are what a careless program would write.
#[test]
fn one_look_for_many_units_sees_what_each_alone_sees() {
    let of = |table: &str, names: &[&str]| {
        let mut collector = Collector::new(&KEY, Limits { needles_max: 40, shards_max: 50 });
        names.iter().for_each(|name| collector.add(table, "name", &text(name)));
        collector.add(table, "note", &text("Заметка без совпадений"));
        collector.finish()
    };
    let units = [of("pupils", &["Ученик Учеников 001"]), of("staff", &["Учитель Учителев 002", "Ученик Учеников 001"])];
    let all = Scanner::of_units(&KEY, &units.concat()).unwrap();
    assert!(Scanner::new(&KEY, &units.concat()).is_err(), "whose a value is, only one unit's scanner tells");
    for (page, distinct) in [("Ученик Учеников 001", 1), ("Учитель Учителев 002", 1), ("Учитель Учителев 003", 0)]
    {
        let alone = units.iter().map(|unit| Scanner::new(&KEY, unit).unwrap().scan_bytes(page.as_bytes()).distinct());
        let seen = all.scan_bytes(page.as_bytes()).distinct();
        assert_eq!((seen, alone.max()), (distinct, Some(distinct)), "{page}");
    }
    let found = all.scan_bytes("Учитель Учителев 002".as_bytes());
    assert_eq!((found.first[0].table.as_str(), found.first[0].column.as_str()), ("staff", "name"));
    assert_eq!(Scanner::of_units(&[8; 32], &units.concat()).err().unwrap().code, "needles-wrong-key");
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    let turns = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = [bytes, &[0x80]].concat();
    padded.resize(padded.len().next_multiple_of(64) - 8 + if padded.len() % 64 > 56 { 64 } else { 0 }, 0);
    padded.extend_from_slice(&(bytes.len() as u64 * 8).to_le_bytes());
    for block in padded.chunks(64) {
        let words: Vec<u32> = block.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            let sine = (f64::sin(step as f64 + 1.0).abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(words[word]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(turns[step / 16][step % 4])));
        }
        state =
            [state[0].wrapping_add(a), state[1].wrapping_add(b), state[2].wrapping_add(c), state[3].wrapping_add(d)];
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

#[test]
fn a_shard_holds_no_value_and_no_digest_that_anyone_could_make() {
    use sha2::{Digest, Sha256};
    assert_eq!(hex(&md5(b"abc")), b"900150983cd24fb0d6963f7d28e17f72");
    let names = [NAME, "Чижова", "Xk9#qT", "11223344595"];
    let bytes: Vec<u8> = collect(&names.map(text)).iter().flat_map(|shard| shard.to_bytes(&KEY)).collect();
    let absent = |part: &[u8]| assert!(!bytes.windows(part.len()).any(|window| window == part), "{part:x?}");
    for name in names {
        for form in Atom::of(&text(name)).unwrap().forms() {
            form.bytes.windows(4).for_each(absent);
            let sha = Sha256::digest(&form.bytes).to_vec();
            for digest in [sha, md5(&form.bytes)] {
                absent(&digest[..8]);
                absent(&hex(&digest)[..12]);
            }
        }
    }
    let other = Scanner::new(&KEY, &collect(&[text(NAME)])).unwrap();
    assert_eq!(other.scan_bytes(&bytes).hits(), 0, "the scanner may run over its own shard");
}

#[test]
fn two_keys_have_no_fingerprint_in_common() {
    let shards = |key: [u8; 32]| {
        let mut collector = Collector::new(&key, Limits::default());
        (0..50).for_each(|n| collector.add("pupils", "name", &text(&format!("Ученик Учеников {n}"))));
        collector.finish().remove(0)
    };
    let (a, b) = (shards([1; 32]), shards([2; 32]));
    for entry in &a.entries {
        for other in &b.entries {
            assert!(entry.anchor != other.anchor && entry.mac != other.mac && entry.masked != other.masked);
        }
    }
    let ids = |shard: &Shard| shard.needles.iter().map(|needle| needle.id).collect::<Vec<_>>();
    assert!(ids(&a).iter().all(|id| !ids(&b).contains(id)));
}

#[test]
fn a_wrong_key_is_refused_and_would_find_nothing() {
    let mut shards = collect(&[text(NAME)]);
    let bytes = shards[0].to_bytes(&KEY);
    assert_eq!(Shard::from_bytes(&[8; 32], &bytes).unwrap_err().code, "needles-wrong-key");
    assert_eq!(Scanner::new(&[8; 32], &shards).err().unwrap().code, "needles-wrong-key");
    assert_eq!(KeptRows::new(&[8; 32], &shards).err().unwrap().code, "needles-wrong-key");
    shards[0].proof = super::keyed::Keys::new(&[8; 32]).proof;
    let found = Scanner::new(&[8; 32], &shards).map_or(0, |scanner| scanner.scan_bytes(NAME.as_bytes()).hits());
    assert_eq!(found, 0, "even past the check");
}

#[test]
fn damaged_shards_are_refused_not_misread() {
    let bytes = collect(&[text(NAME), text("Xk9#qT"), Value::Int(3)])[0].to_bytes(&KEY);
    assert_eq!(Shard::from_bytes(&KEY, &bytes).unwrap().to_bytes(&KEY), bytes);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x81;
        assert!(Shard::from_bytes(&KEY, &damaged).is_err(), "byte {at}");
        assert!(Shard::from_bytes(&KEY, &bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(Shard::from_bytes(&KEY, &[&bytes[..], &[0]].concat()).is_err());
    // Under a valid seal, too: lengths that promise more than there is.
    let keys = super::keyed::Keys::new(&KEY);
    for at in 10..bytes.len() - 32 {
        let mut damaged = bytes[..bytes.len() - 32].to_vec();
        damaged[at] = 0xFF;
        damaged.extend_from_slice(&keys.shard(&damaged));
        let _either_refused_or_sound = Shard::from_bytes(&KEY, &damaged).map(|shard| tallies(&[shard]));
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Shard::from_bytes(&KEY, &newer).unwrap_err().code, "needles-version");
}

/// A stream that fails after some bytes.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            read => Ok(read),
        }
    }
}

#[test]
fn could_not_look_never_becomes_clean() {
    let folder = tempfile::tempdir().unwrap();
    let shards = collect(&[text(NAME)]);
    let scanner = Scanner::new(&KEY, &shards).unwrap();
    let look = |name: &str| scanner.scan_file(&folder.path().join(name), &mut |_| true).unwrap();
    std::fs::write(folder.path().join("clean"), vec![b'x'; 3000]).unwrap();
    std::fs::write(folder.path().join("dirty"), [&vec![b'x'; 3000][..], NAME.as_bytes()].concat()).unwrap();
    let verdict = |fill: &dyn Fn(&mut ReportDraft)| {
        let mut draft = ReportDraft::new(&shards);
        fill(&mut draft);
        draft.finish().clean
    };
    assert_eq!(verdict(&|_| {}), Clean::Unknown, "no files");
    assert_eq!(verdict(&|draft| draft.file("clean", "data", look("clean"))), Clean::Pass);
    assert_eq!(verdict(&|draft| draft.file("dirty", "data", look("dirty"))), Clean::Fail);
    for (label, looked) in [("absent", look("absent")), ("folder", look("."))] {
        assert!(matches!(looked, Looked::NotRead { .. }));
        let with_clean = |draft: &mut ReportDraft| {
            draft.file("clean", "data", look("clean"));
            draft.file(label, "log", looked.clone());
        };
        assert_eq!(verdict(&with_clean), Clean::Unknown, "{label}");
    }
    let mut failing = Failing(Cursor::new([&vec![b'x'; 5000][..], NAME.as_bytes()].concat()));
    let broken = scanner.scan_reader(&mut failing, &mut |_| true).unwrap();
    assert_eq!((broken.found.hits(), broken.ended), (1, Ended::Broken("timed-out")), "what was found counts");
    let ended = |ended: Ended| Looked::Read(FileScan { found: Found::default(), ended });
    assert_eq!(verdict(&|draft| draft.file("a", "log", ended(Ended::Broken("read-failed")))), Clean::Unknown);
    assert_eq!(verdict(&|draft| draft.file("a", "log", ended(Ended::Changed))), Clean::Unknown);
    let mut nothing = ReportDraft::new(&collect(&[Value::Int(1)]));
    nothing.file("clean", "data", look("clean"));
    assert_eq!(nothing.finish().clean, Clean::Unknown, "nothing was looked for");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_never_waited_for() {
    let socket = tempfile::tempdir().unwrap();
    let path = socket.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let looked = scanner(&[text(NAME)]).scan_file(&path, &mut |_| true).unwrap();
    assert_eq!(looked, Looked::NotRead { why: "not-a-file" });
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing");
    let scanner = scanner(&[text(NAME)]).with_chunk(4096);
    for (length, ends) in [(20_000_u64, Ended::Changed), (3_000, Ended::Changed), (10_000, Ended::Whole)] {
        std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
        let mut first = true;
        let looked = scanner.scan_file(&path, &mut |_| {
            if std::mem::take(&mut first) && length != 10_000 {
                std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
            }
            true
        });
        let Looked::Read(scan) = looked.unwrap() else { panic!("it can be read") };
        assert_eq!(scan.ended, ends, "{length}");
    }
}

#[test]
fn progress_counts_every_byte_once_and_can_stop() {
    let scanner = scanner(&[text(NAME)]).with_chunk(1000);
    let mut told = 0;
    scanner
        .scan_reader(&mut Cursor::new(vec![0; 12_345]), &mut |bytes| {
            told += bytes;
            true
        })
        .unwrap();
    assert_eq!(told, 12_345);
    let stopped = scanner.scan_reader(&mut Cursor::new(vec![0; 12_345]), &mut |_| false);
    assert_eq!(stopped.unwrap_err().code, "interrupted");
}

#[test]
fn the_report_says_what_was_put_back_by_hand() {
    let mut collector = Collector::new(&KEY, Limits::default());
    collector.add("pupils", "name", &text(NAME));
    collector.add("log", "who", &text(NAME));
    collector.add("pupils", "mail", &text("nobody@school.example"));
    collector.add("pupils", "mark", &Value::Int(5));
    let shards = collector.finish();
    let scanner = Scanner::new(&KEY, &shards).unwrap();
    let mut draft = ReportDraft::new(&shards);
    for (number, (_, bytes)) in in_all_encodings().into_iter().enumerate() {
        draft.file(&format!("file {number}"), "data", Looked::Read(read(&scanner, &bytes)));
    }
    draft.not_looked_at("free space", "no-raw-device");
    let report = draft.finish();
    assert_eq!((report.clean, report.distinct_found, report.needles_total, report.looked_for), (Clean::Fail, 1, 2, 2));
    assert!(report.files.iter().all(|file| (file.hits, file.distinct) == (1, 1)));
    let found: Vec<(&str, &str, u64)> =
        report.columns.iter().map(|column| (column.table.as_str(), column.column.as_str(), column.found)).collect();
    assert_eq!(found, [("log", "who", 1), ("pupils", "mail", 0), ("pupils", "mark", 0), ("pupils", "name", 1)]);
    assert_eq!(report.not_looked_for[0].reason, Reason::Number);
    let canonical = crate::json::to_canonical(&report).unwrap();
    assert_eq!(crate::json::from_canonical::<Report>(&canonical).unwrap(), report);
    assert!(!String::from_utf8(canonical).unwrap().contains("Зинаида"));
}

#[test]
fn debug_shows_no_value() {
    let shards = collect(&[text(NAME)]);
    assert_eq!(format!("{shards:?}"), "[Shard(0 of 1, 1 needles, 5 forms)]");
}

#[test]
fn two_kept_cells_side_by_side_are_no_residue() {
    let destroyed = [text("раздел 12"), text("раздел 17"), text("раздел 19")];
    let mut shards = collect(&destroyed);
    // A kept row's last text, then its date; another row that ends in text, then the head of the next record.
    let (first, second) = ([text("раздел 1"), text("2026-01-08")], [Value::Int(0), text("раздел 1")]);
    let file = "раздел 12026-01-08 .. раздел 17 .. раздел 19";
    let found = Scanner::new(&KEY, &shards).unwrap().scan_bytes(file.as_bytes());
    assert_eq!(found.distinct(), 3);
    let mut suspects: Vec<Shard> = shards.iter().map(|shard| shard.suspects(&found)).collect();
    let mut kept = KeptRows::of_found(&KEY, &suspects, std::slice::from_ref(&found)).unwrap();
    kept.exclude_record(first.iter());
    kept.exclude_record([text("раздел 8")].iter());
    kept.apply(&mut suspects);
    shards.iter_mut().zip(&suspects).for_each(|(shard, suspect)| shard.spare(suspect));
    let found = Scanner::new(&KEY, &shards).unwrap().scan_bytes(file.as_bytes());
    assert_eq!(found.distinct(), 2, "`раздел 1` beside `2026` explains `раздел 12` alone");
    let mut kept = KeptRows::of_found(&KEY, &suspects, std::slice::from_ref(&found)).unwrap();
    kept.exclude_record(second.iter());
    kept.apply(&mut suspects);
    shards.iter_mut().zip(&suspects).for_each(|(shard, suspect)| shard.spare(suspect));
    let found = Scanner::new(&KEY, &shards).unwrap().scan_bytes(file.as_bytes());
    assert_eq!(found.distinct(), 0, "a record that ends in `раздел 1` explains one byte behind it");
}
