//! A client of a server's own that has begun something and holds it: a lock, an open transaction. Starts a command-line
//! client, which ends when this is dropped; the server takes back what it held.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// What the client prints once all that was wanted is done.
const DONE: &str = "it-is-held";

/// Something that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    client: Child,
}

impl Held {
    /// Feeds the statements and waits until they are done. A refusal is a panic with the server's text.
    #[track_caller]
    pub(super) fn begin(command: &mut Command, sql: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().expect("the client starts");
        let text = format!("{sql};\nSELECT '{DONE}';\n");
        client.stdin.as_mut().expect("a pipe").write_all(text.as_bytes()).expect("the client listens");
        let output = client.stdout.take().expect("a pipe");
        let done = BufReader::new(output).lines().map_while(Result::ok).any(|line| line == DONE);
        if !done {
            let told = client.wait_with_output().expect("the client ends");
            panic!("nothing is held: {}\nin: {sql}", String::from_utf8_lossy(&told.stderr));
        }
        Self { client }
    }
}

impl Drop for Held {
    /// The client finds the end of its input and goes.
    fn drop(&mut self) {
        drop(self.client.stdin.take());
        let _ = self.client.wait();
    }
}
