//! `/api/v1/advocacy_campaigns`.

pub mod dispatch;
