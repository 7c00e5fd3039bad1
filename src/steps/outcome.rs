//! What a step hands back: lines for people by message code, findings, and one JSON document. It prints nothing itself.

use crate::failure::Exit;
use serde::Serialize;
use serde_json::Value;

/// A line for people: a message code with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Key into the messages.
    pub code: &'static str,
    /// Placeholders.
    #[serde(serialize_with = "as_map")]
    pub args: Vec<(&'static str, String)>,
}

fn as_map<S: serde::Serializer>(args: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(args.iter().map(|(name, value)| (name, value)))
}

/// `line!("code", name = value)`.
#[macro_export]
macro_rules! line {
    ($code:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::steps::outcome::Line { code: $code, args: vec![$((stringify!($name), $value.to_string())),*] }
    };
}

/// The result of a command that could do its work. A finding is not an error.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was done.
    pub lines: Vec<Line>,
    /// What a person must know or act on.
    pub findings: Vec<Line>,
    /// The same for machines.
    pub document: Value,
    /// An exit other than «0, or 1 when there are findings».
    pub exit: Option<Exit>,
    /// Text for stdout that is the result itself (a table, a certificate's figures), when there is one.
    pub text: Option<String>,
}

impl Outcome {
    /// Done, with a document.
    #[must_use]
    pub fn done(line: Line, document: Value) -> Self {
        Self { lines: vec![line], document, ..Self::default() }
    }

    /// How the process ends.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self.exit {
            Some(exit) => exit as i32,
            None => i32::from(!self.findings.is_empty()),
        }
    }
}
