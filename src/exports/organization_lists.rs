//! The lists of an organization as a whole: its people, and the consents that they gave and withdrew. Protected actions
//! have vaults of their own, whose people are in neither.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    csv_writer::{Cell, trusted, untrusted},
    lists::{Asked, List, contact, time},
    store::{self, ConsentLine, PersonLine},
};
use crate::{
    error::Result,
    kernel::{Kernel, vault::Vault},
    people::{Details, PEOPLE},
};

/// The purpose of email updates.
const UPDATES: &str = "updates";
/// What a partner gets of a person: nothing that organizers noted.
pub(super) const PARTNER_COLUMNS: [&str; 9] =
    ["given_name", "family_name", "email", "phone", "postal_code", "city", "region", "country", "preferred_language"];

/// The people of an organization.
#[derive(Debug)]
pub(super) struct People;

impl List for People {
    type Row = PersonLine;
    type Opened = Details;
    const NAME: &'static str = "people";
    const AUDIT_VERB: &'static str = "people.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "given_name",
        "family_name",
        "email",
        "phone",
        "postal_code",
        "city",
        "region",
        "country",
        "preferred_language",
        "tags",
        "consent",
        "consent_date",
        "created_date",
    ];

    async fn read(
        conn: &mut PgConnection,
        _: &Kernel,
        vault: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> Result<Vec<PersonLine>> {
        store::people(conn, vault, asked.purpose.as_deref().unwrap_or(UPDATES), after).await
    }

    fn id(row: &PersonLine) -> Uuid {
        row.id
    }

    fn created_at(row: &PersonLine) -> DateTime<Utc> {
        row.created_at
    }

    fn open(vault: &Vault, row: &PersonLine) -> Result<Details> {
        Ok(vault.open_or_default(PEOPLE, row.id, row.sealed.as_deref())?)
    }

    fn subscriber_email<'a>(row: &PersonLine, opened: &'a Details) -> Option<&'a str> {
        row.has_consented.then_some(opened.email.as_str())
    }

    fn cells<'a>(row: &'a PersonLine, opened: &'a Details, consents: bool, _: &[String]) -> Vec<Cell<'a>> {
        let mut cells = vec![trusted(row.id.to_string())];
        cells.extend(contact(opened));
        cells.extend([
            untrusted(row.locale.as_deref().unwrap_or("")),
            untrusted(opened.labels.tags.join(", ")),
            Cell::Flag(consents),
            time(row.consented_at),
            time(Some(row.created_at)),
        ]);
        cells
    }
}

/// The consents of an organization's people, with the wording that they agreed to: each one that was given or
/// withdrawn.
#[derive(Debug)]
pub(super) struct Consents;

impl List for Consents {
    type Row = ConsentLine;
    type Opened = Details;
    const NAME: &'static str = "consents";
    const AUDIT_VERB: &'static str = "consents.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "person_id",
        "email",
        "purpose",
        "granted",
        "wording",
        "wording_version",
        "language",
        "source",
        "created_date",
    ];

    async fn read(
        conn: &mut PgConnection,
        _: &Kernel,
        vault: Uuid,
        _: &Asked,
        after: Uuid,
    ) -> Result<Vec<ConsentLine>> {
        store::consents(conn, vault, after).await
    }

    fn id(row: &ConsentLine) -> Uuid {
        row.id
    }

    fn created_at(row: &ConsentLine) -> DateTime<Utc> {
        row.created_at
    }

    fn open(vault: &Vault, row: &ConsentLine) -> Result<Details> {
        Ok(vault.open_or_default(PEOPLE, row.person_id, row.sealed.as_deref())?)
    }

    fn subscriber_email<'a>(_: &ConsentLine, _: &'a Details) -> Option<&'a str> {
        None
    }

    fn cells<'a>(row: &'a ConsentLine, opened: &'a Details, _: bool, _: &[String]) -> Vec<Cell<'a>> {
        vec![
            trusted(row.id.to_string()),
            trusted(row.person_id.to_string()),
            untrusted(&*opened.email),
            untrusted(&*row.purpose),
            Cell::Flag(row.granted),
            untrusted(&*row.wording),
            trusted(&*row.wording_version),
            untrusted(&*row.locale),
            untrusted(&*row.source),
            time(Some(row.created_at)),
        ]
    }
}
