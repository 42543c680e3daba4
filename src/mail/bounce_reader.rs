//! Parses a returned message on a thread of its own. Anybody may send one, so a parser that is slow, overflows its
//! stack or panics must not affect the threads that serve requests. The parser (`bounce_report`, `mime`) needs time
//! and stack in proportion to the message's length; this module limits the damage in case that is wrong.

use std::{io, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::bounce_report::{self, ParsedBounce};
use crate::error::{Error, Result};

/// Maximum number of bytes of a message that are parsed; the beginning of a longer one is enough.
pub(super) const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// Time limit for parsing one message. A usual one takes a millisecond.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Stack size of the thread: more than any message of [`MAX_MESSAGE_BYTES`] needs.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// Limits the messages parsed at a time to two. One that times out keeps its permit until its thread ends, so that such
/// messages cannot occupy all processors.
static READER_PERMITS: std::sync::LazyLock<std::sync::Arc<Semaphore>> =
    std::sync::LazyLock::new(|| std::sync::Arc::new(Semaphore::new(2)));

/// Parses a returned message.
///
/// # Errors
/// 422 if parsing takes too long or panics; a retry would give the same. `unavailable` while others occupy both
/// permits.
pub(super) async fn read(raw: &[u8]) -> Result<ParsedBounce> {
    let raw = raw[..raw.len().min(MAX_MESSAGE_BYTES)].to_vec();
    let permit = timeout(READ_TIMEOUT, READER_PERMITS.clone().acquire_owned()).await.ok().and_then(Result::ok);
    let permit = permit.ok_or_else(|| Error::not_done(60, "mail that came back is being read, and does not end"))?;
    match on_a_thread(READ_TIMEOUT, permit, move || bounce_report::parse(&raw)).await.map_err(Error::internal)? {
        Some(reading) => Ok(reading),
        None => Err(Error::field("", "invalid_value", "This mail cannot be read.")),
    }
}

/// Runs `work` on a new thread; `None` if it panics or is not done in time. A thread cannot be stopped, so it runs on
/// then.
async fn on_a_thread<T: Send + 'static>(
    limit: Duration,
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (done, outcome) = oneshot::channel();
    std::thread::Builder::new().name("bounce".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let _permit = permit;
        // fails if the receiver has timed out
        let _ = done.send(work());
    })?;
    Ok(timeout(limit, outcome).await.ok().and_then(Result::ok))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_times_out_keeps_its_permit() {
        let permits = Arc::new(Semaphore::new(1));
        let (end, wait) = mpsc::channel::<()>();
        let permit = permits.clone().acquire_owned().await.unwrap();
        let endless = on_a_thread(Duration::from_millis(20), permit, move || wait.recv()).await.unwrap();
        assert!(endless.is_none() && permits.available_permits() == 0);
        drop(end);
        let permit = permits.clone().acquire_owned().await.unwrap();
        assert_eq!(on_a_thread(READ_TIMEOUT, permit, || 7).await.unwrap(), Some(7));
        let permit = permits.acquire_owned().await.unwrap();
        let panics = on_a_thread(READ_TIMEOUT, permit, || panic!("the test's")).await.unwrap();
        assert_eq!(panics, None::<()>);
    }
}
