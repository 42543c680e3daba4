//! Parameters of `submit_letters` (`migrations/functions/letters.sql`).

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{campaigns::SubmissionMode, kernel::text::LocaleTag};

/// A validated and sealed letter: the composite type `letter_submission`, member by member.
#[derive(Clone, Debug, sqlx::Type)]
#[sqlx(type_name = "letter_submission")]
#[expect(missing_docs, reason = "described in migrations/0001_baseline.sql")]
pub struct LetterSubmission {
    pub id: Uuid,
    pub letter_action_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub mode: SubmissionMode,
    pub sealed: Vec<u8>,
    pub locale: Option<LocaleTag>,
    pub source: Option<String>,
    pub variant: i16,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub protected: bool,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

/// One office that a letter goes to: the composite type `letter_submission_target`.
#[derive(Clone, Copy, Debug, sqlx::Type)]
#[sqlx(type_name = "letter_submission_target")]
#[expect(missing_docs, reason = "described in migrations/0001_baseline.sql")]
pub struct LetterSubmissionTarget {
    pub letter_id: Uuid,
    pub outreach_id: Uuid,
    pub office_id: Uuid,
    pub email_id: Uuid,
}
