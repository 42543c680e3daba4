//! The messages of petitions: please confirm, thank you, and what organizers are told.

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;

use super::{
    ops::{self, Context},
    signing::Petitions,
    store,
};
use crate::{
    error::{Code, Result},
    kernel::{links::Purpose, text::EmailAddress},
    mail::{self, Composed, MailKind, QueuedEmail},
    organizers,
};

/// Asks the owner of an address to confirm; carries nothing that was typed.
pub struct Confirm(pub Petitions);
/// Thanks for a signature that counts.
pub struct Thanks(pub Petitions);
/// Reminds, once, of a signature that waits for its confirmation.
pub struct Reminder(pub Petitions);
/// Leads the owner of an address to the signer's own page.
pub struct OwnPage(pub Petitions);
/// Tells an organizer of a milestone.
pub struct Milestone(pub Petitions);

async fn find(petitions: &Petitions, email: &QueuedEmail) -> Result<Option<Context>> {
    find_with(petitions, &mut *petitions.kernel.db.acquire().await?, email).await
}

async fn find_with(petitions: &Petitions, conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<Context>> {
    match store::signature(conn, email.ref_id("signature")?).await {
        Ok(row) => Ok(Some(ops::context(petitions, conn, row).await?)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whose signature it is.
async fn signer(petitions: &Petitions, conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<EmailAddress>> {
    Ok(find_with(petitions, conn, email).await?.and_then(|c| c.typed.details.address()))
}

fn compose(petitions: &Petitions, c: &Context, kind: &str, page: minijinja::Value) -> Result<Option<Composed>> {
    let Some(to) = c.typed.details.address() else { return Ok(None) };
    let action = &c.petition.action;
    let common = context! { organization => action.organization_name.as_str(), action_title => action.text(c.locale, "").0.title };
    let rendered = mail::render(&petitions.kernel, kind, c.locale, action.protected, context! { ..page, ..common })?;
    let from_name = if action.protected { String::new() } else { action.organization_name.clone() };
    let mut composed = Composed::new(to, from_name, rendered.subject, rendered.text);
    composed.html = rendered.html;
    Ok(Some(composed))
}

/// A mail that asks to confirm a pending signature, if it may be sent.
async fn asking(petitions: &Petitions, email: &QueuedEmail, kind: &str) -> Result<Option<Composed>> {
    let Some(c) = find(petitions, email).await? else { return Ok(None) };
    if c.row.state != "pending" {
        return Ok(None);
    }
    let Some(to) = c.typed.details.address() else { return Ok(None) };
    if !mail::may_confirm(&petitions.kernel, email, &to, &c.vault).await? {
        return Ok(None);
    }
    let (links, action) = (&petitions.kernel.links, &c.petition.action);
    let confirm_url = links.url(Purpose::ConfirmSignature, c.row.id, c.row.link_generation);
    // the page of the code names the petition, so a neutral mail has none
    let mut code = String::new();
    if !action.protected {
        code = links.code(Purpose::ConfirmSignature, c.row.id, c.row.link_generation);
        code.insert(code.len() / 2, '-');
    }
    let code_url = petitions.kernel.url(&format!("{}/code", action.path()));
    compose(petitions, &c, kind, context! { confirm_url, code, code_url })
}

impl MailKind for Confirm {
    fn kind(&self) -> &'static str {
        "petition_confirm"
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(asking(&self.0, email, "petition_confirm"))
    }
}

impl MailKind for Reminder {
    fn kind(&self) -> &'static str {
        "petition_reminder"
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(asking(&self.0, email, "petition_reminder"))
    }
}

impl MailKind for OwnPage {
    fn kind(&self) -> &'static str {
        "petition_own_page"
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let Some(c) = find(&self.0, email).await? else { return Ok(None) };
            let Some(to) = c.typed.details.address().filter(|_| c.row.stands()) else { return Ok(None) };
            if !mail::may_confirm(&self.0.kernel, email, &to, &c.vault).await? {
                return Ok(None);
            }
            let manage_url = self.0.kernel.links.url(Purpose::ManageSignature, c.row.id, c.row.link_generation);
            compose(&self.0, &c, "petition_own_page", context! { manage_url })
        })
    }
}

impl MailKind for Milestone {
    fn kind(&self) -> &'static str {
        "petition_milestone"
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut conn = kernel.db.acquire().await?;
            let petition = store::petition(&mut conn, email.ref_id("petition")?).await?;
            let step = email.refs.get("step").and_then(serde_json::Value::as_i64).unwrap_or_default();
            let organizer = email.ref_id("organizer")?;
            let staff = organizers::staff(&mut conn, email.organization_id).await?;
            let to = staff.into_iter().find(|(id, _)| *id == organizer).map(|(_, address)| address);
            let action = &petition.action;
            // one that was taken back meanwhile is not worth a mail
            let Some(to) = to.filter(|_| action.published_count >= step) else { return Ok(None) };
            let locale = action.locale;
            let page = context! {
                organization => action.organization_name.as_str(),
                action_title => action.title.as_str(),
                petition_url => kernel.url(&action.path()),
                count => action.published_count,
                step,
                goal => petition.goal,
            };
            let rendered = mail::render(kernel, "petition_milestone", locale, false, page)?;
            let mut composed = Composed::new(to, action.organization_name.clone(), rendered.subject, rendered.text);
            composed.html = rendered.html;
            Ok(Some(composed))
        })
    }
}

impl MailKind for Thanks {
    fn kind(&self) -> &'static str {
        "petition_thanks"
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let Some(mut c) = find(&self.0, email).await? else { return Ok(None) };
            // signed before, where nothing is confirmed: the owner is told, with the link of the signature that counts
            if c.row.state == "duplicate" {
                let mut conn = self.0.kernel.db.acquire().await?;
                let Some(counted) = store::standing(&mut conn, &c.row).await? else {
                    return Ok(None);
                };
                c.row = counted;
            }
            if !c.row.stands() {
                return Ok(None);
            }
            let action = &c.petition.action;
            let Some(to) = c.typed.details.address() else { return Ok(None) };
            // nobody has confirmed this address: such mail falls under the same cap
            let allowed = if action.confirms {
                !mail::is_suppressed(&self.0.kernel, &to, &c.vault).await?
            } else {
                mail::may_confirm(&self.0.kernel, email, &to, &c.vault).await?
            };
            if !allowed {
                return Ok(None);
            }
            let (text, _) = action.text(c.locale, "");
            let manage_url = self.0.kernel.links.url(Purpose::ManageSignature, c.row.id, c.row.link_generation);
            let petition_url = self.0.kernel.url(&action.path());
            compose(
                &self.0,
                &c,
                "petition_thanks",
                context! { manage_url, petition_url, share_text => text.thanks, unconfirmed => !action.confirms },
            )
        })
    }
}
