//! The console's page of settings: what can be set, and where.

use axum::response::Response;
use minijinja::{context, value::Serde};

use super::frame::Page;
use crate::{
    error::Result,
    kernel::i18n,
    organizers::{Role, Scope},
};

/// Address and key of each page of settings, the key of what it is for, and the scope without which it is not shown.
const PAGES: [(&str, &str, &str, Scope); 10] = [
    ("/console/account", "console-account", "console-sessions-hint", Scope::ActionsRead),
    ("/console/organization", "organization-title", "organization-address-hint", Scope::ActionsWrite),
    ("/console/tokens", "console-tokens", "console-tokens-hint", Scope::ActionsRead),
    ("/console/spam", "console-spam-protection", "console-spam-protection-hint", Scope::ActionsWrite),
    ("/console/spam/allowlist", "console-allowlist", "console-allowlist-hint", Scope::ActionsWrite),
    ("/console/retention", "console-retention", "console-retention-default", Scope::ActionsRead),
    ("/console/partners", "nav-partners", "form-partner-hint", Scope::ActionsRead),
    ("/console/sources", "nav-sources", "form-source-hint", Scope::ActionsRead),
    ("/console/mail", "console-mail-delivery", "console-mail-pauses-hint", Scope::MailManage),
    ("/console/audit", "audit-title", "audit-hint", Scope::AuditRead),
];

/// `GET /console/settings`
pub(super) async fn show(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ActionsRead)?;
    let text = |key| i18n::text(page.visitor.locale, key);
    let shown = PAGES.iter().filter(|(.., scope)| page.allows(*scope));
    let mut pages: Vec<_> = shown.map(|(href, name, hint, _)| (*href, text(name), text(hint))).collect();
    if page.session.actor.role == Role::Owner {
        pages.insert(1, ("/console/team", text("console-team"), text("console-invite-hint")));
    }
    page.render("console/settings.html", context! { settings => Serde(&pages) })
}
