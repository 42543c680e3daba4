//! What petitions bring to the life of submissions: theirs are signatures.

use chrono::{DateTime, Utc};
use minijinja::context;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    confirmation, links,
    mail::{CONFIRM_MAIL, REMINDER_MAIL},
    ops,
    state::SignatureState,
    store::{
        self, Petition, SignatureRow,
        confirmations::{self, EffectiveSignatures},
        signers,
    },
    submission::{SIGNATURES, SignaturePayload},
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
        cache_invalidation::CacheInvalidation,
        group_commit::BatchError,
        links::{Detail, LinkPage, Purpose},
        text::LocaleTag,
    },
    letters,
    people::{Consents, Details},
};

/// Signatures, as a kind of submission.
#[derive(Debug)]
pub enum SignatureKind {}

/// A signature with its petition and opened content.
pub(super) type LoadedSignature = Loaded<SignatureKind>;

/// Group commits of signatures.
pub(super) type SignatureSubmissions = Submissions<SignatureKind>;

submission_row!(SignatureRow, petition_id, SignatureState::Pending);

impl SubmissionPayload for SignaturePayload {
    fn details(&self) -> &Details {
        &self.details
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }

    fn locale(&self) -> Option<LocaleTag> {
        self.locale
    }

    fn identifiers_mut(&mut self) -> &mut Vec<String> {
        &mut self.identifiers
    }
}

impl AsRef<Action> for Petition {
    fn as_ref(&self) -> &Action {
        &self.action
    }
}

impl SubmissionKind for SignatureKind {
    const KIND: Kind = Kind::Petition;
    const NAME: &'static str = "petition";
    const TABLE: &'static str = SIGNATURES;
    const ACTION_COLUMN: &'static str = "petition_id";
    const EFFECTIVE_STATE: &'static str = SignatureState::Counted.as_str();
    const TABLES_BESIDE: &'static [&'static str] =
        &["signature_signals", "import_chunks", "import_row_errors", "imports", "invalidations"];
    const REF: &'static str = "signature";
    const CONFIRM_LINK: Purpose = links::CONFIRM_SIGNATURE;
    const MANAGE_LINK: Purpose = links::MANAGE_SIGNATURE;
    const REJECT_LINK: Purpose = links::REJECT_SIGNATURE;
    const WAITING_LINK: Purpose = links::WAITING_SIGNATURES;
    const CONFIRM_MAIL: &'static str = CONFIRM_MAIL;
    const REMINDER_MAIL: &'static str = REMINDER_MAIL;
    const OWN_LABEL: &'static str = "own-signed";
    const GROUP_COMMITS: [&'static str; 2] = ["signature_confirmations", "signature_withdrawals"];
    const JOBS: [&'static str; 2] = ["queue_reminders", "delete_unconfirmed_signatures"];

    type Row = SignatureRow;
    type Parent = Petition;
    type Payload = SignaturePayload;
    type Beside = EffectiveSignatures;
    type Confirmed = LoadedSignature;

    async fn parents(_: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Petition>> {
        store::petitions(conn, ids).await
    }

    async fn rows(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SignatureRow>> {
        store::signatures_by_id(conn, ids).await
    }

    async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
        confirmations::keys(conn, ids).await
    }

    async fn lock(conn: &mut PgConnection, keys: &[SubmissionKey]) -> Result<LockedRows<Self>, sqlx::Error> {
        confirmations::lock_with_effective(conn, keys).await
    }

    async fn by_address(
        conn: &mut PgConnection,
        action: Uuid,
        vault: Uuid,
        email_index: &[u8],
    ) -> Result<Vec<SubmissionKey>> {
        signers::by_address(conn, action, vault, email_index).await
    }

    async fn standing(
        kernel: &Kernel,
        conn: &mut PgConnection,
        c: &LoadedSignature,
    ) -> Result<Standing<LoadedSignature>> {
        Ok(match c.row.state {
            SignatureState::Pending if !c.has_expired(kernel.env.now()) => Standing::Pending,
            SignatureState::Counted | SignatureState::Quarantined => Standing::Confirmed(c.clone()),
            SignatureState::Duplicate if store::find_effective(conn, &c.row).await?.is_some() => {
                Standing::Confirmed(c.clone())
            }
            _ => Standing::Over,
        })
    }

    async fn confirm(
        kernel: &Kernel,
        conn: &mut PgConnection,
        locked: Vec<Locked<Self>>,
    ) -> Result<Outcomes<LoadedSignature>, BatchError> {
        confirmation::confirm(kernel, conn, locked).await
    }

    fn after_commit(kernel: &Kernel, c: &LoadedSignature) {
        // what replaced the data of the effective one may have changed its comment
        if c.row.state == SignatureState::Duplicate {
            kernel.cache_invalidator.publish(CacheInvalidation::Row(c.row.petition_id));
        }
    }

    async fn withdraw(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedSignature) -> Result<(), BatchError> {
        // its state may have changed before its person was locked
        let row = store::lock_signature(conn, c.row.id).await?;
        ops::withdraw(conn, kernel, &row, c.action().protected).await
    }

    async fn delete_pending(conn: &mut PgConnection, row: &SignatureRow) -> Result<()> {
        store::delete_pending(conn, row.id).await?;
        match row.letter_id {
            Some(letter) => letters::drop_attached_letter(conn, letter).await,
            None => Ok(()),
        }
    }

    async fn take_due_reminders(
        conn: &mut PgConnection,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<DueReminder>)> {
        signers::take_due_reminders(conn, before, now).await
    }

    async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
        signers::of_person(conn, person).await
    }

    async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
        signers::void_links(conn, person, before).await
    }

    fn is_effective(row: &SignatureRow) -> bool {
        row.is_effective()
    }

    fn record(c: &LoadedSignature) -> Value {
        json!({
            "state": c.row.state,
            "identifiers": c.payload.identifiers,
            "display": c.row.display,
            "counted_date": c.row.counted_at,
            "comments": c.payload.comments,
            "answers": c.payload.answers,
        })
    }

    async fn erase(_: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
        for petition in signers::erase(conn, person).await? {
            store::comments::notify_changed(conn, petition).await?;
        }
        Ok(())
    }

    async fn delete_beside(conn: &mut PgConnection, ids: &[Uuid], _: DateTime<Utc>) -> Result<()> {
        store::ended::delete_signals(conn, ids).await
    }

    async fn clear_ended(conn: &mut PgConnection, action: Uuid) -> Result<()> {
        store::ended::clear(conn, action).await
    }

    fn details(c: &LoadedSignature) -> Result<Vec<Detail>> {
        Ok(links::details(c))
    }

    async fn confirm_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedSignature) -> Result<LinkPage> {
        links::confirm_page(kernel, conn, c).await
    }

    fn mail_context(c: &LoadedSignature, _: DateTime<Utc>) -> minijinja::Value {
        context! { has_letter => c.row.letter_id.is_some() }
    }

    async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<bool> {
        store::replace_sealed(conn, id, sealed).await?;
        Ok(true)
    }

    fn confirmed_page(kernel: &Kernel, c: &LoadedSignature) -> LinkPage {
        links::confirmed_page(kernel, c)
    }

    async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedSignature) -> Result<LinkPage> {
        links::own_page(kernel, conn, c).await
    }
}
