//! The authenticated actor of a request, and authorisation.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::scope::{Role, Scope};
use crate::error::{Code, Error, Result};

/// Minutes for which a session may do what cannot be taken back after its password was typed.
const CONFIRMED_MINUTES: i64 = 10;

/// The console's session by which an organizer acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActingSession {
    /// Its id.
    pub id: Uuid,
    /// When the organizer last typed the password in it.
    pub confirmed_at: DateTime<Utc>,
}

/// An organizer with a session, or a program with an organizer's API token. As an extractor it answers 401 to requests
/// without credentials.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Id of the organization whose data the actor may access.
    pub organization_id: Uuid,
    /// The organizer's id.
    pub organizer_id: Uuid,
    /// The token's id; `None` for a session of the console.
    pub api_token_id: Option<Uuid>,
    /// The session of the console; `None` for a token.
    pub session: Option<ActingSession>,
    /// The organizer's role.
    pub role: Role,
    /// May it change what concerns every organization? Also true while there is only one.
    pub is_operator: bool,
    /// The token's scopes; a session has [`Scope::All`].
    pub scopes: Arc<[Scope]>,
    /// The organizer's name.
    pub name: Arc<str>,
}

impl Actor {
    /// Do the scopes and the role both allow this?
    pub fn allows(&self, scope: Scope) -> bool {
        self.role.allows(scope) && self.scopes.iter().any(|has| matches!(has, Scope::All) || *has == scope)
    }

    /// Requires that the scopes and the role both allow this.
    ///
    /// # Errors
    /// `forbidden` (403), naming the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.allows(scope) {
            return Ok(());
        }
        Err(Error::problem(Code::Forbidden, format!("This needs the scope `{scope}`, which you do not have.")))
    }

    /// Requires an owner of the organization: for what cannot be undone.
    ///
    /// # Errors
    /// `forbidden` (403).
    pub fn require_owner(&self) -> Result<()> {
        if self.role == Role::Owner {
            return Ok(());
        }
        Err(Error::problem(Code::Forbidden, "This is for owners of the organization."))
    }

    /// Requires a session of the console: for accounts, so that whoever has got hold of a token gets no further access by it.
    ///
    /// # Errors
    /// `forbidden` (403) for a token.
    pub fn require_session(&self) -> Result<ActingSession> {
        let refused = || Error::problem(Code::Forbidden, "Accounts are managed at the console, not with a token.");
        self.session.ok_or_else(refused)
    }

    /// Requires that whoever acts in a session has typed the password within the last ten minutes: for what cannot be taken
    /// back, so that an unattended device is not enough. A token passes: it can be asked for nothing.
    ///
    /// # Errors
    /// `confirmation_required` (403).
    pub fn require_confirmed(&self, now: DateTime<Utc>) -> Result<()> {
        match self.session {
            Some(session) if now - session.confirmed_at >= TimeDelta::minutes(CONFIRMED_MINUTES) => {
                Err(Error::problem(
                    Code::ConfirmationRequired,
                    "This needs your password once more: type it at /console/confirm, then try again.",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Requires the right to change what concerns every organization.
    ///
    /// # Errors
    /// `forbidden` (403).
    pub fn require_operator(&self) -> Result<()> {
        if self.is_operator {
            return Ok(());
        }
        let why = "This concerns every organization here, so it is for operators (`muster organizer operator`).";
        Err(Error::problem(Code::Forbidden, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(role: Role, scopes: &[Scope]) -> Actor {
        Actor {
            organization_id: Uuid::nil(),
            organizer_id: Uuid::nil(),
            api_token_id: None,
            session: None,
            role,
            is_operator: false,
            scopes: scopes.into(),
            name: "Amara".into(),
        }
    }

    #[test]
    fn a_scope_counts_only_within_the_role() {
        let token = actor(Role::Viewer, &[Scope::ActionsRead, Scope::ContactsRead]);
        assert!(token.require(Scope::ActionsRead).is_ok());
        for refused in [Scope::ContactsRead, Scope::ActionsWrite] {
            let error = token.require(refused).unwrap_err();
            assert_eq!(error.code(), Code::Forbidden);
            assert!(error.to_string().contains(refused.as_str()), "{error}");
        }
        let session = actor(Role::Organizer, &[Scope::All]);
        assert!(session.allows(Scope::ContactsExport) && !session.allows(Scope::AuditRead));
        assert_eq!(session.require_operator().unwrap_err().code(), Code::Forbidden);
        assert_eq!(session.require_owner().unwrap_err().code(), Code::Forbidden);
        assert!(actor(Role::Owner, &[]).require_owner().is_ok());
    }

    #[test]
    fn a_session_confirms_itself_every_ten_minutes_and_a_token_manages_no_accounts() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(1);
        let of = |minutes: i64| {
            let confirmed_at = now - TimeDelta::minutes(minutes);
            Actor {
                session: Some(ActingSession { id: Uuid::nil(), confirmed_at }),
                ..actor(Role::Owner, &[Scope::All])
            }
        };
        assert!(of(9).require_confirmed(now).is_ok() && of(9).require_session().is_ok());
        assert_eq!(of(10).require_confirmed(now).unwrap_err().code(), Code::ConfirmationRequired);
        let token = actor(Role::Owner, &[Scope::All]);
        assert!(token.require_confirmed(now).is_ok());
        assert_eq!(token.require_session().unwrap_err().code(), Code::Forbidden);
    }
}
