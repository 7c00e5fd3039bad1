//! Reads the fields of RFC 4180 and keeps what other readers drop: whether a field stood in quotes. Streams; memory is
//! that of one record. What two programs could read in two ways is a fault with its place.

use std::io::{self, BufRead};

/// A quote that never closes would else draw the rest of the file into memory.
const RECORD_BYTES_MAX: usize = 256 << 20;

/// Where and why a file is no CSV.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The file below could not be read.
    Io(io::Error),
    /// The text is not of the form.
    Form {
        /// A stable word.
        code: &'static str,
        /// The line, from 1.
        line: u64,
        /// The field on it, from 1.
        field: usize,
    },
}

/// One record, reused for all.
#[derive(Default)]
pub(crate) struct Record {
    text: Vec<u8>,
    ends: Vec<(usize, bool)>,
    line: u64,
}

impl Record {
    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The line on which it begins, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// A field's bytes without quotes around them, and whether there were any.
    pub(crate) fn field(&self, at: usize) -> (&[u8], bool) {
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 };
        let (end, quoted) = self.ends[at];
        (&self.text[start..end], quoted)
    }

    fn end_field(&mut self, quoted: bool) {
        self.ends.push((self.text.len(), quoted));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the record was read.
    Begin,
    /// A delimiter was.
    FieldStart,
    Plain,
    Quoted,
    /// A quote inside quotes: the end of them, or half of a doubled one.
    Quote,
    /// A carriage return, after a field that was quoted or not.
    Return(bool),
}

/// What a byte did.
enum Step {
    Goes(State),
    Ended,
}

/// A stream of records.
pub(crate) struct Fields<R> {
    input: R,
    delimiter: u8,
    line: u64,
}

impl<R: BufRead> Fields<R> {
    /// From the first byte on.
    pub(crate) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, line: 1 }
    }

    /// The next record; `false` at the end of the file.
    pub(crate) fn next(&mut self, record: &mut Record) -> Result<bool, Fault> {
        record.text.clear();
        record.ends.clear();
        record.line = self.line;
        let mut state = State::Begin;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Io(error)),
            };
            if buffer.is_empty() {
                return self.end(state, record);
            }
            let mut at = 0;
            while at < buffer.len() {
                let run = plain_run(&buffer[at..], state, self.delimiter);
                record.text.extend_from_slice(&buffer[at..at + run]);
                at += run;
                if run > 0 && state != State::Quoted {
                    state = State::Plain;
                }
                let Some(byte) = buffer.get(at) else { break };
                at += 1;
                match step(state, *byte, self.delimiter, record, &mut self.line) {
                    Ok(Step::Goes(next)) => state = next,
                    Ok(Step::Ended) => {
                        self.input.consume(at);
                        return Ok(true);
                    }
                    Err(code) => return Err(fault(code, self.line, record)),
                }
            }
            self.input.consume(at);
            if record.text.len() > RECORD_BYTES_MAX {
                return Err(fault("csv-record", record.line, record));
            }
        }
    }

    /// The file ends here. The last line may lack its break (RFC 4180, 2.2).
    fn end(&self, state: State, record: &mut Record) -> Result<bool, Fault> {
        match state {
            State::Begin => return Ok(false),
            State::FieldStart | State::Plain => record.end_field(false),
            State::Quote => record.end_field(true),
            // The line on which the quote opened tells more than the last one.
            State::Quoted => return Err(fault("csv-quote-open", record.line, record)),
            State::Return(_) => return Err(fault("csv-return", self.line, record)),
        }
        Ok(true)
    }
}

fn fault(code: &'static str, line: u64, record: &Record) -> Fault {
    Fault::Form { code, line, field: record.ends.len() + 1 }
}

/// How many bytes from here on belong to the field whatever comes after them.
fn plain_run(bytes: &[u8], state: State, delimiter: u8) -> usize {
    let special = |byte: &u8| *byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    let found = match state {
        State::Begin | State::FieldStart | State::Plain => bytes.iter().position(special),
        State::Quoted => bytes.iter().position(|byte| matches!(byte, b'"' | b'\n')),
        State::Quote | State::Return(_) => Some(0),
    };
    found.unwrap_or(bytes.len())
}

/// What one byte means that is not plainly part of a field.
fn step(state: State, byte: u8, delimiter: u8, record: &mut Record, line: &mut u64) -> Result<Step, &'static str> {
    let quoted = state == State::Quote;
    match (state, byte) {
        (State::Begin | State::FieldStart, b'"') => Ok(Step::Goes(State::Quoted)),
        (State::Plain, b'"') => Err("csv-quote-inside"),
        (State::Quoted, b'"') => Ok(Step::Goes(State::Quote)),
        (State::Quoted, _) => {
            // The only other byte at which a run ends here is a line break.
            *line += 1;
            record.text.push(byte);
            Ok(Step::Goes(State::Quoted))
        }
        (State::Quote, b'"') => {
            record.text.push(b'"');
            Ok(Step::Goes(State::Quoted))
        }
        (State::Return(quoted), b'\n') => {
            *line += 1;
            record.end_field(quoted);
            Ok(Step::Ended)
        }
        (State::Return(_), _) => Err("csv-return"),
        (State::Begin | State::FieldStart | State::Plain | State::Quote, b'\n') => {
            *line += 1;
            record.end_field(quoted);
            Ok(Step::Ended)
        }
        (State::Begin | State::FieldStart | State::Plain | State::Quote, b'\r') => {
            Ok(Step::Goes(State::Return(quoted)))
        }
        (State::Begin | State::FieldStart | State::Plain | State::Quote, byte) if byte == delimiter => {
            record.end_field(quoted);
            Ok(Step::Goes(State::FieldStart))
        }
        (State::Begin | State::FieldStart | State::Plain | State::Quote, _) => Err("csv-after-quote"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::io::BufReader;

    type Told = Vec<Vec<(Vec<u8>, bool)>>;

    fn read(text: &[u8], delimiter: u8, buffer: usize) -> Result<Told, (&'static str, u64, usize)> {
        let mut fields = Fields::new(BufReader::with_capacity(buffer, text), delimiter);
        let (mut record, mut all) = (Record::default(), Vec::new());
        loop {
            match fields.next(&mut record) {
                Ok(true) => {
                    let fields =
                        (0..record.len()).map(|at| record.field(at)).map(|(raw, quoted)| (raw.to_vec(), quoted));
                    all.push(fields.collect());
                }
                Ok(false) => return Ok(all),
                Err(Fault::Form { code, line, field }) => return Err((code, line, field)),
                Err(Fault::Io(error)) => panic!("{error}"),
            }
        }
    }

    fn told(text: &str) -> Vec<Vec<String>> {
        let field = |(raw, quoted): (Vec<u8>, bool)| {
            let text = String::from_utf8(raw).unwrap();
            if quoted { format!("«{text}»") } else { text }
        };
        read(text.as_bytes(), b',', 4).unwrap().into_iter().map(|one| one.into_iter().map(field).collect()).collect()
    }

    #[test]
    fn fields_are_told_with_their_quotes() {
        assert_eq!(told("a,\"\",\nb,\"x\"\"y\",\"1\r\n2\"\r\n"), [["a", "«»", ""], ["b", "«x\"y»", "«1\r\n2»"]]);
        assert_eq!(told("a,b"), [["a", "b"]]);
        assert_eq!(told("a,"), [["a", ""]]);
        assert_eq!(told("\"a\""), [["«a»"]]);
        assert_eq!(told("\n\n"), [[""], [""]], "an empty line is a record of one empty field");
        assert!(told("").is_empty());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_a_fault_with_its_place() {
        for (text, fault) in [
            ("a,b\nc,d\"e\n", ("csv-quote-inside", 2, 2)),
            ("a,b\n\"x\ny\" ,d\n", ("csv-after-quote", 3, 1)),
            ("a, \"b\"\n", ("csv-quote-inside", 1, 2)),
            ("a\rb\n", ("csv-return", 1, 1)),
            ("\"a\"\rb\n", ("csv-return", 1, 1)),
            ("a\n\"b\"\r", ("csv-return", 2, 1)),
            ("a\nb,\"c\nd\ne", ("csv-quote-open", 2, 2)),
            ("a\n\"", ("csv-quote-open", 2, 1)),
        ] {
            for buffer in [1, 2, 3, 64] {
                assert_eq!(read(text.as_bytes(), b',', buffer).unwrap_err(), fault, "{text:?} by {buffer}");
            }
        }
    }

    /// SplitMix64: the same texts for the same seed.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 33) as usize % limit
        }

        fn text(&mut self, pieces: &[&str], most: usize) -> String {
            (0..self.below(most + 1)).map(|_| pieces[self.below(pieces.len())]).collect()
        }
    }

    /// What the crate `csv` reads, where it reads anything; it drops lines that are empty.
    fn by_the_crate(text: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
        reader.byte_records().map(|one| one.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    #[test]
    fn what_is_read_at_all_is_read_as_the_crate_csv_reads_it() {
        let pieces = ["a", "\"", "\"\"", ",", ";", "\n", "\r\n", "\r", "ё", " ", "\"a\"", ",\"", "\",", "\"\n", "\\"];
        let (mut read_at_all, mut refused) = (0, 0);
        for seed in 0..60_000 {
            let mut chance = Chance(seed);
            let text = chance.text(&pieces, 12);
            let delimiter = if seed % 2 == 0 { b',' } else { b';' };
            let ours = read(text.as_bytes(), delimiter, 1 + chance.below(5));
            let whole = read(text.as_bytes(), delimiter, 1024);
            assert_eq!(ours, whole, "another buffer, another answer for {text:?}, seed {seed}");
            let Ok(ours) = ours else {
                refused += 1;
                continue;
            };
            read_at_all += 1;
            let bare = |one: Vec<(Vec<u8>, bool)>| one.into_iter().map(|(raw, _)| raw).collect::<Vec<_>>();
            let is_empty_line = |one: &Vec<(Vec<u8>, bool)>| one.len() == 1 && one[0] == (Vec::new(), false);
            let ours: Vec<Vec<Vec<u8>>> = ours.into_iter().filter(|one| !is_empty_line(one)).map(bare).collect();
            assert_eq!(ours, by_the_crate(text.as_bytes(), delimiter), "{text:?}, seed {seed}");
        }
        assert!(read_at_all > 10_000 && refused > 10_000, "{read_at_all} read, {refused} refused");
    }

    #[test]
    fn what_the_crate_csv_writes_comes_back_field_by_field() {
        let pieces = ["a", "\"", ",", ";", "\n", "\r", "ё", " ", "\t", "\\N", "NULL", "\u{feff}"];
        for seed in 0..20_000 {
            let mut chance = Chance(seed);
            let columns = 1 + chance.below(4);
            let rows: Vec<Vec<String>> =
                (0..chance.below(4)).map(|_| (0..columns).map(|_| chance.text(&pieces, 5)).collect()).collect();
            let style = [::csv::QuoteStyle::Always, ::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::NonNumeric]
                [chance.below(3)];
            let end = if chance.below(2) == 0 { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') };
            let mut writer = ::csv::WriterBuilder::new().quote_style(style).terminator(end).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = writer.into_inner().unwrap();
            let read = read(&text, b',', 1 + chance.below(7)).unwrap_or_else(|fault| panic!("{fault:?}, seed {seed}"));
            let field = |(raw, _): (Vec<u8>, bool)| String::from_utf8(raw).unwrap();
            let read: Vec<Vec<String>> = read.into_iter().map(|one| one.into_iter().map(field).collect()).collect();
            assert_eq!(read, rows, "seed {seed}");
        }
    }
}
