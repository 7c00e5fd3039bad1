//! Feeds statements to a command-line client.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What it printed, without the last line's end; or what it complained of.
pub(super) fn feed(command: &mut Command, sql: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the client starts");
    let mut input = child.stdin.take().expect("a pipe");
    let sql = sql.as_bytes().to_vec();
    // On a thread of its own: a client that prints before it has read all would wait for us, and we for it.
    let writer = std::thread::spawn(move || input.write_all(&sql));
    let output = child.wait_with_output().expect("the client ends");
    // A client that stopped at an error has closed its end; its status tells.
    let _ = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}
