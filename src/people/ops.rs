//! Operations on people: merge confirmed details, vouch, record consents.

use std::{collections::HashMap, sync::Arc};

use data_encoding::HEXLOWER;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    details::{Consents, Details, NewPerson, PersonBody, PersonLinks},
    labels::{self, Extras},
    store::{self, DetailsChange, NewConsent, PersonRow, TABLE},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        crypto::sha256,
        filter::Filter,
        i18n,
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
    organizers::{Actor, Scope},
};

impl PersonRow {
    /// Merges details that the owner of the address confirmed over those of this row, which must be locked
    /// ([`store::lock_people`]): to be stored with [`store::save_details`].
    ///
    /// # Errors
    /// `internal` when the vault does not open the row.
    pub fn merged(
        &self,
        kernel: &Kernel,
        vault: &Vault,
        newer: Details,
        locale: Option<&str>,
        protected: bool,
    ) -> Result<DetailsChange> {
        let details = self.details(vault)?.merged(newer);
        Ok(DetailsChange {
            person: self.id,
            sealed: vault.seal(&kernel.env, TABLE, self.id, &details),
            locale: locale.map(str::to_owned),
            at: kernel.env.recorded_now(protected),
        })
    }
}

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
    let change = store::lock(conn, person).await?.merged(kernel, vault, newer, locale, protected)?;
    Ok(store::save_details(conn, &[&change]).await?)
}

/// Splits acts into rounds in which each person has at most one, in their order, so that a round may be processed with
/// one statement for all: several acts of one person come out as one after the other.
pub fn rounds<T>(acts: impl IntoIterator<Item = T>, person_of: impl Fn(&T) -> Uuid) -> Vec<Vec<T>> {
    let mut rounds: Vec<Vec<T>> = Vec::new();
    let mut turns: HashMap<Uuid, usize> = HashMap::new();
    for act in acts {
        let turn = turns.entry(person_of(&act)).or_default();
        if rounds.len() == *turn {
            rounds.push(Vec::new());
        }
        rounds[*turn].push(act);
        *turn += 1;
    }
    rounds
}

/// Replaces the indexes by which a submission is found: those of its identifiers in other systems.
pub async fn index_submission(
    conn: &mut PgConnection,
    vault: &Vault,
    person: Uuid,
    submission: Uuid,
    identifiers: &[String],
) -> Result<()> {
    let indexes: Vec<Vec<u8>> = labels::identifier_indexes(vault, identifiers).collect();
    store::save_submission_labels(conn, person, submission, &indexes).await
}

/// Replaces what is sealed in a filter by what it is found by: addresses (virtual field `email_address`) by the ids of the people who
/// have them, labels by their keyed indexes.
pub async fn resolve_filter(conn: &mut PgConnection, vault: &Vault, filter: &mut Filter) -> Result<()> {
    filter.resolve_labels(|field, typed| labels::filter_index(vault, field, typed));
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

/// A person of any vault.
#[derive(Debug)]
pub struct LocatedPerson {
    /// Id of the organization.
    pub organization: Uuid,
    /// The person.
    pub row: PersonRow,
    /// Her vault.
    pub vault: Arc<Vault>,
}

/// The person with an id, in whatever vault; `None`: there is none.
///
/// # Errors
/// `unavailable` when the vault does not open.
pub async fn locate(kernel: &Kernel, id: Uuid) -> Result<Option<LocatedPerson>> {
    let mut conn = kernel.work.acquire().await?;
    let Some((row, vault)) = store::with_vault(&mut conn, id).await? else { return Ok(None) };
    let vaults = store::vaults(&mut conn).await?;
    drop(conn);
    let organization = vaults.into_iter().find(|(known, _)| *known == vault).map(|(_, organization)| organization);
    let vault = kernel.vaults.open(vault).await?;
    Ok(organization.map(|organization| LocatedPerson { organization, row, vault }))
}

/// The people with an address in all vaults that open, and the ids of the vaults that do not.
pub async fn locate_by_address(kernel: &Kernel, address: &EmailAddress) -> Result<(Vec<LocatedPerson>, Vec<Uuid>)> {
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    let vaults = store::vaults(&mut *kernel.work.acquire().await?).await?;
    for (id, organization) in vaults {
        let Ok(vault) = kernel.vaults.open(id).await else {
            closed.push(id);
            continue;
        };
        let row = store::find(&mut *kernel.work.acquire().await?, id, &vault.email_index(address)).await?;
        found.extend(row.map(|row| LocatedPerson { organization, row, vault }));
    }
    Ok((found, closed))
}

/// Looks a person up before a vouched act, and seals the details of the act.
///
/// # Errors
/// `unsupported_email` (422) for an address that no relay takes; `internal` when the vault does not open.
pub async fn prepare_vouched_person(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: &NewPerson,
) -> Result<VouchedPerson> {
    kernel.utf8_addresses.check(&person.email)?;
    let known = store::find(conn, vault.id, &vault.email_index(&person.email)).await?.map(|row| row.id);
    let id = kernel.env.id();
    Ok(VouchedPerson { id, sealed: vault.seal(&kernel.env, TABLE, id, &person.details), known })
}

/// Adds a person or merges details into an existing one, for an organizer. Returns the id.
///
/// # Errors
/// `unsupported_email` (422) for an address that no relay takes; `internal` when the vault does not open.
pub(super) async fn upsert_vouched_person(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: &NewPerson,
) -> Result<Uuid> {
    kernel.utf8_addresses.check(&person.email)?;
    let index = vault.email_index(&person.email);
    let id = store::upsert_unconfirmed_person(conn, vault.id, kernel.env.id(), &index, kernel.env.now()).await?;
    let row = store::lock(conn, id).await?;
    let is_new = row.sealed.is_none();
    merge_vouched_details(conn, kernel, vault, &row, person).await?;
    if is_new {
        store::mark_as_added_by_organizer(conn, id).await?;
    }
    Ok(id)
}

/// Merges details into a person whose row is locked, for an organizer, who can also empty some. False: nothing changes.
///
/// # Errors
/// `internal` when the vault does not open.
pub(super) async fn merge_vouched_details(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    row: &PersonRow,
    person: &NewPerson,
) -> Result<bool> {
    let before = row.details(vault)?;
    let mut after = before.clone().without(&person.erased).merged(person.details.clone());
    after.labels = after.labels.merged(&person.extras);
    let is_ended = person.extras.is_unsubscribed && end_updates(conn, kernel, row.id, row.locale()).await?;
    let locale = person.locale.map(LocaleTag::as_str);
    if row.sealed.is_some() && after == before && locale.is_none_or(|locale| row.locale.as_deref() == Some(locale)) {
        return Ok(is_ended);
    }
    if after.labels != before.labels {
        store::save_labels(conn, row.id, &after.labels.indexes(vault)).await?;
    }
    let change = DetailsChange {
        person: row.id,
        sealed: vault.seal(&kernel.env, TABLE, row.id, &after),
        locale: locale.map(str::to_owned),
        at: kernel.env.now(),
    };
    store::save_details(conn, &[&change]).await?;
    Ok(true)
}

/// Ends the updates to a person because another system says so, unless they have ended already. Nobody but the person
/// begins them again.
async fn end_updates(conn: &mut PgConnection, kernel: &Kernel, person: Uuid, locale: LocaleTag) -> Result<bool> {
    if store::wishes(conn, &[person]).await?.get(&person) == Some(&false) {
        return Ok(false);
    }
    let wording = i18n::text(locale, "unsubscribe-button");
    let consent = NewConsent {
        id: kernel.env.id(),
        person,
        purpose: "updates".to_owned(),
        granted: false,
        by_owner: false,
        version: wording_version(&wording),
        wording,
        locale: locale.as_str(),
        source: "api",
        at: kernel.env.now(),
    };
    store::append_consents(conn, &[consent]).await?;
    Ok(true)
}

/// Adds to a person what an organizer said beside the details of an act. Not for protected actions, whose vaults keep
/// nothing of it.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn apply_extras(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    person: Uuid,
    extras: &Extras,
) -> Result<()> {
    if *extras == Extras::default() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    let row = store::lock(&mut tx, person).await?;
    if extras.is_unsubscribed {
        end_updates(&mut tx, kernel, person, row.locale()).await?;
    }
    let before = row.details(vault)?;
    let after = Details { labels: before.labels.clone().merged(extras), ..before.clone() };
    if after != before {
        store::save_labels(&mut tx, person, &after.labels.indexes(vault)).await?;
        let sealed = vault.seal(&kernel.env, TABLE, person, &after);
        let change = DetailsChange { person, sealed, locale: None, at: kernel.env.now() };
        store::save_details(&mut tx, &[&change]).await?;
    }
    Ok(tx.commit().await?)
}

/// The person of a submission: described in its body or, by an organizer, named by a link to a known one.
///
/// # Errors
/// 422 where there is neither, or no such person.
pub async fn submitted_person(
    kernel: &Kernel,
    actor: Option<&Actor>,
    described: Option<PersonBody>,
    links: Option<&PersonLinks>,
) -> Result<PersonBody> {
    match described {
        Some(person) if actor.is_some() => return Ok(person),
        Some(person) => return Ok(person.of_public()),
        None => {}
    }
    let (Some(actor), Some(link)) = (actor, links.and_then(|links| links.person.as_ref())) else {
        return Err(Error::field("/person", "required", "This member is required."));
    };
    actor.require(Scope::ContactsWrite)?;
    let unknown = || Error::field("/_links/osdi:person/href", "unknown_value", "There is no such person.");
    let id = link.href.trim_end_matches('/').rsplit(['/', ':']).next().and_then(|id| Uuid::parse_str(id).ok());
    let mut conn = kernel.db.acquire().await?;
    let vault = kernel.vaults.of_organization(&mut conn, actor.organization_id).await?;
    let vault = kernel.vaults.open(vault).await?;
    let found = store::get(&mut conn, vault.id, id.ok_or_else(unknown)?).await;
    let row = found.map_err(|e| if e.code() == Code::NotFound { unknown() } else { e })?;
    Ok(PersonBody::of_details(&row.details(&vault)?, row.locale.as_deref()))
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
        purpose: "updates".to_owned(),
        granted: wants,
        by_owner: true,
        wording: wording.to_owned(),
        version: wording_version(wording),
        locale: locale.as_str(),
        source: "preferences",
        at: kernel.env.now(),
    };
    Ok(store::append_consents(conn, &[consent]).await?)
}

fn wording_version(wording: &str) -> String {
    HEXLOWER.encode(&sha256(wording.as_bytes())[..8])
}

/// The consent boxes of one person's act.
#[derive(Clone, Copy, Debug)]
pub struct GivenConsents<'a> {
    /// The person.
    pub person: Uuid,
    /// The boxes.
    pub consents: &'a Consents,
    /// Where they were asked.
    pub context: ConsentContext<'a>,
    /// Is the act protected? Its times are whole days.
    pub protected: bool,
}

/// Appends a row for each ticked box. A box that is not ticked appends nothing, so it withdraws nothing.
pub async fn append_consents(
    conn: &mut PgConnection,
    kernel: &Kernel,
    person: Uuid,
    consents: &Consents,
    context: ConsentContext<'_>,
    protected: bool,
) -> Result<()> {
    let given = GivenConsents { person, consents, context, protected };
    Ok(append_all_consents(conn, kernel, &[given]).await?)
}

/// As [`append_consents`] for acts of different people, in one statement.
pub async fn append_all_consents(
    conn: &mut PgConnection,
    kernel: &Kernel,
    given: &[GivenConsents<'_>],
) -> Result<(), sqlx::Error> {
    let mut granted: Vec<(&GivenConsents<'_>, String, String)> = Vec::new();
    for of in given.iter().filter(|of| of.consents.updates) {
        let ConsentContext { locale, organization_name, updates_wording, .. } = of.context;
        let ours = || i18n::text_of(locale, "updates-label", "organization", organization_name.to_owned());
        granted.push((of, "updates".to_owned(), updates_wording.map_or_else(ours, str::to_owned)));
    }
    let mut boxes: Vec<(&GivenConsents<'_>, &str)> = Vec::new();
    for of in given {
        boxes.extend(of.consents.partners.iter().filter(|(_, ticked)| **ticked).map(|(slug, _)| (of, slug.as_str())));
    }
    let keys: Vec<_> =
        boxes.iter().map(|(of, slug)| (of.context.organization, *slug, of.context.locale.as_str())).collect();
    for ((of, slug), wording) in boxes.into_iter().zip(store::partner_wordings(conn, &keys).await?) {
        granted.extend(wording.map(|wording| (of, format!("partner:{slug}"), wording)));
    }
    let rows: Vec<NewConsent<'_>> = granted
        .into_iter()
        .map(|(of, purpose, wording)| NewConsent {
            id: kernel.env.recorded_id(of.protected),
            person: of.person,
            purpose,
            granted: true,
            by_owner: of.context.source != "api" && !of.context.source.starts_with("import:"),
            version: wording_version(&wording),
            wording,
            locale: of.context.locale.as_str(),
            source: of.context.source,
            at: kernel.env.recorded_now(of.protected),
        })
        .collect();
    store::append_consents(conn, &rows).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_has_one_act_in_a_round() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let acts = [(a, 1), (b, 2), (a, 3), (a, 4), (b, 5)];
        let expected = [vec![(a, 1), (b, 2)], vec![(a, 3), (b, 5)], vec![(a, 4)]];
        assert_eq!(rounds(acts, |act| act.0), expected);
        assert!(rounds([], |act: &(Uuid, i32)| act.0).is_empty());
    }
}
