//! Mail kinds of this slice: the broadcast, and the test mail to the organizer.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    links::{PREFERENCES, UNSUBSCRIBE},
    states::BroadcastState,
    store::{self, Broadcast as Row, Text},
};
use crate::{
    error::Result,
    kernel::{
        Kernel, markdown,
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
    mail::{self, Addressee, Composed, Composition, DeliveryStatus, Draft, MailKind, QueuedEmail, SendBasis},
    organizers,
};

/// Mail kind `broadcast`: to a person who agreed to news. `refs`: `{"broadcast", "person"}`.
#[derive(Debug)]
pub(super) struct Broadcast(pub Arc<Kernel>);
/// Mail kind `broadcast_test`: the same to an organizer. `refs`: `{"broadcast", "organizer", "locale"}`.
#[derive(Debug)]
pub(super) struct TestBroadcast(pub Arc<Kernel>);

async fn find(conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<Row>> {
    store::broadcast(conn, email.organization_id, email.ref_id("broadcast")?).await
}

/// The text of a broadcast in one language, with its HTML rendered, to be shared by many mails.
struct RenderedBroadcast {
    locale: LocaleTag,
    subject: String,
    text: String,
    html: String,
}

impl RenderedBroadcast {
    fn of((locale, text): (&str, &Text)) -> Self {
        Self {
            locale: LocaleTag::parse(locale).unwrap_or_default(),
            subject: text.subject.clone(),
            text: text.body.clone(),
            html: markdown::render(&text.body),
        }
    }
}

/// The reader's links in a mail.
struct ReaderLinks {
    /// For the page.
    unsubscribe: String,
    preferences: String,
    /// For the header: also leads back to the mail, when it comes back as a complaint.
    one_click: String,
}

/// Composes the mail of an organization with this name and postal address; `links` is `None` for a test mail.
fn compose(
    kernel: &Kernel,
    to: EmailAddress,
    (organization, postal_address): (&str, &str),
    written: &RenderedBroadcast,
    links: Option<ReaderLinks>,
) -> Composition {
    let (unsubscribe_url, preferences_url) =
        links.as_ref().map_or(("", ""), |links| (links.unsubscribe.as_str(), links.preferences.as_str()));
    let page = context! {
        organization, action_title => written.subject.as_str(), text => written.text.as_str(), body_html => written.html.as_str(),
        unsubscribe_url, preferences_url, postal_address,
    };
    let rendered = mail::render(kernel, "broadcast", written.locale, false, page)?;
    let mut composed = Composed::new(to, organization, rendered.subject, rendered.text);
    composed.html = rendered.html;
    if let Some(links) = links {
        composed.headers = vec![
            ("List-Unsubscribe".to_owned(), format!("<{}>", links.one_click)),
            ("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned()),
        ];
    }
    Ok(Some(composed))
}

impl MailKind for Broadcast {
    fn kind(&self) -> &'static str {
        "broadcast"
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(async move {
            let Some(reader) = store::reader(conn, email.ref_id("person")?).await? else { return Ok(None) };
            let vault = self.0.vaults.open(reader.vault_id).await?;
            Ok(reader.address(&vault)?.map(|address| Addressee { address, vault }))
        })
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.write(emails))
    }

    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let settled = ended.iter().map(|(email, status)| {
                let (broadcast, person) = (email.ref_id("broadcast")?, email.ref_id("person")?);
                Ok(store::SettledRecipient { broadcast, person, email: email.id, state: (*status).into() })
            });
            store::settle(conn, &settled.collect::<Result<Vec<_>>>()?).await
        })
    }
}

impl Broadcast {
    async fn write(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let kernel = &self.0;
        let mut conn = kernel.work.acquire().await?;
        let mut broadcasts: HashMap<Uuid, Option<Row>> = HashMap::new();
        for email in emails {
            if let Entry::Vacant(place) = broadcasts.entry(email.ref_id("broadcast")?) {
                place.insert(find(&mut conn, email).await?);
            }
        }
        let readers = store::readers(&mut conn, &QueuedEmail::ref_ids(emails, "person")?).await?;
        drop(conn);
        let mut vaults: HashMap<Uuid, Arc<Vault>> = HashMap::new();
        for reader in &readers {
            if let Entry::Vacant(place) = vaults.entry(reader.vault_id) {
                place.insert(kernel.vaults.open(reader.vault_id).await?);
            }
        }
        let mut texts: HashMap<(Uuid, String), Arc<RenderedBroadcast>> = HashMap::new();
        let drafts = emails.iter().map(|email| {
            let (id, person) = (email.ref_id("broadcast")?, email.ref_id("person")?);
            let Some(broadcast) = broadcasts.get(&id).and_then(Option::as_ref) else { return Ok(None) };
            match broadcast.state {
                BroadcastState::Cancelled => return Ok(None),
                BroadcastState::Paused => return Err(mail::paused("the broadcast")),
                _ => {}
            }
            let Some(reader) = readers.iter().find(|r| r.id == person && r.wants_news) else { return Ok(None) };
            let Some(vault) = vaults.get(&reader.vault_id).cloned() else { return Ok(None) };
            let Some((locale, text)) = broadcast.text(reader.locale.as_deref().unwrap_or("")) else { return Ok(None) };
            let written =
                texts.entry((id, locale.to_owned())).or_insert_with(|| Arc::new(RenderedBroadcast::of((locale, text))));
            let about = (reader, written.clone(), email.id);
            Ok(reader.address(&vault)?.map(|to| Draft { about, to, vault, basis: SendBasis::Notice }))
        });
        let sender = mail::Sender::of(kernel);
        mail::compose_permitted(kernel, emails, drafts.collect(), |(reader, written, email), to| {
            let link = |purpose| kernel.links.url(purpose, reader.id, 0);
            let unsubscribe = link(UNSUBSCRIBE);
            let one_click = sender.link_of(&unsubscribe, email);
            let links = ReaderLinks { unsubscribe, preferences: link(PREFERENCES), one_click };
            compose(kernel, to, (&reader.organization_name, &reader.postal_address), &written, Some(links))
        })
        .await
    }
}

impl TestBroadcast {
    /// Its name.
    pub(super) const KIND: &'static str = "broadcast_test";
}

impl MailKind for TestBroadcast {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(mail::one_by_one(emails, |email| self.write(email)))
    }
}

impl TestBroadcast {
    async fn write(&self, email: &QueuedEmail) -> Composition {
        let mut conn = self.0.db.acquire().await?;
        let Some(broadcast) = find(&mut conn, email).await? else { return Ok(None) };
        let organizer = email.ref_id("organizer")?;
        let staff = organizers::list_staff(&mut conn, email.organization_id).await?;
        let Some((_, to)) = staff.into_iter().find(|(id, _)| *id == organizer) else { return Ok(None) };
        let locale = email.refs.get("locale").and_then(|l| l.as_str()).unwrap_or(&broadcast.locale);
        let Some(text) = broadcast.text(locale) else { return Ok(None) };
        let name = organizers::organization_name(&mut conn, email.organization_id).await?;
        let address = organizers::postal_address(&mut conn, email.organization_id).await?;
        compose(&self.0, to, (&name, &address), &RenderedBroadcast::of(text), None)
    }
}
