//! What registrations count for: seats.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    campaigns::{
        Kind,
        recount::{Comparison, Countable, Range, RangeCounts},
    },
    error::Result,
};

/// The registrations behind an event's counts. Those of one event are read in one statement.
#[derive(Clone, Copy, Debug)]
pub struct Attendances;

impl Countable for Attendances {
    const KIND: Kind = Kind::Event;

    async fn boundary(&self, _: &mut PgConnection, _: Uuid, _: Uuid, _: i64) -> Result<Option<Uuid>> {
        Ok(None)
    }

    async fn slice(&self, _: &mut PgConnection, _: Uuid, _: Range) -> Result<RangeCounts> {
        Ok(RangeCounts::default())
    }

    async fn digest(&self, _: &mut PgConnection, _: Uuid, _: Range) -> Result<i64> {
        Ok(0)
    }

    async fn compare(&self, conn: &mut PgConnection, action: Uuid, _: &[Range]) -> Result<Comparison> {
        let row = sqlx::query!(
            r#"SELECT (SELECT coalesce(sum(party_size), 0)::bigint FROM attendances WHERE event_id = $1 AND state = 'accepted') AS "seats!",
                      (coalesce((SELECT value FROM action_counts WHERE action_id = $1 AND dimension = 'total' AND key = ''), 0)
                       + coalesce((SELECT sum(delta) FROM action_count_deltas WHERE action_id = $1 AND dimension = 'total'), 0))::bigint AS "kept!""#,
            action
        )
        .fetch_one(conn)
        .await?;
        let total = |n| [(("total".to_owned(), String::new()), n)].into();
        Ok(Comparison { rows: total(row.seats), kept: total(row.kept), has_erased: false })
    }
}

/// Compares the seats that an event says are taken with its registrations, in one snapshot, and mends them; returns by how
/// much they were off. What is off stays off by the same whatever happens meanwhile: seats and registrations change together.
///
/// # Errors
/// A breach of `events_seats_check` when more have a place than there is room for; or another database error.
pub async fn verify_seats(db: &PgPool, event: Uuid) -> Result<i64, sqlx::Error> {
    let mut tx = db.begin().await?;
    // by the event's own index, however many of all registrations are its
    sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *tx).await?;
    let off = sqlx::query_scalar!(
        r#"SELECT (SELECT coalesce(sum(a.party_size), 0)::bigint FROM attendances a WHERE a.event_id = e.id AND a.state = 'accepted')
                  - e.seats_taken AS "off!"
           FROM events e WHERE e.id = $1"#,
        event
    )
    .fetch_optional(&mut *tx)
    .await?
    .unwrap_or(0);
    if off != 0 {
        sqlx::query!("UPDATE events SET seats_taken = seats_taken + $2::bigint::integer WHERE id = $1", event, off)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(off)
}
