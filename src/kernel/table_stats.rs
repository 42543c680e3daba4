//! Statistics of Postgres about its tables, for the metrics.

use sqlx::PgPool;

use crate::error::Result;

/// Sets `muster_table_dead_rows` and `muster_table_live_rows` for each table. Dead rows wait for a vacuum; a number
/// that keeps growing means that something holds an old snapshot (a dump, a replication slot, a forgotten session).
#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub async fn gauge(db: &PgPool) -> Result<()> {
    let tables = sqlx::query!(
        r#"SELECT relname AS "table!", n_dead_tup AS "dead!", n_live_tup AS "live!" FROM pg_stat_user_tables WHERE schemaname = current_schema()"#
    )
    .fetch_all(db)
    .await?;
    for row in tables {
        metrics::gauge!("muster_table_dead_rows", "table" => row.table.clone()).set(row.dead as f64);
        metrics::gauge!("muster_table_live_rows", "table" => row.table).set(row.live as f64);
    }
    Ok(())
}
