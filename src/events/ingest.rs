//! The hot path of registering: acts gather and are written in one statement (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, AttendanceAct, Written};
use crate::kernel::{env::Env, group_commit::Batch};

/// Writes registrations.
#[derive(Debug)]
pub struct RegisterBatch {
    /// The database.
    pub db: PgPool,
    /// The clock.
    pub env: Env,
}

impl Batch for RegisterBatch {
    type Act = AttendanceAct;
    type Outcome = Written;
    const NAME: &'static str = "register";

    fn write<'a>(&'a self, acts: &'a [AttendanceAct]) -> BoxFuture<'a, Result<Vec<Written>, sqlx::Error>> {
        Box::pin(async move {
            let written = store::register_batch(&self.db, acts, self.env.now()).await?;
            let mut by_act: HashMap<Uuid, Written> = written.into_iter().map(|w| (w.act_id, w)).collect();
            let lost = || sqlx::Error::Protocol("register_attendances left an act without its outcome".to_owned());
            acts.iter().map(|act| by_act.remove(&act.id).ok_or_else(lost)).collect()
        })
    }
}
