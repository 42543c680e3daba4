//! Operations on people: merge confirmed details, vouch, record consents.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    details::{Consents, Details, NewPerson},
    store::{self, NewConsent, TABLE},
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        crypto::sha256,
        filter::Filter,
        i18n,
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
};

/// Merges the details of an act that the owner of the address confirmed into the person, under the person's row lock.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn merge_confirmed_details(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: Uuid,
    newer: Details,
    locale: Option<&str>,
    protected: bool,
) -> Result<()> {
    let known = store::lock(conn, person).await?.details(vault)?;
    let sealed = vault.seal(&kernel.env, TABLE, person, &known.merged(newer));
    store::set_details(conn, person, &sealed, locale, kernel.env.recorded_now(protected)).await
}

/// Replaces the addresses in a filter (virtual field `email_address`) by the ids of the people who have them.
pub async fn resolve_addresses(conn: &mut PgConnection, vault: &Vault, filter: &mut Filter) -> Result<()> {
    let index_of = |input: &str| EmailAddress::parse(input).ok().map(|address| vault.email_index(&address));
    let indexes: Vec<Vec<u8>> = filter.virtual_texts().iter().filter_map(|input| index_of(input)).collect();
    if indexes.is_empty() {
        return Ok(());
    }
    let known: HashMap<Vec<u8>, Uuid> = store::find_ids(conn, vault.id, &indexes).await?.into_iter().collect();
    filter.resolve_virtual(|_, input| known.get(&index_of(input)?).copied());
    Ok(())
}

/// A vouched person for a group commit batch, which inserts the row if there is none: an id, and the details sealed for
/// it.
#[derive(Debug)]
pub struct VouchedPerson {
    /// Id of the row if the batch inserts it. If the person exists, the batch does not change the details and returns
    /// the existing id; the caller then merges them under the row lock ([`merge_confirmed_details`]), so that details
    /// confirmed in the meantime are not overwritten.
    pub id: Uuid,
    /// Details sealed for that id.
    pub sealed: Vec<u8>,
    /// Id of the existing person at the time of preparing.
    pub known: Option<Uuid>,
}

/// Looks a person up before a vouched act, and seals the details of the act.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn prepare_vouched_person(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: &NewPerson,
    protected: bool,
) -> Result<VouchedPerson> {
    let known = store::find(conn, vault.id, &vault.email_index(&person.email)).await?.map(|row| row.id);
    let id = kernel.env.recorded_id(protected);
    Ok(VouchedPerson { id, sealed: vault.seal(&kernel.env, TABLE, id, &person.details), known })
}

/// Adds a person or merges details into an existing one, for an organizer. Returns the id, and whether the person had
/// no details before.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn upsert_vouched_person(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: &NewPerson,
) -> Result<(Uuid, bool)> {
    let index = vault.email_index(&person.email);
    let id = store::upsert_unconfirmed_person(conn, vault.id, kernel.env.id(), &index, kernel.env.now()).await?;
    let row = store::lock(conn, id).await?;
    let is_new = row.sealed.is_none();
    let sealed = vault.seal(&kernel.env, TABLE, id, &row.details(vault)?.merged(person.details.clone()));
    store::set_details(conn, id, &sealed, person.locale.map(LocaleTag::as_str), kernel.env.now()).await?;
    if is_new {
        store::mark_as_added_by_organizer(conn, id).await?;
    }
    Ok((id, is_new))
}

/// Where a consent was asked for, and with which wording.
#[derive(Clone, Copy, Debug)]
pub struct ConsentContext<'a> {
    /// Id of the organization that asked.
    pub organization: Uuid,
    /// The organization's name, part of the wording.
    pub organization_name: &'a str,
    /// Language of the form.
    pub locale: LocaleTag,
    /// `petition:{slug}`.
    pub source: &'a str,
    /// Wording of the box about updates, where it was not the built-in one (an import).
    pub updates_wording: Option<&'a str>,
}

/// Records on the preferences page that the owner of an address grants or withdraws consent to updates; `wording` is
/// the text of the choice.
pub async fn set_updates_consent(
    conn: &mut PgConnection,
    kernel: &Kernel,
    person: Uuid,
    wants: bool,
    wording: &str,
    locale: LocaleTag,
) -> Result<()> {
    let consent = NewConsent {
        id: kernel.env.id(),
        person,
        purpose: "updates",
        granted: wants,
        by_owner: true,
        wording,
        version: &HEXLOWER.encode(&sha256(wording.as_bytes())[..8]),
        locale: locale.as_str(),
        source: "preferences",
    };
    store::append_consent(conn, &consent, kernel.env.now()).await
}

/// Appends a row for each ticked box. A box that is not ticked appends nothing, so it withdraws nothing.
pub async fn append_consents(
    conn: &mut PgConnection,
    kernel: &Kernel,
    person: Uuid,
    consents: &Consents,
    consent_context: ConsentContext<'_>,
    protected: bool,
) -> Result<()> {
    let at = kernel.env.recorded_now(protected);
    let mut granted: Vec<(String, String)> = Vec::new();
    if consents.updates {
        granted.push((
            "updates".to_owned(),
            consent_context.updates_wording.map_or_else(
                || {
                    i18n::text_of(
                        consent_context.locale,
                        "updates-label",
                        "organization",
                        consent_context.organization_name.to_owned(),
                    )
                },
                str::to_owned,
            ),
        ));
    }
    for (slug, _) in consents.partners.iter().filter(|(_, ticked)| **ticked) {
        if let Some(wording) =
            store::partner_wording(conn, consent_context.organization, slug, consent_context.locale.as_str()).await?
        {
            granted.push((format!("partner:{slug}"), wording));
        }
    }
    for (purpose, wording) in &granted {
        let version = HEXLOWER.encode(&sha256(wording.as_bytes())[..8]);
        let consent = NewConsent {
            id: kernel.env.recorded_id(protected),
            person,
            purpose,
            granted: true,
            by_owner: consent_context.source != "api" && !consent_context.source.starts_with("import:"),
            wording,
            version: &version,
            locale: consent_context.locale.as_str(),
            source: consent_context.source,
        };
        store::append_consent(conn, &consent, at).await?;
    }
    Ok(())
}
