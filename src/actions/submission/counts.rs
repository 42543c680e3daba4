//! The recount of submissions of which each that stands counts as one: by total, day, language, source, and what else the kind
//! counts by ([`SubmissionKind::COUNTED_BY`]).

use std::{fmt::Write as _, marker::PhantomData};

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{kind::SubmissionKind, store::statement};
use crate::{
    campaigns::{
        Kind,
        recount::{Cell, Comparison, Countable, Range, RangeCounts},
    },
    error::Result,
};

/// The rows behind the counts of a kind.
#[derive(Debug)]
pub struct CountedSubmissions<K>(PhantomData<fn() -> K>);

// derived, they would ask the same of K
impl<K> Clone for CountedSubmissions<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for CountedSubmissions<K> {}

impl<K> Default for CountedSubmissions<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// A statement with the cells of a submission `s` in the place of `{cells}`.
fn with_cells<K: SubmissionKind>(sql: &str) -> AssertSqlSafe<String> {
    let mut cells = "LATERAL (VALUES ('total', ''), ('day', to_char(s.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), \
                     ('locale', s.locale), ('source', s.source)"
        .to_owned();
    for (dimension, column) in K::COUNTED_BY {
        let _ = write!(cells, ", ('{dimension}', s.{column}::text)");
    }
    statement::<K>(&sql.replace("{cells}", &format!("{cells}) d (dimension, key)")))
}

impl<K: SubmissionKind> Countable for CountedSubmissions<K> {
    const KIND: Kind = K::KIND;

    async fn boundary(&self, conn: &mut PgConnection, action: Uuid, after: Uuid, rows: i64) -> Result<Option<Uuid>> {
        let sql = "SELECT id FROM {table} WHERE {action} = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3";
        let query = sqlx::query_scalar(statement::<K>(sql)).bind(action).bind(after).bind(rows - 1);
        Ok(query.fetch_optional(conn).await?)
    }

    async fn slice(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<RangeCounts> {
        let sql = "WITH rows AS MATERIALIZED (
                       SELECT *, uuid_hash_extended(id, xmin::text::bigint) AS hash FROM {table} WHERE {action} = $1 AND id > $2 AND id <= $3
                   )
                   SELECT 'rows' AS kind, d.dimension, d.key, count(*) AS n FROM rows s, {cells}
                   WHERE s.state = '{effective}' AND d.key IS NOT NULL
                   GROUP BY 2, 3
                   UNION ALL SELECT 'digest', '', '', coalesce(bit_xor(hash), 0) FROM rows";
        let query = sqlx::query_as(with_cells::<K>(sql)).bind(action).bind(range.after).bind(range.upto);
        let read: Vec<Cell> = query.fetch_all(conn).await?;
        Ok(read.into())
    }

    async fn digest(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<i64> {
        let sql = "SELECT coalesce(bit_xor(uuid_hash_extended(id, xmin::text::bigint)), 0) FROM {table}
                   WHERE {action} = $1 AND id > $2 AND id <= $3";
        let query = sqlx::query_scalar(statement::<K>(sql)).bind(action).bind(range.after).bind(range.upto);
        Ok(query.fetch_one(conn).await?)
    }

    async fn compare(&self, conn: &mut PgConnection, action: Uuid, ranges: &[Range]) -> Result<Comparison> {
        let (afters, uptos): (Vec<Uuid>, Vec<Uuid>) = ranges.iter().map(|range| (range.after, range.upto)).unzip();
        // Rows that were erased for good are known by their number only, so the total stands for them.
        let sql = "WITH truth AS (
                       SELECT d.dimension, d.key, count(*) AS value
                       FROM unnest($2::uuid[], $3::uuid[]) r (after, upto)
                       JOIN {table} s ON s.{action} = $1 AND s.id > r.after AND s.id <= r.upto AND s.state = '{effective}', {cells}
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
                   SELECT 'rows' AS kind, dimension, key, value AS n FROM truth
                   UNION ALL SELECT 'kept', dimension, key, value FROM kept
                   UNION ALL SELECT 'erased', '', '', erased_count FROM actions WHERE id = $1";
        let read: Vec<Cell> =
            sqlx::query_as(with_cells::<K>(sql)).bind(action).bind(afters).bind(uptos).fetch_all(conn).await?;
        Ok(read.into())
    }
}
