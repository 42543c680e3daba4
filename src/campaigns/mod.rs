//! Campaigns, and what all kinds of action have in common: texts in several languages, states, counters, short links.
//!
//! `actions` has one row for each petition, event and letter action, so short links and the counters need not know
//! the kinds. The route behind every mailed link, `/t/{token}`, is here, too; what a
//! link does is registered by the slice that mails it.
//!
//! Modules: `action` (the row), `document` (its representation in the API), `lifecycle` (its states), `ops` (create,
//! change, find), `retention` (their ends), `counts` and `recount` (counters), `api` (campaigns), `updates`, `images`, `image_cache`,
//! `sources`, `share`, `pages`, `chart`, `short_link_clicks`, `store` (SQL).

mod action;
mod api;
mod chart;
mod counts;
mod document;
mod image_cache;
mod images;
mod jobs;
mod lifecycle;
mod ops;
mod pages;
pub mod recount;
pub mod retention;
mod share;
mod short_link_clicks;
mod sources;
mod store;
mod submission;
mod updates;

pub use action::{Action, ActionText, CampaignState, Confirmation, Kind, Privacy, State, Texts};
pub use api::{CampaignDocument, Campaigns, action_filter, router, save_new_campaign};
pub use counts::{
    Cells, Dimension, MIN_TOTAL_FOR_BREAKDOWN, exact_cells, exact_total, exact_totals, fold_deltas, merge_small_cells,
    publish_breakdowns, published_cells,
};
pub use document::{ActionDocument, ActionResource, NewAction, ReceivedResource, slug_of_title};
pub use images::{ActionImage, find_organization_image as organization_image};
pub use jobs::{register_jobs, register_records};
pub use lifecycle::{Availability, NextAction};
pub use ops::{
    archive_action, create_action, find_for, find_to_change, localized, put_action, register_partner,
    register_short_link,
};
pub use pages::{CampaignLink, PublicPages, campaign_context, home_context, link_page, pages};
pub use share::{PaperSize, links as share_links, poster};
pub use store::{
    IDENTIFIER_FIELD, OpenEnd, PartnerBox, ShortLink, StateChange, by_id, by_ids, by_key, by_slug, campaign_exists,
    close_due, close_end, delete_short_link, lock, log_state, open_ends, organization_exists, page_of_actions,
    protected_actions, short_links, state_changes, try_lock, void_previews,
};
pub use submission::{SubmissionMode, SubmissionOutcome};
pub use updates::{Figure, UpdateDocument, UpdateKind, save_update};
