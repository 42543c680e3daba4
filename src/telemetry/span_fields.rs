//! The fields of a span as JSON. `tracing_subscriber`'s own form parses and writes all of them again for each field
//! that is recorded later, which costs more than a whole answer from memory (measured: `docs/logging.md`).

use std::{
    cell::RefCell,
    fmt::{self, Debug, Write},
};

use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, FormattedFields, format::Writer},
};

thread_local! {
    /// Where an object is put together, so that a span allocates its text once, at its length.
    static SCRATCH: RefCell<String> = RefCell::default();
}

/// Writes fields as one JSON object; those recorded later are appended to it.
#[derive(Debug)]
pub(super) struct JsonSpanFields;

impl<'w> FormatFields<'w> for JsonSpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => {
                scratch.clear();
                write_members(&mut *scratch, '{', fields)?;
                writer.write_str(&scratch)
            }
            // a value whose form makes a span of its own
            Err(_) => write_members(&mut writer, '{', fields),
        })
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let is_open = current.fields.pop() == Some('}') && current.fields.len() > 1;
        if !is_open {
            current.fields.clear();
        }
        write_members(&mut current.fields, if is_open { ',' } else { '{' }, fields)
    }
}

fn write_members(writer: &mut impl Write, separator: char, fields: impl RecordFields) -> fmt::Result {
    let mut members = Members { writer, separator, result: Ok(()) };
    fields.record(&mut members);
    members.result?;
    members.writer.write_str(if members.separator == '{' { "{}" } else { "}" })
}

/// Writes members of an object that is begun before the first of them, or was begun already.
struct Members<'a, W> {
    writer: &'a mut W,
    /// What stands before the next member.
    separator: char,
    result: fmt::Result,
}

impl<W: Write> Members<'_, W> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.try_member(field.name(), value);
        }
    }

    fn try_member(&mut self, name: &str, value: impl FnOnce(&mut W) -> fmt::Result) -> fmt::Result {
        self.writer.write_char(std::mem::replace(&mut self.separator, ','))?;
        // names of fields are identifiers of ours
        write_text(self.writer, name)?;
        self.writer.write_char(':')?;
        value(self.writer)
    }
}

impl<W: Write> Visit for Members<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| write_text(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |writer| write_text(writer, &format!("{value:?}")));
    }
}

/// A JSON string (RFC 8259, section 7).
fn write_text(writer: &mut impl Write, text: &str) -> fmt::Result {
    let needs_escape = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\');
    if text.bytes().any(needs_escape) {
        return writer.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};

    use crate::{
        config::{Log, LogFormat},
        telemetry::log_to,
    };

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn fields_of_all_spans_are_json_with_those_recorded_later() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = Log { filter: "info".to_owned(), format: LogFormat::Json, access_lines_per_second: 0 };
        tracing::dispatcher::with_default(&log_to(&settings, move || writer.clone()), || {
            let outer =
                tracing::error_span!("outer", text = "a \"quoted\"\nline\\", number = 7, late = tracing::field::Empty);
            let _in_outer = outer.enter();
            outer.record("late", true);
            let inner = tracing::error_span!("inner", first = tracing::field::Empty, second = tracing::field::Empty);
            let _in_inner = inner.enter();
            inner.record("first", -1);
            inner.record("second", tracing::field::display("x"));
            tracing::error_span!("empty").in_scope(|| tracing::info!(event = "http.request", "said"));
        });
        let line: Value = serde_json::from_slice(&buffer.0.lock().unwrap()).unwrap();
        assert_eq!(
            line["spans"],
            json!([
                {"name": "outer", "text": "a \"quoted\"\nline\\", "number": 7, "late": true},
                {"name": "inner", "first": -1, "second": "x"},
                {"name": "empty"},
            ])
        );
        assert_eq!(line["fields"], json!({"message": "said", "event": "http.request"}));
    }
}
