//! Bodies with something around them: a request's with a time limit, a response's in the span of its request.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};
use tracing::Span;

/// Bytes by which a request's body makes progress ([`TimedBody`]).
const MIN_BODY_PROGRESS_BYTES: u64 = 16 * 1024;

/// Progress of receiving a request's body.
#[derive(Debug, Default)]
pub(super) struct BodyProgress {
    /// Pieces received.
    pub(super) frames: AtomicU64,
    /// Nothing more comes, or is wanted.
    pub(super) is_whole: AtomicBool,
    /// Told when that is so.
    pub(super) ended: Notify,
}

impl BodyProgress {
    fn end(&self) {
        if !self.is_whole.swap(true, Ordering::Relaxed) {
            self.ended.notify_one();
        }
    }
}

/// A request's body that fails with a timeout when it pauses, or trickles, for too long.
pub(super) struct TimedBody {
    body: Body,
    progress: Arc<BodyProgress>,
    idle_limit: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Bytes received since the deadline was set.
    received_bytes: u64,
}

impl TimedBody {
    /// A body that must bring [`MIN_BODY_PROGRESS_BYTES`] within `idle_limit`, again and again until it is whole.
    pub(super) fn new(body: Body, progress: Arc<BodyProgress>, idle_limit: Duration) -> Self {
        Self { body, progress, idle_limit, deadline: Box::pin(sleep(idle_limit)), received_bytes: 0 }
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.progress.frames.fetch_add(1, Ordering::Relaxed);
                this.received_bytes += frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                if this.received_bytes >= MIN_BODY_PROGRESS_BYTES {
                    this.received_bytes = 0;
                    this.deadline = Box::pin(sleep(this.idle_limit));
                }
                if this.body.is_end_stream() {
                    this.progress.end();
                }
            }
            Poll::Ready(_) => this.progress.end(),
            Poll::Pending if this.deadline.as_mut().poll(context).is_ready() => {
                this.progress.end();
                let why = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body did not come in");
                return Poll::Ready(Some(Err(axum::Error::new(why))));
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TimedBody {
    /// A handler that drops the body does not need the rest of it.
    fn drop(&mut self) {
        self.progress.end();
    }
}

/// A response's body that is made while it is sent; its log lines belong to the request.
pub(super) struct SpannedBody {
    body: Body,
    span: Span,
}

impl SpannedBody {
    /// A body that is made in this span.
    pub(super) fn new(body: Body, span: Span) -> Self {
        Self { body, span }
    }
}

impl HttpBody for SpannedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _in_span = this.span.enter();
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
