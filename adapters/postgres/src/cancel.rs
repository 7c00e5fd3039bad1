//! Ends the statement that a session runs now, from beside it. Opens a connection of its own for that.

use crate::login::CancelKey;
use crate::settings::Settings;
use crate::stream::Stream;
use bytes::BytesMut;
use postgres_protocol::message::frontend;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows how to stop one session.
#[derive(Clone)]
pub(crate) struct Stopper {
    settings: Arc<Settings>,
    key: CancelKey,
    asked: Arc<AtomicBool>,
}

impl Stopper {
    pub(crate) fn new(settings: Arc<Settings>, key: CancelKey) -> Self {
        Self { settings, key, asked: Arc::default() }
    }

    /// From outside: the statement ends as stopped. There is nobody to tell when the server cannot be reached; the
    /// statement then ends with the connection.
    pub(crate) fn stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
        let _ = self.cancel();
    }

    /// Was it asked since the last time?
    pub(crate) fn take(&self) -> bool {
        self.asked.swap(false, Ordering::SeqCst)
    }

    /// Sends the request and waits until the server closes: the signal is on its way then, and the server drops one that
    /// reaches an idle session, so it cannot hit the statement after (`PostgresMain`, "query cancel is a no-op").
    pub(crate) fn cancel(&self) -> lastbell_contract::Result<()> {
        let mut stream = Stream::open(&self.settings)?;
        let mut out = BytesMut::new();
        frontend::cancel_request(self.key.process, self.key.secret, &mut out);
        if stream.write_all(&out).and_then(|()| stream.flush()).is_ok() {
            let _ = stream.read(&mut [0]); // the end of the stream, or a time-out: nothing is ever said here
        }
        Ok(())
    }
}
