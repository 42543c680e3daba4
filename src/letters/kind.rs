//! What letter actions bring to the life of submissions: theirs are letters.

use chrono::{DateTime, Utc};
use minijinja::{context, value::Serde};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    confirmation, links, ops,
    state::LetterState,
    store::{self, LetterAction, LetterRow},
    submission::{LETTERS, LetterPayload},
};
use crate::{
    actions::submission::{
        DueReminder, Loaded, Locked, LockedRows, Outcomes, Standing, SubmissionKey, SubmissionKind, SubmissionPayload,
        Submissions, submission_row,
    },
    campaigns::{Action, Kind},
    error::Result,
    kernel::{
        Kernel,
        group_commit::BatchError,
        links::{Detail, LinkPage, Purpose, expired},
        text::LocaleTag,
    },
    mail,
    people::{Consents, Details},
};

/// Letters, as a kind of submission.
#[derive(Debug)]
pub enum LetterKind {}

/// A letter with its action and opened content.
pub(super) type LoadedLetter = Loaded<LetterKind>;

/// Group commits of letters.
pub(super) type LetterSubmissions = Submissions<LetterKind>;

/// A letter that is confirmed.
#[derive(Clone, Debug)]
pub struct ConfirmedLetter {
    /// The letter.
    pub loaded: Loaded<LetterKind>,
    /// Its action does not send at present.
    pub is_held: bool,
}

submission_row!(LetterRow, letter_action_id, LetterState::Pending);

impl SubmissionPayload for LetterPayload {
    fn details(&self) -> &Details {
        &self.details
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }

    fn locale(&self) -> Option<LocaleTag> {
        Some(self.locale)
    }

    fn identifiers_mut(&mut self) -> &mut Vec<String> {
        &mut self.identifiers
    }
}

impl AsRef<Action> for LetterAction {
    fn as_ref(&self) -> &Action {
        &self.action
    }
}

impl SubmissionKind for LetterKind {
    const KIND: Kind = Kind::Letter;
    const NAME: &'static str = "letter";
    const TABLE: &'static str = LETTERS;
    const ACTION_COLUMN: &'static str = "letter_action_id";
    const EFFECTIVE_STATE: &'static str = LetterState::Confirmed.as_str();
    const TABLES_BESIDE: &'static [&'static str] = &["outreaches"];
    const REF: &'static str = "letter";
    const CONFIRM_LINK: Purpose = links::CONFIRM_LETTER;
    const MANAGE_LINK: Purpose = links::MANAGE_LETTER;
    const REJECT_LINK: Purpose = links::REJECT_LETTER;
    const WAITING_LINK: Purpose = links::WAITING_LETTERS;
    const CONFIRM_MAIL: &'static str = "letter_confirm";
    const REMINDER_MAIL: &'static str = "letter_reminder";
    const OWN_LABEL: &'static str = "own-wrote";
    const GROUP_COMMITS: [&'static str; 2] = ["letter_confirmations", "letter_withdrawals"];
    const JOBS: [&'static str; 2] = ["queue_letter_reminders", "delete_unconfirmed_letters"];

    type Row = LetterRow;
    type Parent = LetterAction;
    type Payload = LetterPayload;
    type Beside = ();
    type Confirmed = ConfirmedLetter;

    async fn parents(kernel: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterAction>> {
        ops::load_actions(kernel, conn, ids).await
    }

    async fn rows(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<LetterRow>> {
        store::letters(conn, ids).await
    }

    async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
        store::keys(conn, ids).await
    }

    async fn lock(conn: &mut PgConnection, keys: &[SubmissionKey]) -> Result<LockedRows<Self>, sqlx::Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
        Ok(store::lock_letters(conn, &ids).await?.into_iter().map(|row| (row, ())).collect())
    }

    async fn by_address(
        conn: &mut PgConnection,
        action: Uuid,
        vault: Uuid,
        email_index: &[u8],
    ) -> Result<Vec<SubmissionKey>> {
        store::by_address(conn, action, vault, email_index).await
    }

    async fn standing(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedLetter) -> Result<Standing<ConfirmedLetter>> {
        Ok(match c.row.state {
            LetterState::Confirmed => {
                let is_held = !store::with_held(conn, &[c.row.id]).await?.is_empty();
                Standing::Confirmed(ConfirmedLetter { loaded: c.clone(), is_held })
            }
            LetterState::Pending if !c.has_expired(kernel.env.now()) => Standing::Pending,
            LetterState::Pending | LetterState::Withdrawn => Standing::Over,
        })
    }

    async fn confirm(
        kernel: &Kernel,
        conn: &mut PgConnection,
        locked: Vec<Locked<Self>>,
    ) -> Result<Outcomes<ConfirmedLetter>, BatchError> {
        confirmation::confirm(kernel, conn, locked).await
    }

    async fn withdraw(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedLetter) -> Result<(), BatchError> {
        // its state may have changed before its person was locked
        let row = store::lock_letter(conn, c.row.id).await?;
        if row.state != LetterState::Confirmed {
            return Err(expired().into());
        }
        ops::withdraw(conn, kernel, &c.parent, &row).await?;
        Ok(())
    }

    async fn delete_pending(conn: &mut PgConnection, row: &LetterRow) -> Result<()> {
        store::delete_pending(conn, row.id).await
    }

    async fn take_due_reminders(
        conn: &mut PgConnection,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<DueReminder>)> {
        store::take_due_reminders(conn, before, now).await
    }

    async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
        store::of_person(conn, person).await
    }

    async fn row_ids(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
        store::row_ids(conn, person).await
    }

    async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
        store::void_links(conn, person, before).await
    }

    fn is_effective(row: &LetterRow) -> bool {
        row.state == LetterState::Confirmed
    }

    fn record(c: &LoadedLetter) -> Value {
        let first = c.parent.targets.first();
        let composed = first.and_then(|target| c.payload.compose(&c.parent, c.row.variant, target).ok());
        let (subject, message) = composed.unwrap_or_else(|| (c.payload.subject.clone(), c.payload.message.clone()));
        json!({
            "state": c.row.state,
            "identifiers": c.payload.identifiers,
            "offices": c.parent.targets.iter().map(|t| t.title_in(c.locale)).collect::<Vec<_>>(),
            "subject": subject,
            "message": message,
            "confirmed_date": c.row.confirmed_at,
        })
    }

    async fn erase(kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
        ops::erase(kernel, conn, person).await
    }

    async fn delete_beside(conn: &mut PgConnection, ids: &[Uuid], now: DateTime<Utc>) -> Result<()> {
        let outreaches = store::ids_of_letters(conn, ids).await?;
        mail::forget_mail_about(conn, now, "outreach", &outreaches).await
    }

    async fn clear_ended(_: &mut PgConnection, _: Uuid) -> Result<()> {
        Ok(())
    }

    fn details(c: &LoadedLetter) -> Result<Vec<Detail>> {
        links::details(c)
    }

    async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<bool> {
        store::replace_sealed(conn, id, sealed).await?;
        Ok(true)
    }

    fn confirmed_page(kernel: &Kernel, confirmed: &ConfirmedLetter) -> LinkPage {
        links::confirmed_page(kernel, confirmed)
    }

    async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedLetter) -> Result<LinkPage> {
        links::own_page(kernel, conn, c).await
    }

    fn mail_context(c: &LoadedLetter, _: DateTime<Utc>) -> minijinja::Value {
        let offices: Vec<String> = c.parent.targets.iter().map(|t| t.title_in(c.locale)).collect();
        context! { offices => Serde(offices) }
    }
}
