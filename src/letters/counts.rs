//! The recount: whether the counts of a letter action are what its rows say.

use std::sync::Arc;

use super::store::Outreaches;
use crate::{
    campaigns::recount,
    kernel::{Kernel, background::Jobs},
};

/// Registers the nightly recount.
pub(super) fn register_job(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    recount::register_job(kernel, jobs, "recount_outreaches", Outreaches);
}
