//! Public comments: the newest that an organizer has approved, with the name as its owner chose. Protected petitions
//! show none.

use std::sync::Arc;

use serde::Serialize;

use super::{
    store::{Petition, comments},
    submission::{Display, Petitions, SignaturePayload},
};
use crate::{error::Result, people::Details};

/// Maximum number of comments on a page.
const MAX_SHOWN_COMMENTS: i64 = 20;

/// A comment on the page.
#[derive(Clone, Debug, Serialize)]
pub struct PublicComment {
    /// The name as its owner chose; empty: hidden.
    pub name: String,
    /// The comment.
    pub text: String,
}

/// The name as the page shows it; empty for `hidden`.
fn shown_name(details: &Details, display: Display) -> String {
    let initial = |name: &str| name.chars().next().map(|c| format!("{c}.")).unwrap_or_default();
    match display {
        Display::Initials => {
            format!("{} {}", initial(&details.given_name), initial(&details.family_name)).trim().to_owned()
        }
        Display::FirstName if details.locality.is_empty() => details.given_name.clone(),
        Display::FirstName => format!("{}, {}", details.given_name, details.locality),
        Display::FullName => details.full_name(),
        Display::Hidden => String::new(),
    }
}

impl Petitions {
    /// The public comments of a petition, newest first, cached.
    ///
    /// # Errors
    /// `internal` when the vault does not open.
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
                        name: shown_name(&payload.details, row.display),
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
        let shown = Display::ALL.map(|d| shown_name(&details, d));
        assert_eq!(shown, ["", "É. ਸ.", "Élodie, Laval", "Élodie ਸਿੰਘ"]);
    }
}
