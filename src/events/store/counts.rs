//! Recount of registrations: seats taken, and parties and seats on the waitlist.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::{
        Kind,
        recount::{Cell, CellKind, Comparison, CountDifference, Countable, Range, RangeCounts},
    },
    error::Result,
};

/// Compares an event's counters and the counters of its `events` row with its registrations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attendances;

/// Counters in the `events` row, by column name.
const OWN_COLUMNS: [&str; 3] = ["seats_taken", "waiting_parties", "waiting_seats"];

impl Countable for Attendances {
    const KIND: Kind = Kind::Event;

    async fn boundary(&self, conn: &mut PgConnection, action: Uuid, after: Uuid, rows: i64) -> Result<Option<Uuid>> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM attendances WHERE event_id = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3",
            action,
            after,
            rows - 1
        )
        .fetch_optional(conn)
        .await?)
    }

    async fn slice(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<RangeCounts> {
        let read = sqlx::query_as!(
            Cell,
            r#"WITH rows AS MATERIALIZED (
                   SELECT state, party_size, uuid_hash_extended(id, xmin::text::bigint) AS hash
                   FROM attendances WHERE event_id = $1 AND id > $2 AND id <= $3
               )
               SELECT 'rows' AS "kind!: CellKind", d.dimension AS "dimension!", '' AS "key!", sum(d.n)::bigint AS "n!"
               FROM rows r, LATERAL (VALUES ('total', 'accepted', r.party_size), ('seats_taken', 'accepted', r.party_size),
                                            ('waiting_parties', 'waitlisted', 1), ('waiting_seats', 'waitlisted', r.party_size)) d (dimension, state, n)
               WHERE d.state = r.state
               GROUP BY 2
               UNION ALL SELECT 'digest', '', '', coalesce(bit_xor(hash), 0) FROM rows"#,
            action,
            range.after,
            range.upto
        )
        .fetch_all(conn)
        .await?;
        Ok(read.into())
    }

    async fn digest(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<i64> {
        Ok(sqlx::query_scalar!(
            r#"SELECT coalesce(bit_xor(uuid_hash_extended(id, xmin::text::bigint)), 0) AS "digest!"
               FROM attendances WHERE event_id = $1 AND id > $2 AND id <= $3"#,
            action,
            range.after,
            range.upto
        )
        .fetch_one(conn)
        .await?)
    }

    async fn compare(&self, conn: &mut PgConnection, action: Uuid, ranges: &[Range]) -> Result<Comparison> {
        let (afters, uptos): (Vec<Uuid>, Vec<Uuid>) = ranges.iter().map(|range| (range.after, range.upto)).unzip();
        let read = sqlx::query_as!(
            Cell,
            r#"WITH truth AS (
                   SELECT d.dimension, sum(d.n)::bigint AS value
                   FROM unnest($2::uuid[], $3::uuid[]) r (after, upto)
                   JOIN attendances a ON a.event_id = $1 AND a.id > r.after AND a.id <= r.upto,
                        LATERAL (VALUES ('total', 'accepted', a.party_size), ('seats_taken', 'accepted', a.party_size),
                                        ('waiting_parties', 'waitlisted', 1), ('waiting_seats', 'waitlisted', a.party_size)) d (dimension, state, n)
                   WHERE d.state = a.state
                   GROUP BY 1
               ), kept AS (
                   SELECT 'total' AS dimension, sum(value)::bigint AS value
                   FROM (SELECT value FROM action_counts WHERE action_id = $1 AND dimension = 'total'
                         UNION ALL SELECT delta FROM action_count_deltas WHERE action_id = $1 AND dimension = 'total') c
                   UNION ALL
                   SELECT d.dimension, d.value FROM events e,
                       LATERAL (VALUES ('seats_taken', e.seats_taken), ('waiting_parties', e.waiting_parties), ('waiting_seats', e.waiting_seats)) d (dimension, value)
                   WHERE e.id = $1
               )
               SELECT 'rows' AS "kind!: CellKind", dimension AS "dimension!", '' AS "key!", value AS "n!" FROM truth
               UNION ALL SELECT 'kept', dimension, '', coalesce(value, 0) FROM kept"#,
            action,
            &afters,
            &uptos
        )
        .fetch_all(conn)
        .await?;
        Ok(read.into())
    }

    fn is_on_action_row(dimension: &str) -> bool {
        OWN_COLUMNS.contains(&dimension)
    }

    /// Adds the differences: registrations and the `events` row change in the same transactions, so a difference
    /// stays constant whatever happens meanwhile.
    async fn repair(&self, conn: &mut PgConnection, action: Uuid, wrong: &[&CountDifference]) -> Result<()> {
        let off = |name: &str| wrong.iter().find(|(dimension, ..)| dimension == name).map_or(0, |(.., n)| *n);
        let [seats, parties, waiting] = OWN_COLUMNS.map(off);
        let fits = sqlx::query_scalar!(
            r#"UPDATE events e SET waiting_parties = e.waiting_parties + $3::bigint::integer, waiting_seats = e.waiting_seats + $4::bigint::integer,
                      seats_taken = CASE WHEN n.fits THEN n.seats::integer ELSE e.seats_taken END
               FROM (SELECT id, seats_taken + $2::bigint AS seats, seats_taken + $2::bigint BETWEEN 0 AND coalesce(capacity, 2147483647) AS fits
                     FROM events WHERE id = $1 FOR NO KEY UPDATE) n
               WHERE e.id = n.id RETURNING n.fits AS "fits!""#,
            action,
            seats,
            parties,
            waiting
        )
        .fetch_optional(conn)
        .await?;
        if fits == Some(false) {
            tracing::error!(
                event = "seats.over_capacity",
                event_id = %action,
                "more seats are taken than the capacity; raise the capacity or cancel some"
            );
        }
        Ok(())
    }
}
