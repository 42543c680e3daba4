//! Link handlers of a broadcast: one-click unsubscribing and mail preferences.
//!
//! A mail program that offers "unsubscribe" posts to the unsubscribe link directly (RFC 8058), so it works without a
//! cookie and without a page before.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::store::{self, Reader};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        forms::FormInput,
        i18n::{text, text_of},
        links::{ChoiceList, LinkHandler, LinkPage, PageLink, Purpose, Token, expired},
        text::LocaleTag,
    },
    mail, people,
};

/// Purpose of one-click unsubscribe links (RFC 8058).
pub const UNSUBSCRIBE: Purpose = Purpose::new(14);
/// Purpose of links to the mail preferences of a person.
pub const PREFERENCES: Purpose = Purpose::new(15);

/// Handler of unsubscribe links: withdraws the consent to news.
pub(super) struct Unsubscribe(pub Arc<Kernel>);
/// Handler of preference links: news, no news, or no mail of this installation ever again.
pub(super) struct Preferences(pub Arc<Kernel>);

async fn find(conn: &mut PgConnection, token: &Token) -> Result<(Reader, LocaleTag)> {
    token.check(0)?;
    let reader = store::reader(conn, token.row).await?.ok_or_else(expired)?;
    let locale = reader.locale.as_deref().and_then(|l| LocaleTag::parse(l).ok()).unwrap_or_default();
    Ok((reader, locale))
}

fn page(locale: LocaleTag, reader: &Reader, name: &str) -> LinkPage {
    let part = |key: &str| text_of(locale, &format!("{name}-{key}"), "organization", reader.organization_name.clone());
    LinkPage { locale, heading: part("heading"), lines: vec![part("line")], ..LinkPage::default() }
}

/// Records the withdrawal of the consent to news, unless it is withdrawn already.
async fn stop(
    conn: &mut PgConnection,
    kernel: &Kernel,
    token: &Token,
    reader: &Reader,
    locale: LocaleTag,
) -> Result<()> {
    people::lock_person(conn, token.row).await?;
    if reader.wants_news {
        let wording = text(locale, "unsubscribe-button");
        people::set_updates_consent(conn, kernel, token.row, false, &wording, locale).await?;
    }
    Ok(())
}

impl LinkHandler for Unsubscribe {
    fn purpose(&self) -> Purpose {
        UNSUBSCRIBE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let (reader, locale) = find(&mut *self.0.db.acquire().await?, token).await?;
            let mut page = page(locale, &reader, "unsubscribe");
            page.button = Some(text(locale, "unsubscribe-button"));
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut tx = self.0.db.begin().await?;
            let (reader, locale) = find(&mut tx, token).await?;
            stop(&mut tx, &self.0, token, &reader, locale).await?;
            tx.commit().await?;
            let mut page = page(locale, &reader, "unsubscribe-done");
            page.done = true;
            page.links = vec![PageLink {
                label: text(locale, "preferences-link"),
                href: self.0.links.url(PREFERENCES, token.row, 0),
            }];
            Ok(page)
        })
    }
}

/// What a person wants to get: the values of the form.
#[derive(Clone, Copy, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum MailChoice {
    /// Email updates, and what the person's own acts bring.
    News,
    /// No email updates.
    None,
    /// No mail of this installation ever again.
    Never,
}

impl LinkHandler for Preferences {
    fn purpose(&self) -> Purpose {
        PREFERENCES
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let (reader, locale) = find(&mut *self.0.db.acquire().await?, token).await?;
            let mut page = page(locale, &reader, "preferences");
            let option = |choice: MailChoice, is_chosen| {
                let value: &str = choice.into();
                (value.to_owned(), text(locale, &format!("preferences-{value}")), is_chosen)
            };
            page.choice_list = Some(ChoiceList {
                name: "mail",
                legend: text(locale, "preferences-legend"),
                options: vec![
                    option(MailChoice::News, reader.wants_news),
                    option(MailChoice::None, !reader.wants_news),
                    option(MailChoice::Never, false),
                ],
            });
            page.button = Some(text(locale, "preferences-button"));
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut tx = kernel.db.begin().await?;
            let (reader, locale) = find(&mut tx, token).await?;
            let choice = choices.get("mail").and_then(|value| value.parse::<MailChoice>().ok());
            let choice = choice.ok_or_else(|| Error::field("/mail", "unknown_value", "Choose one of the three."))?;
            match choice {
                MailChoice::News if reader.wants_news => {}
                MailChoice::News => {
                    people::lock_person(&mut tx, token.row).await?;
                    let wording = text(locale, "preferences-news");
                    people::set_updates_consent(&mut tx, kernel, token.row, true, &wording, locale).await?;
                }
                MailChoice::None => stop(&mut tx, kernel, token, &reader, locale).await?,
                MailChoice::Never => {
                    stop(&mut tx, kernel, token, &reader, locale).await?;
                    let vault = kernel.vaults.open(reader.vault_id).await?;
                    if let Some(address) = reader.address(&vault)? {
                        mail::suppress_globally(&mut tx, kernel, &address, false).await?;
                    }
                }
            }
            tx.commit().await?;
            let mut page = page(locale, &reader, "preferences-done");
            page.lines = vec![text(locale, &format!("preferences-{}", <&str>::from(choice)))];
            page.done = true;
            Ok(page)
        })
    }
}
