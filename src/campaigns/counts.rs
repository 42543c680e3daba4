//! Counters of submissions: each submission appends deltas, a periodic tick folds them into counters, and the
//! published number of an action changes only on such a tick.
//!
//! Nothing here counts rows. Exact numbers (with a token, `Action::shows_exact_numbers`) are the counters plus the deltas
//! that are not folded yet, so they include the caller's own writes; the public sees the numbers of [`publish_counts`]
//! only.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::action::Confirmation;
use crate::error::Result;

/// Maximum number of deltas that one transaction folds.
const DELTAS_PER_TRANSACTION: i64 = 20_000;

/// The exact total of an action.
pub async fn exact_total(conn: &mut PgConnection, action: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT (coalesce((SELECT value FROM action_counts WHERE action_id = $1 AND dimension = 'total' AND key = ''), 0)
                 + coalesce((SELECT sum(delta) FROM action_count_deltas WHERE action_id = $1 AND dimension = 'total'), 0))::bigint AS "n!""#,
        action
    )
    .fetch_one(conn)
    .await?)
}

/// The exact totals of actions; one without submissions has none.
pub async fn exact_totals(conn: &mut PgConnection, actions: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
    let rows = sqlx::query!(
        r#"SELECT action_id AS "action_id!", sum(n)::bigint AS "n!"
           FROM (SELECT action_id, value AS n FROM action_counts WHERE action_id = ANY ($1) AND dimension = 'total' AND key = ''
                 UNION ALL SELECT action_id, delta FROM action_count_deltas WHERE action_id = ANY ($1) AND dimension = 'total') c
           GROUP BY action_id"#,
        actions
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.action_id, row.n)).collect())
}

/// Folds deltas into the counters. Several processes may do it at once: each takes rows that no other one has locked.
/// Returns how many were folded.
pub async fn fold_deltas(db: &PgPool) -> Result<u64> {
    let mut folded = 0;
    loop {
        // deleting and adding is one statement, so a reader sees each delta exactly once
        let batch = sqlx::query_scalar!(
            r#"WITH taken AS (
                   DELETE FROM action_count_deltas WHERE id IN (SELECT id FROM action_count_deltas ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                   RETURNING action_id, dimension, key, delta
               ), added AS (
                   INSERT INTO action_counts AS c (action_id, dimension, key, value, unpublished)
                   SELECT action_id, dimension, key, sum(delta), dimension = 'total' FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                   ON CONFLICT (action_id, dimension, key) DO UPDATE SET value = c.value + excluded.value, unpublished = excluded.unpublished
               )
               SELECT count(*) AS "n!" FROM taken"#,
            DELTAS_PER_TRANSACTION
        )
        .fetch_one(db)
        .await?;
        folded += batch.unsigned_abs();
        if batch < DELTAS_PER_TRANSACTION {
            return Ok(folded);
        }
    }
}

/// Which published numbers a tick updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// Of actions that ask for confirmation.
    Confirmed,
    /// Of actions that do not: less often, and rounded down to tens, so that nobody can observe a single submission.
    Unconfirmed,
    /// Of protected actions: once a day, and rounded down to tens. Who watches a network sees when somebody submits.
    Protected,
}

/// Publishes the totals that have changed. An action whose row is locked is left for the next tick (`SKIP LOCKED`).
/// Returns how many published numbers changed.
pub(super) async fn publish_counts(db: &PgPool, tick: Tick, now: DateTime<Utc>) -> Result<u64> {
    let (actions, step) = match tick {
        Tick::Confirmed => (Confirmation::Email.as_str(), 1),
        Tick::Unconfirmed => (Confirmation::None.as_str(), 10_i64),
        Tick::Protected => ("protected", 10),
    };
    let published = sqlx::query_scalar!(
        r#"WITH due AS MATERIALIZED (
               SELECT a.id, a.kind, c.value, r.value AS repeated, (c.value + coalesce(r.value, 0)) / $2 * $2 AS number
               FROM action_counts c JOIN actions a ON a.id = c.action_id
               LEFT JOIN action_counts r ON r.action_id = a.id AND r.dimension = 'repeated' AND r.key = ''
               WHERE c.unpublished AND c.dimension = 'total' AND c.key = '' AND c.value >= 0
                 AND CASE a.privacy WHEN 'protected' THEN 'protected' ELSE a.confirmation END = $1
               FOR NO KEY UPDATE OF a SKIP LOCKED
           ), moved AS (
               UPDATE actions a SET published_count = due.number, published_at = $3 FROM due
               WHERE a.id = due.id AND a.published_count <> due.number
               RETURNING a.id
           ), noted AS (
               INSERT INTO count_moves (action_id) SELECT m.id FROM moved m JOIN due ON due.id = m.id WHERE due.kind = 'petition' ORDER BY 1
               ON CONFLICT DO NOTHING
           ), done AS ( -- not where a fold has moved it again meanwhile
               UPDATE action_counts c SET unpublished = false FROM due
               WHERE c.action_id = due.id AND c.dimension = 'total' AND c.key = '' AND c.value = due.value
                 AND due.repeated IS NOT DISTINCT FROM (SELECT r.value FROM action_counts r
                                                        WHERE r.action_id = due.id AND r.dimension = 'repeated' AND r.key = '')
           )
           SELECT count(*) AS "n!" FROM moved"#,
        actions,
        step,
        now
    )
    .fetch_one(db)
    .await?;
    Ok(published.unsigned_abs())
}

/// Takes submissions without confirmation of people who had taken part before out of the published numbers: once a day, all at
/// once. Until then each of them counts there as a new person's does. Returns at how many actions.
pub(super) async fn settle_repeated(db: &PgPool) -> Result<u64> {
    let settled = sqlx::query!(
        "WITH gone AS (DELETE FROM action_counts WHERE dimension = 'repeated' RETURNING action_id)
         UPDATE action_counts c SET unpublished = true FROM gone WHERE c.action_id = gone.action_id AND c.dimension = 'total' AND c.key = ''"
    )
    .execute(db)
    .await?;
    Ok(settled.rows_affected())
}

/// What counts are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Dimension {
    /// Day of counting (UTC).
    Day,
    /// Country code.
    Country,
    /// Country and region code: `CA-ON`.
    Region,
    /// Language.
    Locale,
    /// Registered word of origin; for organizers only.
    Source,
}

crate::kernel::text_enum!(Dimension);

impl Dimension {
    /// Those that are published.
    pub const PUBLIC: [Self; 4] = [Self::Day, Self::Country, Self::Region, Self::Locale];
}

/// Counts by key.
pub type Cells = BTreeMap<String, i64>;

/// An action's exact counts in one dimension, without cells of zero.
pub async fn exact_cells(conn: &mut PgConnection, action: Uuid, by: Dimension) -> Result<Cells> {
    let cells = sqlx::query!(
        r#"SELECT key AS "key!", sum(value)::bigint AS "value!"
           FROM (SELECT key, value FROM action_counts WHERE action_id = $1 AND dimension = $2
                 UNION ALL SELECT key, delta FROM action_count_deltas WHERE action_id = $1 AND dimension = $2) c
           GROUP BY key HAVING sum(value) <> 0"#,
        action,
        by.as_str()
    )
    .fetch_all(conn)
    .await?;
    Ok(cells.into_iter().map(|cell| (cell.key, cell.value)).collect())
}

/// An action's published counts in one dimension, and their day; `None` while none are published.
pub async fn published_cells(
    conn: &mut PgConnection,
    action: Uuid,
    by: Dimension,
) -> Result<Option<(NaiveDate, Cells)>> {
    let cells = sqlx::query!(
        "SELECT key, value, as_of FROM published_counts WHERE action_id = $1 AND dimension = $2",
        action,
        by.as_str()
    )
    .fetch_all(conn)
    .await?;
    let Some(as_of) = cells.first().map(|cell| cell.as_of) else { return Ok(None) };
    Ok(Some((as_of, cells.into_iter().map(|cell| (cell.key, cell.value)).collect())))
}

/// Minimum published total of an action whose breakdowns are published.
pub const MIN_TOTAL_FOR_BREAKDOWN: i64 = 100;
/// Cells with a smaller count are merged into [`OTHER_KEY`].
const MIN_PUBLISHED_CELL: i64 = 10;
/// Published counts are rounded to a multiple of this.
const CELL_ROUNDING: i64 = 5;
/// Key of the merged cells.
const OTHER_KEY: &str = "other";

/// Merges small cells until the merged cell is not small itself.
pub fn merge_small_cells(exact: Cells) -> Cells {
    let mut cells: Vec<(String, i64)> = exact.into_iter().filter(|(_, value)| *value > 0).collect();
    cells.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
    let mut merged = 0;
    // in descending order; a single small cell is merged with the next larger one, since subtraction would reveal it
    // otherwise
    while let Some((_, value)) = cells.last() {
        if *value >= MIN_PUBLISHED_CELL && (merged == 0 || merged >= MIN_PUBLISHED_CELL) {
            break;
        }
        merged += value;
        cells.pop();
    }
    if merged >= MIN_PUBLISHED_CELL {
        cells.push((OTHER_KEY.to_owned(), merged));
    }
    cells.into_iter().collect()
}

/// Exact cells as they are published: small ones merged, all rounded.
fn public_cells(exact: Cells) -> Cells {
    merge_small_cells(exact)
        .into_iter()
        .map(|(key, value)| (key, (value + CELL_ROUNDING / 2) / CELL_ROUNDING * CELL_ROUNDING))
        .collect()
}

/// Publishes the breakdowns of an action, unless they are of `today` already: two readings before and after a single
/// submission would otherwise tell where it came from. The caller holds the action's lock.
pub async fn publish_breakdowns(conn: &mut PgConnection, action: Uuid, today: NaiveDate) -> Result<()> {
    let done = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM published_counts WHERE action_id = $1 AND as_of >= $2) AS "done!""#,
        action,
        today
    )
    .fetch_one(&mut *conn)
    .await?;
    if done {
        return Ok(());
    }
    sqlx::query!("DELETE FROM published_counts WHERE action_id = $1", action).execute(&mut *conn).await?;
    for by in Dimension::PUBLIC {
        let (keys, values): (Vec<String>, Vec<i64>) =
            public_cells(exact_cells(conn, action, by).await?).into_iter().unzip();
        sqlx::query!(
            "INSERT INTO published_counts (action_id, dimension, key, value, as_of)
                 SELECT $1, $2, c.key, c.value, $5 FROM unnest($3::text[], $4::bigint[]) c (key, value)",
            action,
            by.as_str(),
            &keys,
            &values,
            today
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(of: &[(&str, i64)]) -> Cells {
        of.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn small_cells_are_merged_until_nothing_small_is_left() {
        let seen = public_cells(cells(&[("CA", 1203), ("US", 42), ("MX", 9), ("FR", 4)]));
        assert_eq!(seen, cells(&[("CA", 1205), ("US", 40), ("other", 15)]));
        // a single small cell is not left to be found by subtraction
        assert_eq!(public_cells(cells(&[("CA", 100), ("US", 50), ("FR", 1)])), cells(&[("CA", 100), ("other", 50)]));
        assert_eq!(public_cells(cells(&[("CA", 100), ("US", 50)])), cells(&[("CA", 100), ("US", 50)]));
        assert_eq!(public_cells(cells(&[("CA", 4), ("US", 3)])), Cells::new());
        assert_eq!(public_cells(Cells::new()), Cells::new());
    }

    proptest::proptest! {
        #[test]
        fn no_published_cell_is_small(values in proptest::collection::vec(0_i64..60, 0..12)) {
            let exact: Cells = values.iter().enumerate().map(|(i, v)| (i.to_string(), *v)).collect();
            let seen = public_cells(exact.clone());
            proptest::prop_assert!(seen.values().all(|v| *v >= MIN_PUBLISHED_CELL && v % CELL_ROUNDING == 0), "{seen:?}");
            // whatever is not shown, taken together, is nothing or not small
            let shown: i64 = exact.iter().filter(|(key, _)| seen.contains_key(*key)).map(|(_, v)| v).sum();
            let hidden: i64 = exact.values().sum::<i64>() - shown;
            proptest::prop_assert!(hidden == 0 || hidden >= MIN_PUBLISHED_CELL || shown == 0, "{exact:?} {seen:?}");
        }
    }
}
