//! The messages of this slice: a first mail that asks to confirm, the letter itself, and thanks.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use minijinja::{context, value::Serde};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    store::{self, LetterAction, LetterRow},
    writing::{Letters, Typed},
};
use crate::{
    campaigns,
    error::{Code, Error, Result},
    kernel::{Kernel, crypto::base32, links::Purpose, text::EmailAddress, vault::Vault},
    mail::{self, Composed, Fate, LETTERS, MailKind, QueuedEmail},
};

/// A letter as its mails need it.
struct Read {
    row: LetterRow,
    letter: LetterAction,
    vault: Arc<Vault>,
    typed: Typed,
}

impl Read {
    /// The letter, or `None` when it is gone.
    async fn of(letters: &Letters, id: Uuid) -> Result<Option<Self>> {
        Self::with(letters, &mut *letters.kernel.db.acquire().await?, id).await
    }

    async fn with(letters: &Letters, conn: &mut PgConnection, id: Uuid) -> Result<Option<Self>> {
        let kernel = &letters.kernel;
        let row = match store::letter(conn, id).await {
            Err(error) if error.code() == Code::NotFound => return Ok(None),
            row => row?,
        };
        let action = campaigns::by_id(conn, row.letter_action_id).await?;
        let letter = store::complete(conn, action, letters.today()).await?;
        let vault = kernel.vaults.open(row.vault_id).await?;
        let typed = letters.typed(row.vault_id, row.id, row.sealed.as_deref()).await?;
        Ok(Some(Self { row, letter, vault, typed }))
    }

    fn offices(&self) -> Vec<String> {
        self.letter.targets.iter().map(|t| t.title_in(self.typed.locale)).collect()
    }

    /// A mail of ours to the writer; `link` is what it is about.
    fn compose(&self, kernel: &Kernel, kind: &str, to: EmailAddress, page: minijinja::Value) -> Result<Composed> {
        let action = &self.letter.action;
        let neutral = action.protected;
        let (text, _) = action.text(self.typed.locale, "");
        let common = context! { organization => action.organization_name.as_str(), action_title => text.title, offices => Serde(self.offices()) };
        let mail = mail::render(kernel, kind, self.typed.locale, neutral, context! { ..page, ..common })?;
        let from_name = if neutral { String::new() } else { action.organization_name.clone() };
        let mut composed = Composed::new(to, from_name, mail.subject, mail.text);
        composed.html = mail.html;
        Ok(composed)
    }
}

/// Whose letter it is.
async fn writer(letters: &Letters, conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<EmailAddress>> {
    let read = Read::with(letters, conn, email.ref_id("letter")?).await?;
    Ok(read.and_then(|read| read.typed.details.address()))
}

/// "Please confirm": to an address that nobody has confirmed, so it carries nothing that was typed.
#[derive(Debug)]
pub struct Confirm(pub Letters);

impl MailKind for Confirm {
    fn kind(&self) -> &'static str {
        "letter_confirm"
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(writer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let Some(read) = Read::of(&self.0, email.ref_id("letter")?).await? else { return Ok(None) };
            let expired = read.row.confirm_expires_at.is_some_and(|at| at <= kernel.cx.now());
            let Some(to) = read.typed.details.address().filter(|_| read.row.state == "pending" && !expired) else {
                return Ok(None);
            };
            if !mail::may_confirm(kernel, email, &to, &read.vault).await? {
                return Ok(None);
            }
            let confirm_url = kernel.links.url(Purpose::ConfirmLetter, read.row.id, read.row.link_generation);
            read.compose(kernel, self.kind(), to, context! { confirm_url }).map(Some)
        })
    }
}

/// "Your letter is on its way", with the writer's own link.
#[derive(Debug)]
pub struct Thanks(pub Letters);

impl MailKind for Thanks {
    fn kind(&self) -> &'static str {
        "letter_thanks"
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(writer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let Some(read) = Read::of(&self.0, email.ref_id("letter")?).await? else { return Ok(None) };
            let Some(to) = read.typed.details.address().filter(|_| read.row.state == "confirmed") else {
                return Ok(None);
            };
            if mail::is_suppressed(kernel, &to, &read.vault).await? {
                return Ok(None);
            }
            let manage_url = kernel.links.url(Purpose::ManageLetter, read.row.id, read.row.link_generation);
            read.compose(kernel, self.kind(), to, context! { manage_url }).map(Some)
        })
    }
}

/// The letter to an official. Nothing in it says that a campaign is behind it.
#[derive(Debug)]
pub struct Deliver(pub Letters);

impl MailKind for Deliver {
    fn kind(&self) -> &'static str {
        "letter_deliver"
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut conn = kernel.db.acquire().await?;
            let delivery = store::delivery(&mut conn, email.ref_id("outreach")?).await?;
            // an organizer may have decided that a failed or uncertain one goes again
            let Some(delivery) =
                delivery.filter(|d| matches!(d.state.as_str(), "queued" | "failed" | "uncertain" | "bounced"))
            else {
                return Ok(None);
            };
            let target = store::target(&mut conn, delivery.office_id, self.0.today()).await?;
            drop(conn);
            let Some(read) = Read::of(&self.0, delivery.letter_id).await?.filter(|r| r.row.state == "confirmed") else {
                return Ok(None);
            };
            if !read.letter.goes_out() {
                // switched off while this was tried again: it waits until it may go
                store::set_waiting(&mut *kernel.db.acquire().await?, &[delivery.id], "held").await?;
                return Ok(None);
            }
            if read.row.sealed.is_none() {
                return Err(Error::internal("what was written has been erased"));
            }
            let mut mailboxes = Vec::with_capacity(delivery.mailboxes.len());
            for address in &delivery.mailboxes {
                mailboxes.push(
                    EmailAddress::parse(address)
                        .map_err(|_| Error::internal("the office has an impossible mailbox"))?,
                );
            }
            if mailboxes.is_empty() {
                return Err(Error::internal("the office has no mailbox"));
            }
            let to = mailboxes.remove(0);
            let (typed, details) = (&read.typed, &read.typed.details);
            let (subject, body) = typed.compose(&read.letter, read.row.variant, &target)?;
            let shown = if typed.show_email { details.email.as_str() } else { "" };
            let page = context! {
                body, name => details.full_name(), city => details.locality.as_str(), postal_code => details.postal_code.as_str(),
                show_email_address => shown,
            };
            let text = kernel.pages.render("mail/letter_deliver.txt", typed.locale, page)?;
            let holder = target.holder_line();
            let mut composed = Composed::new(to, details.full_name(), subject, text);
            composed.to_name = Some(if holder.is_empty() { target.title_in(typed.locale) } else { holder });
            composed.cc = mailboxes;
            LETTERS.clone_into(&mut composed.from_local);
            composed.reply_to =
                Some(if shown.is_empty() { reply_address(kernel, delivery.id) } else { shown.to_owned() });
            Ok(Some(composed))
        })
    }

    fn settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
        fate: Fate,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if fate == Fate::Complained {
                return Ok(()); // it arrived
            }
            let at = self.0.kernel.cx.recorded_now(email.protected);
            store::settle(conn, email.ref_id("outreach")?, fate.as_str(), at, self.0.today()).await
        })
    }
}

/// Our address for answers to an outreach: derived, so that it needs no storing and tells nothing.
pub fn reply_address(kernel: &Kernel, outreach: Uuid) -> String {
    let mac = kernel.requests_key.derive("letter-replies").mac(&[b"reply", outreach.as_bytes()]);
    format!("reply+{}@{}", base32(&mac[..16]), kernel.settings.mail.from_domain)
}
