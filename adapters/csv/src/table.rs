//! One table of an export: its header, and its rows one by one. A file is read to its end or it is an error.

use crate::error::refused;
use crate::export::Export;
use crate::fields::{Fault, Fields, Record};
use crate::file::{Beginning, ExportFile, Opened};
use crate::options::{Encoding, Options};
use lastbell_contract::{AdapterError, ErrorKind, Result, Row, TableId};
use std::collections::BTreeSet;
use std::io::{self, BufRead};

/// A table that is being read, after its header.
pub(crate) struct Rows<'a> {
    file: &'a ExportFile,
    options: &'a Options,
    operation: &'static str,
    opened: Opened,
    fields: Fields<Box<dyn BufRead + Send>>,
    record: Record,
    /// The names in the header.
    pub(crate) header: Vec<String>,
}

impl<'a> Rows<'a> {
    /// Opens a table and reads its header.
    pub(crate) fn open(export: &'a Export, table: &TableId, operation: &'static str) -> Result<Self> {
        let file = export.file(table, operation)?;
        let options = &export.options;
        let mut opened = file.open(operation).map_err(|error| error.on(table))?;
        match opened.begin().map_err(|error| file.broken(&error, operation).on(table))? {
            Beginning::Text { mark: true } if options.encoding == Encoding::Cp1251 => {
                return Err(at(file, operation, "csv-bom", 1, 1).on(table));
            }
            Beginning::Text { .. } => {}
            Beginning::Utf16 => return Err(at(file, operation, "csv-utf-16", 1, 1).on(table)),
        }
        let content = std::mem::replace(&mut opened.content, Box::new(io::empty()));
        let fields = Fields::new(content, options.delimiter);
        let mut rows = Self { file, options, operation, opened, fields, record: Record::default(), header: Vec::new() };
        rows.header = rows.read_header().map_err(|error| error.on(table))?;
        Ok(rows)
    }

    fn read_header(&mut self) -> Result<Vec<String>> {
        if !self.read_record()? {
            return Err(self.at("csv-header", 1, 1));
        }
        let mut names: Vec<String> = Vec::with_capacity(self.record.len());
        let mut seen = BTreeSet::new();
        for number in 0..self.record.len() {
            let (raw, _) = self.record.field(number);
            let fault = |code| self.at(code, self.record.line(), number + 1);
            let name = self.options.encoding.text(raw).ok_or_else(|| fault("csv-header-text"))?;
            if name.is_empty() {
                return Err(fault("csv-header-empty"));
            }
            if !seen.insert(name.clone()) {
                return Err(fault("csv-header-twice"));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The next row is in `self`; `false` at the end, and the file is still what it was.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if !self.read_record()? {
            self.file.still(&self.opened, self.operation)?;
            return Ok(false);
        }
        if self.record.len() != self.header.len() {
            // The first field that is one too many, or the first that is not there.
            let field = self.record.len().min(self.header.len()) + 1;
            return Err(self.at("csv-fields", self.record.line(), field));
        }
        Ok(true)
    }

    /// The values of the row at these columns.
    pub(crate) fn values(&self, columns: &[usize]) -> Row {
        let value = |at: &usize| {
            let (raw, quoted) = self.record.field(*at);
            self.options.value(raw, quoted)
        };
        columns.iter().map(value).collect()
    }

    /// Where the columns of these names stand.
    pub(crate) fn columns(&self, names: &[String]) -> Result<Vec<usize>> {
        let place = |name: &String| self.header.iter().position(|known| known == name);
        let missing = || refused(ErrorKind::NotFound, self.operation, "column");
        names.iter().map(|name| place(name).ok_or_else(missing)).collect()
    }

    fn read_record(&mut self) -> Result<bool> {
        self.fields.next(&mut self.record).map_err(|fault| match fault {
            Fault::Io(error) => self.file.broken(&error, self.operation),
            Fault::Form { code, line, field } => at(self.file, self.operation, code, line, field),
        })
    }

    fn at(&self, code: &str, line: u64, field: usize) -> AdapterError {
        at(self.file, self.operation, code, line, field)
    }
}

/// What is wrong with the text of a file, with its place.
fn at(file: &ExportFile, operation: &str, code: &str, line: u64, field: usize) -> AdapterError {
    refused(ErrorKind::Damaged, operation, &format!("{code}:{}:{line}:{field}", file.name))
}
