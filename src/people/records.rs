//! What the slices keep about a person: shown to the person, and erased. A slice registers its [`PersonRecords`]; nobody
//! lists the slices.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::{self, PersonRow};
use crate::{error::Result, kernel::vault::Vault};

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

    /// Everything that is kept about a person, for the person: details, consents, and what the slices keep.
    ///
    /// # Errors
    /// `internal` when the vault does not open a row.
    pub(super) async fn my_data(&self, conn: &mut PgConnection, vault: &Vault, person: &PersonRow) -> Result<Value> {
        let mut data = Map::new();
        let details = person.details(vault)?;
        data.insert("person".to_owned(), json!(details.contact()));
        if !details.labels.is_empty() {
            data.insert("labels".to_owned(), json!(details.labels));
        }
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
