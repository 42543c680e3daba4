//! The hot path of signing: acts gather and are written in one statement (see `kernel::group_commit`).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sqlx::{
    PgPool, Postgres,
    postgres::{PgHasArrayType, PgTypeInfo},
};
use uuid::Uuid;

use super::store::{self, Written};
use crate::{
    kernel::group_commit::Batch,
    letters::{LetterAct, LetterActTarget, NewLetterAct},
};

/// A validated and sealed act: the composite type `signature_act`, member by member.
#[derive(Clone, Debug, sqlx::Encode)]
pub struct SignatureAct {
    pub id: Uuid,
    pub petition_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub name_index: Vec<u8>,
    pub wish: &'static str,
    pub sealed: Vec<u8>,
    pub display: &'static str,
    pub locale: Option<&'static str>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub postal_prefix: Option<String>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub email_kind: &'static str,
    pub email_class: &'static str,
    pub organization_id: Uuid,
    pub protected: bool,
    pub letter_id: Option<Uuid>,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

impl sqlx::Type<Postgres> for SignatureAct {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("signature_act")
    }
}

impl PgHasArrayType for SignatureAct {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_signature_act")
    }
}

/// A signature, and the letter that is written along.
#[derive(Clone, Debug)]
pub struct NewSignatureAct {
    /// The signature.
    pub act: SignatureAct,
    /// The letter.
    pub letter: Option<NewLetterAct>,
}

/// Writes signatures.
#[derive(Debug)]
pub struct SignBatch {
    /// The database.
    pub db: PgPool,
}

impl Batch for SignBatch {
    type Act = NewSignatureAct;
    type Outcome = Written;
    const NAME: &'static str = "sign";

    fn write<'a>(&'a self, acts: &'a [NewSignatureAct]) -> BoxFuture<'a, Result<Vec<Written>, sqlx::Error>> {
        Box::pin(async move {
            let signatures: Vec<SignatureAct> = acts.iter().map(|a| a.act.clone()).collect();
            let letters: Vec<LetterAct> = acts.iter().filter_map(|a| Some(a.letter.as_ref()?.act.clone())).collect();
            let targets: Vec<LetterActTarget> =
                acts.iter().filter_map(|a| a.letter.as_ref()).flat_map(|l| l.targets.iter().copied()).collect();
            let written = store::sign_batch(&self.db, &signatures, &letters, &targets).await?;
            let mut by_act: HashMap<Uuid, Written> = written.into_iter().map(|w| (w.act_id, w)).collect();
            let missing = || sqlx::Error::Protocol("sign_petitions left an act without its outcome".to_owned());
            acts.iter().map(|a| by_act.remove(&a.act.id).ok_or_else(missing)).collect()
        })
    }
}
