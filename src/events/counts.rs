//! The recount: whether the seats of an event, its waitlist and its total are what its registrations say.

use std::sync::Arc;

use super::store::Attendances;
use crate::{
    campaigns::recount,
    kernel::{Kernel, background::Jobs},
};

/// Registers the nightly recount.
pub(super) fn register_job(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    recount::register_job(kernel, jobs, "recount_attendances", Attendances);
}
