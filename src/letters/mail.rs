//! The mails of this slice besides those that ask to confirm: `letter_thanks` to the writer, `letter_deliver` to the
//! office.

use std::collections::{HashMap, hash_map::Entry};

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{
    kind::{LetterKind, LoadedLetter},
    links::MANAGE_LETTER,
    state::{LetterState, OutreachState},
    store::{self, Target},
    submission::Letters,
};
use crate::{
    actions::submission::{SubmissionKind, addressee, load_found},
    error::{Error, Result},
    kernel::{
        Kernel,
        crypto::base32,
        text::{EmailAddress, LocaleTag},
    },
    mail::{self, Addressee, Composed, Composition, DeliveryStatus, MailKind, QueuedEmail, SendBasis},
};

/// The acknowledgement after confirmation, with the link to the writer's own page.
#[derive(Debug)]
pub(super) struct ThanksMail(pub Letters);

impl ThanksMail {
    /// Its name.
    pub(super) const KIND: &'static str = "letter_thanks";
}

impl MailKind for ThanksMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(addressee::<LetterKind>(&self.0.kernel, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let ids = QueuedEmail::ref_ids(emails, LetterKind::REF)?;
            let found = load_found(kernel, &mut *kernel.work.acquire().await?, &ids).await?.into_iter();
            let stands = |c: &LoadedLetter| c.row.state == LetterState::Confirmed;
            let drafts = found.map(|c| Ok(c?.filter(stands).and_then(|c| c.draft(SendBasis::Notice))));
            mail::compose_permitted(kernel, emails, drafts.collect(), |c, to| {
                c.compose(kernel, Self::KIND, to, context! { manage_url => c.link(kernel, MANAGE_LETTER) })
            })
            .await
        })
    }
}

/// The letter to an office (`emails.refs`: `{"outreach": uuid}`). It does not mention the campaign.
#[derive(Debug)]
pub(super) struct LetterMail(pub Letters);

impl MailKind for LetterMail {
    fn kind(&self) -> &'static str {
        "letter_deliver"
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.deliver(emails))
    }

    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut settled = Vec::with_capacity(ended.len());
            for (email, status) in ended {
                let Some(state) = OutreachState::of_delivery(*status) else { continue };
                let at = self.0.kernel.env.recorded_now(email.protected);
                let id = email.ref_id("outreach")?;
                settled.push(store::DeliveryOutcome { id, email: email.id, state, at });
            }
            store::save_delivery_outcomes(conn, &settled, self.0.today()).await
        })
    }
}

impl LetterMail {
    async fn deliver(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let kernel = &self.0.kernel;
        let mut conn = kernel.work.acquire().await?;
        let ids = QueuedEmail::ref_ids(emails, "outreach")?;
        let mut deliveries = store::outreach_deliveries(&mut conn, &ids).await?;
        let copied = |id: &Uuid| ids.iter().zip(emails).any(|(other, email)| other == id && email.is_copy());
        deliveries.retain(|d| d.state.may_be_sent() || (d.state == OutreachState::Sent && copied(&d.id)));
        let letters: Vec<Uuid> = deliveries.iter().map(|d| d.letter_id).collect();
        let loaded = load_found::<LetterKind>(kernel, &mut conn, &letters).await?;
        let mut offices: Vec<Uuid> = deliveries.iter().map(|d| d.office_id).collect();
        offices.sort_unstable();
        offices.dedup();
        let mailboxes = store::mailboxes(&mut conn, &offices).await?;
        // offices that are no longer targets of the action
        let former = deliveries.iter().zip(&loaded).filter(
            |(delivery, loaded)| matches!(loaded, Ok(Some(loaded)) if loaded.parent.target(delivery.office_id).is_none()),
        );
        let former: Vec<Uuid> = former.map(|(delivery, _)| delivery.office_id).collect();
        let former =
            if former.is_empty() { Vec::new() } else { store::targets(&mut conn, &former, self.0.today()).await? };
        let (mut composed, mut held, mut texts) = (HashMap::new(), Vec::new(), Texts::new());
        for (delivery, loaded) in deliveries.iter().zip(loaded) {
            let letter = loaded.and_then(|loaded| {
                let stands =
                    |loaded: &LoadedLetter| loaded.row.state == LetterState::Confirmed && loaded.row.sealed.is_some();
                let Some(loaded) = loaded.filter(stands) else { return Ok(None) };
                if !loaded.parent.is_sending() && delivery.state == OutreachState::Sent {
                    return Err(mail::paused("the letter action does not send"));
                }
                if !loaded.parent.is_sending() {
                    // stopped between a failed attempt and this one: held until the action sends again
                    held.push(delivery.id);
                    return Ok(None);
                }
                let office = delivery.office_id;
                let target = loaded.parent.target(office).or_else(|| former.iter().find(|t| t.office_id == office));
                let target = target.ok_or_else(|| Error::internal("the office is gone"))?;
                let mailboxes = mailboxes.get(&office).map_or(&[][..], Vec::as_slice);
                let said = texts.of(&loaded, target)?;
                write(kernel, delivery.id, mailboxes, target, &loaded, said).map(Some)
            });
            composed.insert(delivery.id, letter);
        }
        if !held.is_empty() {
            let mut tx = conn.begin().await?;
            let stopped = store::hold_stopped(&mut tx, &held).await?;
            tx.commit().await?;
            for outreach in held.into_iter().filter(|outreach| !stopped.contains(outreach)) {
                let cause = "the letter's action goes out again".to_owned();
                composed.insert(outreach, Err(Error::not_done(1, cause)));
            }
        }
        Ok(ids.iter().map(|id| composed.remove(id).unwrap_or(Ok(None))).collect())
    }
}

/// Cache of unedited texts: rendered once for each action, language, subject and office.
struct Texts(HashMap<(Uuid, LocaleTag, i16, Uuid), (String, String)>);

impl Texts {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// Subject and text.
    fn of(
        &mut self,
        LoadedLetter { row, parent, payload, .. }: &LoadedLetter,
        target: &Target,
    ) -> Result<(String, String)> {
        if !payload.subject.is_empty() || !payload.message.is_empty() {
            return payload.compose(parent, row.variant, target);
        }
        Ok(match self.0.entry((parent.action.id, payload.locale, row.variant, target.office_id)) {
            Entry::Occupied(said) => said.get().clone(),
            Entry::Vacant(place) => place.insert(payload.compose(parent, row.variant, target)?).clone(),
        })
    }
}

/// Composes the letter to an office.
fn write(
    kernel: &Kernel,
    outreach: Uuid,
    mailboxes: &[String],
    target: &Target,
    loaded: &LoadedLetter,
    (subject, body): (String, String),
) -> Result<Composed> {
    if loaded.row.sealed.is_none() {
        return Err(Error::internal("what was written has been erased"));
    }
    let parse = |address: &String| {
        EmailAddress::parse(address).map_err(|_| Error::internal("the office has an impossible mailbox"))
    };
    let (to, cc) = mailboxes.split_first().ok_or_else(|| Error::internal("the office has no mailbox"))?;
    let (to, cc) = (parse(to)?, cc.iter().map(parse).collect::<Result<Vec<_>>>()?);
    let (payload, details) = (&loaded.payload, &loaded.payload.details);
    let shown = if payload.show_email { details.email.as_str() } else { "" };
    let page = context! {
        body, name => details.full_name(), city => details.locality.as_str(), postal_code => details.postal_code.as_str(),
        show_email_address => shown,
    };
    let locale = payload.letter_locale(&loaded.parent);
    let text = kernel.pages.render("mail/letter_deliver.txt", locale, page)?;
    let holder = target.holder_line(locale);
    let mut composed = Composed::new(to, details.full_name(), subject, text);
    composed.to_name = Some(if holder.is_empty() { target.title_in(locale) } else { holder });
    composed.cc = cc;
    mail::LETTERS_LOCAL_PART.clone_into(&mut composed.from_local);
    // few servers take an address in UTF-8 in a header (RFC 6532); the letter's text shows it
    let may_reply_to = !shown.is_empty() && shown.is_ascii();
    composed.reply_to = Some(if may_reply_to { shown.to_owned() } else { reply_address(kernel, outreach) });
    Ok(composed)
}

/// Reply address of an outreach: derived with a keyed hash, so that it is not stored and identifies nobody.
pub(super) fn reply_address(kernel: &Kernel, outreach: Uuid) -> String {
    let mac = kernel.requests_key.derive("letter-replies").of_row(outreach).mac(&[b"reply", outreach.as_bytes()]);
    format!("reply+{}@{}", base32(&mac[..16]), kernel.settings.mail.from_domain)
}
