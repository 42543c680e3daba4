//! Batches of signatures, as arguments of `submit_signatures` (`migrations/functions/petitions.sql`).

use chrono::{DateTime, Utc};
use sqlx::{
    PgPool, Postgres,
    postgres::{PgHasArrayType, PgTypeInfo},
};
use uuid::Uuid;

use crate::{
    campaigns::{SubmissionMode, SubmissionOutcome},
    kernel::text::LocaleTag,
    letters::{LetterSubmission, LetterSubmissionTarget},
    mail::Class,
    petitions::{
        state::{CommentState, QuarantineReason},
        submission::Display,
    },
};

/// A validated and sealed signature: the composite type `signature_submission`, member by member.
#[derive(Clone, Debug, sqlx::Encode)]
pub(crate) struct SignatureSubmission {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub name_index: Vec<u8>,
    pub mode: SubmissionMode,
    pub sealed: Option<Vec<u8>>,
    pub display: Display,
    pub locale: Option<LocaleTag>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub postal_prefix: Option<String>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub email_kind: &'static str,
    pub email_class: Class,
    pub organization_id: Uuid,
    pub protected: bool,
    pub letter_id: Option<Uuid>,
    pub comment_state: CommentState,
    pub delivers_name: bool,
    pub quarantine_reason: Option<QuarantineReason>,
    pub network_tag: Option<Vec<u8>>,
    pub domain_tag: Option<Vec<u8>>,
    pub import_id: Option<Uuid>,
    pub import_erasures: Option<i32>,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

impl sqlx::Type<Postgres> for SignatureSubmission {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("signature_submission")
    }
}

impl PgHasArrayType for SignatureSubmission {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_signature_submission")
    }
}

/// Result of a submission.
#[derive(Clone, Debug)]
pub struct SubmissionResult {
    /// Id of the submission.
    pub submission_id: Uuid,
    /// Id of the signature: the new one, or the one that existed.
    pub signature_id: Uuid,
    /// Vouched submissions: the person of the signature.
    pub person_id: Option<Uuid>,
    /// What became of it.
    pub outcome: SubmissionOutcome,
}

/// Writes a batch of signatures: one round trip, one commit.
///
/// # Errors
/// A database error, as it is; then nothing of the batch is written.
pub(crate) async fn submit_signatures(
    db: &PgPool,
    submissions: &[SignatureSubmission],
    letters: &[LetterSubmission],
    targets: &[LetterSubmissionTarget],
) -> Result<Vec<SubmissionResult>, sqlx::Error> {
    sqlx::query_as!(
        SubmissionResult,
        r#"SELECT submission_id AS "submission_id!", signature_id AS "signature_id!", person_ref AS person_id, outcome AS "outcome!: SubmissionOutcome" FROM submit_signatures($1, $2, $3)"#,
        submissions as _,
        letters as _,
        targets as _
    )
    .fetch_all(db)
    .await
}
