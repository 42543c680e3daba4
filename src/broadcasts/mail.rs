//! The messages of this slice: the broadcast, and the same to the organizer who tries it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;

use super::store::{self, Broadcast as Row, Text};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        links::Purpose,
        markdown,
        text::{EmailAddress, LocaleTag},
    },
    mail::{self, Composed, Fate, MailKind, QueuedEmail},
    organizers,
};

/// News to somebody who agreed to it.
#[derive(Debug)]
pub struct Broadcast(pub Arc<Kernel>);
/// The same to oneself.
#[derive(Debug)]
pub struct Test(pub Arc<Kernel>);

async fn find(conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<Row>> {
    Ok(store::broadcasts(conn, email.organization_id, Some(email.ref_id("broadcast")?), false).await?.pop())
}

/// The mail; `links` are those of the reader, none for a trial.
fn compose(
    kernel: &Kernel,
    to: EmailAddress,
    organization: &str,
    (locale, text): (&str, &Text),
    links: Option<(String, String)>,
) -> Result<Composed> {
    let locale = LocaleTag::parse(locale).unwrap_or_default();
    let (unsubscribe_url, preferences_url) = links.clone().unwrap_or_default();
    let page = context! {
        organization, action_title => text.subject.as_str(), text => text.body.as_str(), body_html => markdown::render(&text.body),
        unsubscribe_url, preferences_url,
    };
    let rendered = mail::render(kernel, "broadcast", locale, false, page)?;
    let mut composed = Composed::new(to, organization, rendered.subject, rendered.text);
    composed.html = rendered.html;
    if let Some((unsubscribe, _)) = links {
        composed.headers = vec![
            ("List-Unsubscribe".to_owned(), format!("<{unsubscribe}>")),
            ("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned()),
        ];
    }
    Ok(composed)
}

impl MailKind for Broadcast {
    fn kind(&self) -> &'static str {
        "broadcast"
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<EmailAddress>>> {
        Box::pin(async move {
            let person = email.ref_id("person")?;
            let Some(reader) = store::reader(conn, person).await? else { return Ok(None) };
            let vault = self.0.vaults.open(reader.vault_id).await?;
            reader.address(&vault, person)
        })
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let (kernel, person) = (&self.0, email.ref_id("person")?);
            let mut conn = kernel.db.acquire().await?;
            let Some(broadcast) = find(&mut conn, email).await? else { return Ok(None) };
            match broadcast.state.as_str() {
                "cancelled" => return Ok(None),
                "paused" => {
                    return Err(Error::Unavailable { retry_after: 60, cause: "the broadcast is paused".to_owned() });
                }
                _ => {}
            }
            let Some(reader) = store::reader(&mut conn, person).await?.filter(|r| r.wants_news) else {
                return Ok(None);
            };
            drop(conn);
            let vault = kernel.vaults.open(reader.vault_id).await?;
            let (Some(to), Some(text)) =
                (reader.address(&vault, person)?, broadcast.text(reader.locale.as_deref().unwrap_or("")))
            else {
                return Ok(None);
            };
            if mail::is_suppressed(kernel, &to, &vault).await? {
                return Ok(None);
            }
            let link = |purpose| kernel.links.url(purpose, person, 0);
            let links = Some((link(Purpose::Unsubscribe), link(Purpose::Preferences)));
            compose(kernel, to, &reader.organization_name, text, links).map(Some)
        })
    }

    fn settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
        fate: Fate,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            store::settle(conn, email.ref_id("broadcast")?, email.ref_id("person")?, fate.as_str()).await
        })
    }
}

impl MailKind for Test {
    fn kind(&self) -> &'static str {
        "broadcast_test"
    }

    fn compose<'a>(&'a self, email: &'a QueuedEmail) -> BoxFuture<'a, Result<Option<Composed>>> {
        Box::pin(async move {
            let mut conn = self.0.db.acquire().await?;
            let Some(broadcast) = find(&mut conn, email).await? else { return Ok(None) };
            let organizer = email.ref_id("organizer")?;
            let staff = organizers::staff(&mut conn, email.organization_id).await?;
            let Some((_, to)) = staff.into_iter().find(|(id, _)| *id == organizer) else { return Ok(None) };
            let locale = email.refs.get("locale").and_then(|l| l.as_str()).unwrap_or(&broadcast.locale).to_owned();
            let Some(text) = broadcast.text(&locale) else { return Ok(None) };
            let name = organizers::organization_name(&mut conn, email.organization_id).await?;
            compose(&self.0, to, &name, text, None).map(Some)
        })
    }
}
