//! Links to what a person may do with all that is kept about them: download it, delete it, void the links given before.
//! They are on every own page and belong to the person, so they stay valid when the submission has ended.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    records::AllRecords,
    store::{self, PersonRow},
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        forms::FormInput,
        i18n::text,
        links::{Checkbox, Download, LinkHandler, LinkHandlers, LinkPage, PageLink, Purpose, Token, expired},
        text::LocaleTag,
        vault::Vault,
    },
};

/// Purpose of links that download all data held about a person. (12 and 13 did this and the next for signatures.)
pub const MY_DATA: Purpose = Purpose::new(16);
/// Purpose of links that erase a person.
pub const ERASE_PERSON: Purpose = Purpose::new(17);

/// Purpose of links that void all links given to a person before.
pub const VOID_LINKS: Purpose = Purpose::new(21);
/// The field that is ticked to read the data on the page, not in a file.
const ON_PAGE: &str = "page";
/// Generations that are tried for somebody of whom nothing is kept: the page then says only that.
const GENERATIONS_OF_NOBODY: std::ops::RangeInclusive<i16> = 0..=20;

/// Registers the handlers.
pub fn register_links(kernel: &Arc<Kernel>, records: &AllRecords, handlers: &mut LinkHandlers) {
    handlers.register(MyData { kernel: kernel.clone(), records: records.clone() });
    handlers.register(ErasePerson { kernel: kernel.clone(), records: records.clone() });
    handlers.register(VoidLinks { kernel: kernel.clone(), records: records.clone() });
}

/// The links for an own page. A file lies in the open where it was downloaded, so of a protected action the data is shown
/// on a page only. Whoever left no address could get no new link, so voiding the present one is not offered.
pub async fn own_links(
    kernel: &Kernel,
    conn: &mut PgConnection,
    person: Uuid,
    locale: LocaleTag,
    protected: bool,
) -> Result<Vec<PageLink>> {
    let known = store::links(conn, person).await?;
    let generation = known.as_ref().map_or(0, |links| links.generation);
    let to = |purpose, label: &str| PageLink {
        label: text(locale, label),
        href: kernel.links.url(purpose, person, generation),
    };
    let my_data = if protected { "own-data-see-link" } else { "own-data-link" };
    let mut links = vec![to(MY_DATA, my_data), to(ERASE_PERSON, "own-delete-link")];
    if known.is_some_and(|links| links.has_details) {
        links.push(to(VOID_LINKS, "own-void-link"));
    }
    Ok(links)
}

struct MyData {
    kernel: Arc<Kernel>,
    records: AllRecords,
}

struct ErasePerson {
    kernel: Arc<Kernel>,
    records: AllRecords,
}

struct VoidLinks {
    kernel: Arc<Kernel>,
    records: AllRecords,
}

/// A person with the opened vault; `None` when there is none with this id (any more).
///
/// # Errors
/// That of the vault.
pub async fn open(kernel: &Kernel, conn: &mut PgConnection, id: Uuid) -> Result<Option<(PersonRow, Arc<Vault>)>> {
    let Some((person, vault)) = store::with_vault(conn, id).await? else { return Ok(None) };
    Ok(Some((person, kernel.vaults.open(vault).await?)))
}

/// The person of a token.
async fn find(kernel: &Kernel, conn: &mut PgConnection, token: &Token) -> Result<Option<(PersonRow, Arc<Vault>)>> {
    match store::links(conn, token.row).await? {
        Some(links) => token.check(links.generation)?,
        None if GENERATIONS_OF_NOBODY.into_iter().any(|generation| token.check(generation).is_ok()) => return Ok(None),
        None => return Err(expired()),
    }
    open(kernel, conn, token.row).await
}

/// A page with the texts `own-{name}-…`.
fn page(locale: LocaleTag, name: &str, heading: &str, lines: &[&str]) -> LinkPage {
    let part = |key: &str| text(locale, &format!("own-{name}-{key}"));
    let lines = lines.iter().map(|key| part(key)).collect();
    LinkPage { locale, heading: part(heading), lines, neutral: true, ..LinkPage::default() }
}

impl LinkHandler for MyData {
    fn purpose(&self) -> Purpose {
        MY_DATA
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.kernel.public.acquire().await?;
            let (person, vault) = find(&self.kernel, &mut conn, token).await?.ok_or_else(expired)?;
            let locale = person.locale();
            if store::is_protected(&mut conn, vault.id).await? {
                let button = Some(text(locale, "own-data-see-button"));
                return Ok(LinkPage { button, opens: true, ..page(locale, "data", "heading", &["see-line"]) });
            }
            let button = Some(text(locale, "own-data-button"));
            let checkbox = Some(Checkbox { name: ON_PAGE, label: text(locale, "own-data-box") });
            Ok(LinkPage { button, checkbox, ..page(locale, "data", "heading", &["line"]) })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut tx = self.kernel.db.begin().await?;
            let (person, vault) = find(&self.kernel, &mut tx, token).await?.ok_or_else(expired)?;
            if choices.ticked(ON_PAGE) || store::is_protected(&mut tx, vault.id).await? {
                let details = self.records.my_details(&mut tx, &vault, &person).await?;
                return Ok(LinkPage { done: true, details, ..page(person.locale(), "data", "heading", &[]) });
            }
            let json = self.records.my_data(&mut tx, &vault, &person).await?;
            let download = Some(Download { name: "my-data.json".to_owned(), json });
            Ok(LinkPage { locale: person.locale(), done: true, download, ..LinkPage::default() })
        })
    }
}

fn erased(locale: LocaleTag) -> LinkPage {
    LinkPage { done: true, ..page(locale, "delete", "done-heading", &["done-line"]) }
}

impl LinkHandler for ErasePerson {
    fn purpose(&self) -> Purpose {
        ERASE_PERSON
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let found = find(&self.kernel, &mut *self.kernel.public.acquire().await?, token).await?;
            // nothing is kept of whom the link was made for, not even the language
            let Some((person, _)) = found else { return Ok(erased(LocaleTag::default())) };
            let locale = person.locale();
            let button = Some(text(locale, "own-delete-button"));
            Ok(LinkPage { button, danger: true, ..page(locale, "delete", "heading", &["line-1", "line-2"]) })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.kernel.public.acquire().await?;
            let mut tx = self.kernel.begin_on(&mut conn).await?;
            let found = find(&self.kernel, &mut tx, token).await?;
            let locale = found.map_or_else(LocaleTag::default, |(person, _)| person.locale());
            self.records.erase(&self.kernel, &mut tx, token.row).await?;
            tx.commit().await?;
            Ok(erased(locale))
        })
    }
}

impl LinkHandler for VoidLinks {
    fn purpose(&self) -> Purpose {
        VOID_LINKS
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let found = find(&self.kernel, &mut *self.kernel.public.acquire().await?, token).await?;
            let locale = found.ok_or_else(expired)?.0.locale();
            let button = Some(text(locale, "own-void-button"));
            Ok(LinkPage { button, danger: true, ..page(locale, "void", "heading", &["line-1", "line-2"]) })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.kernel.public.acquire().await?;
            let (person, _) = find(&self.kernel, &mut conn, token).await?.ok_or_else(expired)?;
            self.records.void_links(&self.kernel, &mut conn, person.id).await?;
            let locale = person.locale();
            let again = PageLink { label: text(locale, "own-void-again"), href: "/my".to_owned() };
            let links = vec![again];
            Ok(LinkPage { done: true, links, ..page(locale, "void", "done-heading", &["done-line"]) })
        })
    }
}
