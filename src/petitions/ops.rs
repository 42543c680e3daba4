//! Verbs of petitions: create, confirm, withdraw, reject.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    questions::{self, Fields, Question},
    store::{self, Petition, SignatureRow},
    submission::{Petitions, SIGNATURES, SignaturePayload},
};
use crate::{
    campaigns::{self, ActionFields, Confirmation, Kind, NewAction, Privacy, State},
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        links::expired,
        text::{LocaleTag, clean_text, required_line},
        vault::Vault,
    },
    letters,
    mail::{self, Class, NewEmail},
    people::{self, ConsentContext},
};

/// A petition's own members, beside those of every action.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct NewPetition {
    /// What is signed (Markdown).
    #[validate(length(max = 40_000))]
    pub petition_text: String,
    /// Whom it is addressed to.
    #[validate(length(max = 20), nested)]
    pub target: Vec<Target>,
    /// What is demanded, one sentence each.
    #[serde(rename = "muster:demands")]
    #[validate(length(max = 20))]
    pub muster_demands: Vec<String>,
    /// How many signatures it wants.
    #[serde(rename = "muster:goal")]
    #[validate(range(min = 1, max = 100_000_000))]
    pub muster_goal: Option<i64>,
    /// Id or slug of a letter action: signing also writes this letter.
    #[serde(rename = "muster:letter")]
    #[validate(length(max = 80))]
    pub muster_letter: Option<String>,
    /// `/go/{word}` leads here.
    #[serde(rename = "muster:short_link")]
    #[validate(length(max = 40))]
    pub muster_short_link: Option<String>,
    /// Which of the usual fields the form asks for.
    #[serde(rename = "muster:fields")]
    pub muster_fields: Fields,
    /// What it asks besides.
    #[serde(rename = "muster:questions")]
    #[validate(nested)]
    pub muster_questions: Vec<Question>,
    /// Steps of the organizers' own, beside the quarters of the goal: organizers are told when they are reached.
    #[serde(rename = "muster:milestones")]
    #[validate(custom(function = "check_steps"))]
    pub muster_milestones: Vec<i64>,
    /// Is the goal raised to the next round number once it is reached?
    #[serde(rename = "muster:raises_goal")]
    pub muster_raises_goal: bool,
}

/// OSDI `target[]`.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub struct Target {
    /// Name or title.
    #[validate(length(min = 1, max = 200))]
    pub name: String,
}

/// Steps are few and can be reached.
pub fn check_steps(steps: &[i64]) -> Result<(), validator::ValidationError> {
    if steps.len() <= 20 && steps.iter().all(|step| (1..=100_000_000).contains(step)) {
        return Ok(());
    }
    Err(validator::ValidationError::new("range"))
}

/// The checked demands.
///
/// # Errors
/// 422 with a pointer for each refused one.
pub fn demands(input: &[String]) -> Result<Vec<String>> {
    let parsed = input.iter().enumerate().map(|(i, demand)| {
        required_line(demand, 500).map_err(|e| FieldError::new(format!("/muster:demands/{i}"), e.code, e.detail))
    });
    let (demands, errors): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
    let errors: Vec<FieldError> = errors.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(demands.into_iter().flatten().collect()) } else { Err(Error::Fields(errors)) }
}

/// The checked names of targets.
///
/// # Errors
/// 422 with a pointer for each refused one.
pub fn target_names(targets: &[Target]) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    let names = targets.iter().enumerate().filter_map(|(i, t)| {
        required_line(&t.name, 200)
            .map_err(|e| errors.push(FieldError::new(format!("/target/{i}/name"), e.code, e.detail)))
            .ok()
    });
    let names: Vec<String> = names.collect();
    if errors.is_empty() { Ok(names) } else { Err(Error::Fields(errors)) }
}

/// Creates a petition with id `id`.
///
/// # Errors
/// 422 with a pointer for each refused field, or a database error.
pub async fn create_petition(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    action: ActionFields,
    new: NewPetition,
) -> Result<()> {
    let action = action.parse(Kind::Petition, true)?;
    let text = clean_text(&new.petition_text, 40_000).map_err(|e| Error::field("/petition_text", e.code, e.detail))?;
    let targets = target_names(&new.target)?;
    let letter = match &new.muster_letter {
        Some(key) => Some(find_attached_letter(conn, kernel, organization, key, &action).await?),
        None => None,
    };
    let demands = demands(&new.muster_demands)?;
    let questions = questions::parse(new.muster_questions, action.privacy == Privacy::Protected)?;
    campaigns::create_action(conn, kernel, organization, id, &action).await?;
    store::insert(conn, id, &text, &targets, new.muster_goal, letter).await?;
    store::set_demands(conn, id, &demands).await?;
    store::set_form(conn, id, Some(&new.muster_fields), Some(&questions)).await?;
    store::milestones::set(conn, id, Some(&new.muster_milestones), Some(new.muster_raises_goal)).await?;
    if let Some(word) = &new.muster_short_link {
        campaigns::register_short_link(conn, kernel, word, id).await?;
    }
    Ok(())
}

/// The letter action that a new petition is to carry.
async fn find_attached_letter(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    key: &str,
    petition: &NewAction,
) -> Result<Uuid> {
    let refuse = |code: &'static str, detail: &str| Error::field("/muster:letter", code, detail);
    let letter = letters::find(conn, kernel, key).await.map_err(|e| {
        if e.code() == Code::NotFound { refuse("unknown_value", "There is no such letter action.") } else { e }
    })?;
    if letter.action.organization_id != organization {
        return Err(refuse("unknown_value", "There is no such letter action."));
    }
    if petition.privacy == Privacy::Protected || letter.action.protected {
        return Err(refuse(
            "not_allowed",
            "A letter shows who writes it; protected petitions and letters go separate ways.",
        ));
    }
    if petition.confirmation == Confirmation::None {
        return Err(Error::field("/muster:confirmation", "not_allowed", "Letters always ask for confirmation."));
    }
    Ok(letter.action.id)
}

/// A signature with what it belongs to, for links and mails.
pub struct LoadedSignature {
    /// The row.
    pub row: SignatureRow,
    /// Its petition.
    pub petition: Arc<Petition>,
    /// The opened vault.
    pub vault: Arc<Vault>,
    /// What is sealed on the row.
    pub payload: SignaturePayload,
    /// The language of the act.
    pub locale: LocaleTag,
}

/// A signature, locked for a change: the person first, then the act (see the order in `people`).
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    let row = store::signature(conn, id).await?;
    people::lock_person(conn, row.person_id).await?;
    store::lock_signature(conn, id).await
}

/// Opens a signature's row with all that its link or mail needs.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn load_signature(
    petitions: &Petitions,
    conn: &mut PgConnection,
    row: SignatureRow,
) -> Result<LoadedSignature> {
    load_signatures(petitions, conn, vec![row]).await?.pop().unwrap_or_else(|| Err(Error::not_found()))
}

/// The same for many, in their order; each petition is read once.
///
/// # Errors
/// As [`load_signature`]; that of a row that does not open stands in its place.
pub async fn load_signatures(
    petitions: &Petitions,
    conn: &mut PgConnection,
    rows: Vec<SignatureRow>,
) -> Result<Vec<Result<LoadedSignature>>> {
    let mut known: HashMap<Uuid, (Arc<Petition>, Arc<Vault>)> = HashMap::new();
    for row in &rows {
        if let Entry::Vacant(place) = known.entry(row.petition_id) {
            let petition = store::petition(conn, row.petition_id).await?;
            let vault = petitions.kernel.vaults.open(petition.action.vault_id).await?;
            place.insert((Arc::new(petition), vault));
        }
    }
    let open = |row: SignatureRow| {
        let (petition, vault) = known[&row.petition_id].clone();
        let payload: SignaturePayload =
            row.sealed.as_deref().map(|sealed| vault.open(SIGNATURES, row.id, sealed)).transpose()?.unwrap_or_default();
        let locale = payload
            .locale
            .or_else(|| row.locale.as_deref().and_then(|l| LocaleTag::parse(l).ok()))
            .unwrap_or(petition.action.locale);
        Ok(LoadedSignature { row, petition, vault, payload, locale })
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The owner of the address pressed the button: exactly this act takes effect. A second press changes nothing.
///
/// # Errors
/// `link_expired` when the act is gone or was not confirmed in time, or a database error.
pub async fn confirm(petitions: &Petitions, conn: &mut PgConnection, c: &LoadedSignature) -> Result<()> {
    let kernel = &petitions.kernel;
    let action = &c.petition.action;
    match c.row.state.as_str() {
        "counted" | "quarantined" => return Ok(()),
        "duplicate" => {
            // shown as done only while the signature that took it over stands
            return store::find_effective(conn, &c.row).await?.map(|_| ()).ok_or_else(expired);
        }
        "pending" if c.row.confirm_expires_at.is_some_and(|at| at > kernel.env.now()) => {}
        _ => return Err(expired()),
    }
    // who signed in time is counted, also when the petition has closed since
    if matches!(action.state, State::Draft | State::Archived) {
        return Err(expired());
    }
    let at = kernel.env.recorded_now(action.protected);
    let dropped = c.petition.drops_contact(c.payload.keep_nothing);
    // the person's row is the lock under which one address has one counted signature
    if dropped {
        people::lock_person(conn, c.row.person_id).await?;
    } else {
        merge_into_person(conn, kernel, c).await?;
    }
    // what is suspected waits for an organizer: it does not count yet, and its letter does not go
    let counts = c.row.quarantine_reason.is_none();
    if store::confirm_pending(conn, &c.row, if counts { "counted" } else { "quarantined" }, at).await? {
        if counts {
            start_counting(conn, kernel, &[c.row.id], c.row.letter_id.as_slice()).await?;
        }
        if dropped {
            // the address is gone, so the page that follows carries what the mail would have
            store::drop_contact(conn, &c.row).await?;
        } else if action.send_thanks {
            let email = NewEmail {
                organization_id: action.organization_id,
                class: Class::Notice,
                kind: "petition_thanks",
                lane: "",
                refs: json!({"signature": c.row.id}),
                protected: action.protected,
                due_at: None,
            };
            mail::enqueue(conn, &kernel.env, email).await?;
        }
    } else if let Some(counted) = store::lock_effective(conn, &c.row).await? {
        store::end_signature(conn, c.row.id, "duplicate", at).await?;
        if let Some(letter) = c.row.letter_id {
            letters::drop_attached_letter(conn, letter).await?;
        }
        if dropped {
            return store::drop_contact(conn, &counted).await;
        }
        // signed before: what the owner says now replaces what counted so far
        let before: SignaturePayload = counted
            .sealed
            .as_deref()
            .map(|sealed| c.vault.open(SIGNATURES, counted.id, sealed))
            .transpose()?
            .unwrap_or_default();
        let now = SignaturePayload {
            details: before.details.merged(c.payload.details.clone()),
            comments: if c.payload.comments.is_empty() { before.comments } else { c.payload.comments.clone() },
            answers: before.answers.into_iter().chain(c.payload.answers.clone()).collect(),
            ..c.payload.clone()
        };
        let sealed = c.vault.seal(&kernel.env, SIGNATURES, counted.id, &now);
        store::update_counted(conn, counted.id, &sealed, &c.row, !c.payload.comments.is_empty()).await?;
        store::comments::notify_changed(conn, action.id).await?;
    }
    Ok(())
}

/// Signatures begin to count, and the letters they carry go on their way.
///
/// # Errors
/// `internal` when a vault does not open, or a database error.
pub async fn start_counting(
    conn: &mut PgConnection,
    kernel: &Kernel,
    signatures: &[Uuid],
    attached_letters: &[Uuid],
) -> Result<()> {
    store::add_deltas(conn, signatures, 1).await?;
    for letter in attached_letters {
        letters::confirm_attached_letter(conn, kernel, *letter).await?;
    }
    Ok(())
}

/// Signatures stop counting, and what has not gone out of the letters they carry is stopped.
///
/// # Errors
/// A database error.
pub async fn stop_counting(
    conn: &mut PgConnection,
    kernel: &Kernel,
    signatures: &[Uuid],
    attached_letters: &[Uuid],
) -> Result<()> {
    store::add_deltas(conn, signatures, -1).await?;
    for letter in attached_letters {
        letters::withdraw_attached_letter(conn, kernel, *letter).await?;
    }
    Ok(())
}

/// What was typed becomes the person's: details and consents.
async fn merge_into_person(conn: &mut PgConnection, kernel: &Kernel, c: &LoadedSignature) -> Result<()> {
    let action = &c.petition.action;
    people::merge_confirmed_details(
        conn,
        kernel,
        &c.vault,
        c.row.person_id,
        c.payload.details.clone(),
        c.row.locale.as_deref(),
        action.protected,
    )
    .await?;
    let source = format!("petition:{}", action.slug);
    let consent_context = ConsentContext {
        organization: action.organization_id,
        organization_name: &action.organization_name,
        locale: c.locale,
        source: &source,
        updates_wording: None,
    };
    people::append_consents(conn, kernel, c.row.person_id, &c.payload.consents, consent_context, action.protected).await
}

/// Drops a signature that nobody confirmed, with its letter.
///
/// # Errors
/// A database error.
pub async fn drop_pending(conn: &mut PgConnection, row: &SignatureRow) -> Result<()> {
    store::delete_pending(conn, row.id).await?;
    if let Some(letter) = row.letter_id {
        letters::drop_attached_letter(conn, letter).await?;
    }
    people::delete_unconfirmed_people(conn, &[row.person_id]).await
}

/// The signer takes the signature back; its contents are gone. A second press changes nothing.
///
/// # Errors
/// A database error.
pub async fn withdraw(conn: &mut PgConnection, kernel: &Kernel, row: &SignatureRow, protected: bool) -> Result<()> {
    if row.is_effective() {
        match row.state.as_str() {
            "counted" => stop_counting(conn, kernel, &[row.id], row.letter_id.as_slice()).await?,
            // held back, so its letter never went
            _ => {
                if let Some(letter) = row.letter_id {
                    letters::drop_attached_letter(conn, letter).await?;
                }
            }
        }
        store::end_signature(conn, row.id, "withdrawn", kernel.env.recorded_now(protected)).await?;
        if row.comment_state == "shown" {
            store::comments::notify_changed(conn, row.petition_id).await?;
        }
        store::erase_duplicate_payloads(conn, row.petition_id, row.person_id).await?;
    }
    Ok(())
}
