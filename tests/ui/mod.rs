//! Pages, the console, templates and texts.

pub mod browser;
pub mod console;
pub mod door;
pub mod editors;
pub mod first_day;
pub mod forms;
pub mod operations;
pub mod sessions;
pub mod templates;
pub mod texts;
pub mod working_pages;
