//! The hot path of writing: acts gather and are written in one statement (see `kernel::group_commit`).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::{
    PgPool, Postgres,
    postgres::{PgHasArrayType, PgTypeInfo},
};
use uuid::Uuid;

use super::store::{self, Written};
use crate::kernel::group_commit::Batch;

/// A validated and sealed letter: the composite type `letter_act`, member by member.
#[derive(Clone, Debug, sqlx::Encode)]
#[expect(missing_docs, reason = "described in migrations/0005_letters.sql")]
pub struct LetterAct {
    pub id: Uuid,
    pub letter_action_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub wish: &'static str,
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

impl sqlx::Type<Postgres> for LetterAct {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("letter_act")
    }
}

impl PgHasArrayType for LetterAct {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_letter_act")
    }
}

/// One office that a letter goes to: the composite type `letter_act_target`.
#[derive(Clone, Copy, Debug, sqlx::Encode)]
#[expect(missing_docs, reason = "described in migrations/0005_letters.sql")]
pub struct LetterActTarget {
    pub letter_id: Uuid,
    pub outreach_id: Uuid,
    pub office_id: Uuid,
    pub email_id: Uuid,
}

impl sqlx::Type<Postgres> for LetterActTarget {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("letter_act_target")
    }
}

impl PgHasArrayType for LetterActTarget {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_letter_act_target")
    }
}

/// A letter with its targets.
#[derive(Clone, Debug)]
pub struct NewLetterAct {
    /// The letter.
    pub act: LetterAct,
    /// Where it goes.
    pub targets: Vec<LetterActTarget>,
}

/// Writes letters.
#[derive(Debug)]
pub struct WriteBatch {
    /// The database.
    pub db: PgPool,
}

impl Batch for WriteBatch {
    type Act = NewLetterAct;
    type Outcome = Written;
    const NAME: &'static str = "write";

    fn write<'a>(&'a self, acts: &'a [NewLetterAct]) -> BoxFuture<'a, Result<Vec<Written>, sqlx::Error>> {
        Box::pin(async move {
            let letters: Vec<LetterAct> = acts.iter().map(|a| a.act.clone()).collect();
            let targets: Vec<LetterActTarget> = acts.iter().flat_map(|a| a.targets.iter().copied()).collect();
            let written = store::write_batch(&self.db, &letters, &targets).await?;
            let mut by_act: HashMap<Uuid, Written> = written.into_iter().map(|w| (w.act_id, w)).collect();
            // a pending letter pushed out by three newer ones of the same address in this very batch has no row: it was
            // taken all the same
            let gone = |id| Written { act_id: id, letter_id: id, holder_id: None, outcome: "created".to_owned() };
            Ok(acts.iter().map(|a| by_act.remove(&a.act.id).unwrap_or_else(|| gone(a.act.id))).collect())
        })
    }
}
