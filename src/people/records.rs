//! What the slices keep about a person: shown to the person, and erased. A slice registers its [`PersonRecords`]; nobody
//! lists the slices.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::{self, PersonRow};
use crate::{
    error::Result,
    kernel::{Kernel, links::expired, vault::Vault},
};

/// Months after which a link to an own page ends; a new one is mailed on demand (`/my`).
const LINK_MONTHS: Months = Months::new(12);

/// Do links to what was done at a time still open its page? `from`: when the person's links were last made anew.
fn links_hold(done_at: DateTime<Utc>, from: Option<NaiveDate>, now: DateTime<Utc>) -> bool {
    let begun = from.map_or(done_at, |from| done_at.max(from.and_time(NaiveTime::MIN).and_utc()));
    now < begun + LINK_MONTHS
}

/// Requires that links to what a person did at a time have not come to their end. Those of somebody who left nothing have
/// none: no new one could be mailed, and there is nothing to be seen.
///
/// # Errors
/// `link_expired` (410).
pub async fn require_links(
    conn: &mut PgConnection,
    person: Uuid,
    done_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    if links_hold(done_at, None, now) {
        return Ok(());
    }
    match store::links(conn, person).await? {
        Some(links) if !links.has_details || links_hold(done_at, links.from, now) => Ok(()),
        _ => Err(expired()),
    }
}

/// Something that is kept about a person.
#[derive(Clone, Debug)]
pub struct PersonRecord {
    /// Its row.
    pub id: Uuid,
    /// The title of what it belongs to, as the petition.
    pub title: String,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Does it stand: confirmed, and neither ended nor replaced?
    pub is_effective: bool,
    /// The URL of its own page, if it has one.
    pub own_page: Option<String>,
    /// The URL of the page on which it is confirmed, while it waits for that.
    pub confirm_page: Option<String>,
    /// All of it, opened.
    pub data: Value,
}

/// What one slice keeps about people.
pub trait PersonRecords: Send + Sync {
    /// The member of "my data" with its list.
    fn name(&self) -> &'static str;

    /// Key of the text that says on the own page what the person did; `None` if it was not she who did it.
    fn label(&self) -> Option<&'static str>;

    /// What is kept about a person, newest first.
    fn read<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        vault: &'a Vault,
        person: Uuid,
    ) -> BoxFuture<'a, Result<Vec<PersonRecord>>>;

    /// Voids the links that were mailed about what came before a time, except those that wait to be confirmed. The caller
    /// holds the lock of the person's row.
    fn void_links<'a>(&'a self, _: &'a mut PgConnection, _: Uuid, _: DateTime<Utc>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Erases all of it. The caller holds the lock of the person's row.
    fn erase<'a>(&'a self, conn: &'a mut PgConnection, person: Uuid) -> BoxFuture<'a, Result<()>>;
}

/// The registered records of all slices.
#[derive(Clone, Default)]
pub struct AllRecords(Vec<Arc<dyn PersonRecords>>);

impl std::fmt::Debug for AllRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|records| records.name())).finish()
    }
}

impl AllRecords {
    /// Registers those of a slice.
    pub fn register(&mut self, records: impl PersonRecords + 'static) {
        self.0.push(Arc::new(records));
    }

    /// What the person did besides `but` and what of it stands: the text's key and the record.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub async fn also_done(
        &self,
        conn: &mut PgConnection,
        vault: &Vault,
        person: Uuid,
        but: Uuid,
    ) -> Result<Vec<(&'static str, PersonRecord)>> {
        let mut done = Vec::new();
        for records in &self.0 {
            let Some(label) = records.label() else { continue };
            let found = records.read(conn, vault, person).await?.into_iter();
            done.extend(found.filter(|record| record.is_effective && record.id != but).map(|record| (label, record)));
        }
        Ok(done)
    }

    /// The newest own page of a person: of what stands, else of what has ended.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub async fn newest_page(&self, conn: &mut PgConnection, vault: &Vault, person: Uuid) -> Result<Option<String>> {
        let mut all = Vec::new();
        for records in self.0.iter().filter(|records| records.label().is_some()) {
            all.extend(records.read(conn, vault, person).await?);
        }
        let with_page = all.into_iter().filter(|record| record.own_page.is_some());
        Ok(with_page.max_by_key(|record| (record.is_effective, record.at)).and_then(|record| record.own_page))
    }

    /// Voids all links that were given to a person, at her own wish.
    ///
    /// # Errors
    /// A database error. What was voided by then stays so.
    pub async fn void_links(&self, kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
        self.begin_links(kernel, conn, person, true).await
    }

    /// Lets a person have a link again when the links to what she did have come to their end. Those stay dead.
    ///
    /// # Errors
    /// As [`AllRecords::void_links`].
    pub async fn renew_links(&self, kernel: &Kernel, conn: &mut PgConnection, person: &PersonRow) -> Result<()> {
        let Some(begun) = store::links(conn, person.id).await? else { return Ok(()) };
        let now = kernel.env.now();
        if links_hold(person.created_at, begun.from, now) {
            return Ok(());
        }
        self.begin_links(kernel, conn, person.id, false).await
    }

    /// Each kind of record has a transaction of its own: the order of locks between kinds is not that of this list.
    async fn begin_links(&self, kernel: &Kernel, conn: &mut PgConnection, person: Uuid, void: bool) -> Result<()> {
        let now = kernel.env.now();
        // of what ended by itself only that is voided which has ended
        let before = if void { now + TimeDelta::days(1) } else { now - LINK_MONTHS };
        for records in &self.0 {
            let mut tx = kernel.begin_on(conn).await?;
            store::lock_people(&mut tx, &[person]).await?;
            records.void_links(&mut tx, person, before).await?;
            tx.commit().await?;
        }
        store::begin_links(conn, person, void, now.date_naive()).await
    }

    /// What waits to be confirmed besides `but`: of each title the newest, with the URL of its page.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub async fn waiting(
        &self,
        conn: &mut PgConnection,
        vault: &Vault,
        person: Uuid,
        but: &str,
    ) -> Result<Vec<(String, String)>> {
        let mut waiting: Vec<(String, String)> = Vec::new();
        for records in &self.0 {
            for record in records.read(conn, vault, person).await? {
                let Some(url) = record.confirm_page else { continue };
                if record.title != but && waiting.iter().all(|(title, _)| *title != record.title) {
                    waiting.push((record.title, url));
                }
            }
        }
        Ok(waiting)
    }

    /// Everything that is kept about a person, for the person: details, consents, and what the slices keep.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub(super) async fn my_data(&self, conn: &mut PgConnection, vault: &Vault, person: &PersonRow) -> Result<Value> {
        let mut data = Map::new();
        data.insert("person".to_owned(), json!(person.details(vault)?.contact()));
        data.insert("preferred_language".to_owned(), json!(person.locale));
        data.insert("created_date".to_owned(), json!(person.created_at));
        for records in &self.0 {
            let found = records.read(conn, vault, person.id).await?;
            let list = found.into_iter().map(|record| record.data).collect();
            data.insert(records.name().to_owned(), Value::Array(list));
        }
        data.insert("consents".to_owned(), json!(store::consents(conn, person.id).await?));
        Ok(Value::Object(data))
    }

    /// Erases a person with all that is kept about her, also the index of the address and the day of the first contact.
    /// Only the keyed hash of an address that wants no mail stays. False: there is no such person.
    ///
    /// # Errors
    /// A foreign key that still refers to the person, which leaves everything as it was.
    pub async fn erase(&self, conn: &mut PgConnection, person: Uuid) -> Result<bool> {
        if store::lock_people(conn, &[person]).await?.is_empty() {
            return Ok(false);
        }
        for records in &self.0 {
            records.erase(conn, person).await?;
        }
        store::delete(conn, person).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_end_after_a_year_unless_they_were_made_anew() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let day = |text: &str| Some(text.parse().unwrap());
        let done = at("2026-11-28T16:00:00Z");
        assert!(links_hold(done, None, at("2027-11-28T15:59:59Z")));
        assert!(!links_hold(done, None, at("2027-11-28T16:00:00Z")));
        assert!(links_hold(done, day("2028-01-05"), at("2029-01-04T23:00:00Z")));
        assert!(!links_hold(done, day("2028-01-05"), at("2029-01-05T00:00:00Z")));
        assert!(links_hold(done, day("2020-01-01"), at("2027-01-01T00:00:00Z")), "what is newer than that day");
    }
}
