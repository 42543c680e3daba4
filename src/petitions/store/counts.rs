//! What signatures count for.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::{
        Kind,
        recount::{Cell, CellKind, Comparison, Countable, Range, RangeCounts},
    },
    error::Result,
};

/// The signatures behind a petition's counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signatures;

impl Countable for Signatures {
    const KIND: Kind = Kind::Petition;

    async fn boundary(&self, conn: &mut PgConnection, action: Uuid, after: Uuid, rows: i64) -> Result<Option<Uuid>> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM signatures WHERE petition_id = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3",
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
                   SELECT state, counted_at, country, region, locale, source, uuid_hash_extended(id, xmin::text::bigint) AS hash
                   FROM signatures WHERE petition_id = $1 AND id > $2 AND id <= $3
               )
               SELECT 'rows' AS "kind!: CellKind", d.dimension AS "dimension!", d.key AS "key!", count(*) AS "n!"
               FROM rows s,
                    LATERAL (VALUES ('total', ''), ('day', to_char(s.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', s.country),
                                    ('region', s.country || '-' || s.region), ('locale', s.locale), ('source', s.source)) d (dimension, key)
               WHERE s.state = 'counted' AND d.key IS NOT NULL
               GROUP BY 2, 3
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
               FROM signatures WHERE petition_id = $1 AND id > $2 AND id <= $3"#,
            action,
            range.after,
            range.upto
        )
        .fetch_one(conn)
        .await?)
    }

    async fn compare(&self, conn: &mut PgConnection, action: Uuid, ranges: &[Range]) -> Result<Comparison> {
        let (afters, uptos): (Vec<Uuid>, Vec<Uuid>) = ranges.iter().map(|range| (range.after, range.upto)).unzip();
        // Rows that were erased for good are known by their number only, so the total stands for them.
        let read = sqlx::query_as!(
            Cell,
            r#"WITH truth AS (
                   SELECT d.dimension, d.key, count(*) AS value
                   FROM unnest($2::uuid[], $3::uuid[]) r (after, upto)
                   JOIN signatures s ON s.petition_id = $1 AND s.id > r.after AND s.id <= r.upto AND s.state = 'counted',
                        LATERAL (VALUES ('total', ''), ('day', to_char(s.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', s.country),
                                        ('region', s.country || '-' || s.region), ('locale', s.locale), ('source', s.source)) d (dimension, key)
                   WHERE d.key IS NOT NULL
                   GROUP BY 1, 2
               ), kept AS (
                   SELECT dimension, key, sum(value)::bigint AS value
                   FROM (SELECT dimension, key, value FROM action_counts WHERE action_id = $1
                         UNION ALL SELECT dimension, key, delta FROM action_count_deltas WHERE action_id = $1
                         UNION ALL SELECT 'total', '', -erased_count FROM actions WHERE id = $1) c
                   WHERE dimension <> 'repeated'
                   GROUP BY 1, 2
               )
               SELECT 'rows' AS "kind!: CellKind", dimension AS "dimension!", key AS "key!", value AS "n!" FROM truth
               UNION ALL SELECT 'kept', dimension, key, value FROM kept
               UNION ALL SELECT 'erased', '', '', erased_count FROM actions WHERE id = $1"#,
            action,
            &afters,
            &uptos
        )
        .fetch_all(conn)
        .await?;
        Ok(read.into())
    }
}
