//! Campaigns, and what all kinds of action have in common: texts in several languages, life, counts, landing pages.
//!
//! `actions` has one row for each petition, event and letter action, so the home page, a campaign's page, short links and
//! the counts need not know the kinds. The route behind every mailed link, `/t/{token}`, stands here too; what a link does
//! is registered by the slice that mails it. Rooms: `action` (the row as a type), `counts`, `store`, `ops`, `api`
//! (campaigns), `recount`, `updates`, `images` and `image_cache`, `share`, `sources`, `pages`, `chart`, `lifecycle` (what may follow what), `short_link_clicks` (of short links).

mod action;
mod api;
mod chart;
mod counts;
mod image_cache;
mod images;
mod jobs;
mod lifecycle;
mod ops;
mod pages;
pub mod recount;
mod share;
mod short_link_clicks;
mod sources;
mod store;
mod updates;

pub use action::{
    Action, ActionChanges, ActionFields, ActionText, Confirmation, Kind, NewAction, Privacy, State, Texts,
};
pub use api::{Campaigns, NewCampaign, router, save_new_campaign};
pub use counts::{
    Cells, Dimension, exact_cells, exact_total, exact_totals, fold_deltas, merge_small_cells, published_cells,
};
pub use images::{ActionImage, find_organization_image as organization_image};
pub use jobs::register_jobs;
pub use lifecycle::{Availability, NextAction};
pub use ops::{create_action, find_for, find_to_change, register_partner, register_short_link, update_action};
pub use pages::{CampaignLink, Landing, availability_context, landing, link_page, received};
pub use share::{PaperSize, links as share_links, poster};
pub use store::{
    PartnerBox, ShortLink, StateChange, by_id, by_ids, by_key, campaign_exists, close_due, delete_short_link, lock,
    log_state, page_of_actions, short_links, state_changes, void_previews,
};
pub use updates::{Figure, NewUpdate, save_update};
