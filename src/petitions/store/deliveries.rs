//! Deliveries: their rows, their statements, and the lists of receipts.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use crate::{
    campaigns::{ActionImage, Cells},
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue},
        paging::{Extent, PageParams},
    },
    petitions::state::PetitionDeliveryStatus,
};

/// Filter fields of deliveries.
pub(crate) const FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "d.id", kind: FieldKind::Identifier },
    Field { name: "muster:status", column_sql: "d.state", kind: FieldKind::Enum(PetitionDeliveryStatus::NAMES) },
]);

/// Bytes of a receipt.
pub(crate) const RECEIPT_BYTES: usize = 16;
/// Receipts in a row of the list.
pub(crate) const RECEIPTS_PER_CHUNK: usize = 32_768;

/// What was fixed about the number.
#[derive(Clone, Debug)]
pub struct Statement {
    /// When.
    pub at: DateTime<Utc>,
    /// Signatures that each have a receipt in the list.
    pub receipts: i64,
    /// Signatures that counted and whose owners had them erased.
    pub erased: i64,
    /// Signatures on paper.
    pub paper: i64,
    /// Signatures by country and region, small cells merged.
    pub regions: Cells,
    /// SHA-256 of the list as a text file.
    pub sha256: Vec<u8>,
    /// The list.
    pub list: Uuid,
}

impl Statement {
    /// Signatures given here, those erased since among them; paper stands apart.
    pub fn total(&self) -> i64 {
        self.receipts + self.erased
    }
}

/// A petition handed over, or to be.
#[derive(Clone, Debug)]
pub struct PetitionDelivery {
    /// Id.
    pub id: Uuid,
    /// Is it done, and so public?
    pub status: PetitionDeliveryStatus,
    /// The day.
    pub date: NaiveDate,
    /// The place.
    pub place: String,
    /// Who took it.
    pub received_by: String,
    /// Note on what happened.
    pub note: String,
    /// The event it was part of.
    pub event_id: Option<Uuid>,
    /// Slug and title of the event, if the public may see it.
    pub event: Option<(String, String)>,
    /// An image of it.
    pub image: Option<ActionImage>,
    /// Once the number is fixed.
    pub statement: Option<Statement>,
}

impl PetitionDelivery {
    /// Was it done?
    pub fn is_delivered(&self) -> bool {
        self.status == PetitionDeliveryStatus::Delivered
    }
}

/// One page of a petition's deliveries, the latest day first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn deliveries(
    conn: &mut PgConnection,
    petition: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<PetitionDelivery>, Extent)> {
    let key =
        &[KeyColumn { sql: "d.delivered_on", kind: KeyKind::Date }, KeyColumn { sql: "d.id", kind: KeyKind::Uuid }];
    let scope = [("d.petition_id", ScopeValue::Id(petition))];
    let list = KeysetList::new("petition_deliveries d", key, &scope);
    let (ids, extent) = list.page(conn, filter, page).await?;
    // in the same order
    let rows = of_petitions(conn, &[petition], Some(&ids)).await?;
    Ok((rows.into_iter().map(|(_, delivery)| delivery).collect(), extent))
}

/// A petition's delivery.
pub(crate) async fn delivery(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<Option<PetitionDelivery>> {
    Ok(of_petitions(conn, &[petition], Some(&[id])).await?.pop().map(|(_, delivery)| delivery))
}

/// The deliveries of petitions with the petition's id, the latest day first; or those of these ids.
pub(crate) async fn of_petitions(
    conn: &mut PgConnection,
    petitions: &[Uuid],
    ids: Option<&[Uuid]>,
) -> Result<Vec<(Uuid, PetitionDelivery)>> {
    let rows = sqlx::query!(
        r#"SELECT d.id, d.petition_id, d.state AS "status: PetitionDeliveryStatus", d.event_id, d.delivered_on, d.place, d.received_by, d.note, d.stated_at, d.receipts, d.erased, d.paper,
                  d.receipts_sha256, d.receipts_list, d.regions AS "regions: Json<Cells>",
                  e.slug AS "event_slug?", e.title AS "event_title?",
                  i.id AS "image_id?", i.alt AS "image_alt?", i.width AS "image_width?", i.height AS "image_height?"
           FROM petition_deliveries d
           LEFT JOIN actions e ON e.id = d.event_id AND e.state NOT IN ('draft', 'archived')
           LEFT JOIN images i ON i.id = d.image_id
           WHERE d.petition_id = ANY ($1) AND ($2::uuid[] IS NULL OR d.id = ANY ($2))
           ORDER BY d.delivered_on DESC, d.id DESC"#,
        petitions,
        ids
    )
    .fetch_all(conn)
    .await?;
    let each = rows.into_iter().map(|row| {
        let delivery = PetitionDelivery {
            id: row.id,
            status: row.status,
            event_id: row.event_id,
            date: row.delivered_on,
            place: row.place,
            received_by: row.received_by,
            note: row.note,
            event: row.event_slug.zip(row.event_title),
            image: ActionImage::of(row.image_id, row.image_alt, row.image_width, row.image_height),
            // all of them or none: a constraint of the table
            statement: row.stated_at.map(|at| Statement {
                at,
                receipts: row.receipts.unwrap_or_default(),
                erased: row.erased.unwrap_or_default(),
                paper: row.paper.unwrap_or_default(),
                regions: row.regions.map(|regions| regions.0).unwrap_or_default(),
                sha256: row.receipts_sha256.unwrap_or_default(),
                list: row.receipts_list.unwrap_or_default(),
            }),
        };
        (row.petition_id, delivery)
    });
    Ok(each.collect())
}

/// What an organizer writes about a delivery.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRecord {
    /// The day.
    pub date: NaiveDate,
    /// The place.
    pub place: String,
    /// Who took it.
    pub received_by: String,
    /// Note on what happened.
    pub note: String,
    /// The event it is part of.
    pub event: Option<Uuid>,
    /// An image of it.
    pub image: Option<Uuid>,
}

/// Inserts a planned delivery, or updates one.
pub(crate) async fn save(
    conn: &mut PgConnection,
    petition: Uuid,
    id: Uuid,
    record: &DeliveryRecord,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO petition_deliveries (id, petition_id, delivered_on, place, received_by, note, event_id, image_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO UPDATE SET delivered_on = excluded.delivered_on, place = excluded.place, received_by = excluded.received_by,
             note = excluded.note, event_id = excluded.event_id, image_id = excluded.image_id",
        id,
        petition,
        record.date,
        record.place,
        record.received_by,
        record.note,
        record.event,
        record.image,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets the status of a delivery.
pub(crate) async fn set_status(conn: &mut PgConnection, id: Uuid, status: PetitionDeliveryStatus) -> Result<()> {
    sqlx::query!("UPDATE petition_deliveries SET state = $2 WHERE id = $1", id, status.as_str()).execute(conn).await?;
    Ok(())
}

/// Deletes a delivery with its statement. False: the petition has none with this id.
pub(crate) async fn delete(conn: &mut PgConnection, petition: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM petition_deliveries WHERE petition_id = $1 AND id = $2", petition, id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// A counted signature.
#[derive(Debug)]
pub(crate) struct CountedSignature {
    /// Its id.
    pub id: Uuid,
    /// Country and region, such as `CA-ON`.
    pub region: Option<String>,
}

/// Counted signatures of a petition, after an id, in the order of ids.
pub(crate) async fn counted_signatures(
    conn: &mut PgConnection,
    petition: Uuid,
    after: Uuid,
    most: i64,
) -> Result<Vec<CountedSignature>> {
    Ok(sqlx::query_as!(
        CountedSignature,
        "SELECT id, country || '-' || region AS region FROM signatures
         WHERE petition_id = $1 AND id > $2 AND state = 'counted' ORDER BY id LIMIT $3",
        petition,
        after,
        most
    )
    .fetch_all(conn)
    .await?)
}

/// Numbers of erased signatures that had counted, and of signatures on paper.
pub(crate) async fn erased_and_paper_counts(conn: &mut PgConnection, petition: Uuid) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT erased_count, (SELECT coalesce(sum(b.count), 0)::bigint FROM paper_batches b WHERE b.petition_id = a.id) AS "paper!"
           FROM actions a WHERE id = $1"#,
        petition
    )
    .fetch_one(conn)
    .await?;
    Ok((row.erased_count, row.paper))
}

/// Begins a list for a planned delivery and deletes unfinished ones. False: another one is being made, or the
/// delivery was done.
pub(crate) async fn begin_list(db: &PgPool, petition: Uuid, id: Uuid, list: Uuid) -> Result<bool> {
    let mut tx = db.begin().await?;
    let begun = sqlx::query!(
        "UPDATE petition_deliveries SET stating_list = $3, stating_until = now() + interval '5 minutes'
         WHERE id = $1 AND petition_id = $2 AND state = 'planned' AND (stating_until IS NULL OR stating_until <= now())",
        id,
        petition,
        list
    )
    .execute(&mut *tx)
    .await?;
    if begun.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("DELETE FROM delivery_buckets WHERE delivery_id = $1", id).execute(&mut *tx).await?;
    sqlx::query!(
        "DELETE FROM delivery_receipts r USING petition_deliveries d
         WHERE r.delivery_id = $1 AND d.id = $1 AND r.list_id IS DISTINCT FROM d.receipts_list",
        id
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Renews the lease of a list, in the caller's transaction; false when another process has it.
pub(crate) async fn lock_list(conn: &mut PgConnection, id: Uuid, list: Uuid) -> Result<bool> {
    let held = sqlx::query!(
        "UPDATE petition_deliveries SET stating_until = now() + interval '5 minutes' WHERE id = $1 AND stating_list = $2",
        id,
        list
    )
    .execute(conn)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Ends the lease of a list without a result.
pub(crate) async fn delete_list(db: &PgPool, id: Uuid, list: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE petition_deliveries SET stating_list = NULL, stating_until = NULL WHERE id = $1 AND stating_list = $2",
        id,
        list
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores the receipts of one page of signatures, by their first byte.
pub(crate) async fn insert_buckets(
    conn: &mut PgConnection,
    id: Uuid,
    list: Uuid,
    number: i32,
    receipts: &mut [[u8; RECEIPT_BYTES]],
) -> Result<()> {
    receipts.sort_unstable();
    let (mut buckets, mut pieces): (Vec<i16>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    for bucket in receipts.chunk_by(|a, b| a[0] == b[0]) {
        buckets.push(i16::from(bucket[0][0]));
        pieces.push(bucket.as_flattened().to_vec());
    }
    sqlx::query!(
        "INSERT INTO delivery_buckets (list_id, delivery_id, bucket, number, receipts)
         SELECT $1, $2, b.bucket, $3, b.receipts FROM unnest($4::smallint[], $5::bytea[]) b (bucket, receipts)",
        list,
        id,
        number,
        &buckets,
        &pieces
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The receipts of a list with this first byte, sorted.
pub(crate) async fn bucket(conn: &mut PgConnection, list: Uuid, first: u8) -> Result<Vec<[u8; RECEIPT_BYTES]>> {
    let pieces = sqlx::query_scalar!(
        "SELECT receipts FROM delivery_buckets WHERE list_id = $1 AND bucket = $2",
        list,
        i16::from(first)
    )
    .fetch_all(conn)
    .await?;
    let mut receipts: Vec<[u8; RECEIPT_BYTES]> = Vec::new();
    for chunk in pieces {
        receipts.extend_from_slice(chunk.as_chunks().0);
    }
    receipts.sort_unstable();
    Ok(receipts)
}

/// Appends a chunk to a list; chunks are sorted.
pub(crate) async fn insert_chunk(
    conn: &mut PgConnection,
    id: Uuid,
    list: Uuid,
    number: i32,
    receipts: &[[u8; RECEIPT_BYTES]],
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO delivery_receipts (list_id, delivery_id, number, receipts) VALUES ($1, $2, $3, $4)",
        list,
        id,
        number,
        receipts.as_flattened()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores the statement with its list, replacing a former one. False when another process has the lease.
pub(crate) async fn save_statement(db: &PgPool, id: Uuid, statement: &Statement) -> Result<bool> {
    let mut tx = db.begin().await?;
    let stated = sqlx::query!(
        "UPDATE petition_deliveries SET stated_at = $2, receipts = $3, erased = $4, paper = $5, regions = $6, receipts_sha256 = $7,
                receipts_list = $8, stating_list = NULL, stating_until = NULL
         WHERE id = $1 AND state = 'planned' AND stating_list = $8",
        id,
        statement.at,
        statement.receipts,
        statement.erased,
        statement.paper,
        Json(&statement.regions) as _,
        statement.sha256,
        statement.list
    )
    .execute(&mut *tx)
    .await?;
    if stated.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("DELETE FROM delivery_receipts WHERE delivery_id = $1 AND list_id <> $2", id, statement.list)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("DELETE FROM delivery_buckets WHERE delivery_id = $1", id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// A chunk of the list of receipts; `None` after the last.
pub(crate) async fn chunk(conn: &mut PgConnection, list: Uuid, number: i32) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!("SELECT receipts FROM delivery_receipts WHERE list_id = $1 AND number = $2", list, number)
        .fetch_optional(conn)
        .await?)
}

/// Does a list contain this receipt?
pub(crate) async fn contains_receipt(
    conn: &mut PgConnection,
    list: Uuid,
    receipt: [u8; RECEIPT_BYTES],
) -> Result<bool> {
    let chunk = sqlx::query_scalar!(
        "SELECT receipts FROM delivery_receipts WHERE list_id = $1 AND substring(receipts FOR 16) <= $2
         ORDER BY number DESC LIMIT 1",
        list,
        &receipt[..]
    )
    .fetch_optional(conn)
    .await?;
    let (sorted, _) = chunk.as_deref().unwrap_or_default().as_chunks::<RECEIPT_BYTES>();
    Ok(sorted.binary_search(&receipt).is_ok())
}
