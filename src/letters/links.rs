//! Handlers of this slice's mailed links: confirm a letter, follow or stop it, "this was not me".

use futures_util::future::BoxFuture;
use sqlx::{Acquire, PgConnection};

use super::{
    confirmation::ConfirmedLetter,
    ops::{self, LoadedLetter},
    state::{LetterState, OutreachState},
    store::{self, LetterRow},
    submission::Letters,
};
use crate::{
    error::Result,
    kernel::{
        i18n::{text, text_of},
        links::{Detail, FormInput, LinkHandler, LinkPage, NEVER_AGAIN, PageLink, Purpose, Token, expired},
        text::LocaleTag,
    },
    mail, people,
};

/// Purpose of links that confirm a letter.
pub const CONFIRM_LETTER: Purpose = Purpose::new(5);
/// Purpose of links to the writer's own page.
pub const MANAGE_LETTER: Purpose = Purpose::new(6);
/// Purpose of "this was not me" links.
pub const REJECT_LETTER: Purpose = Purpose::new(9);

/// The letter of a token, locked when `lock`; `None` when it was deleted.
async fn find(letters: &Letters, conn: &mut PgConnection, token: &Token, lock: bool) -> Result<Option<LoadedLetter>> {
    let Some(mut row) = store::letters(conn, &[token.row]).await?.pop() else { return Ok(None) };
    if lock {
        // the person before the letter (lock order: see `people`)
        people::lock_person(conn, row.person_id).await?;
        let Some(locked) = store::lock_letters(conn, &[token.row]).await?.pop() else { return Ok(None) };
        row = locked;
    }
    token.check(row.link_generation)?;
    ops::load_letters(&letters.kernel, conn, vec![row]).await?.pop().transpose()
}

impl LoadedLetter {
    fn locale(&self) -> LocaleTag {
        self.payload.locale
    }

    fn neutral(&self) -> bool {
        self.letter.action.protected
    }

    fn title(&self) -> String {
        self.letter.action.text(self.locale(), "").0.title
    }

    fn detail(&self, label: &str, value: String) -> Detail {
        Detail { label: text(self.locale(), label), value }
    }

    /// A page with the texts `token-{name}-...`, for protected actions `token-neutral-{neutral}-...`.
    fn page(&self, name: &str, neutral: &str) -> LinkPage {
        let locale = self.locale();
        if self.neutral() {
            let key = |rest: &str| text(locale, &format!("token-neutral-{neutral}-{rest}"));
            return LinkPage {
                locale,
                heading: key("heading"),
                lines: vec![key("line-1")],
                neutral: true,
                ..LinkPage::default()
            };
        }
        let key = |rest: &str| text(locale, &format!("token-letter-{name}-{rest}"));
        let first = text_of(locale, &format!("token-letter-{name}-line-1"), "title", self.title());
        LinkPage { locale, heading: key("heading"), lines: vec![first, key("line-2")], ..LinkPage::default() }
    }

    fn button(&self, name: &str, neutral: &str) -> String {
        let key = if self.neutral() {
            format!("token-neutral-{neutral}-button")
        } else {
            format!("token-letter-{name}-button")
        };
        text(self.locale(), &key)
    }

    /// The page after the button: `rest` names the line.
    fn done(&self, name: &str, neutral: &str, rest: &str) -> LinkPage {
        let locale = self.locale();
        let base =
            if self.neutral() { format!("token-neutral-{neutral}-done") } else { format!("token-letter-{name}-done") };
        let line = if self.neutral() { "line-1" } else { rest };
        LinkPage {
            locale,
            heading: text(locale, &format!("{base}-heading")),
            lines: vec![text(locale, &format!("{base}-{line}"))],
            done: true,
            neutral: self.neutral(),
            ..LinkPage::default()
        }
    }

    /// What was typed, with the text as composed for the first office.
    fn what(&self) -> Result<Vec<Detail>> {
        let locale = self.locale();
        let mut details = Vec::new();
        if let Some(first) = self.letter.targets.first() {
            let (subject, body) = self.payload.compose(&self.letter, self.row.variant, first)?;
            details.push(self.detail("detail-subject", subject));
            details.push(self.detail("detail-message", body));
        }
        details.push(self.detail("detail-name", self.payload.details.full_name()));
        for (label, value) in
            [("detail-city", &self.payload.details.locality), ("detail-postal_code", &self.payload.details.postal_code)]
        {
            if !value.is_empty() {
                details.push(self.detail(label, value.clone()));
            }
        }
        let shown = text(locale, if self.payload.show_email { "value-yes" } else { "value-no" });
        details.push(self.detail("detail-show_email", shown));
        Ok(details)
    }
}

/// Confirms a letter.
#[derive(Debug)]
pub(super) struct ConfirmLink(pub Letters);

impl ConfirmLink {
    fn confirmed(&self, linked: &LoadedLetter, is_held: bool) -> LinkPage {
        let mut page = linked.done("confirm", "confirm", if is_held { "line-held" } else { "line-1" });
        let href = self.0.kernel.links.url(MANAGE_LETTER, linked.row.id, linked.row.link_generation);
        if !linked.neutral() {
            page.links.push(PageLink { label: text(linked.locale(), "mail-letter-thanks-manage-button"), href });
        }
        page
    }
}

impl LinkHandler for ConfirmLink {
    fn purpose(&self) -> Purpose {
        CONFIRM_LETTER
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let linked = find(&self.0, &mut conn, token, false).await?.ok_or_else(expired)?;
            if linked.row.state == LetterState::Confirmed {
                let held = store::with_held(&mut conn, &[linked.row.id]).await?;
                return Ok(self.confirmed(&linked, !held.is_empty()));
            }
            ops::require_confirmable(&linked.row, self.0.kernel.env.now())?;
            let mut page = linked.page("confirm", "confirm");
            page.button = Some(linked.button("confirm", "confirm"));
            let reject = self.0.kernel.links.url(REJECT_LETTER, linked.row.id, linked.row.link_generation);
            page.links.push(PageLink { label: text(linked.locale(), "token-not-me-link"), href: reject });
            if !linked.neutral() {
                let offices: Vec<String> = linked.letter.targets.iter().map(|t| t.title_in(linked.locale())).collect();
                page.details.push(linked.detail("detail-offices", offices.join(", ")));
                page.details.extend(linked.what()?);
            }
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let ConfirmedLetter { loaded, is_held } = self.0.confirm(token.clone()).await?;
            Ok(self.confirmed(&loaded, is_held))
        })
    }
}

/// The writer's own page: the states of the outreaches, and the button that withdraws the letter.
#[derive(Debug)]
pub(super) struct ManageLink(pub Letters);

impl LinkHandler for ManageLink {
    fn purpose(&self) -> Purpose {
        MANAGE_LETTER
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let linked = find(&self.0, &mut conn, token, false).await?.ok_or_else(expired)?;
            if linked.row.state != LetterState::Confirmed {
                return Err(expired());
            }
            let mut page = linked.page("manage", "manage");
            let outreaches = store::outreach_statuses(&mut conn, linked.row.id).await?;
            // for a protected action the page does not disclose whether anything is unsent
            if linked.neutral() || outreaches.iter().any(|p| p.state.is_unsent()) {
                page.button = Some(linked.button("manage", "manage"));
                page.danger = true;
            }
            if !linked.neutral() {
                for outreach in &outreaches {
                    let target = store::target(&mut conn, outreach.office_id, self.0.today()).await?;
                    let state = match outreach.state {
                        OutreachState::Bounced => OutreachState::Failed,
                        state => state,
                    };
                    let state = state.as_str();
                    let value = text(linked.locale(), &format!("letter-state-{state}"));
                    page.details.push(Detail { label: target.title_in(linked.locale()), value });
                }
                page.details.extend(linked.what()?);
            }
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut conn = kernel.public.acquire().await?;
            let mut tx = conn.begin().await?;
            let linked = find(&self.0, &mut tx, token, true).await?.ok_or_else(expired)?;
            if linked.row.state != LetterState::Confirmed {
                return Err(expired());
            }
            ops::withdraw(&mut tx, kernel, &linked.letter, &linked.row).await?;
            tx.commit().await?;
            Ok(linked.done("manage", "manage", "line-1"))
        })
    }
}

/// "This was not me": deletes a pending letter.
#[derive(Debug)]
pub(super) struct RejectLink(pub Letters);

impl LinkHandler for RejectLink {
    fn purpose(&self) -> Purpose {
        REJECT_LETTER
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let Some(linked) = find(&self.0, &mut conn, token, false).await? else {
                return token.dropped_before();
            };
            refuse_confirmed(&linked.row)?;
            Ok(LinkPage::not_me(linked.locale(), false))
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let mut tx = conn.begin().await?;
            let Some(linked) = find(&self.0, &mut tx, token, true).await? else {
                return token.dropped_before();
            };
            refuse_confirmed(&linked.row)?;
            if let Some(address) = linked.payload.details.address().filter(|_| choices.ticked(NEVER_AGAIN)) {
                mail::suppress_globally(&mut tx, &self.0.kernel, &address, linked.letter.action.protected).await?;
            }
            store::delete_pending(&mut tx, linked.row.id).await?;
            people::delete_unconfirmed_people(&mut tx, &[linked.row.person_id]).await?;
            tx.commit().await?;
            Ok(LinkPage::not_me(linked.locale(), true))
        })
    }
}

fn refuse_confirmed(row: &LetterRow) -> Result<()> {
    if row.state == LetterState::Pending { Ok(()) } else { Err(expired()) }
}
