//! Lifting the suppression of an address that bounced, by an organizer or an operator.

use sqlx::PgConnection;
use uuid::Uuid;

use super::suppression::lift_bounce;
use crate::{
    error::{Error, Result},
    kernel::{Kernel, text::EmailAddress},
};

/// A vault in which the suppression of an address was lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// The organization that the vault belongs to.
    pub organization: Uuid,
    /// The vault is that of a protected action.
    pub is_protected: bool,
}

/// Lifts the suppression for bouncing of an address in every vault of an organization (`None`: of all organizations).
/// Unsubscriptions, complaints and `never_again` stay.
///
/// # Errors
/// `unavailable` while the keys of a vault are not available to this process.
pub async fn unsuppress(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Option<Uuid>,
    address: &EmailAddress,
) -> Result<Vec<Lifted>> {
    let vaults = sqlx::query!(
        r#"SELECT id, organization_id, kind = 'protected' AS "is_protected!" FROM vaults
           WHERE destroyed_at IS NULL AND ($1::uuid IS NULL OR organization_id = $1)
             AND (EXISTS (SELECT FROM suppressions s WHERE s.vault_id = vaults.id AND s.reason = 'bounced')
                  OR EXISTS (SELECT FROM address_strikes t WHERE t.vault_id = vaults.id)) ORDER BY id"#,
        organization
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut lifted = Vec::new();
    for row in vaults {
        let vault = match kernel.vaults.open(row.id).await {
            Ok(vault) => vault,
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            // a vault that was destroyed meanwhile cannot be opened anywhere, and no mail is sent from it
            Err(error) => {
                tracing::warn!(
                    event = "vault.suppressions_not_lifted",
                    vault = %row.id,
                    %error,
                    "a vault cannot be opened: suppressions in it are not lifted"
                );
                continue;
            }
        };
        if lift_bounce(conn, &vault, address).await? {
            lifted.push(Lifted { organization: row.organization_id, is_protected: row.is_protected });
        }
    }
    Ok(lifted)
}
