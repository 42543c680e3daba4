//! Pages, the console, templates and texts.

pub mod browser;
pub mod console;
pub mod sessions;
pub mod templates;
pub mod texts;
