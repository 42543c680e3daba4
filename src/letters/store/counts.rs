//! Recount of outreaches.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::{
        Kind,
        recount::{Cell, CellKind, Comparison, Countable, Range, RangeCounts},
    },
    error::Result,
};

/// Compares a letter action's counters with its outreaches: those of confirmed letters that were not cancelled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outreaches;

impl Countable for Outreaches {
    const KIND: Kind = Kind::Letter;

    async fn boundary(&self, conn: &mut PgConnection, action: Uuid, after: Uuid, rows: i64) -> Result<Option<Uuid>> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM outreaches WHERE letter_action_id = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3",
            action,
            after,
            rows - 1
        )
        .fetch_optional(conn)
        .await?)
    }

    async fn slice(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<RangeCounts> {
        // the letters' row versions (xmin), too: day, language and source are their columns
        let read = sqlx::query_as!(
            Cell,
            r#"WITH rows AS MATERIALIZED (
                   SELECT o.state, l.confirmed_at, l.locale, l.source,
                          uuid_hash_extended(o.id, o.xmin::text::bigint) # uuid_hash_extended(o.id, l.xmin::text::bigint + 4294967296) AS hash
                   FROM outreaches o JOIN letters l ON l.id = o.letter_id
                   WHERE o.letter_action_id = $1 AND o.id > $2 AND o.id <= $3
               )
               SELECT 'rows' AS "kind!: CellKind", d.dimension AS "dimension!", d.key AS "key!", count(*) AS "n!"
               FROM rows o,
                    LATERAL (VALUES ('total', ''), ('day', to_char(o.confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', o.locale),
                                    ('source', o.source),
                                    ('state', CASE WHEN o.state IN ('sent', 'failed', 'uncertain', 'bounced') THEN o.state END)) d (dimension, key)
               WHERE o.state NOT IN ('pending', 'cancelled') AND d.key IS NOT NULL
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
            r#"SELECT coalesce(bit_xor(uuid_hash_extended(o.id, o.xmin::text::bigint) # uuid_hash_extended(o.id, l.xmin::text::bigint + 4294967296)), 0) AS "digest!"
               FROM outreaches o JOIN letters l ON l.id = o.letter_id
               WHERE o.letter_action_id = $1 AND o.id > $2 AND o.id <= $3"#,
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
                   SELECT d.dimension, d.key, count(*) AS value
                   FROM unnest($2::uuid[], $3::uuid[]) r (after, upto)
                   JOIN outreaches o ON o.letter_action_id = $1 AND o.id > r.after AND o.id <= r.upto AND o.state NOT IN ('pending', 'cancelled')
                   JOIN letters l ON l.id = o.letter_id,
                        LATERAL (VALUES ('total', ''), ('day', to_char(l.confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', l.locale),
                                        ('source', l.source),
                                        ('state', CASE WHEN o.state IN ('sent', 'failed', 'uncertain', 'bounced') THEN o.state END)) d (dimension, key)
                   WHERE d.key IS NOT NULL
                   GROUP BY 1, 2
               ), kept AS (
                   SELECT dimension, key, sum(value)::bigint AS value
                   FROM (SELECT dimension, key, value FROM action_counts WHERE action_id = $1
                         UNION ALL SELECT dimension, key, delta FROM action_count_deltas WHERE action_id = $1
                         UNION ALL SELECT 'total', '', -erased_count FROM actions WHERE id = $1) c
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
