//! On which day a job of [`super::Schedule::Daily`] was done last (table `daily_jobs`).

use chrono::NaiveDate;
use sqlx::PgPool;

use crate::error::Result;

/// Was the job done on this day, or later?
pub(super) async fn is_done(db: &PgPool, job: &str, day: NaiveDate) -> Result<bool> {
    let done = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM daily_jobs WHERE job = $1 AND done_on >= $2) AS "done!""#,
        job,
        day
    );
    Ok(done.fetch_one(db).await?)
}

/// Notes that the job was done on this day.
pub(super) async fn set_done(db: &PgPool, job: &str, day: NaiveDate) -> Result<()> {
    sqlx::query!(
        "INSERT INTO daily_jobs (job, done_on) VALUES ($1, $2) ON CONFLICT (job) DO UPDATE SET done_on = excluded.done_on",
        job,
        day
    )
    .execute(db)
    .await?;
    Ok(())
}
