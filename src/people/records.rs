//! What the slices keep about a person: shown to the person, and erased. A slice registers its [`PersonRecords`]; nobody
//! lists the slices.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    erasure_log,
    store::{self, PersonRow},
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        i18n::{date, number, text},
        idempotency, jobs,
        links::{Detail, expired},
        vault::Vault,
    },
    mail,
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

/// By what rows are found that are not a person's yet ([`PersonRecords::erase_unread`]).
#[derive(Clone, Copy)]
pub struct UnreadRows<'a> {
    /// The person's vault.
    pub vault_id: Uuid,
    /// The same, open; `None` when its key is gone, so that nobody can read it.
    pub vault: Option<&'a Vault>,
    /// Keyed index of the address; empty for a person without one.
    pub email_index: &'a [u8],
    /// Full name; empty where it is not known.
    pub name: &'a str,
    /// Ids of the person and of what the person did.
    pub row_ids: &'a [Uuid],
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

    /// Key of the text beside each record on the page of "my data"; `None`: it is only in the file.
    fn page_label(&self) -> Option<&'static str> {
        self.label()
    }

    /// Is it part of "my data"? False for what says nothing about a person but where it stands.
    fn is_shown(&self) -> bool {
        true
    }

    /// Ids of all rows that are kept about a person, as mails, logs and jobs name them.
    fn row_ids<'a>(&'a self, conn: &'a mut PgConnection, person: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>>;

    /// Voids the links that were mailed about what came before a time, except those that wait to be confirmed. The caller
    /// holds the lock of the person's row.
    fn void_links<'a>(&'a self, _: &'a mut PgConnection, _: Uuid, _: DateTime<Utc>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Erases rows that are not the person's yet: of files that are still read, so that they do not bring her back, and what
    /// jobs hold. Called before the person's row is locked, since the rows of long jobs are locked before people.
    fn erase_unread<'a>(&'a self, _: &'a mut PgConnection, _: &'a UnreadRows<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives up all files that are not read to the end: they may hold somebody who was erased after this database was backed
    /// up, and before the file was read.
    fn give_up_unread<'a>(&'a self, _: &'a mut PgConnection) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Ends what belongs to entries of the log of erasures that are no people's: hashes of ids (SHA-256). Returns how many ended, which
    /// had not before.
    fn end_again<'a>(&'a self, _: &'a [Vec<u8>]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(std::future::ready(Ok(0)))
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

    /// Ids of a person's row and of all rows that the slices keep about her.
    async fn row_ids(&self, conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
        let mut ids = vec![person];
        for records in &self.0 {
            ids.extend(records.row_ids(conn, person).await?);
        }
        Ok(ids)
    }

    /// Everything that is kept about a person, for the person: details, consents, what the slices keep, and what was mailed.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub async fn my_data(&self, conn: &mut PgConnection, vault: &Vault, person: &PersonRow) -> Result<Value> {
        let mut data = Map::new();
        let details = person.details(vault)?;
        data.insert("person".to_owned(), json!(details.contact()));
        if !details.labels.is_empty() {
            data.insert("labels".to_owned(), json!(details.labels));
        }
        data.insert("preferred_language".to_owned(), json!(person.locale));
        data.insert("created_date".to_owned(), json!(person.created_at));
        for records in self.0.iter().filter(|records| records.is_shown()) {
            let found = records.read(conn, vault, person.id).await?;
            let list = found.into_iter().map(|record| record.data).collect();
            data.insert(records.name().to_owned(), Value::Array(list));
        }
        data.insert("consents".to_owned(), json!(store::consents(conn, person.id).await?));
        let ids = self.row_ids(conn, person.id).await?;
        data.insert("mails".to_owned(), json!(mail::mails_about(conn, &ids).await?));
        let index = store::email_index(conn, person.id).await?.unwrap_or_default();
        data.insert("suppressions".to_owned(), json!(mail::suppressions_of(conn, vault.id, &index).await?));
        Ok(Value::Object(data))
    }

    /// The same on a page, in the person's language: label and value.
    pub(super) async fn my_details(
        &self,
        conn: &mut PgConnection,
        vault: &Vault,
        person: &PersonRow,
    ) -> Result<Vec<Detail>> {
        let locale = person.locale();
        let detail = |key: &str, value: String| Detail { label: text(locale, key), value };
        let day_of = |at: DateTime<Utc>| date(locale, at.date_naive());
        let details = person.details(vault)?;
        let contact = details.contact();
        let mut shown =
            vec![detail("field-given_name", contact.given_name), detail("field-family_name", contact.family_name)];
        shown.extend(contact.email_addresses.into_iter().map(|email| detail("field-email", email.address)));
        shown.extend(contact.phone_numbers.into_iter().map(|phone| detail("field-phone", phone.number)));
        for postal in contact.postal_addresses {
            shown.push(detail("field-postal_code", postal.postal_code));
            shown.push(detail("field-city", postal.locality));
            shown.push(detail("field-country", postal.country));
        }
        let labels = details.labels;
        let fields = labels.custom_fields.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}: {value}")
        });
        let noted = labels.tags.iter().chain(&labels.identifiers).chain(&labels.languages).cloned().chain(fields);
        shown.extend(noted.map(|noted| detail("own-data-noted", noted)));
        shown.push(detail("own-data-first", day_of(person.created_at)));
        for records in &self.0 {
            let Some(label) = records.page_label() else { continue };
            let found = records.read(conn, vault, person.id).await?;
            shown.extend(
                found.into_iter().map(|record| detail(label, format!("{} ({})", record.title, day_of(record.at)))),
            );
        }
        for consent in store::consents(conn, person.id).await? {
            let key = if consent.granted { "own-data-agreed" } else { "own-data-ended" };
            shown.push(detail(key, format!("{} ({})", consent.wording, day_of(consent.created_at))));
        }
        let ids = self.row_ids(conn, person.id).await?;
        let mails = mail::mails_about(conn, &ids).await?.len();
        shown.push(detail("own-data-mails", number(locale, i64::try_from(mails).unwrap_or(i64::MAX))));
        let index = store::email_index(conn, person.id).await?.unwrap_or_default();
        for suppression in mail::suppressions_of(conn, vault.id, &index).await? {
            shown.push(detail("own-data-suppressed", date(locale, suppression.day)));
        }
        shown.retain(|detail| !detail.value.is_empty());
        Ok(shown)
    }

    /// Erases a person with all that is kept about her, also the index of the address and the day of the first contact.
    /// Only the keyed hash of an address that wants no mail stays, and the hash of the row's id, in the log of erasures
    /// (`erasure_log`). The caller, who commits, holds no lock. False: there is no such person.
    ///
    /// # Errors
    /// A foreign key that still refers to the person, which leaves everything as it was. `unavailable` while the vault's key
    /// cannot be read.
    pub async fn erase(&self, kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<bool> {
        let Some((row, vault_id)) = store::with_vault(conn, person).await? else { return Ok(false) };
        let vault = match kernel.vaults.open(vault_id).await {
            Ok(vault) => Some(vault),
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            // its key is gone for good: the rows go nevertheless
            Err(_) => None,
        };
        let is_erased = self.erase_rows(kernel, conn, &row, vault_id, vault.as_deref()).await?;
        if is_erased {
            erasure_log::record(kernel, conn, person).await?;
        }
        Ok(is_erased)
    }

    /// As [`AllRecords::erase`], of somebody who is in the log already; with a vault that does not open here, too.
    pub(super) async fn erase_again(&self, kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<bool> {
        let Some((row, vault_id)) = store::with_vault(conn, person).await? else { return Ok(false) };
        let vault = kernel.vaults.open(vault_id).await.ok();
        self.erase_rows(kernel, conn, &row, vault_id, vault.as_deref()).await
    }

    async fn erase_rows(
        &self,
        kernel: &Kernel,
        conn: &mut PgConnection,
        row: &PersonRow,
        vault_id: Uuid,
        vault: Option<&Vault>,
    ) -> Result<bool> {
        let person = row.id;
        let details = vault.and_then(|vault| row.details(vault).ok()).unwrap_or_default();
        let email_index = store::email_index(conn, person).await?.unwrap_or_default();
        let row_ids = self.row_ids(conn, person).await?;
        let name = details.full_name();
        let unread = UnreadRows { vault_id, vault, email_index: &email_index, name: &name, row_ids: &row_ids };
        for records in &self.0 {
            records.erase_unread(conn, &unread).await?;
        }
        if store::lock_people(conn, &[person]).await?.is_empty() {
            return Ok(false);
        }
        // what came in until now
        let row_ids = self.row_ids(conn, person).await?;
        mail::erase_subjects(conn, kernel, &row_ids).await?;
        for records in &self.0 {
            records.erase(conn, person).await?;
        }
        mail::erase_address_history(conn, kernel, vault_id, &email_index).await?;
        idempotency::forget_resources(conn, &row_ids).await?;
        jobs::forget_rows(conn, &row_ids).await?;
        store::delete(conn, person).await?;
        Ok(true)
    }

    /// Ends what belongs to entries of the log of erasures; see [`PersonRecords::end_again`].
    pub(super) async fn end_again(&self, hashes: &[Vec<u8>]) -> Result<usize> {
        let mut ended = 0;
        for records in &self.0 {
            ended += records.end_again(hashes).await?;
        }
        Ok(ended)
    }

    /// Gives up all files that are not read to the end.
    pub async fn give_up_unread(&self, conn: &mut PgConnection) -> Result<()> {
        for records in &self.0 {
            records.give_up_unread(conn).await?;
        }
        Ok(())
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
