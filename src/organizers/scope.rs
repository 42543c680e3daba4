//! What somebody may do: roles of organizers, scopes of tokens.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Code, Error};

/// What an organizer is in the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, the audit trail too.
    Owner,
    /// Runs campaigns: everything but the audit trail.
    Organizer,
    /// Hosts events: sees actions and their exact numbers.
    Host,
    /// Sees actions and people, changes nothing, takes no list out.
    Viewer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Organizer, Self::Host, Self::Viewer];

    /// The role's name in JSON, the database and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Organizer => "organizer",
            Self::Host => "host",
            Self::Viewer => "viewer",
        }
    }

    /// May somebody with this role ever have the scope? [`Scope::All`] is in every role's reach: it stands for what the
    /// role allows.
    pub const fn allows(self, scope: Scope) -> bool {
        match self {
            Self::Owner => true,
            Self::Organizer => !matches!(scope, Scope::AuditRead),
            Self::Host => matches!(scope, Scope::All | Scope::ActionsRead),
            Self::Viewer => matches!(scope, Scope::All | Scope::ActionsRead | Scope::ContactsRead),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::problem(Code::InvalidParameter, format!("`{}` is not a role. Known are {known}.", short(text)))
        })
    }
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Whatever the organizer's role allows. Given to tokens and sessions, never asked of them.
    #[serde(rename = "all")]
    All,
    /// Drafts and exact numbers of actions.
    #[serde(rename = "actions:read")]
    ActionsRead,
    /// Make and change actions, updates, offices.
    #[serde(rename = "actions:write")]
    ActionsWrite,
    /// Read people and their acts.
    #[serde(rename = "contacts:read")]
    ContactsRead,
    /// Add people, and vouch for their acts.
    #[serde(rename = "contacts:write")]
    ContactsWrite,
    /// Take lists out.
    #[serde(rename = "contacts:export")]
    ContactsExport,
    /// Let letters go to officials.
    #[serde(rename = "letters:golive")]
    LettersGolive,
    /// See and steer the mail queue.
    #[serde(rename = "mail:manage")]
    MailManage,
    /// Read who did what.
    #[serde(rename = "audit:read")]
    AuditRead,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 9] = [
        Self::All,
        Self::ActionsRead,
        Self::ActionsWrite,
        Self::ContactsRead,
        Self::ContactsWrite,
        Self::ContactsExport,
        Self::LettersGolive,
        Self::MailManage,
        Self::AuditRead,
    ];

    /// The scope's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ActionsRead => "actions:read",
            Self::ActionsWrite => "actions:write",
            Self::ContactsRead => "contacts:read",
            Self::ContactsWrite => "contacts:write",
            Self::ContactsExport => "contacts:export",
            Self::LettersGolive => "letters:golive",
            Self::MailManage => "mail:manage",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::problem(Code::InvalidParameter, format!("`{}` is not a scope. Known are {known}.", short(text)))
        })
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_named() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        let message = "contacts:steal".parse::<Scope>().unwrap_err().to_string();
        assert!(message.contains("`contacts:steal`") && message.contains("contacts:export"), "{message}");
        assert!("boss".parse::<Role>().unwrap_err().to_string().contains("viewer"));
    }

    #[test]
    fn viewer_roles_cannot_edit_or_export() {
        for role in [Role::Host, Role::Viewer] {
            for scope in [
                Scope::ActionsWrite,
                Scope::ContactsWrite,
                Scope::ContactsExport,
                Scope::LettersGolive,
                Scope::MailManage,
                Scope::AuditRead,
            ] {
                assert!(!role.allows(scope), "{role} {scope}");
            }
        }
        assert!(!Role::Host.allows(Scope::ContactsRead));
        assert!(!Role::Organizer.allows(Scope::AuditRead));
        assert!(Scope::ALL.into_iter().all(|scope| Role::Owner.allows(scope)));
    }
}
