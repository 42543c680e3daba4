//! What the relays offer for addresses that are not ASCII: stored by the mail engine, read by every process.

use std::{sync::Arc, time::Duration};

use super::{
    engine::{Engine, STATEMENTS_LIMIT},
    store, transport,
};
use crate::{
    config::{Smtputf8, Transport},
    error::{Error, Result},
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, RunsIn},
    },
};

/// How often each process reads it.
const READ_INTERVAL: Duration = Duration::from_secs(15);

impl Engine {
    /// Stores what the relays offered at the last connection.
    pub(super) async fn store_smtputf8(&self) -> Result<()> {
        let (relays, offers): (Vec<String>, Vec<bool>) = self.transport.as_dyn().offers_smtputf8().into_iter().unzip();
        if relays.is_empty() {
            return Ok(());
        }
        store::note_smtputf8(&mut *self.kernel.work.acquire().await?, &relays, &offers).await
    }
}

/// Registers what each process does.
pub fn register_process_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let read = JobInfo::every(
        READ_INTERVAL,
        RunsIn::EachProcess,
        "read_smtputf8",
        "reads whether all relays offer SMTPUTF8, where `mail.smtputf8` is `auto`",
        "",
        STATEMENTS_LIMIT,
    );
    jobs.add(read, kernel, async |kernel, _| {
        let mail = &kernel.settings.mail;
        if (mail.smtputf8, mail.transport) != (Smtputf8::Auto, Transport::Smtp) {
            return Ok(Progress::Idle);
        }
        let relays = transport::relay_names(mail).map_err(Error::internal)?;
        let all = store::all_offer_smtputf8(&mut *kernel.work.acquire().await?, &relays).await?;
        kernel.utf8_addresses.set(all);
        Ok(Progress::Done)
    });
}
