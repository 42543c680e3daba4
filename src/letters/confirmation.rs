//! Confirming letters by the owners of their addresses: many in one transaction ([`super::batch`]), or with the
//! signatures they are attached to ([`super::attached`]).
//!
//! A batch: the letters are read, and each link is checked against its letter; actions are read and vaults opened.
//! Then, in rounds in which each person has one letter ([`people::rounds`]): people and letters are locked, details are
//! merged and sealed, and [`write_round`] writes the round and queues the outreaches, or holds them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    mail::ThanksMail,
    ops::{self, LoadedLetter},
    state::LetterState,
    store::{self, LetterRow},
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        db::force_index_plan,
        group_commit::BatchError,
        links::{Token, expired},
    },
    mail::{self, Class, NewEmail},
    people::{self, ConsentContext, DetailsChange, GivenConsents, PersonRow},
};

/// A letter that is confirmed.
#[derive(Clone, Debug)]
pub struct ConfirmedLetter {
    /// The letter.
    pub loaded: LoadedLetter,
    /// Its action does not send at present.
    pub is_held: bool,
}

/// Confirms the letters of links in one transaction. Each has an outcome of its own, in this order; `link_expired` when
/// the link is not the letter's, when the letter does not exist any more, or was not confirmed in time. Idempotent.
pub(super) async fn confirm(kernel: &Kernel, links: &[Token]) -> Result<Vec<Result<ConfirmedLetter>>, BatchError> {
    let mut tx = kernel.hot.begin().await?;
    force_index_plan(&mut tx).await?;
    let ids: Vec<Uuid> = links.iter().map(|link| link.row).collect();
    let found = store::letters(&mut tx, &ids).await?;
    let found: HashMap<Uuid, LetterRow> = found.into_iter().map(|row| (row.id, row)).collect();
    let is_valid = |link: &Token| found.get(&link.row).filter(|row| link.check(row.link_generation).is_ok());
    let valid: Vec<Option<&LetterRow>> = links.iter().map(is_valid).collect();
    let mut once = HashSet::new();
    let rows: Vec<&LetterRow> = valid.iter().flatten().filter(|row| once.insert(row.id)).copied().collect();
    let mut outcomes: HashMap<Uuid, Result<ConfirmedLetter>> = HashMap::new();
    for round in people::rounds(rows, |row| row.person_id) {
        confirm_round(kernel, &mut tx, &round, &mut outcomes).await?;
    }
    tx.commit().await?;
    let outcome = |row: Option<&LetterRow>| match row.and_then(|row| outcomes.get(&row.id)) {
        Some(Ok(letter)) => Ok(letter.clone()),
        Some(Err(error)) => Err(error.repeated()),
        // a forged link, or a letter that was deleted
        None => Err(expired()),
    };
    Ok(valid.into_iter().map(outcome).collect())
}

async fn confirm_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    round: &[&LetterRow],
    outcomes: &mut HashMap<Uuid, Result<ConfirmedLetter>>,
) -> Result<(), BatchError> {
    let (ids, people): (Vec<Uuid>, Vec<Uuid>) = round.iter().map(|row| (row.id, row.person_id)).unzip();
    let people = people::lock_people(conn, &people).await?;
    let people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
    let generations: HashMap<Uuid, i16> = round.iter().map(|row| (row.id, row.link_generation)).collect();
    let mut rows = store::lock_letters(conn, &ids).await?;
    // the link may have been replaced before the locks were held
    rows.retain(|row| generations.get(&row.id) == Some(&row.link_generation));
    let locked: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (mut steps, mut confirmed) = (Vec::new(), Vec::new());
    for (id, loaded) in locked.iter().zip(ops::load_letters(kernel, conn, rows).await?) {
        let step = loaded.and_then(|loaded| {
            if loaded.row.state == LetterState::Confirmed {
                return Ok((loaded, None));
            }
            ops::require_confirmable(&loaded.row, kernel.env.now())?;
            let person = people.get(&loaded.row.person_id).ok_or_else(Error::not_found)?;
            let step = LetterStep::new(kernel, loaded.clone(), person)?;
            Ok((loaded, Some(step)))
        });
        match step {
            Ok((loaded, step)) => {
                steps.extend(step);
                confirmed.push(loaded);
            }
            Err(error) => drop(outcomes.insert(*id, Err(error))),
        }
    }
    write_round(kernel, conn, &steps).await?;
    let held = store::with_held(conn, &locked).await?;
    for loaded in confirmed {
        let is_held = held.contains(&loaded.row.id);
        outcomes.insert(loaded.row.id, Ok(ConfirmedLetter { loaded, is_held }));
    }
    Ok(())
}

/// A pending letter that is being confirmed, under the locks of its person and its own.
pub(super) struct LetterStep {
    loaded: LoadedLetter,
    at: DateTime<Utc>,
    details: DetailsChange,
}

impl LetterStep {
    /// Merges the details of a letter into its person.
    ///
    /// # Errors
    /// `internal` when the vault does not open the person.
    pub(super) fn new(kernel: &Kernel, loaded: LoadedLetter, person: &PersonRow) -> Result<Self> {
        let protected = loaded.letter.action.protected;
        let payload = &loaded.payload;
        let tag = (!protected).then_some(payload.locale.as_str());
        let details = person.merged(kernel, &loaded.vault, payload.details.clone(), tag, protected)?;
        Ok(Self { at: kernel.env.recorded_now(protected), details, loaded })
    }
}

/// Confirms letters of different people, with one statement for each table: stores details and consents, queues the
/// outreaches or holds them, counts them, thanks.
pub(super) async fn write_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    steps: &[LetterStep],
) -> Result<(), BatchError> {
    if steps.is_empty() {
        return Ok(());
    }
    people::save_details(conn, &steps.iter().map(|step| &step.details).collect::<Vec<_>>()).await?;
    append_consents(kernel, conn, steps).await?;
    let confirmed: Vec<_> = steps.iter().map(|step| (step.loaded.row.id, step.at)).collect();
    store::set_confirmed(conn, &confirmed).await?;
    // the times of protected actions are whole days
    let mut by_time: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
    for (id, at) in &confirmed {
        by_time.entry(*at).or_default().push(*id);
    }
    for (at, letters) in &by_time {
        store::dispatch(conn, letters, *at).await?;
    }
    store::count_confirmed(conn, &confirmed.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    let thanked = steps.iter().filter(|step| step.loaded.letter.action.send_thanks);
    mail::enqueue_all(conn, &kernel.env, &thanked.map(|step| thanks(&step.loaded)).collect::<Vec<_>>()).await?;
    Ok(())
}

async fn append_consents(kernel: &Kernel, conn: &mut PgConnection, steps: &[LetterStep]) -> Result<(), sqlx::Error> {
    let sources: Vec<String> = steps.iter().map(|step| format!("letter:{}", step.loaded.letter.action.slug)).collect();
    let given = steps.iter().zip(&sources).map(|(LetterStep { loaded, .. }, source)| {
        let action = &loaded.letter.action;
        let context = ConsentContext {
            organization: action.organization_id,
            organization_name: &action.organization_name,
            locale: loaded.payload.locale,
            source,
            updates_wording: None,
        };
        let person = loaded.row.person_id;
        GivenConsents { person, consents: &loaded.payload.consents, context, protected: action.protected }
    });
    people::append_all_consents(conn, kernel, &given.collect::<Vec<_>>()).await
}

fn thanks(loaded: &LoadedLetter) -> NewEmail<'static> {
    let action = &loaded.letter.action;
    NewEmail {
        organization_id: action.organization_id,
        class: Class::Notice,
        kind: ThanksMail::KIND,
        lane: "",
        refs: json!({"letter": loaded.row.id}),
        protected: action.protected,
        due_at: None,
    }
}
