//! Landing pages: the home page and the pages of campaigns, which show actions of all kinds.
//!
//! Modules: [`mod@pages`] (the routes), `store` (SQL). What else they show comes from `campaigns`.

mod pages;
mod store;

pub use pages::{Landing, pages};
