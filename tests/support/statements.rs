//! The SQL statements that this thread runs, as sqlx reports them.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{
    Dispatch, Event, Level, Subscriber,
    dispatcher::{DefaultGuard, set_default},
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
};

/// Captures statements until it is dropped.
pub struct Statements {
    seen: Arc<Mutex<Vec<String>>>,
    _default: DefaultGuard,
    _second: Dispatch,
}

impl Statements {
    /// Begins to capture what this thread runs: in a test, that of all its tasks.
    pub fn capture() -> Self {
        let seen = Arc::default();
        let layer = Recorder(Arc::clone(&seen)).with_filter(Targets::new().with_target("sqlx::query", Level::TRACE));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        // while there is only one, `tracing` asks the thread that first meets an event whether anybody listens, and
        // that may be another test's
        let second = Dispatch::new(tracing_subscriber::registry());
        Self { seen, _default: set_default(&dispatch), _second: second }
    }

    /// Those that ran since the last call, in order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

struct Recorder(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = if statement.text.is_empty() { statement.summary } else { statement.text };
        // asked once for each connection
        if !["pg_catalog.pg_type", "count(set_config("].iter().any(|once| text.contains(once)) {
            self.0.lock().unwrap().push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
}

/// A short statement is its own summary.
#[derive(Default)]
struct Statement {
    summary: String,
    text: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.text),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
