//! Monthly partitions of settled mail.

use chrono::{Months, NaiveDate};
use sqlx::{Acquire, PgConnection};

use crate::error::Result;

/// Creates the partitions of this month and the next, and drops those of months that had ended by the day `before`.
///
/// DDL on the partitioned table blocks all mail meanwhile, and queues new statements while it waits for its lock; so
/// it waits for one second at most (`lock_timeout`).
pub(in crate::mail) async fn maintain_partitions(
    conn: &mut PgConnection,
    today: NaiveDate,
    before: NaiveDate,
) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query!("SELECT set_config('lock_timeout', '1s', true)").fetch_one(&mut *tx).await?;
    for month in [today, today + Months::new(1)] {
        sqlx::query!("SELECT create_mail_partition($1)", month).fetch_one(&mut *tx).await?;
    }
    sqlx::query!("SELECT drop_mail_partitions($1)", before).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Creates a month's partition before the first mail is settled in it.
pub(in crate::mail) async fn create_partition(conn: &mut PgConnection, today: NaiveDate) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query!("SELECT set_config('lock_timeout', '1s', true)").fetch_one(&mut *tx).await?;
    sqlx::query!("SELECT create_mail_partition($1)", today).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
