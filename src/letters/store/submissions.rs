//! Parameters of `submit_letters` (`migrations/0005_letters.sql`).

use chrono::{DateTime, Utc};
use sqlx::{
    Postgres,
    postgres::{PgHasArrayType, PgTypeInfo},
};
use uuid::Uuid;

/// A validated and sealed letter: the composite type `letter_submission`, member by member.
#[derive(Clone, Debug, sqlx::Encode)]
#[expect(missing_docs, reason = "described in migrations/0005_letters.sql")]
pub struct LetterSubmission {
    pub id: Uuid,
    pub letter_action_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub mode: &'static str,
    pub sealed: Vec<u8>,
    pub locale: Option<&'static str>,
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

impl sqlx::Type<Postgres> for LetterSubmission {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("letter_submission")
    }
}

impl PgHasArrayType for LetterSubmission {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_letter_submission")
    }
}

/// One office that a letter goes to: the composite type `letter_submission_target`.
#[derive(Clone, Copy, Debug, sqlx::Encode)]
#[expect(missing_docs, reason = "described in migrations/0005_letters.sql")]
pub struct LetterSubmissionTarget {
    pub letter_id: Uuid,
    pub outreach_id: Uuid,
    pub office_id: Uuid,
    pub email_id: Uuid,
}

impl sqlx::Type<Postgres> for LetterSubmissionTarget {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("letter_submission_target")
    }
}

impl PgHasArrayType for LetterSubmissionTarget {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_letter_submission_target")
    }
}
