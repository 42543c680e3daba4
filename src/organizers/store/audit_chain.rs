//! The SQL of the chain over the audit trail.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Chains up to `most` entries that are not chained yet. Returns how many.
pub(in crate::organizers) async fn seal(conn: &mut PgConnection, most: i32) -> Result<i32> {
    Ok(sqlx::query_scalar!(r#"SELECT seal_audit_entries($1) AS "n!""#, most).fetch_one(conn).await?)
}

/// A link of the chain.
pub(in crate::organizers) struct Seal {
    pub number: i64,
    pub entry_id: Uuid,
    pub hash: Vec<u8>,
    /// Is the entry there and as it was?
    pub is_right: bool,
}

/// Links after a number, in order.
pub(in crate::organizers) async fn seals(conn: &mut PgConnection, after: i64, most: i64) -> Result<Vec<Seal>> {
    Ok(sqlx::query_as!(
        Seal,
        r#"SELECT s.number, s.entry_id, s.hash,
                  coalesce(s.hash = audit_entry_hash(coalesce(b.hash, ''), e), false) AS "is_right!"
           FROM audit_seals s LEFT JOIN audit_seals b ON b.number = s.number - 1 LEFT JOIN audit_entries e ON e.id = s.entry_id
           WHERE s.number > $1 ORDER BY s.number LIMIT $2"#,
        after,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Number of entries that are neither in the chain nor about to be.
pub(in crate::organizers) async fn slipped_in(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM audit_entries e
           WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = e.id)
             AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.entry_id = e.id)"#
    )
    .fetch_one(conn)
    .await?)
}
