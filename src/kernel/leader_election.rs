//! Leader election: periodic rounds that one of any number of workers runs for all.
//!
//! A round takes a row of `leases`, renews it while it runs, and leaves in it the time before which the next round is
//! not needed. All times are the database's, so the processes' clocks do not matter. No lock or transaction is held
//! between statements, so it works behind a pooler in transaction mode. When a leader dies, another takes over after
//! [`LEASE_DURATION`].

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::{Kernel, db::with_timeout};
use crate::error::Result;

/// Duration of a lease, unless it is renewed.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// Time limit of each statement about a lease.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// Runs `round` unless another process runs it, or finished it less than `interval` ago; then `None`.
pub async fn run_as_leader<T>(
    kernel: &Kernel,
    name: &'static str,
    interval: Duration,
    round: impl Future<Output = T>,
) -> Result<Option<T>> {
    let holder = kernel.env.id();
    if !with_timeout(STATEMENT_LIMIT, "acquiring a lease", acquire_lease(kernel, name, holder)).await? {
        metrics::gauge!("muster_leader", "loop" => name).set(0.0);
        return Ok(None);
    }
    metrics::gauge!("muster_leader", "loop" => name).set(1.0);
    let made = tokio::select! {
        made = round => made,
        () = renew_lease_until_lost(kernel, name, holder) => return Ok(None),
    };
    with_timeout(STATEMENT_LIMIT, "releasing a lease", release_lease(kernel, name, holder, interval)).await?;
    Ok(Some(made))
}

/// Leaves in the lease the time before which the next round is not needed.
async fn release_lease(kernel: &Kernel, name: &str, holder: Uuid, interval: Duration) -> Result<()> {
    sqlx::query!(
        "UPDATE leases SET holder = NULL, until = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND holder = $2",
        name,
        holder,
        interval.as_secs_f64()
    )
    .execute(&kernel.work)
    .await?;
    Ok(())
}

async fn acquire_lease(kernel: &Kernel, name: &str, holder: Uuid) -> Result<bool> {
    let taken = sqlx::query!(
        "INSERT INTO leases AS l (name, holder, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE l.until <= clock_timestamp()",
        name,
        holder,
        LEASE_DURATION.as_secs_f64()
    )
    .execute(&kernel.work)
    .await?;
    Ok(taken.rows_affected() == 1)
}

async fn renew_lease(kernel: &Kernel, name: &str, holder: Uuid) -> Result<bool> {
    let held = sqlx::query!(
        "UPDATE leases SET until = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND holder = $2",
        name,
        holder,
        LEASE_DURATION.as_secs_f64()
    )
    .execute(&kernel.work)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Renews the lease until it is lost to another process.
async fn renew_lease_until_lost(kernel: &Kernel, name: &str, holder: Uuid) {
    loop {
        sleep(LEASE_DURATION / 4).await;
        match with_timeout(STATEMENT_LIMIT, "renewing a lease", renew_lease(kernel, name, holder)).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(event = "leader.lease_not_renewed", %error, name, "a lease could not be renewed");
            }
        }
    }
}
