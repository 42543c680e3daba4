//! Temporary.
#[path = "api/smtp_sink.rs"] mod smtp_sink;
#[path = "api/mail_queue.rs"] mod mail_queue;
