//! Mails about accounts: invitations, links for a new password, and notices of what may be somebody else's doing. They go to
//! organizers only, and are composed from ids when they are sent, so that the queue holds no address and no link.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use minijinja::{Value, context};
use serde_json::json;
use sqlx::PgConnection;
use strum::{VariantArray, VariantNames};
use uuid::Uuid;

use super::store::{self, accounts, invitations as sql};
use crate::{
    error::Result,
    kernel::{
        Kernel, i18n,
        links::Purpose,
        text::{EmailAddress, LocaleTag},
        zones,
    },
    mail::{self, Class, Composed, Composition, MailKind, MailKinds, NewEmail, QueuedEmail},
};

/// Purpose of links that accept an invitation.
pub const INVITATION: Purpose = Purpose::new(22);
/// Purpose of links that lead to a new password.
pub const RESET_PASSWORD: Purpose = Purpose::new(23);

/// Mail kind of an invitation. `refs`: `{"invitation"}`.
const INVITATION_MAIL: &str = "invitation";
/// Mail kind with the link for a new password. `refs`: `{"reset"}`.
const RESET_MAIL: &str = "password_reset";
/// Mail kind of a [`Notice`]. `refs`: `{"to", "organizer", "notice"}`.
const NOTICE_MAIL: &str = "account_notice";

/// What organizers are told about an account, since it may be somebody else's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Notice {
    /// The organizer signed in on a device that was not known.
    NewDevice,
    /// The organizer made an API token.
    NewToken,
    /// The organizer exported people.
    PeopleExported,
    /// The organizer's password was changed.
    PasswordChanged,
}

crate::kernel::text_enum!(Notice);

/// Registers the mails of this slice.
pub fn register_mail(kernel: &Arc<Kernel>, kinds: &mut MailKinds) {
    kinds.register(InvitationMail(kernel.clone()));
    kinds.register(ResetMail(kernel.clone()));
    kinds.register(NoticeMail(kernel.clone()));
}

/// A mail to an organizer, who waits for it or should read it soon.
fn to_organizer(organization_id: Uuid, kind: &'static str, refs: serde_json::Value) -> NewEmail<'static> {
    NewEmail { organization_id, class: Class::Confirmation, kind, lane: "", refs, protected: false, due_at: None }
}

/// Queues the mail of an invitation.
pub(super) async fn send_invitation(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    invitation: Uuid,
) -> Result<()> {
    let email = to_organizer(organization, INVITATION_MAIL, json!({ "invitation": invitation }));
    mail::enqueue(conn, &kernel.env, email).await.map(drop)
}

/// Queues the mail with a link for a new password; for a request about an address that nobody has it is never sent.
pub(super) async fn send_reset(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    reset: Uuid,
) -> Result<()> {
    let email = to_organizer(organization, RESET_MAIL, json!({ "reset": reset }));
    mail::enqueue(conn, &kernel.env, email).await.map(drop)
}

/// Queues the mail of a notice about `organizer` to the organizer `to`.
pub(super) async fn notify(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    to: Uuid,
    organizer: Uuid,
    notice: Notice,
) -> Result<()> {
    let refs = json!({ "to": to, "organizer": organizer, "notice": notice.as_str() });
    mail::enqueue(conn, &kernel.env, to_organizer(organization, NOTICE_MAIL, refs)).await.map(drop)
}

/// Tells the owners, and whom it concerns, of something about an account, in the transaction of the change.
pub(super) async fn tell_owners(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    organizer: Uuid,
    notice: Notice,
) -> Result<()> {
    for to in accounts::owners_and(conn, organization, organizer).await? {
        notify(conn, kernel, organization, to, organizer, notice).await?;
    }
    Ok(())
}

/// Composes a mail from its templates; nothing to send where the address is unusable.
fn compose(kernel: &Kernel, kind: &str, locale: &str, to: &str, organization: &str, page: Value) -> Composition {
    let (Ok(to), locale) = (EmailAddress::parse(to), LocaleTag::parse(locale).unwrap_or_default()) else {
        return Ok(None);
    };
    let page = context! { organization, action_title => "", ..page };
    let rendered = mail::render(kernel, kind, locale, false, page)?;
    Ok(Some(Composed::new(to, organization, rendered.subject, rendered.text)))
}

struct InvitationMail(Arc<Kernel>);

impl MailKind for InvitationMail {
    fn kind(&self) -> &'static str {
        INVITATION_MAIL
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(mail::one_by_one(emails, |email| self.write(email)))
    }
}

impl InvitationMail {
    async fn write(&self, email: &QueuedEmail) -> Composition {
        let kernel = &self.0;
        let found = sql::invitation(&mut *kernel.work.acquire().await?, email.ref_id("invitation")?).await?;
        let Some(found) = found.filter(|found| found.expires_at > kernel.env.now()) else { return Ok(None) };
        let locale = LocaleTag::parse(&found.locale).unwrap_or_default();
        let token = kernel.links.token(INVITATION, found.id, found.link_generation);
        let page = context! {
            invited_by => found.invited_by.as_str(), role => found.role.as_str(),
            accept_url => kernel.url(&format!("/console/invitation/{token}")),
            until => i18n::date_time(locale, found.expires_at, *zones::DEFAULT),
        };
        compose(kernel, INVITATION_MAIL, &found.locale, &found.email, &found.organization, page)
    }
}

struct ResetMail(Arc<Kernel>);

impl MailKind for ResetMail {
    fn kind(&self) -> &'static str {
        RESET_MAIL
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(mail::one_by_one(emails, |email| self.write(email)))
    }
}

impl ResetMail {
    async fn write(&self, email: &QueuedEmail) -> Composition {
        let kernel = &self.0;
        let mut conn = kernel.work.acquire().await?;
        let id = email.ref_id("reset")?;
        let Some(reset) = sql::reset(&mut conn, id).await? else { return Ok(None) };
        let Some(organizer) = reset.organizer_id.filter(|_| reset.expires_at > kernel.env.now()) else {
            return Ok(None);
        };
        let Some(organizer) = store::staff_member(&mut conn, organizer).await? else { return Ok(None) };
        drop(conn);
        let token = kernel.links.token(RESET_PASSWORD, id, 0);
        let page = context! { reset_url => kernel.url(&format!("/console/password/{token}")) };
        compose(kernel, RESET_MAIL, &reset.locale, &organizer.email, &organizer.organization, page)
    }
}

struct NoticeMail(Arc<Kernel>);

impl MailKind for NoticeMail {
    fn kind(&self) -> &'static str {
        NOTICE_MAIL
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(mail::one_by_one(emails, |email| self.write(email)))
    }
}

impl NoticeMail {
    async fn write(&self, email: &QueuedEmail) -> Composition {
        let kernel = &self.0;
        let mut conn = kernel.work.acquire().await?;
        let Some(to) = store::staff_member(&mut conn, email.ref_id("to")?).await? else { return Ok(None) };
        let Some(about) = store::staff_member(&mut conn, email.ref_id("organizer")?).await? else { return Ok(None) };
        let locale = store::organization_locale(&mut conn, email.organization_id).await?;
        drop(conn);
        let notice = email.refs.get("notice").and_then(|notice| notice.as_str()).unwrap_or_default();
        let at = i18n::date_time(LocaleTag::parse(&locale).unwrap_or_default(), email.created_at, *zones::DEFAULT);
        let page = context! {
            notice, name => about.name.as_str(), at, account_url => kernel.url("/console/account"),
        };
        compose(kernel, NOTICE_MAIL, &locale, &to.email, &to.organization, page)
    }
}
