//! What one kind of action brings to the life of its submissions.

use std::{collections::BTreeSet, future::Future};

use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use uuid::Uuid;
use validator::Validate;

use super::{confirmation::Locked, loaded::Loaded, mail::DueReminder, store};
use crate::{
    campaigns::{self, Action, Kind},
    error::Result,
    kernel::{
        Kernel,
        group_commit::BatchError,
        links::{Detail, LinkPage, Purpose},
        text::LocaleTag,
    },
    people::{Consents, Details},
};

/// The columns that the tables of all submissions have.
pub trait SubmissionRow: Clone + Send + Sync + 'static {
    /// Its id.
    fn id(&self) -> Uuid;
    /// Its action.
    fn action_id(&self) -> Uuid;
    /// Whoever submitted it.
    fn person_id(&self) -> Uuid;
    /// Does it wait to be confirmed?
    fn is_pending(&self) -> bool;
    /// What was typed, sealed; `None` once the contact was erased.
    fn sealed(&self) -> Option<&[u8]>;
    /// The language of the form.
    fn locale(&self) -> Option<&str>;
    /// Raised to invalidate the links mailed before.
    fn link_generation(&self) -> i16;
    /// When the form was sent.
    fn created_at(&self) -> DateTime<Utc>;
    /// When the confirmation link expires.
    fn confirm_expires_at(&self) -> Option<DateTime<Utc>>;
}

/// Implements [`SubmissionRow`] for a struct that has its columns; the second argument names the one of the action.
macro_rules! submission_row {
    ($row:ident, $action_id:ident, $pending:path) => {
        impl $crate::actions::submission::SubmissionRow for $row {
            fn id(&self) -> uuid::Uuid {
                self.id
            }

            fn action_id(&self) -> uuid::Uuid {
                self.$action_id
            }

            fn person_id(&self) -> uuid::Uuid {
                self.person_id
            }

            fn is_pending(&self) -> bool {
                self.state == $pending
            }

            fn sealed(&self) -> Option<&[u8]> {
                self.sealed.as_deref()
            }

            fn locale(&self) -> Option<&str> {
                self.locale.as_deref()
            }

            fn link_generation(&self) -> i16 {
                self.link_generation
            }

            fn created_at(&self) -> chrono::DateTime<chrono::Utc> {
                self.created_at
            }

            fn confirm_expires_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
                self.confirm_expires_at
            }
        }
    };
}
pub(crate) use submission_row;

/// What is sealed on the row of a submission: what was typed into the form.
pub trait SubmissionPayload: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name, address and further details.
    fn details(&self) -> &Details;
    /// The ticked boxes.
    fn consents(&self) -> &Consents;
    /// The language of the form.
    fn locale(&self) -> Option<LocaleTag>;
    /// Its identifiers in other systems.
    fn identifiers_mut(&mut self) -> &mut Vec<String>;
}

/// The member `identifiers` of a PUT.
#[derive(Debug, Default, Serialize, Deserialize, Validate)]
pub struct IdentifiersMember {
    /// As sent, ours among them.
    pub identifiers: Vec<String>,
}

/// What a link or code is checked with before anything is locked.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct SubmissionKey {
    /// The submission.
    pub id: Uuid,
    /// Its person.
    pub person_id: Uuid,
    /// See [`SubmissionRow::link_generation`].
    pub link_generation: i16,
}

/// Rows with what is locked and read beside each.
pub type LockedRows<K> = Vec<(<K as SubmissionKind>::Row, <K as SubmissionKind>::Beside)>;

/// What became of each submission, by its id.
pub type Outcomes<T> = Vec<(Uuid, Result<T>)>;

/// How far a submission has come, for its confirmation link.
#[derive(Clone, Debug)]
pub enum Standing<C> {
    /// It can be confirmed.
    Pending,
    /// It was confirmed.
    Confirmed(C),
    /// It cannot be confirmed any more.
    Over,
}

/// What one kind of action brings to the life of its submissions.
pub trait SubmissionKind: Sized + Send + Sync + 'static {
    /// The kind of action.
    const KIND: Kind;
    /// Its name in keys of texts: `token-{name}-confirm-heading`.
    const NAME: &'static str;
    /// The table, to whose name sealed values are bound.
    const TABLE: &'static str;
    /// The table's column with the action.
    const ACTION_COLUMN: &'static str;
    /// Further tables from which [`Self::delete_beside`] and [`Self::clear_ended`] delete.
    const TABLES_BESIDE: &'static [&'static str] = &[];
    /// The state of submissions that stand.
    const EFFECTIVE_STATE: &'static str;
    /// What is counted besides total, day, language and source: dimension and column, for [`super::CountedSubmissions`].
    const COUNTED_BY: &'static [(&'static str, &'static str)] = &[];
    /// The member of `emails.refs` with the submission's id.
    const REF: &'static str;
    /// Purpose of links that confirm, and of the codes to type instead.
    const CONFIRM_LINK: Purpose;
    /// Purpose of links to the own page.
    const MANAGE_LINK: Purpose;
    /// Purpose of "this was not me" links.
    const REJECT_LINK: Purpose;
    /// Purpose of links to what else of the same address waits to be confirmed.
    const WAITING_LINK: Purpose;
    /// `emails.kind` of the mail that asks to confirm.
    const CONFIRM_MAIL: &'static str;
    /// `emails.kind` of the reminder.
    const REMINDER_MAIL: &'static str;
    /// `emails.kind` of the mail that thanks, if the engine composes it; else empty.
    const THANKS_MAIL: &'static str = "";
    /// Key of the text that says what a person did who submitted: "Petition signed".
    const OWN_LABEL: &'static str;
    /// Names of the group commits, in metrics: of confirmations, of withdrawals.
    const GROUP_COMMITS: [&'static str; 2];
    /// The job that queues reminders, and the one that deletes what nobody confirmed.
    const JOBS: [&'static str; 2];

    /// A row of the table.
    type Row: SubmissionRow;
    /// What is submitted to.
    type Parent: AsRef<Action> + Send + Sync + 'static;
    /// The content of `sealed`.
    type Payload: SubmissionPayload;
    /// What is locked and read with a row, since it decides about it.
    type Beside: Send;
    /// A confirmed submission, as its page shows it.
    type Confirmed: Clone + Send + Sync;

    /// The actions with these ids, in no order.
    fn parents(
        kernel: &Kernel,
        conn: &mut PgConnection,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<Self::Parent>>> + Send;

    /// The submissions with these ids that exist, in no order.
    fn rows(conn: &mut PgConnection, ids: &[Uuid]) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;

    /// Their keys.
    fn keys(
        conn: &mut PgConnection,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<SubmissionKey>, sqlx::Error>> + Send {
        store::keys::<Self>(conn, ids)
    }

    /// Locks submissions of different people, in the order of their ids; those that exist. The caller holds the locks of
    /// the people.
    fn lock(
        conn: &mut PgConnection,
        keys: &[SubmissionKey],
    ) -> impl Future<Output = Result<LockedRows<Self>, sqlx::Error>> + Send;

    /// Pending and effective submissions of an address on an action, newest first.
    fn by_address(
        conn: &mut PgConnection,
        action: Uuid,
        vault: Uuid,
        email_index: &[u8],
    ) -> impl Future<Output = Result<Vec<SubmissionKey>>> + Send {
        store::by_address::<Self>(conn, action, vault, email_index)
    }

    /// How far a submission has come.
    fn standing(
        kernel: &Kernel,
        conn: &mut PgConnection,
        c: &Loaded<Self>,
    ) -> impl Future<Output = Result<Standing<Self::Confirmed>>> + Send;

    /// Confirms submissions of different people, in this order, with one statement for each table: each by its id with
    /// an outcome of its own.
    fn confirm(
        kernel: &Kernel,
        conn: &mut PgConnection,
        locked: Vec<Locked<Self>>,
    ) -> impl Future<Output = Result<Outcomes<Self::Confirmed>, BatchError>> + Send;

    /// Could this submission still be confirmed, were it pending? Else no mail asks for it.
    fn is_open(c: &Loaded<Self>, _: DateTime<Utc>) -> bool {
        c.action().state.is_public()
    }

    /// Called with each outcome of [`Self::confirm`] once it is committed.
    fn after_commit(_: &Kernel, _: &Self::Confirmed) {}

    /// Withdraws a submission. The caller holds the lock of its person. Idempotent.
    fn withdraw(
        kernel: &Kernel,
        conn: &mut PgConnection,
        c: &Loaded<Self>,
    ) -> impl Future<Output = Result<(), BatchError>> + Send;

    /// Deletes a pending submission, under the locks of its person and its own.
    fn delete_pending(conn: &mut PgConnection, row: &Self::Row) -> impl Future<Output = Result<()>> + Send {
        store::delete_pending::<Self>(conn, row.id())
    }

    /// Marks up to 1,000 pending submissions of before `before` as reminded. Returns how many, and the mails to send: one
    /// for each person and action that is open, where the person has nothing effective.
    fn take_due_reminders(
        conn: &mut PgConnection,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(u64, Vec<DueReminder>)>> + Send {
        store::take_due_reminders::<Self>(conn, before, now)
    }

    /// All submissions of a person.
    fn of_person(conn: &mut PgConnection, person: Uuid) -> impl Future<Output = Result<Vec<Uuid>>> + Send {
        store::of_person::<Self>(conn, person)
    }

    /// Ids of all rows that belong to a person here, as mails and logs name them.
    fn row_ids(conn: &mut PgConnection, person: Uuid) -> impl Future<Output = Result<Vec<Uuid>>> + Send {
        Self::of_person(conn, person)
    }

    /// Raises the generation of a person's submissions that came before a time and do not wait to be confirmed.
    fn void_links(
        conn: &mut PgConnection,
        person: Uuid,
        before: DateTime<Utc>,
    ) -> impl Future<Output = Result<()>> + Send {
        store::void_links::<Self>(conn, person, before)
    }

    /// Does it stand: confirmed, and neither ended nor replaced?
    fn is_effective(row: &Self::Row) -> bool;

    /// What a submission has besides title, address of the page, date and person, for whoever submitted it: an object.
    fn record(c: &Loaded<Self>) -> serde_json::Value;

    /// Erases all submissions of a person, whose lock the caller holds, and ends what they set going. Counts of what took
    /// effect stay.
    fn erase(_: &Kernel, conn: &mut PgConnection, person: Uuid) -> impl Future<Output = Result<()>> + Send {
        erase::<Self>(conn, person)
    }

    /// Deletes what hangs on submissions to an action that has ended and does not go with their rows, which are deleted
    /// next; cancels mail about it. Counts stay.
    fn delete_beside(
        _conn: &mut PgConnection,
        _ids: &[Uuid],
        _now: DateTime<Utc>,
    ) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Deletes what else an action that has ended keeps about anybody. Idempotent.
    fn clear_ended(_: &mut PgConnection, _action: Uuid) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// What was typed, for the page before confirming. Not asked for protected actions.
    fn details(c: &Loaded<Self>) -> Result<Vec<Detail>>;

    /// The page with the button that confirms: of actions that are not protected, with all that the button will do.
    ///
    /// # Errors
    /// `internal` when the vault or a template does not open.
    fn confirm_page(
        _kernel: &Kernel,
        _conn: &mut PgConnection,
        c: &Loaded<Self>,
    ) -> impl Future<Output = Result<LinkPage>> + Send {
        let page = || {
            let page = c.button_page("confirm");
            if c.is_neutral() { Ok(page) } else { Ok(LinkPage { details: Self::details(c)?, ..page }) }
        };
        std::future::ready(page())
    }

    /// Replaces the sealed content of a row, which is locked; false for one that has ended and keeps none.
    fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> impl Future<Output = Result<bool>> + Send {
        store::replace_sealed::<Self>(conn, id, sealed)
    }

    /// The page of a link to confirm what cannot be confirmed any more, where there is more to say than that.
    fn closed_page(_: &Kernel, _: &Loaded<Self>) -> Option<LinkPage> {
        None
    }

    /// The page of a confirmed submission.
    fn confirmed_page(kernel: &Kernel, confirmed: &Self::Confirmed) -> LinkPage;

    /// The own page.
    fn own_page(
        kernel: &Kernel,
        conn: &mut PgConnection,
        c: &Loaded<Self>,
    ) -> impl Future<Output = Result<LinkPage>> + Send;

    /// The page after withdrawing.
    fn withdrawn_page(c: &Loaded<Self>) -> LinkPage {
        c.done_page("manage")
    }

    /// Variables of mails to the owner, besides `organization` and `action_title`.
    fn mail_context(_: &Loaded<Self>, _: DateTime<Utc>) -> Value {
        context! {}
    }
}

/// Erases the submissions of a person, in the lock order of [`crate::people`].
async fn erase<K: SubmissionKind>(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    let ids = K::of_person(conn, person).await?;
    let keys = K::keys(conn, &ids).await?;
    let locked = K::lock(conn, &keys).await?;
    let actions: BTreeSet<Uuid> = locked.iter().map(|(row, _)| row.action_id()).collect();
    for action in actions {
        campaigns::lock(conn, action).await?;
    }
    store::delete_of_person::<K>(conn, person).await
}
