//! The SQL of `people` and `consents`.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::details::Details;
use crate::{
    error::{Error, Result},
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        text::LocaleTag,
        vault::Vault,
    },
};

/// Name of the table, part of the associated data to which a sealed value is bound.
pub const TABLE: &str = "people";

/// Fields by which people can be filtered.
pub(super) const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "id", kind: FieldKind::Identifiers(LABELLED) },
    Field { name: "created_date", column_sql: "created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "modified_at", kind: FieldKind::Timestamp },
    Field { name: "email_address", column_sql: "id", kind: FieldKind::Virtual },
    Field { name: "preferred_language", column_sql: "locale", kind: FieldKind::Text },
    Field { name: "muster:tags", column_sql: LABELLED, kind: FieldKind::Label },
]);

/// What is compared with the keyed index of a label.
const LABELLED: &str = "person_labels l WHERE l.person_id = people.id AND l.label_index";

/// A row of `people`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PersonRow {
    /// The person's id.
    pub id: Uuid,
    /// [`Details`] under the vault's data key; `None` until something is confirmed or vouched.
    pub sealed: Option<Vec<u8>>,
    /// Preferred language.
    pub locale: Option<String>,
    /// When the row was inserted.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub modified_at: DateTime<Utc>,
}

impl PersonRow {
    /// The preferred language, or the default one.
    pub fn locale(&self) -> LocaleTag {
        self.locale.as_deref().and_then(|tag| LocaleTag::parse(tag).ok()).unwrap_or_default()
    }

    /// The decrypted details; empty ones for a row without.
    ///
    /// # Errors
    /// `internal` when they cannot be decrypted with the vault's key.
    pub fn details(&self, vault: &Vault) -> Result<Details> {
        Ok(vault.open_or_default(TABLE, self.id, self.sealed.as_deref())?)
    }
}

/// Indexes over the listed people of a vault.
const INDEXES: &[Index] = &[Index::equal("id"), Index::ordered("modified_at"), Index::ordered("created_at")];

/// One page of the listed people of a vault, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(super) async fn list(
    conn: &mut PgConnection,
    vault: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<PersonRow>, Extent)> {
    let list = KeysetList {
        table: "people",
        filtered: "people",
        key: &[KeyColumn { sql: "id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: INDEXES,
        scope: &[("vault_id", ScopeValue::Id(vault))],
        extra_condition: "confirmed_at IS NOT NULL",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE id = ANY ($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Address index and id of the people of a vault with these address indexes.
pub(super) async fn find_ids(
    conn: &mut PgConnection,
    vault: Uuid,
    indexes: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT email_index AS "email_index!", id FROM people WHERE vault_id = $1 AND email_index = ANY ($2)"#,
        vault,
        indexes
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.email_index, row.id)).collect())
}

/// A person of a vault, with details.
///
/// # Errors
/// `not_found`.
pub(super) async fn get(conn: &mut PgConnection, vault: Uuid, id: Uuid) -> Result<PersonRow> {
    Ok(sqlx::query_as!(PersonRow, "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE vault_id = $1 AND id = $2 AND sealed IS NOT NULL", vault, id).fetch_one(conn).await?)
}

/// The person with this address index in a vault.
pub(super) async fn find(conn: &mut PgConnection, vault: Uuid, email_index: &[u8]) -> Result<Option<PersonRow>> {
    Ok(sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE vault_id = $1 AND email_index = $2",
        vault,
        email_index
    )
    .fetch_optional(conn)
    .await?)
}

/// Reads people and locks their rows until the end of the transaction, in the lock order of [`crate::people`]; those
/// that exist.
pub async fn lock_people(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PersonRow>, sqlx::Error> {
    sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE id = ANY ($1)
         ORDER BY vault_id, email_index FOR NO KEY UPDATE",
        ids
    )
    .fetch_all(conn)
    .await
}

/// The people with these ids that exist, in no order.
pub async fn by_ids(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PersonRow>> {
    Ok(sqlx::query_as!(
        PersonRow,
        "SELECT id, sealed, locale, created_at, modified_at FROM people WHERE id = ANY ($1)",
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// Reads a person and locks the row until the end of the transaction.
///
/// # Errors
/// `not_found`.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<PersonRow> {
    lock_people(conn, &[id]).await?.pop().ok_or_else(Error::not_found)
}

/// New sealed details of a person, merged from a row that is locked.
#[derive(Debug)]
pub struct DetailsChange {
    pub(super) person: Uuid,
    pub(super) sealed: Vec<u8>,
    /// `None` leaves the language as it is.
    pub(super) locale: Option<String>,
    pub(super) at: DateTime<Utc>,
}

/// Stores sealed details of people, each at most once, in one statement.
pub async fn save_details(conn: &mut PgConnection, changes: &[&DetailsChange]) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changes.iter().map(|change| change.person).collect();
    let sealed: Vec<&[u8]> = changes.iter().map(|change| change.sealed.as_slice()).collect();
    let locales: Vec<Option<&str>> = changes.iter().map(|change| change.locale.as_deref()).collect();
    let times: Vec<DateTime<Utc>> = changes.iter().map(|change| change.at).collect();
    sqlx::query!(
        "UPDATE people p SET sealed = v.sealed, locale = coalesce(v.locale, p.locale), modified_at = v.at,
                             confirmed_at = coalesce(p.confirmed_at, v.at)
         FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::timestamptz[]) v (id, sealed, locale, at) WHERE p.id = v.id",
        &ids,
        &sealed as &[&[u8]],
        &locales as &[Option<&str>],
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Id of the person with this address index; inserts an unconfirmed row with `id` where there is none.
pub(super) async fn upsert_unconfirmed_person(
    conn: &mut PgConnection,
    vault: Uuid,
    id: Uuid,
    email_index: &[u8],
    at: DateTime<Utc>,
) -> Result<Uuid> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM upsert_people(ARRAY[($1::uuid, $2::uuid, $3::bytea, NULL, NULL, $4::timestamptz)::person_act])"#,
        id,
        vault,
        email_index,
        at
    )
    .fetch_one(conn)
    .await?)
}

/// Replaces the keyed indexes of a person's labels.
pub(super) async fn save_labels(conn: &mut PgConnection, person: Uuid, indexes: &[Vec<u8>]) -> Result<()> {
    sqlx::query!("DELETE FROM person_labels WHERE person_id = $1 AND label_index <> ALL ($2)", person, indexes)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "INSERT INTO person_labels (person_id, label_index) SELECT $1, i FROM unnest($2::bytea[]) i ON CONFLICT DO NOTHING",
        person,
        indexes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the keyed indexes by which a submission is found.
pub(super) async fn save_submission_labels(
    conn: &mut PgConnection,
    person: Uuid,
    submission: Uuid,
    indexes: &[Vec<u8>],
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM submission_labels WHERE submission_id = $1 AND label_index <> ALL ($2)",
        submission,
        indexes
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO submission_labels (submission_id, person_id, label_index) SELECT $1, $2, i FROM unnest($3::bytea[]) i ON CONFLICT DO NOTHING",
        submission,
        person,
        indexes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of these people agreed to updates last, and which ended them; those who said neither are left out.
pub(super) async fn wishes(conn: &mut PgConnection, people: &[Uuid]) -> Result<HashMap<Uuid, bool>> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (person_id) person_id, granted FROM consents WHERE person_id = ANY ($1) AND purpose = 'updates'
         ORDER BY person_id, created_at DESC, id DESC",
        people
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.person_id, row.granted)).collect())
}

/// Records that an organizer added a person (`people.origin`).
pub(super) async fn mark_as_added_by_organizer(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("UPDATE people SET origin = 'organizer' WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// A row to append to `consents`.
#[derive(Debug)]
pub(super) struct NewConsent<'a> {
    /// Id of the row.
    pub id: Uuid,
    /// The person's id.
    pub person: Uuid,
    /// `updates` or `partner:{slug}`.
    pub purpose: String,
    /// False: withdrawn.
    pub granted: bool,
    /// Given by the owner of the address, not by an organizer or an import.
    pub by_owner: bool,
    /// Text of the box.
    pub wording: String,
    /// First 8 bytes of the text's SHA-256, as hexadecimal digits.
    pub version: String,
    /// Language of the text.
    pub locale: &'a str,
    /// Where it was asked: `petition:{slug}`, `api`, `import:{id}`, `preferences`.
    pub source: &'a str,
    /// When it was given or withdrawn.
    pub at: DateTime<Utc>,
}

/// Appends consents, of each person at most one for each purpose. A consent that the owner has withdrawn is not granted
/// again by anybody else (`by_owner` false).
pub(super) async fn append_consents(conn: &mut PgConnection, consents: &[NewConsent<'_>]) -> Result<(), sqlx::Error> {
    if consents.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&NewConsent<'_>) -> String| consents.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<Uuid> = consents.iter().map(|c| c.id).collect();
    let people: Vec<Uuid> = consents.iter().map(|c| c.person).collect();
    let granted: Vec<bool> = consents.iter().map(|c| c.granted).collect();
    let by_owner: Vec<bool> = consents.iter().map(|c| c.by_owner).collect();
    let times: Vec<DateTime<Utc>> = consents.iter().map(|c| c.at).collect();
    sqlx::query!(
        "INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
         SELECT v.id, v.person, v.purpose, v.granted, v.wording, v.version, v.locale, v.source, v.at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::boolean[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
              v (id, person, purpose, granted, by_owner, wording, version, locale, source, at)
         WHERE v.by_owner OR coalesce((SELECT c.granted FROM consents c WHERE c.person_id = v.person AND c.purpose = v.purpose
                                       ORDER BY c.created_at DESC, c.id DESC LIMIT 1), true)",
        &ids,
        &people,
        &texts(|c| c.purpose.clone()),
        &granted,
        &by_owner,
        &texts(|c| c.wording.clone()),
        &texts(|c| c.version.clone()),
        &texts(|c| c.locale.to_owned()),
        &texts(|c| c.source.to_owned()),
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The box of a partner in a form: organization, slug of the partner, language.
pub(super) type PartnerBoxKey<'a> = (Uuid, &'a str, &'a str);

/// The wordings of partners' boxes, in this order; `None` where the organization has no such partner.
pub(super) async fn partner_wordings(
    conn: &mut PgConnection,
    boxes: &[PartnerBoxKey<'_>],
) -> Result<Vec<Option<String>>, sqlx::Error> {
    if boxes.is_empty() {
        return Ok(Vec::new());
    }
    let organizations: Vec<Uuid> = boxes.iter().map(|(organization, ..)| *organization).collect();
    let slugs: Vec<String> = boxes.iter().map(|(_, slug, _)| (*slug).to_owned()).collect();
    let locales: Vec<String> = boxes.iter().map(|(.., locale)| (*locale).to_owned()).collect();
    sqlx::query_scalar!(
        "SELECT (SELECT coalesce(p.wording ->> v.locale, p.wording ->> 'en', p.name) FROM partners p
                 WHERE p.organization_id = v.organization AND p.slug = v.slug)
         FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY v (organization, slug, locale, n) ORDER BY v.n",
        &organizations,
        &slugs,
        &locales
    )
    .fetch_all(conn)
    .await
}

/// The vaults of the organizations: id and organization.
pub async fn organization_vaults(conn: &mut PgConnection) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT id, organization_id FROM vaults WHERE kind = 'organization' AND destroyed_at IS NULL ORDER BY id"
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.organization_id)).collect())
}

/// The person of an address in a vault.
pub async fn find_by_address(conn: &mut PgConnection, vault: Uuid, email_index: &[u8]) -> Result<Option<Uuid>> {
    Ok(find(conn, vault, email_index).await?.map(|person| person.id))
}

/// A person by id, with the vault.
pub(super) async fn with_vault(conn: &mut PgConnection, id: Uuid) -> Result<Option<(PersonRow, Uuid)>> {
    let row =
        sqlx::query!("SELECT id, sealed, locale, created_at, modified_at, vault_id FROM people WHERE id = $1", id)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|row| {
        let person = PersonRow {
            id: row.id,
            sealed: row.sealed,
            locale: row.locale,
            created_at: row.created_at,
            modified_at: row.modified_at,
        };
        (person, row.vault_id)
    }))
}

/// Is it the vault of a protected action?
pub(super) async fn is_protected(conn: &mut PgConnection, vault: Uuid) -> Result<bool> {
    let kind = sqlx::query_scalar!(r#"SELECT kind = 'protected' AS "protected!" FROM vaults WHERE id = $1"#, vault);
    Ok(kind.fetch_one(conn).await?)
}

/// Keyed index of a person's address; `None` for one without, or who is gone.
pub(super) async fn email_index(conn: &mut PgConnection, id: Uuid) -> Result<Option<Vec<u8>>> {
    let index = sqlx::query_scalar!("SELECT email_index FROM people WHERE id = $1", id).fetch_optional(conn).await?;
    Ok(index.flatten())
}

/// The vaults that are not destroyed: id, and the organization's id.
pub(super) async fn vaults(conn: &mut PgConnection) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!("SELECT id, organization_id FROM vaults WHERE destroyed_at IS NULL ORDER BY id");
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.id, row.organization_id)).collect())
}

/// Notes that a person was erased.
pub(super) async fn insert_erasures(conn: &mut PgConnection, hashes: &[Vec<u8>], days: &[NaiveDate]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO erasures (id_hash, erased_on) SELECT * FROM unnest($1::bytea[], $2::date[]) ON CONFLICT DO NOTHING",
        hashes,
        days
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// All erasures that are noted: hash of the id and day.
pub(super) async fn erasures(conn: &mut PgConnection) -> Result<Vec<(Vec<u8>, NaiveDate)>> {
    let rows = sqlx::query!("SELECT id_hash, erased_on FROM erasures ORDER BY erased_on, id_hash");
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.id_hash, row.erased_on)).collect())
}

/// Deletes notes of erasures before a day.
pub(super) async fn delete_erasures(conn: &mut PgConnection, before: NaiveDate) -> Result<()> {
    sqlx::query!("DELETE FROM erasures WHERE erased_on < $1", before).execute(conn).await?;
    Ok(())
}

/// The people whose ids have these hashes (SHA-256).
pub(super) async fn by_hash(conn: &mut PgConnection, hashes: &[Vec<u8>]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM people WHERE sha256(uuid_send(id)) = ANY ($1)", hashes)
        .fetch_all(conn)
        .await?)
}

/// What the links of a person hang on.
pub(super) struct PersonLinks {
    /// Generation of the links that belong to the person.
    pub generation: i16,
    /// When the links were last made anew.
    pub from: Option<NaiveDate>,
    /// Are there details, and so an address to which a new link can be mailed?
    pub has_details: bool,
}

/// What the links of a person hang on; `None` when the person is gone.
pub(super) async fn links(conn: &mut PgConnection, id: Uuid) -> Result<Option<PersonLinks>> {
    Ok(sqlx::query_as!(
        PersonLinks,
        r#"SELECT link_generation AS generation, links_from AS "from", sealed IS NOT NULL AS "has_details!"
           FROM people WHERE id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Begins new links of a person: with a new generation, or only with a new day.
pub(super) async fn begin_links(conn: &mut PgConnection, id: Uuid, void: bool, today: NaiveDate) -> Result<()> {
    sqlx::query!(
        "UPDATE people SET link_generation = least(link_generation + $2::integer, 32767), links_from = $3 WHERE id = $1",
        id,
        i32::from(void),
        today
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a person with their consents. The slices have deleted their records before.
pub(super) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM people WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Deletes those of the people who have no details and no act left.
pub async fn delete_unconfirmed_people(conn: &mut PgConnection, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("SELECT delete_unconfirmed_people($1)", ids).execute(conn).await?;
    Ok(())
}

/// Deletes a batch of acts of a table that were not confirmed in time (retention), and people without details or acts;
/// locked people are skipped until the next call. Returns the number of acts.
pub async fn delete_unconfirmed(db: &PgPool, acts: &str, now: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query_scalar!(r#"SELECT delete_unconfirmed($1::text::regclass, $2) AS "n!""#, acts, now);
    Ok(gone.fetch_one(db).await?.unsigned_abs())
}

/// Locks the next submissions in `table` to an action that has ended, and their people; returns their ids. `action_column`
/// is the table's column with the action.
pub async fn lock_ended_submissions(
    conn: &mut PgConnection,
    table: &str,
    action_column: &str,
    action: Uuid,
    most: i32,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT lock_ended_submissions($1::text::regclass, $2::text::name, $3, $4) AS "ids!""#,
        table,
        action_column,
        action,
        most
    )
    .fetch_one(conn)
    .await?)
}

/// Deletes these submissions in `table`, and of their people those of whom nothing is left.
pub async fn delete_ended_submissions(conn: &mut PgConnection, table: &str, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("SELECT delete_ended_submissions($1::text::regclass, $2)", table, ids).execute(conn).await?;
    Ok(())
}

/// Deletes up to `most` people of a vault that has ended, with their consents. Returns how many.
pub async fn delete_people_of_vault(conn: &mut PgConnection, vault: Uuid, most: i64) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM people WHERE id = ANY (ARRAY(SELECT id FROM people WHERE vault_id = $1
                                                  ORDER BY email_index LIMIT $2 FOR UPDATE))",
        vault,
        most
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// The tables whose rows lead to people, and `people`.
pub async fn tables_about_people(conn: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(r#"SELECT t AS "t!" FROM tables_about_people() t"#).fetch_all(conn).await?)
}

/// Sets the longest that the statements of this transaction wait for a lock.
pub(super) async fn set_lock_timeout(tx: &mut PgConnection, limit: &str) -> Result<()> {
    sqlx::query!("SELECT set_config('lock_timeout', $1, true)", limit).fetch_one(tx).await?;
    Ok(())
}

/// Lists the people of protected actions of whom a row was written since the last listing. Returns how many.
pub(super) async fn list_people_to_rewrite(tx: &mut PgConnection, today: NaiveDate) -> Result<i32> {
    Ok(sqlx::query_scalar!(r#"SELECT list_people_to_rewrite($1) AS "n!""#, today).fetch_one(tx).await?)
}

/// The day of the last listing; `None` before the first.
pub(super) async fn people_listed_on(tx: &mut PgConnection) -> Result<Option<NaiveDate>> {
    Ok(sqlx::query_scalar!("SELECT max(listed_on) FROM people_rewrites").fetch_one(tx).await?)
}

/// Writes the rows of up to `most` listed people anew. Returns how many people.
pub(super) async fn rewrite_people(tx: &mut PgConnection, most: i32) -> Result<i32> {
    Ok(sqlx::query_scalar!(r#"SELECT rewrite_people($1) AS "n!""#, most).fetch_one(tx).await?)
}

/// The tables in which rows were written anew since the last listing; none when there was nobody.
pub(super) async fn rewritten_tables(tx: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT tab::text AS "t!" FROM rows_of_people()
           WHERE EXISTS (SELECT FROM people_rewrites WHERE listed_on IS NULL) ORDER BY 1"#
    )
    .fetch_all(tx)
    .await?)
}

/// Forgets what was written anew: in a database that was just restored the ids of transactions are those of another server.
pub async fn forget_rewrites(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!("DELETE FROM people_rewrites").execute(tx).await?;
    Ok(())
}

/// A consent, as shown to the person who gave it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Consent {
    /// `updates` or `partner:{slug}`.
    pub purpose: String,
    /// False: withdrawn.
    pub granted: bool,
    /// Text of the box.
    pub wording: String,
    /// Where it was asked.
    pub source: String,
    /// When it was given or withdrawn.
    pub created_at: DateTime<Utc>,
}

/// A person's consents and withdrawals, oldest first.
pub async fn consents(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Consent>> {
    Ok(sqlx::query_as!(
        Consent,
        "SELECT purpose, granted, wording, source, created_at FROM consents WHERE person_id = $1 ORDER BY created_at, id",
        person
    )
    .fetch_all(conn)
    .await?)
}
