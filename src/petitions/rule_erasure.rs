//! Erasure of what jobs over signatures (`invalidation`) keep about people: the place they have come to, and rules that name
//! a signature or a signer.

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{invalidation, state::InvalidationState, store::invalidations, submission::Petitions};
use crate::{
    error::Result,
    kernel::vault::Vault,
    people::{PersonRecord, PersonRecords, UnreadRows},
};

/// The records of jobs over signatures: nothing that a person could be shown.
pub(super) struct RuleRecords(pub Petitions);

impl PersonRecords for RuleRecords {
    fn name(&self) -> &'static str {
        "rules"
    }

    fn label(&self) -> Option<&'static str> {
        None
    }

    fn is_shown(&self) -> bool {
        false
    }

    fn read<'a>(&'a self, _: &'a mut PgConnection, _: &'a Vault, _: Uuid) -> BoxFuture<'a, Result<Vec<PersonRecord>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn row_ids<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Here, since the rows of jobs are locked before people.
    fn erase_unread<'a>(&'a self, conn: &'a mut PgConnection, of: &'a UnreadRows<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for mut job in invalidations::lock_of_vault(conn, of.vault_id).await? {
                if of.row_ids.contains(&job.after_id) {
                    job.after_id = invalidations::id_before(conn, job.petition_id, job.after_id).await?;
                    invalidations::save(conn, &job).await?;
                }
                let Some(vault) = of.vault else { continue };
                let has_ended = !matches!(job.state, InvalidationState::Running | InvalidationState::Undoing);
                let rule = invalidation::without_person(vault, &job, of, has_ended)?;
                if let Some(rule) = rule {
                    let sealed = invalidation::seal_rule(&self.0.kernel.env, vault, job.id, rule);
                    invalidations::replace_rule(conn, job.id, &sealed).await?;
                }
            }
            Ok(())
        })
    }

    fn erase<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
