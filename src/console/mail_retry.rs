//! Job `mail_retry`: queues failed mails again when they are too many for one request, one batch in each step.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::{self, NewRetry};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        env::Env,
        filter::Filter,
        jobs::{self, Job, JobKind, NextStep},
    },
    mail::{self, Retry},
    organizers::audit_by_service,
};

/// Name of the job.
const JOB: &str = "mail_retry";

/// Enqueues the job for an organization's failed mails.
pub(super) async fn enqueue(conn: &mut PgConnection, env: &Env, retry: &NewRetry<'_>) -> Result<()> {
    let id = env.id();
    store::insert_retry(conn, id, retry).await?;
    jobs::enqueue(conn, JOB, retry.organization, id, retry.now).await
}

/// Drops what is left of such jobs, in a database that was restored: what they had queued again may have been sent since.
/// Returns how many.
pub async fn drop_retries(conn: &mut PgConnection) -> Result<usize> {
    Ok(jobs::remove_kind(conn, JOB).await?.len())
}

/// The job `mail_retry`.
pub(super) struct MailRetryJob(pub Arc<Kernel>);

impl JobKind for MailRetryJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(step(&self.0, job))
    }

    fn on_failed<'a>(&'a self, conn: &'a mut PgConnection, job: &'a Job, _: &'static str) -> BoxFuture<'a, Result<()>> {
        Box::pin(store::delete_retry(conn, job.id))
    }
}

async fn step(kernel: &Kernel, job: &Job) -> Result<NextStep> {
    let mut tx = kernel.work.begin().await?;
    let Some(retry) = store::retry(&mut tx, job.id).await? else { return Ok(NextStep::Done) };
    let filter = Some(retry.filter.as_str()).filter(|text| !text.is_empty());
    let filter = filter.map(|text| Filter::parse(text, store::MAIL_FIELDS)).transpose();
    let filter = filter.map_err(|error| jobs::failing_with("not_understood")(Error::internal(error.detail)))?;
    let which = Retry { filter: filter.as_ref(), failed_by: Some(retry.asked_at), not_composed: false };
    let cursor = job.cursor.unwrap_or(Uuid::nil());
    let retried = mail::retry_some(&mut tx, kernel.env.now(), job.organization_id, which, cursor).await?;
    if retried.mails > 0 {
        let detail = json!({"mails": retried.mails});
        audit_by_service(&mut tx, &kernel.env, job.organization_id, "mail.retry_all", None, detail).await?;
    }
    let done = usize::try_from(retried.mails).unwrap_or_default();
    let next = if retried.next.is_some() {
        NextStep::Again
    } else {
        store::delete_retry(&mut tx, job.id).await?;
        NextStep::Done
    };
    jobs::save_progress(&mut tx, job, retried.next.unwrap_or(cursor), done).await?;
    tx.commit().await?;
    Ok(next)
}
