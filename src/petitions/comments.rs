//! Comments as the page shows them: the newest that an organizer has read and let through, with the name as its owner
//! chose. Protected petitions show none.

use std::sync::Arc;

use serde::Serialize;

use super::{
    store::{Petition, comments},
    submission::{Petitions, SignaturePayload},
};
use crate::{error::Result, people::Details};

/// How many a page shows.
const MAX_SHOWN_COMMENTS: i64 = 20;

/// A comment on the page.
#[derive(Clone, Debug, Serialize)]
pub struct PublicComment {
    /// The name as its owner chose; empty: hidden.
    pub name: String,
    /// What was written.
    pub text: String,
}

/// The name as the page shows it; empty for `hidden`.
fn shown_name(details: &Details, display: &str) -> String {
    let initial = |name: &str| name.chars().next().map(|c| format!("{c}.")).unwrap_or_default();
    match display {
        "initials" => format!("{} {}", initial(&details.given_name), initial(&details.family_name)).trim().to_owned(),
        "first_name" if details.locality.is_empty() => details.given_name.clone(),
        "first_name" => format!("{}, {}", details.given_name, details.locality),
        "full_name" => details.full_name(),
        _ => String::new(),
    }
}

impl Petitions {
    /// The comments that a petition's page shows, newest first, from memory if they are there.
    ///
    /// # Errors
    /// `internal` when the vault does not open, or a database error.
    pub async fn comments(&self, petition: &Petition) -> Result<Arc<Vec<PublicComment>>> {
        let action = &petition.action;
        if action.protected {
            return Ok(Arc::default());
        }
        let load = async || {
            let rows =
                comments::shown(&mut *self.kernel.public.acquire().await?, action.id, MAX_SHOWN_COMMENTS).await?;
            let mut shown = Vec::with_capacity(rows.len());
            for row in rows {
                let payload: SignaturePayload =
                    self.open_payload(action.vault_id, row.id, row.sealed.as_deref()).await?;
                if !payload.comments.is_empty() {
                    shown.push(PublicComment {
                        name: shown_name(&payload.details, &row.display),
                        text: payload.comments,
                    });
                }
            }
            Ok(Arc::new(shown))
        };
        self.comments.get(&action.id, load).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_its_owner_chose() {
        let details = Details {
            given_name: "Élodie".into(),
            family_name: "ਸਿੰਘ".into(),
            locality: "Laval".into(),
            ..Details::default()
        };
        let shown = ["hidden", "initials", "first_name", "full_name"].map(|d| shown_name(&details, d));
        assert_eq!(shown, ["", "É. ਸ.", "Élodie, Laval", "Élodie ਸਿੰਘ"]);
    }
}
