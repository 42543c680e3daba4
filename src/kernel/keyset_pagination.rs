//! Keyset pagination: reads one page of a list at a cost that does not grow with the table.
//!
//! A list has an index over its scope and key. A page's ids are read from the index; the list's slice then reads the
//! rows. What bounds the work:
//!
//! - **Pages.** The `next` link carries the key of the last record, and the next page begins there. A page requested
//!   by its number is found by an index-only scan over at most [`MAX_OFFSET`] records.
//! - **Totals.** Counted exactly up to [`MAX_EXACT_COUNT`] records; beyond, the planner's estimate, marked as one.
//! - **Filters.** If an index answers a condition that every match must meet, and at most [`MAX_EXACT_COUNT`] records
//!   meet it, only those are read. Otherwise records are scanned in the list's order and each is tested, at most
//!   [`MAX_SCANNED_ROWS`] per page; a page that is not full then says so, and its `next` link continues the search.
//!
//! Statements are not prepared, so that they are planned for their own values, and sequential scans are disabled.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::Value;
use sqlx::{Acquire, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    filter::{Filter, Index, IndexCondition},
    paging::{Cursor, Extent, MAX_OFFSET, PageParams, Total},
};
use crate::error::{Code, Error, Result};

/// Maximum number of records that are counted exactly; longer lists have an estimate.
pub const MAX_EXACT_COUNT: u64 = 10_000;
/// Maximum number of records that are tested for one page of a filtered list.
pub const MAX_SCANNED_ROWS: u64 = 100_000;

/// SQL type of a key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `uuid`.
    Uuid,
    /// `timestamptz`.
    Timestamp,
    /// `date`.
    Date,
    /// `text`.
    Text,
}

/// A column of a list's key.
#[derive(Clone, Copy, Debug)]
pub struct KeyColumn {
    /// The column as written in queries: `s.id`.
    pub sql: &'static str,
    /// Its SQL type.
    pub kind: KeyKind,
}

/// A list, with its tables, order and indexes.
#[derive(Clone, Copy)]
pub struct KeysetList<'a> {
    /// Tables of the unfiltered list, such as `signatures s`. An index over the scope's columns and the key covers it.
    pub table: &'static str,
    /// The same, joined with the tables that filters refer to.
    pub filtered: &'static str,
    /// The columns of the order; the last one is the record's id, unique within the scope.
    pub key: &'static [KeyColumn],
    /// Direction of the order; false: largest key first.
    pub is_ascending: bool,
    /// Indexes within the scope, other than the key's; the most selective first.
    pub indexes: &'static [Index],
    /// Columns that have these values in all records of the list: the leading columns of the key's index.
    pub scope: &'a [(&'static str, ScopeValue)],
    /// A further condition that all records meet, or empty: the predicate of a partial index, or one that few records
    /// fail.
    pub extra_condition: &'static str,
}

/// The value of a scope column.
#[derive(Clone, Copy, Debug)]
pub enum ScopeValue {
    /// An id.
    Id(Uuid),
    /// A word.
    Text(&'static str),
    /// An id on which a part of the table has no index: the order is the key's alone, and each row of that part is
    /// tested.
    Unindexed(Uuid),
}

impl<'a> KeysetList<'a> {
    /// A list without joins, largest key first.
    pub fn new(table: &'static str, key: &'static [KeyColumn], scope: &'a [(&'static str, ScopeValue)]) -> Self {
        Self { table, filtered: table, key, is_ascending: false, indexes: &[], scope, extra_condition: "" }
    }

    /// The ids of a page (the last column of the key) in the list's order, and what the page says about the list.
    ///
    /// # Errors
    /// `invalid_parameter` for an `after` of another list, or a page number whose offset is too large.
    pub async fn page<I: FromStr>(
        &self,
        conn: &mut PgConnection,
        filter: Option<&Filter>,
        page: &PageParams,
    ) -> Result<(Vec<I>, Extent)> {
        if page.after().is_some_and(|after| !self.is_key(&after.key)) {
            return Err(invalid("after: must be taken from the `next` link of a page."));
        }
        let mut tx = conn.begin().await?;
        force_index_scans(&mut tx).await?;
        let (keys, extent) = match filter {
            None => self.unfiltered(&mut tx, page).await?,
            Some(filter) => match self.selective_condition(&mut tx, filter).await? {
                Some(condition) => self.page_by_index(&mut tx, filter, &condition, page).await?,
                None => self.page_by_scan(&mut tx, filter, page).await?,
            },
        };
        tx.commit().await?;
        let ids = keys.iter().filter_map(|key| key.last()?.parse().ok()).collect();
        Ok((ids, extent))
    }

    async fn unfiltered(&self, conn: &mut PgConnection, page: &PageParams) -> Result<(Vec<Key>, Extent)> {
        let skipped = if page.after().is_some() { 0 } else { page.offset().min(MAX_OFFSET) };
        let mut query = QueryBuilder::new("SELECT ");
        self.push_columns(&mut query);
        self.push_ordered(&mut query, self.table, page.after());
        push_limit(&mut query, u64::from(page.per_page()) + 1, skipped);
        let mut keys = self.keys(conn, query).await?;
        if page.after().is_none() && page.offset() > MAX_OFFSET && !keys.is_empty() {
            return Err(page_too_far());
        }
        let next = next_of(&mut keys, page);
        let counted = self.count(conn, None).await?;
        let total = if counted <= MAX_EXACT_COUNT {
            Total { records: counted, is_estimate: false }
        } else {
            let estimate = self.estimate(conn, None).await?.max(counted);
            refine_estimate(estimate, page, skipped, &keys, next.is_some())
        };
        Ok((keys, Extent { total, next: next.map(|key| Cursor { key, total: None }), is_partial: false }))
    }

    /// The first condition of the filter that an index answers and that at most [`MAX_EXACT_COUNT`] records meet.
    async fn selective_condition<'f>(
        &self,
        conn: &mut PgConnection,
        filter: &'f Filter,
    ) -> Result<Option<IndexCondition<'f>>> {
        for condition in filter.index_conditions(self.indexes) {
            if self.count(conn, Some(&condition)).await? <= MAX_EXACT_COUNT {
                return Ok(Some(condition));
            }
        }
        Ok(None)
    }

    /// A page of the few records that an index condition finds.
    async fn page_by_index(
        &self,
        conn: &mut PgConnection,
        filter: &Filter,
        condition: &IndexCondition<'_>,
        page: &PageParams,
    ) -> Result<(Vec<Key>, Extent)> {
        let found = || {
            let mut query = QueryBuilder::new("WITH few AS MATERIALIZED (SELECT ");
            self.push_aliased(&mut query);
            query.push(", ");
            filter.push_sql(&mut query);
            query.push(" AS hit");
            self.push_scope(&mut query, self.filtered);
            query.push(" AND ");
            condition.push_sql(&mut query);
            push_condition_order(&mut query, condition);
            push_limit(&mut query, MAX_EXACT_COUNT + 1, 0);
            query.push(") SELECT ");
            query
        };
        let mut count = found();
        count.push("count(*) FROM few WHERE hit");
        let records = scalar(conn, count).await?;
        let mut query = found();
        self.push_aliases(&mut query);
        query.push(" FROM few WHERE hit");
        self.push_after_aliases(&mut query, page.after());
        query.push(" ORDER BY ");
        self.push_order_aliases(&mut query);
        let skipped = if page.after().is_some() { 0 } else { page.offset().min(MAX_EXACT_COUNT + 1) };
        push_limit(&mut query, u64::from(page.per_page()) + 1, skipped);
        let mut keys = self.keys(conn, query).await?;
        let next = next_of(&mut keys, page).map(|key| Cursor { key, total: None });
        Ok((keys, Extent { total: Total { records, is_estimate: false }, next, is_partial: false }))
    }

    /// A page found by testing records in the list's order.
    async fn page_by_scan(
        &self,
        conn: &mut PgConnection,
        filter: &Filter,
        page: &PageParams,
    ) -> Result<(Vec<Key>, Extent)> {
        let after = page.after();
        let skipped = if after.is_some() { 0 } else { page.offset().min(MAX_SCANNED_ROWS) };
        let mut query = QueryBuilder::new("SELECT ");
        self.push_aliases(&mut query);
        self.push_scan(&mut query, filter, after);
        // in the scan's own order, scope included, so that Postgres needs no sort and stops with the page
        query.push(" ORDER BY ");
        for (i, _) in self.bounds().enumerate() {
            query.push(format_args!("w{i}{}, ", self.direction()));
        }
        self.push_order_aliases(&mut query);
        push_limit(&mut query, u64::from(page.per_page()) + 1, skipped);
        let mut keys = self.keys(conn, query).await?;
        let mut next = next_of(&mut keys, page);
        let mut is_partial = false;
        let mut is_end = false;
        if next.is_none() {
            let stopped_at = self.scan_end(conn, after).await?;
            is_end = stopped_at.is_none();
            if stopped_at.is_some() && keys.is_empty() && skipped > 0 {
                return Err(page_too_far());
            }
            is_partial = stopped_at.is_some() && (keys.len() as u64) < u64::from(page.per_page());
            next = stopped_at;
        }
        let total = match after.and_then(|after| after.total) {
            Some(total) => total,
            None => self.total_by_scan(conn, filter).await?,
        };
        let total =
            if total.is_estimate { refine_estimate(total.records, page, skipped, &keys, !is_end) } else { total };
        Ok((keys, Extent { total, next: next.map(|key| Cursor { key, total: Some(total) }), is_partial }))
    }

    /// The key at which a scan stops before the end of the list; `None` if it reaches the end.
    async fn scan_end(&self, conn: &mut PgConnection, after: Option<&Cursor>) -> Result<Option<Key>> {
        let mut query = QueryBuilder::new("SELECT ");
        self.push_columns(&mut query);
        self.push_ordered(&mut query, self.table, after);
        push_limit(&mut query, 1, MAX_SCANNED_ROWS - 1);
        Ok(self.keys(conn, query).await?.pop())
    }

    /// The number of matches: exact if a scan of the whole list finds at most [`MAX_EXACT_COUNT`].
    async fn total_by_scan(&self, conn: &mut PgConnection, filter: &Filter) -> Result<Total> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT ");
        self.push_scan(&mut query, filter, None);
        push_limit(&mut query, MAX_EXACT_COUNT + 1, 0);
        query.push(") found");
        let counted = scalar(conn, query).await?;
        if counted <= MAX_EXACT_COUNT && self.scan_end(conn, None).await?.is_none() {
            return Ok(Total { records: counted, is_estimate: false });
        }
        let estimate = self.estimate(conn, Some(filter)).await?;
        Ok(Total { records: estimate.max(counted), is_estimate: true })
    }

    /// Counts the list, or the records that an index condition finds, up to [`MAX_EXACT_COUNT`] + 1.
    async fn count(&self, conn: &mut PgConnection, condition: Option<&IndexCondition<'_>>) -> Result<u64> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT ");
        match condition {
            // in the list's order: only that index covers all parts
            None if self.scope.iter().any(|(_, value)| value.is_unindexed()) => {
                self.push_ordered(&mut query, self.table, None);
            }
            None => self.push_scope(&mut query, self.table),
            Some(condition) => {
                self.push_scope(&mut query, self.filtered);
                query.push(" AND ");
                condition.push_sql(&mut query);
                push_condition_order(&mut query, condition);
            }
        }
        push_limit(&mut query, MAX_EXACT_COUNT + 1, 0);
        query.push(") found");
        scalar(conn, query).await
    }

    /// The planner's estimate of the number of records.
    async fn estimate(&self, conn: &mut PgConnection, filter: Option<&Filter>) -> Result<u64> {
        let mut query = QueryBuilder::new("EXPLAIN (FORMAT JSON) SELECT ");
        self.push_scope(&mut query, if filter.is_some() { self.filtered } else { self.table });
        if let Some(filter) = filter {
            query.push(" AND ");
            filter.push_sql(&mut query);
        }
        let plan: Value = query.build_query_scalar().persistent(false).fetch_one(conn).await?;
        Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Pushes the subquery that tests at most [`MAX_SCANNED_ROWS`] records in the list's order and keeps those that
    /// match.
    fn push_scan(&self, query: &mut QueryBuilder<Postgres>, filter: &Filter, after: Option<&Cursor>) {
        query.push(" FROM (SELECT ");
        for (i, (column, _)) in self.bounds().enumerate() {
            query.push(column).push(format_args!(" AS w{i}, "));
        }
        self.push_aliased(query);
        query.push(", ");
        filter.push_sql(query);
        query.push(" AS hit");
        self.push_ordered(query, self.filtered, after);
        push_limit(query, MAX_SCANNED_ROWS, 0);
        query.push(") walk WHERE hit");
    }

    /// Pushes FROM and WHERE for all records of the scope.
    fn push_scope(&self, query: &mut QueryBuilder<Postgres>, tables: &str) {
        query.push(" FROM ").push(tables).push(" WHERE true");
        for (column, value) in self.scope {
            query.push(" AND ").push(column).push(" = ");
            value.push(query);
        }
        self.push_extra_condition(query);
    }

    /// Pushes FROM, WHERE and ORDER BY for all records, or those after a key, in the list's order.
    ///
    /// The scope is written as both ends of an index range and is part of the order. No other index has that order, so
    /// the planner cannot choose one that spans all scopes and discard most of what it reads.
    fn push_ordered(&self, query: &mut QueryBuilder<Postgres>, tables: &str, after: Option<&Cursor>) {
        let (begin, end) = if self.is_ascending { (" >= ", " <= ") } else { (" <= ", " >= ") };
        query.push(" FROM ").push(tables).push(" WHERE true");
        match after {
            Some(after) => {
                query.push(" AND (");
                for (column, _) in self.bounds() {
                    query.push(column).push(", ");
                }
                self.push_columns(query);
                query.push(if self.is_ascending { ") > (" } else { ") < (" });
                for (_, value) in self.bounds() {
                    value.push(query);
                    query.push(", ");
                }
                self.push_values(query, after);
                query.push(")");
            }
            None => self.push_bound(query, begin),
        }
        self.push_bound(query, end);
        for (column, value) in self.scope.iter().filter(|(_, value)| value.is_unindexed()) {
            query.push(" AND ").push(column).push(" = ");
            value.push(query);
        }
        self.push_extra_condition(query);
        query.push(" ORDER BY ");
        for (column, _) in self.bounds() {
            query.push(column).push(self.direction()).push(", ");
        }
        self.push_each(query, |query, _, column| {
            query.push(column.sql).push(self.direction());
        });
    }

    /// The scope columns that the key's index begins with.
    fn bounds(&self) -> impl Iterator<Item = &(&'static str, ScopeValue)> {
        self.scope.iter().filter(|(_, value)| !value.is_unindexed())
    }

    fn push_bound(&self, query: &mut QueryBuilder<Postgres>, comparison: &str) {
        if self.bounds().next().is_none() {
            return;
        }
        query.push(" AND (");
        for (i, (column, _)) in self.bounds().enumerate() {
            query.push(if i > 0 { ", " } else { "" }).push(column);
        }
        query.push(")").push(comparison).push("(");
        for (i, (_, value)) in self.bounds().enumerate() {
            query.push(if i > 0 { ", " } else { "" });
            value.push(query);
        }
        query.push(")");
    }

    fn push_extra_condition(&self, query: &mut QueryBuilder<Postgres>) {
        if !self.extra_condition.is_empty() {
            query.push(" AND ").push(self.extra_condition);
        }
    }

    fn push_columns(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_each(query, |query, _, column| {
            query.push(column.sql);
        });
    }

    fn push_aliased(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_each(query, |query, i, column| {
            query.push(column.sql).push(format_args!(" AS k{i}"));
        });
    }

    fn push_aliases(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_each(query, |query, i, _| {
            query.push(format_args!("k{i}"));
        });
    }

    fn push_order_aliases(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_each(query, |query, i, _| {
            query.push(format_args!("k{i}{}", self.direction()));
        });
    }

    fn push_after_aliases(&self, query: &mut QueryBuilder<Postgres>, after: Option<&Cursor>) {
        if let Some(after) = after {
            query.push(" AND (");
            self.push_aliases(query);
            query.push(if self.is_ascending { ") > (" } else { ") < (" });
            self.push_values(query, after);
            query.push(")");
        }
    }

    fn push_values(&self, query: &mut QueryBuilder<Postgres>, after: &Cursor) {
        self.push_each(query, |query, i, column| {
            let value = after.key.get(i).map_or("", String::as_str);
            match column.kind {
                KeyKind::Uuid => query.push_bind(value.parse::<Uuid>().unwrap_or_default()),
                KeyKind::Timestamp => query.push_bind(value.parse::<DateTime<Utc>>().unwrap_or_default()),
                KeyKind::Date => query.push_bind(value.parse::<NaiveDate>().unwrap_or_default()),
                KeyKind::Text => query.push_bind(value.to_owned()),
            };
        });
    }

    fn push_each(
        &self,
        query: &mut QueryBuilder<Postgres>,
        each: impl Fn(&mut QueryBuilder<Postgres>, usize, &KeyColumn),
    ) {
        for (i, column) in self.key.iter().enumerate() {
            if i > 0 {
                query.push(", ");
            }
            each(query, i, column);
        }
    }

    fn direction(&self) -> &'static str {
        if self.is_ascending { "" } else { " DESC" }
    }

    fn is_key(&self, key: &[String]) -> bool {
        key.len() == self.key.len()
            && key.iter().zip(self.key).all(|(value, column)| match column.kind {
                KeyKind::Uuid => value.parse::<Uuid>().is_ok(),
                KeyKind::Timestamp => value.parse::<DateTime<Utc>>().is_ok(),
                KeyKind::Date => value.parse::<NaiveDate>().is_ok(),
                KeyKind::Text => true,
            })
    }

    async fn keys(&self, conn: &mut PgConnection, mut query: QueryBuilder<Postgres>) -> Result<Vec<Key>> {
        let rows = query.build().persistent(false).fetch_all(conn).await?;
        rows.iter().map(|row| self.key_of(row)).collect()
    }

    fn key_of(&self, row: &PgRow) -> Result<Key> {
        let text = |(i, column): (usize, &KeyColumn)| -> Result<String> {
            Ok(match column.kind {
                KeyKind::Uuid => row.try_get::<Uuid, _>(i)?.to_string(),
                KeyKind::Timestamp => row.try_get::<DateTime<Utc>, _>(i)?.to_rfc3339_opts(SecondsFormat::Micros, true),
                KeyKind::Date => row.try_get::<NaiveDate, _>(i)?.to_string(),
                KeyKind::Text => row.try_get(i)?,
            })
        };
        self.key.iter().enumerate().map(text).collect()
    }
}

/// Allows only nested index scans for the rest of the transaction. Other plans read everything before a LIMIT takes
/// effect, and a cached plan from when a table was small would read all of a large one.
pub async fn force_index_scans(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "SELECT set_config('enable_seqscan', 'off', true) AS a, set_config('enable_bitmapscan', 'off', true) AS b,
                set_config('enable_hashjoin', 'off', true) AS c, set_config('enable_mergejoin', 'off', true) AS d,
                set_config('max_parallel_workers_per_gather', '0', true) AS e"
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}

impl std::fmt::Debug for KeysetList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysetList").field("table", &self.table).finish_non_exhaustive()
    }
}

impl ScopeValue {
    fn is_unindexed(self) -> bool {
        matches!(self, Self::Unindexed(_))
    }

    fn push(self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Id(id) | Self::Unindexed(id) => query.push_bind(id),
            Self::Text(text) => query.push_bind(text),
        };
    }
}

fn push_condition_order(query: &mut QueryBuilder<Postgres>, condition: &IndexCondition<'_>) {
    if let Some(column) = condition.order() {
        query.push(" ORDER BY ").push(column);
    }
}

/// The values of the key columns of one record, as text.
type Key = Vec<String>;

/// Sorts rows into the order of `ids`.
pub fn in_order<T, I: PartialEq>(mut rows: Vec<T>, ids: &[I], id_of: impl Fn(&T) -> I) -> Vec<T> {
    let place = |row: &T| ids.iter().position(|id| *id == id_of(row));
    rows.sort_by_key(place);
    rows
}

/// Removes the record beyond the page; if there was one, returns the key of the page's last record.
fn next_of(keys: &mut Vec<Key>, page: &PageParams) -> Option<Key> {
    let size = usize::try_from(page.per_page()).unwrap_or(usize::MAX);
    if keys.len() <= size {
        return None;
    }
    keys.truncate(size);
    keys.last().cloned()
}

/// Corrects an estimated total by what a page shows of the list.
fn refine_estimate(estimate: u64, page: &PageParams, skipped: u64, keys: &[Key], has_next: bool) -> Total {
    let shown = keys.len() as u64;
    match (page.after(), has_next) {
        // requested by its number: its position in the list is known
        (None, true) => Total { records: estimate.max(skipped + shown + 1), is_estimate: true },
        (None, false) if shown > 0 => Total { records: skipped + shown, is_estimate: false },
        (None, false) => Total { records: estimate.min(skipped), is_estimate: true },
        (Some(_), _) => Total { records: estimate, is_estimate: true },
    }
}

fn push_limit(query: &mut QueryBuilder<Postgres>, limit: u64, offset: u64) {
    query.push(format_args!(" LIMIT {limit}"));
    if offset > 0 {
        query.push(format_args!(" OFFSET {offset}"));
    }
}

async fn scalar(conn: &mut PgConnection, mut query: QueryBuilder<Postgres>) -> Result<u64> {
    let number: i64 = query.build_query_scalar().persistent(false).fetch_one(conn).await?;
    Ok(number.unsigned_abs())
}

fn invalid(detail: &'static str) -> Error {
    Error::problem(Code::InvalidParameter, detail)
}

fn page_too_far() -> Error {
    invalid("page: too far on to be found by its number; follow the `next` links, or narrow the filter.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_order_of_their_ids() {
        let ids: Vec<Uuid> = (1..4).map(Uuid::from_u128).collect();
        assert_eq!(in_order(vec![ids[2], ids[0]], &ids, |id| *id), [ids[0], ids[2]]);
    }

    #[test]
    fn estimates_are_refined_by_the_page() {
        let key = || vec![vec![String::new()]];
        let at = |query: &str| PageParams::from_query(query).unwrap();
        let total = |records, is_estimate| Total { records, is_estimate };
        assert_eq!(refine_estimate(10, &at("page=501"), 12_500, &key(), true), total(12_502, true));
        assert_eq!(refine_estimate(90_000, &at("page=501"), 12_500, &key(), true), total(90_000, true));
        assert_eq!(refine_estimate(90_000, &at("page=501"), 12_500, &key(), false), total(12_501, false));
        assert_eq!(refine_estimate(90_000, &at("page=501"), 12_500, &[], false), total(12_500, true));
    }
}
