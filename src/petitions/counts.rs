//! The recount of petitions: compares counters with rows.

use std::sync::Arc;

use super::store::counts::Signatures;
use crate::{
    campaigns::recount,
    kernel::{Kernel, background::Jobs},
};

/// Registers the nightly recount.
pub(super) fn register_job(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    recount::register_job(kernel, jobs, "recount_signatures", Signatures);
}
