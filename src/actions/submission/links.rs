//! Pages of the links in mails to the owners of submissions: confirm, the own page with the button to withdraw, and
//! "this was not me". A page about a protected action discloses nothing before its button is pressed.

use std::{marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Submissions,
    kind::{Standing, SubmissionKey, SubmissionKind, SubmissionPayload, SubmissionRow},
    loaded::{Loaded, load},
    owner_acts::Credential,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        forms::FormInput,
        i18n::{self, text, text_of},
        links::{LinkHandler, LinkHandlers, LinkPage, NEVER_AGAIN, OPEN, PageLink, Purpose, Token, expired},
        zones,
    },
    mail,
    people::{self, AllRecords, PersonRecord},
};

/// Registers the handlers of the links of a kind.
pub fn register_links<K: SubmissionKind>(
    submissions: &Submissions<K>,
    records: &AllRecords,
    handlers: &mut LinkHandlers,
) {
    handlers.register(ConfirmLink(submissions.clone()));
    handlers.register(ManageLink { submissions: submissions.clone(), records: records.clone() });
    handlers.register(RejectLink::<K>(submissions.kernel.clone(), PhantomData));
    handlers.register(WaitingLink::<K>(submissions.kernel.clone(), PhantomData));
}

/// The submission of a token; one that was deleted looks like an expired link.
///
/// # Errors
/// `link_expired` (410), also for a forged or replaced token.
pub async fn find<K: SubmissionKind>(kernel: &Kernel, conn: &mut PgConnection, token: &Token) -> Result<Loaded<K>> {
    let row = K::rows(conn, &[token.row]).await?.pop().ok_or_else(expired)?;
    open(kernel, conn, token, row).await
}

/// The same, under the locks of its person and its own (lock order: see [`people`]).
///
/// # Errors
/// As [`find`].
pub async fn find_locked<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    token: &Token,
) -> Result<Loaded<K>> {
    let row = K::rows(conn, &[token.row]).await?.pop().ok_or_else(expired)?;
    token.check(row.link_generation())?;
    people::lock_people(conn, &[row.person_id()]).await?;
    let key = SubmissionKey { id: token.row, person_id: row.person_id(), link_generation: row.link_generation() };
    let (row, _) = K::lock(conn, &[key]).await?.into_iter().find(|(row, _)| row.id() == key.id).ok_or_else(expired)?;
    open(kernel, conn, token, row).await
}

async fn open<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    token: &Token,
    row: K::Row,
) -> Result<Loaded<K>> {
    token.check(row.link_generation())?;
    people::require_links(conn, row.person_id(), row.created_at(), kernel.env.now()).await?;
    load(kernel, conn, vec![row]).await?.pop().unwrap_or_else(|| Err(expired()))
}

struct ConfirmLink<K: SubmissionKind>(Submissions<K>);

impl<K: SubmissionKind> LinkHandler for ConfirmLink<K> {
    fn purpose(&self) -> Purpose {
        K::CONFIRM_LINK
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut conn = kernel.public.acquire().await?;
            let c: Loaded<K> = find(kernel, &mut conn, token).await?;
            let is_pending = match K::standing(kernel, &mut conn, &c).await? {
                Standing::Pending => true,
                Standing::Confirmed(confirmed) if !c.is_neutral() => return Ok(K::confirmed_page(kernel, &confirmed)),
                Standing::Confirmed(_) => false,
                Standing::Over => return Err(expired()),
            };
            // a neutral page tells nothing before its button is pressed
            let closed = if is_pending && !c.is_neutral() { K::closed_page(kernel, &c) } else { None };
            let mut page = match closed {
                Some(page) => page,
                None => K::confirm_page(kernel, &mut conn, &c).await?,
            };
            if is_pending {
                page.links.push(c.page_link(kernel, K::REJECT_LINK, "token-not-me-link"));
            }
            // a neutral page has it in any case, so that it tells nothing
            if c.is_neutral() || !others_waiting(kernel, &mut conn, &c).await?.is_empty() {
                page.links.push(c.page_link(kernel, K::WAITING_LINK, "token-waiting-link"));
            }
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let refused = match self.0.confirm(token.row, Credential::Link(token.clone())).await {
                Ok(confirmed) => return Ok(K::confirmed_page(kernel, &confirmed)),
                Err(error) if error.code() == Code::ActionClosed => error,
                Err(error) => return Err(error),
            };
            let c: Loaded<K> = find(kernel, &mut *kernel.public.acquire().await?, token).await?;
            K::closed_page(kernel, &c).ok_or(refused)
        })
    }
}

/// The own page: what it is about is shown after a first press, which changes nothing. In every state it leads to what the
/// person may do with their data.
struct ManageLink<K: SubmissionKind> {
    submissions: Submissions<K>,
    records: AllRecords,
}

impl<K: SubmissionKind> ManageLink<K> {
    async fn with_own_links(&self, conn: &mut PgConnection, c: &Loaded<K>, mut page: LinkPage) -> Result<LinkPage> {
        let kernel = &self.submissions.kernel;
        let links = people::own_links(kernel, conn, c.row.person_id(), c.locale, c.is_neutral()).await?;
        page.links.extend(links);
        Ok(page)
    }

    /// The own pages of what else the person did that stands: "Petition signed: Status for all (6 December 2026)".
    async fn also_done(&self, conn: &mut PgConnection, c: &Loaded<K>) -> Result<Vec<PageLink>> {
        let done = self.records.also_done(conn, &c.vault, c.row.person_id(), c.row.id()).await?;
        let link = |(label, record): (&str, PersonRecord)| {
            let day = i18n::day_of(c.locale, record.at, *zones::DEFAULT);
            let label = format!("{}: {} ({day})", text(c.locale, label), record.title);
            record.own_page.map(|href| PageLink { label, href })
        };
        Ok(done.into_iter().filter_map(link).collect())
    }
}

impl<K: SubmissionKind> LinkHandler for ManageLink<K> {
    fn purpose(&self) -> Purpose {
        K::MANAGE_LINK
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.submissions.kernel.public.acquire().await?;
            let c: Loaded<K> = find(&self.submissions.kernel, &mut conn, token).await?;
            // refuses the links that its page refuses
            K::own_page(&self.submissions.kernel, &mut conn, &c).await?;
            self.with_own_links(&mut conn, &c, LinkPage::closed(c.locale)).await
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.submissions.kernel;
            let mut conn = kernel.public.acquire().await?;
            let c: Loaded<K> = find(kernel, &mut conn, token).await?;
            if choices.ticked(OPEN) {
                let mut page = K::own_page(kernel, &mut conn, &c).await?;
                if !c.is_neutral() && !page.done {
                    page.links.extend(self.also_done(&mut conn, &c).await?);
                }
                return self.with_own_links(&mut conn, &c, page).await;
            }
            drop(conn);
            let c = self.submissions.withdraw(token.clone()).await?;
            self.with_own_links(&mut *kernel.public.acquire().await?, &c, K::withdrawn_page(&c)).await
        })
    }
}

struct RejectLink<K>(Arc<Kernel>, PhantomData<K>);

impl<K: SubmissionKind> LinkHandler for RejectLink<K> {
    fn purpose(&self) -> Purpose {
        K::REJECT_LINK
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.public.acquire().await?;
            match find::<K>(&self.0, &mut conn, token).await {
                Ok(c) if c.row.is_pending() => Ok(LinkPage::not_me(c.locale, false)),
                Ok(_) => Err(expired()),
                Err(error) => dropped_before(token, error),
            }
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut conn = kernel.public.acquire().await?;
            let mut tx = kernel.begin_on(&mut conn).await?;
            let c = match find_locked::<K>(kernel, &mut tx, token).await {
                Ok(c) if c.row.is_pending() => c,
                Ok(_) => return Err(expired()),
                Err(error) => return dropped_before(token, error),
            };
            if let Some(address) = c.payload.details().address().filter(|_| choices.ticked(NEVER_AGAIN)) {
                mail::suppress_globally(&mut tx, kernel, &address, c.is_neutral()).await?;
            }
            K::delete_pending(&mut tx, &c.row).await?;
            people::delete_unconfirmed_people(&mut tx, &[c.row.person_id()]).await?;
            tx.commit().await?;
            Ok(LinkPage::not_me(c.locale, true))
        })
    }
}

/// Maximum number of waiting submissions that a page lists.
const MAX_WAITING: usize = 50;

/// The other submissions of the same address on the same action that wait to be confirmed, newest first.
async fn others_waiting<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    c: &Loaded<K>,
) -> Result<Vec<Loaded<K>>> {
    let Some(address) = c.payload.details().address() else { return Ok(Vec::new()) };
    let keys = K::by_address(conn, c.action().id, c.vault.id, &c.vault.email_index(&address)).await?;
    let others: Vec<Uuid> = keys.iter().map(|key| key.id).filter(|id| *id != c.row.id()).take(MAX_WAITING).collect();
    if others.is_empty() {
        // of almost everybody
        return Ok(Vec::new());
    }
    let mut rows = K::rows(conn, &others).await?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.created_at(), row.id())));
    let others: Result<Vec<Loaded<K>>> = load(kernel, conn, rows).await?.into_iter().collect();
    let now = kernel.env.now();
    Ok(others?.into_iter().filter(|other| other.waits(now)).collect())
}

/// What else of the same address waits to be confirmed on an action: anybody may have typed the address into its form.
/// Each has a page of its own to confirm it, and one to say "this was not me".
struct WaitingLink<K>(Arc<Kernel>, PhantomData<K>);

impl<K: SubmissionKind> LinkHandler for WaitingLink<K> {
    fn purpose(&self) -> Purpose {
        K::WAITING_LINK
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.public.acquire().await?;
            let c: Loaded<K> = find(&self.0, &mut conn, token).await?;
            let button = Some(text(c.locale, "token-waiting-button"));
            Ok(LinkPage { button, ..c.text_page("waiting", "heading", &["line-1"]) })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut conn = kernel.public.acquire().await?;
            let c: Loaded<K> = find(kernel, &mut conn, token).await?;
            let others = others_waiting(kernel, &mut conn, &c).await?;
            let line = if others.is_empty() { "none" } else { "line-2" };
            let mut page = c.text_page("waiting", "heading", &[line]);
            for other in &others {
                let at = other.row.created_at();
                let when = if c.is_neutral() {
                    i18n::day_of(c.locale, at, *zones::DEFAULT)
                } else {
                    i18n::date_time(c.locale, at, *zones::DEFAULT)
                };
                let name = if c.is_neutral() { String::new() } else { other.payload.details().full_name() };
                let of = if name.is_empty() { when } else { format!("{name}, {when}") };
                let link_to = |purpose, key: &str| PageLink {
                    label: text_of(c.locale, key, "what", of.clone()),
                    href: other.link(kernel, purpose),
                };
                page.links.push(link_to(K::CONFIRM_LINK, "token-waiting-mine"));
                page.links.push(link_to(K::REJECT_LINK, "token-waiting-not-mine"));
            }
            Ok(page)
        })
    }
}

/// A submission that was deleted before has the page of the deletion.
fn dropped_before(token: &Token, error: Error) -> Result<LinkPage> {
    if error.code() == Code::LinkExpired { token.dropped_before() } else { Err(error) }
}
