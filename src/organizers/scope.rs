//! Roles of organizers and scopes of API tokens.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantArray, VariantNames};
use utoipa::ToSchema;

use crate::error::{Code, Error};

/// Role of an organizer in the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = unknown_role)]
pub enum Role {
    /// Everything, including the audit trail.
    Owner,
    /// Everything but the audit trail.
    Organizer,
    /// Reads actions with their exact numbers, and stands at the door of events.
    Host,
    /// Reads actions with their exact numbers; nobody's name, no changes, no exports.
    Viewer,
}

crate::kernel::text_enum!(Role);

impl Role {
    /// Does the role allow the scope? Every role allows [`Scope::All`], which means whatever the role allows.
    pub const fn allows(self, scope: Scope) -> bool {
        match self {
            Self::Owner => true,
            Self::Organizer => !matches!(scope, Scope::AuditRead),
            Self::Host => matches!(scope, Scope::All | Scope::ActionsRead | Scope::EventsCheckIn),
            Self::Viewer => matches!(scope, Scope::All | Scope::ActionsRead),
        }
    }
}

fn unknown_role(text: &str) -> Error {
    let known = Role::NAMES.join(", ");
    Error::problem(Code::InvalidParameter, format!("`{}` is not a role. Known are {known}.", short(text)))
}

/// Scope of an API token.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    Display,
    EnumString,
    VariantArray,
    VariantNames,
)]
#[strum(parse_err_ty = Error, parse_err_fn = unknown_scope)]
pub enum Scope {
    /// Whatever the organizer's role allows. Tokens and sessions have it; no operation requires it.
    #[serde(rename = "all")]
    #[strum(serialize = "all")]
    All,
    /// Drafts and exact numbers of actions.
    #[serde(rename = "actions:read")]
    #[strum(serialize = "actions:read")]
    ActionsRead,
    /// Create and change actions, updates, offices.
    #[serde(rename = "actions:write")]
    #[strum(serialize = "actions:write")]
    ActionsWrite,
    /// Read people and their acts.
    #[serde(rename = "contacts:read")]
    #[strum(serialize = "contacts:read")]
    ContactsRead,
    /// Add people, and create vouched acts.
    #[serde(rename = "contacts:write")]
    #[strum(serialize = "contacts:write")]
    ContactsWrite,
    /// Export lists of contacts.
    #[serde(rename = "contacts:export")]
    #[strum(serialize = "contacts:export")]
    ContactsExport,
    /// Check in tickets and count people at the door of an event.
    #[serde(rename = "events:checkin")]
    #[strum(serialize = "events:checkin")]
    EventsCheckIn,
    /// Let letters go to officials.
    #[serde(rename = "letters:golive")]
    #[strum(serialize = "letters:golive")]
    LettersGolive,
    /// Read and control the mail queue; send broadcasts.
    #[serde(rename = "mail:manage")]
    #[strum(serialize = "mail:manage")]
    MailManage,
    /// Read the audit trail.
    #[serde(rename = "audit:read")]
    #[strum(serialize = "audit:read")]
    AuditRead,
}

crate::kernel::text_enum!(Scope);

fn unknown_scope(text: &str) -> Error {
    let known = Scope::NAMES.join(", ");
    Error::problem(Code::InvalidParameter, format!("`{}` is not a scope. Known are {known}.", short(text)))
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
    fn viewer_roles_read_no_person_and_change_nothing() {
        for role in [Role::Host, Role::Viewer] {
            for scope in [
                Scope::ContactsRead,
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
        assert!(Role::Host.allows(Scope::EventsCheckIn) && !Role::Viewer.allows(Scope::EventsCheckIn));
        assert!(!Role::Organizer.allows(Scope::AuditRead));
        assert!(Scope::ALL.into_iter().all(|scope| Role::Owner.allows(scope)));
    }
}
