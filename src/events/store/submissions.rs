//! Parameters and results of `submit_attendances` (`migrations/functions/events.sql`).

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{campaigns::SubmissionMode, kernel::text::LocaleTag};

/// A validated and sealed registration: the composite type `attendance_submission`, member by member.
#[derive(Clone, Debug, sqlx::Type)]
#[sqlx(type_name = "attendance_submission")]
pub(crate) struct AttendanceSubmission {
    pub id: Uuid,
    pub event_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub mode: SubmissionMode,
    pub party_size: i16,
    pub sealed: Vec<u8>,
    pub locale: Option<LocaleTag>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    /// Until when a pending one holds its seats; `None`: it holds none.
    pub held_until: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub protected: bool,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

/// What became of a registration: `outcome` of `submit_attendances`. The first are the states of
/// [`AttendanceState`](crate::events::AttendanceState).
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum AttendanceOutcome {
    /// It waits for the owner of the address.
    Pending,
    /// It has its seats.
    Accepted,
    /// It waits for seats.
    Waitlisted,
    /// A newer one in the same batch replaced it.
    Cancelled,
    /// There are no seats for it.
    Declined,
    /// It waits for the owner of the address, and holds its seats for a short time.
    Held,
    /// The request was executed before, with this idempotency key.
    Replayed,
    /// The idempotency key was used with another request; nothing was written.
    Mismatch,
}

crate::kernel::text_enum!(AttendanceOutcome);

/// Result of one submission of a batch.
#[derive(Clone, Debug)]
pub(crate) struct SubmissionResult {
    /// Id of the submission.
    pub submission_id: Uuid,
    /// Id of the registration: the submission's, or that of an earlier request with the same idempotency key.
    pub attendance_id: Uuid,
    /// Vouched submissions: the person the registration belongs to; null for a replay.
    pub person_id: Option<Uuid>,
    /// What became of it.
    pub outcome: AttendanceOutcome,
}

/// Writes a batch of submissions: one round trip, one commit.
///
/// # Errors
/// A database error: nothing of the batch was written.
pub(crate) async fn submit_attendances(
    db: &PgPool,
    acts: &[AttendanceSubmission],
    now: DateTime<Utc>,
) -> Result<Vec<SubmissionResult>, sqlx::Error> {
    sqlx::query_as!(
        SubmissionResult,
        r#"SELECT submission_id AS "submission_id!", attendance_id AS "attendance_id!", person_ref AS person_id, outcome AS "outcome!: AttendanceOutcome" FROM submit_attendances($1, $2)"#,
        acts as _,
        now
    )
    .fetch_all(db)
    .await
}
