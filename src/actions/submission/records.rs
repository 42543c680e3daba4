//! What a kind keeps about people: their submissions.

use std::{marker::PhantomData, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{SubmissionKind, SubmissionPayload, SubmissionRow},
    loaded::load,
};
use crate::{
    error::{Code, Result},
    kernel::{Kernel, vault::Vault},
    people::{AllRecords, PersonRecord, PersonRecords},
};

/// Registers the submissions of a kind as records of people.
pub fn register_records<K: SubmissionKind>(kernel: &Arc<Kernel>, records: &mut AllRecords) {
    records.register(SubmissionRecords::<K>(kernel.clone(), PhantomData));
}

struct SubmissionRecords<K>(Arc<Kernel>, PhantomData<K>);

impl<K: SubmissionKind> PersonRecords for SubmissionRecords<K> {
    fn name(&self) -> &'static str {
        K::TABLE
    }

    fn label(&self) -> Option<&'static str> {
        Some(K::OWN_LABEL)
    }

    fn read<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        _: &'a Vault,
        person: Uuid,
    ) -> BoxFuture<'a, Result<Vec<PersonRecord>>> {
        Box::pin(async move {
            let ids = K::of_person(conn, person).await?;
            let mut rows = K::rows(conn, &ids).await?;
            rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.created_at(), row.id())));
            let mut records = Vec::with_capacity(rows.len());
            for c in load::<K>(&self.0, conn, rows).await? {
                // rows of an action that has ended are being deleted
                let c = match c {
                    Err(error) if error.code() == Code::ActionEnded => continue,
                    c => c?,
                };
                let mut data = json!({
                    K::NAME: c.title(),
                    "browser_url": self.0.url(&c.action().path()),
                    "created_date": c.row.created_at(),
                    "person": c.payload.details().contact(),
                });
                if let (Some(data), Value::Object(own)) = (data.as_object_mut(), K::record(&c)) {
                    data.extend(own);
                }
                records.push(PersonRecord {
                    id: c.row.id(),
                    title: c.title(),
                    at: c.row.created_at(),
                    is_effective: K::is_effective(&c.row),
                    own_page: Some(c.link(&self.0, K::MANAGE_LINK)),
                    confirm_page: c.waits(self.0.env.now()).then(|| c.link(&self.0, K::CONFIRM_LINK)),
                    data,
                });
            }
            Ok(records)
        })
    }

    fn row_ids<'a>(&'a self, conn: &'a mut PgConnection, person: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>> {
        Box::pin(K::row_ids(conn, person))
    }

    fn void_links<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        person: Uuid,
        before: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(K::void_links(conn, person, before))
    }

    fn erase<'a>(&'a self, conn: &'a mut PgConnection, person: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(K::erase(&self.0, conn, person))
    }
}
