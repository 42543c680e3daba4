//! Handlers of this slice's mailed links: confirm, manage (cancel), "this was not me".

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::{Acquire, PgConnection};

use super::{
    ops::{self, LoadedAttendance},
    state::AttendanceState,
    store,
    submission::Events,
};
use crate::{
    error::{Code, Result},
    kernel::{
        Kernel,
        i18n::{text, text_of},
        links::{Detail, FormInput, LinkHandler, LinkPage, NEVER_AGAIN, PageLink, Purpose, Token, expired},
    },
    mail, people,
};

/// Purpose of links that confirm a registration.
pub const CONFIRM_ATTENDANCE: Purpose = Purpose::new(3);
/// Purpose of links to the attendee's own page.
pub const MANAGE_ATTENDANCE: Purpose = Purpose::new(4);
/// Purpose of "this was not me" links.
pub const REJECT_ATTENDANCE: Purpose = Purpose::new(8);

/// Confirms a registration.
#[derive(Debug)]
pub(super) struct ConfirmLink(pub Events);
/// The attendee's own page.
#[derive(Debug)]
pub(super) struct ManageLink(pub Arc<Kernel>);
/// "This was not me": deletes a pending registration.
#[derive(Debug)]
pub(super) struct RejectLink(pub Arc<Kernel>);

/// The registration of a token; a deleted row is answered like an expired link.
async fn find(kernel: &Kernel, conn: &mut PgConnection, token: &Token) -> Result<LoadedAttendance> {
    let row = store::attendance(conn, token.row).await?.ok_or_else(expired)?;
    token.check(row.link_generation)?;
    ops::load_attendance(kernel, conn, row).await
}

/// The same, with the person and then the registration locked (lock order: see `ops`).
async fn find_locked(kernel: &Kernel, conn: &mut PgConnection, token: &Token) -> Result<LoadedAttendance> {
    let row = store::attendance(conn, token.row).await?.ok_or_else(expired)?;
    token.check(row.link_generation)?;
    people::lock_people(conn, &[row.person_id]).await?;
    let row = store::lock_attendance(conn, token.row).await?.ok_or_else(expired)?;
    token.check(row.link_generation)?;
    ops::load_attendance(kernel, conn, row).await
}

fn own_link(kernel: &Kernel, c: &LoadedAttendance, purpose: Purpose) -> String {
    kernel.links.url(purpose, c.row.id, c.row.link_generation)
}

/// A page with the texts `token-{stem}-{key}`.
fn page(c: &LoadedAttendance, stem: &str, heading: &str, lines: &[&str]) -> LinkPage {
    let part = |key: &str| text_of(c.locale, &format!("token-{stem}-{key}"), "title", c.event.title(c.locale));
    LinkPage {
        locale: c.locale,
        heading: part(heading),
        lines: lines.iter().map(|key| part(key)).collect(),
        ..LinkPage::default()
    }
}

fn with_button(mut page: LinkPage, c: &LoadedAttendance, stem: &str) -> LinkPage {
    page.button = Some(text(c.locale, &format!("token-{stem}-button")));
    page
}

fn details(c: &LoadedAttendance) -> Vec<Detail> {
    let mut details = Vec::new();
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            details.push(Detail { label: text(c.locale, label), value });
        }
    };
    add("detail-when", c.event.when(c.locale));
    add("detail-place", c.event.place());
    add("detail-name", c.payload.details.full_name());
    add("detail-party_size", c.row.party_size.to_string());
    add("detail-interpretation", c.payload.interpretation.clone());
    add("detail-access_needs", c.payload.access_needs.clone());
    if c.payload.consents.updates {
        add("detail-updates", text(c.locale, "value-yes"));
    }
    details
}

/// The join link, on the day of the event, for accepted registrations.
fn join_link(kernel: &Kernel, c: &LoadedAttendance) -> Option<String> {
    let link = &c.event.plan.instructions.0;
    let shown = !link.is_empty()
        && c.row.state == AttendanceState::Accepted
        && c.event.is_on(kernel.env.now())
        && c.event.is_today(kernel.env.now());
    shown.then(|| format!("{} {link}", text(c.locale, "mail-event-join")))
}

fn event_link(c: &LoadedAttendance) -> Vec<PageLink> {
    vec![PageLink { label: c.event.title(c.locale), href: c.event.action.path() }]
}

/// The page after confirmation.
fn confirmed(kernel: &Kernel, c: &LoadedAttendance) -> LinkPage {
    let state = match c.row.state {
        AttendanceState::Pending | AttendanceState::Cancelled => return cancelled(c),
        state => state.as_str(),
    };
    let mut page = page(c, "event-confirm", &format!("done-heading-{state}"), &[&format!("done-line-{state}")]);
    page.done = true;
    page.neutral = c.event.action.protected;
    page.lines.extend(join_link(kernel, c));
    if !page.neutral {
        page.details = details(c);
        page.links = event_link(c);
    }
    page
}

/// The page after cancellation.
fn cancelled(c: &LoadedAttendance) -> LinkPage {
    let neutral = c.event.action.protected;
    let page = page(c, if neutral { "neutral-manage" } else { "event-manage" }, "done-heading", &["done-line-1"]);
    LinkPage { done: true, neutral, ..page }
}

impl LinkHandler for ConfirmLink {
    fn purpose(&self) -> Purpose {
        CONFIRM_ATTENDANCE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut conn = kernel.public.acquire().await?;
            let c = find(kernel, &mut conn, token).await?;
            let is_pending = c.row.state == AttendanceState::Pending;
            if is_pending && c.row.confirm_expires_at.is_none_or(|at| at <= kernel.env.now()) {
                return Err(expired());
            }
            let mut page = if c.event.action.protected {
                // discloses nothing before the button is pressed, also when it is confirmed already
                LinkPage {
                    neutral: true,
                    ..with_button(page(&c, "neutral-confirm", "heading", &["line-1"]), &c, "neutral-confirm")
                }
            } else if is_pending {
                let page =
                    with_button(page(&c, "event-confirm", "heading", &["line-1", "line-2"]), &c, "event-confirm");
                LinkPage { details: details(&c), ..page }
            } else {
                return Ok(confirmed(kernel, &c));
            };
            if is_pending {
                page.links.push(PageLink {
                    label: text(c.locale, "token-not-me-link"),
                    href: own_link(kernel, &c, REJECT_ATTENDANCE),
                });
            }
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let c = self.0.confirm(token.clone()).await?;
            Ok(confirmed(&self.0.kernel, &c))
        })
    }
}

impl LinkHandler for ManageLink {
    fn purpose(&self) -> Purpose {
        MANAGE_ATTENDANCE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut conn = kernel.public.acquire().await?;
            let c = find(kernel, &mut conn, token).await?;
            if !c.row.state.is_active() {
                replaced(&mut conn, &c).await?;
                return Ok(cancelled(&c));
            }
            if c.event.action.protected {
                let page = with_button(page(&c, "neutral-manage", "heading", &["line-1"]), &c, "neutral-manage");
                return Ok(LinkPage { neutral: true, danger: true, ..page });
            }
            let mut page = with_button(page(&c, "event-manage", "heading", &["line-1", "line-2"]), &c, "event-manage");
            page.danger = true;
            page.lines.extend(join_link(kernel, &c));
            page.details = details(&c);
            page.details.insert(
                0,
                Detail {
                    label: text(c.locale, "detail-status"),
                    value: text(c.locale, &format!("event-state-{}", c.row.state.as_str())),
                },
            );
            page.links = event_link(&c);
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut conn = kernel.public.acquire().await?;
            let mut tx = conn.begin().await?;
            let c = find(kernel, &mut tx, token).await?;
            if c.row.state.is_active() && ops::cancel(&mut tx, kernel, &c.event, c.row.id).await? {
                ops::notify_cancelled(&mut tx, kernel, &c.event, c.row.id).await?;
            } else {
                replaced(&mut tx, &c).await?;
            }
            tx.commit().await?;
            Ok(cancelled(&c))
        })
    }
}

/// Expires the link of a registration that was replaced by a newer one of the same person, instead of showing it as
/// cancelled.
async fn replaced(conn: &mut PgConnection, c: &LoadedAttendance) -> Result<()> {
    match store::active(conn, c.row.event_id, c.row.person_id).await? {
        Some(_) => Err(expired()),
        None => Ok(()),
    }
}

impl LinkHandler for RejectLink {
    fn purpose(&self) -> Purpose {
        REJECT_ATTENDANCE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.public.acquire().await?;
            match find(&self.0, &mut conn, token).await {
                Ok(c) if c.row.state == AttendanceState::Pending => Ok(LinkPage::not_me(c.locale, false)),
                Ok(_) => Err(expired()),
                // deleted before: the same answer
                Err(error) if error.code() == Code::LinkExpired => token.dropped_before(),
                Err(error) => Err(error),
            }
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.public.acquire().await?;
            let mut tx = conn.begin().await?;
            // the person is locked first, as a concurrent confirmation does; row and person are deleted below
            match find_locked(&self.0, &mut tx, token).await {
                Ok(c) if c.row.state == AttendanceState::Pending => {
                    if let Some(address) = c.payload.details.address().filter(|_| choices.ticked(NEVER_AGAIN)) {
                        mail::suppress_globally(&mut tx, &self.0, &address, c.event.action.protected).await?;
                    }
                    store::delete_pending(&mut tx, c.row.id).await?;
                    people::delete_unconfirmed_people(&mut tx, &[c.row.person_id]).await?;
                    tx.commit().await?;
                    Ok(LinkPage::not_me(c.locale, true))
                }
                Ok(_) => Err(expired()),
                Err(error) if error.code() == Code::LinkExpired => token.dropped_before(),
                Err(error) => Err(error),
            }
        })
    }
}
