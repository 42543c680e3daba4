//! SQL of what an ended petition keeps about people besides signatures.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{error::Result, kernel::jobs};

/// Deletes the signals of abuse of signatures.
pub(crate) async fn delete_signals(conn: &mut PgConnection, signatures: &[Uuid]) -> Result<()> {
    sqlx::query!("DELETE FROM signature_signals WHERE signature_id = ANY ($1)", signatures).execute(conn).await?;
    Ok(())
}

/// Deletes the imports of a petition with their files, the rules by which signatures were invalidated, which may name
/// somebody, and the jobs of both.
pub(crate) async fn clear(conn: &mut PgConnection, petition: Uuid) -> Result<()> {
    let imports = sqlx::query_scalar!("SELECT id FROM imports WHERE petition_id = $1 FOR UPDATE", petition)
        .fetch_all(&mut *conn)
        .await?;
    for import in imports {
        for kind in ["import", "import_file"] {
            jobs::remove(conn, kind, import).await?;
        }
        sqlx::query!("DELETE FROM imports WHERE id = $1", import).execute(&mut *conn).await?;
    }
    let rules = sqlx::query_scalar!("SELECT id FROM invalidations WHERE petition_id = $1 FOR UPDATE", petition)
        .fetch_all(&mut *conn)
        .await?;
    for rule in rules {
        jobs::remove(conn, "invalidation", rule).await?;
        sqlx::query!("DELETE FROM invalidations WHERE id = $1", rule).execute(&mut *conn).await?;
    }
    Ok(())
}
