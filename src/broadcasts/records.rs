//! What broadcasts keep about people: which updates were sent to them.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    states::RecipientState,
    store::{self, ReceivedBroadcast},
};
use crate::{
    error::Result,
    kernel::vault::Vault,
    people::{AllRecords, PersonRecord, PersonRecords},
};

/// Registers them.
pub fn register_records(records: &mut AllRecords) {
    records.register(BroadcastRecords);
}

struct BroadcastRecords;

impl PersonRecords for BroadcastRecords {
    fn name(&self) -> &'static str {
        "broadcasts"
    }

    fn label(&self) -> Option<&'static str> {
        None
    }

    fn page_label(&self) -> Option<&'static str> {
        Some("field-updates")
    }

    fn read<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        _: &'a Vault,
        person: Uuid,
    ) -> BoxFuture<'a, Result<Vec<PersonRecord>>> {
        Box::pin(async move {
            let record = |received: ReceivedBroadcast| PersonRecord {
                id: received.id,
                title: received.subject.clone(),
                at: received.created_at,
                is_effective: received.state == RecipientState::Sent,
                own_page: None,
                confirm_page: None,
                data: json!({
                    "subject": received.subject,
                    "state": received.state,
                    "created_date": received.created_at,
                }),
            };
            Ok(store::received_by(conn, person).await?.into_iter().map(record).collect())
        })
    }

    fn row_ids<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn erase<'a>(&'a self, conn: &'a mut PgConnection, person: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            store::move_cursors_off(conn, person).await?;
            store::delete_recipient(conn, person).await
        })
    }
}
