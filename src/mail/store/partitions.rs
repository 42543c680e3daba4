//! The months in which settled mail lies.

use chrono::{Months, NaiveDate};
use sqlx::{Acquire, PgConnection};

use crate::error::Result;

/// Makes this month's place and the next one's, and removes the months that had ended on the day `before`.
///
/// Each takes a lock that all mail passes through, so it waits for it but shortly.
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

/// Makes a month's place before the first mail is settled in it.
pub(in crate::mail) async fn create_partition(conn: &mut PgConnection, today: NaiveDate) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query!("SELECT set_config('lock_timeout', '1s', true)").fetch_one(&mut *tx).await?;
    sqlx::query!("SELECT create_mail_partition($1)", today).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
