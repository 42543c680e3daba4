//! The access log: the span of a request, and a line for each answer as long as there are not too many a second.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tracing::{Level, Span, field};

/// The target of request spans and access lines, for `log.filter`.
const TARGET: &str = "muster::access";

/// Writes access lines, at most so many a second (`log.access_lines_per_second`). At a peak writing and keeping them
/// would cost more than answering: then a part is written, and each tells how many were left out before it. Answers
/// 5xx have a budget of their own, so that they are not lost among the others.
#[derive(Debug)]
pub struct AccessLog {
    started: Instant,
    answered: Budget,
    failed: Budget,
}

impl AccessLog {
    /// An access log that begins `now`, with at most `lines_per_second` for answers 5xx and as many for all others.
    pub fn new(lines_per_second: u32, now: Instant) -> Self {
        Self { started: now, answered: Budget::new(lines_per_second), failed: Budget::new(lines_per_second) }
    }

    /// The span of a request. `route` is the pattern, never the path. It has the highest level: a filter that lets
    /// warnings through lets through what they belong to.
    pub fn span(id: &str, method: &'static str, route: &str) -> Span {
        tracing::error_span!(
            target: TARGET,
            "request",
            request_id = id,
            method,
            route,
            status = field::Empty,
            micros = field::Empty,
        )
    }

    /// Completes the current span with the answer, and writes its access line. `now`: when it was answered, `took`
    /// after the request had come in.
    pub fn answered(&self, status: u16, took: Duration, now: Instant) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let budget = if status < 500 { &self.answered } else { &self.failed };
        let Some(left_out) = budget.take(now.saturating_duration_since(self.started).as_secs()) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let span = Span::current();
        span.record("status", status);
        span.record("micros", micros);
        let left_out = (left_out > 0).then_some(left_out);
        tracing::info!(target: TARGET, event = "http.request", left_out, "request");
    }
}

/// Lines that may be written in a second.
#[derive(Debug)]
struct Budget {
    per_second: u32,
    second: AtomicU64,
    /// Lines asked for in this second.
    asked: AtomicU32,
    /// Lines of earlier seconds that were not written, and of which no line has told yet.
    left_out: AtomicU64,
}

impl Budget {
    fn new(per_second: u32) -> Self {
        Self { per_second, second: AtomicU64::new(0), asked: AtomicU32::new(0), left_out: AtomicU64::new(0) }
    }

    /// Takes a line of this second (counted from any start); `None` when none is left. Otherwise the number of lines
    /// that were left out in earlier seconds.
    fn take(&self, second: u64) -> Option<u64> {
        if self.second.load(Ordering::Relaxed) != second && self.second.swap(second, Ordering::Relaxed) != second {
            let asked = self.asked.swap(0, Ordering::Relaxed);
            self.left_out.fetch_add(asked.saturating_sub(self.per_second).into(), Ordering::Relaxed);
        }
        let has_left = self.asked.fetch_add(1, Ordering::Relaxed) < self.per_second;
        has_left.then(|| self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_line_counts_those_left_out() {
        let budget = Budget::new(3);
        let taken: Vec<_> = (0..10).map(|_| budget.take(0)).collect();
        assert_eq!(taken, [&[Some(0); 3][..], &[None; 7]].concat());
        assert_eq!([budget.take(1), budget.take(1)], [Some(7), Some(0)]);
        assert_eq!(budget.take(9), Some(0));
        assert_eq!(Budget::new(0).take(0), None, "0 writes none");
    }
}
