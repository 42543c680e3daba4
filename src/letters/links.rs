//! Purposes and pages of the links in mails to writers of letters.

use sqlx::PgConnection;

use super::{
    kind::{ConfirmedLetter, LoadedLetter},
    state::{LetterState, OutreachState},
    store,
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        i18n::text,
        links::{Detail, LinkPage, Purpose, expired},
    },
};

/// Purpose of links that confirm a letter.
pub const CONFIRM_LETTER: Purpose = Purpose::new(5);
/// Purpose of links to the writer's own page.
pub const MANAGE_LETTER: Purpose = Purpose::new(6);
/// Purpose of "this was not me" links.
pub const REJECT_LETTER: Purpose = Purpose::new(9);
/// Purpose of links to what else of the same address waits to be confirmed.
pub const WAITING_LETTERS: Purpose = Purpose::new(20);

fn detail(c: &LoadedLetter, label: &str, value: String) -> Detail {
    Detail { label: text(c.locale, label), value }
}

/// Subject and text as composed for the first office.
fn composed(c: &LoadedLetter) -> Result<Vec<Detail>> {
    let Some(first) = c.parent.targets.first() else { return Ok(Vec::new()) };
    let (subject, body) = c.payload.compose(&c.parent, c.row.variant, first)?;
    Ok(vec![detail(c, "detail-subject", subject), detail(c, "detail-message", body)])
}

fn offices(c: &LoadedLetter) -> Detail {
    let offices: Vec<String> = c.parent.targets.iter().map(|t| t.title_in(c.locale)).collect();
    detail(c, "detail-offices", offices.join(", "))
}

fn show_email(c: &LoadedLetter) -> Detail {
    detail(c, "detail-show_email", text(c.locale, if c.payload.show_email { "value-yes" } else { "value-no" }))
}

/// The offices, and what they will read, of a letter that goes out with another submission, whose page shows the rest.
pub(super) fn attached_details(c: &LoadedLetter) -> Result<Vec<Detail>> {
    let mut details = vec![offices(c)];
    details.extend(composed(c)?);
    details.push(show_email(c));
    Ok(details)
}

/// What was typed, with the text as composed for the first office.
fn content(c: &LoadedLetter) -> Result<Vec<Detail>> {
    let mut details = composed(c)?;
    let person = &c.payload.details;
    details.push(detail(c, "detail-name", person.full_name()));
    for (label, value) in [("detail-city", &person.locality), ("detail-postal_code", &person.postal_code)] {
        if !value.is_empty() {
            details.push(detail(c, label, value.clone()));
        }
    }
    details.push(show_email(c));
    Ok(details)
}

/// The offices, and what was typed.
pub(super) fn details(c: &LoadedLetter) -> Result<Vec<Detail>> {
    let mut details = vec![offices(c)];
    details.extend(content(c)?);
    Ok(details)
}

/// The page of a confirmed letter.
pub(super) fn confirmed_page(kernel: &Kernel, ConfirmedLetter { loaded: c, is_held }: &ConfirmedLetter) -> LinkPage {
    let mut page = c.done_page("confirm");
    if !c.is_neutral() {
        if *is_held {
            page.lines = vec![text(c.locale, "token-letter-confirm-done-line-held")];
        }
        page.links.push(c.page_link(kernel, MANAGE_LETTER, "mail-letter-thanks-manage-button"));
    }
    page
}

/// The writer's own page: the states of the outreaches, and the button that withdraws the letter.
///
/// # Errors
/// `link_expired` for a letter that is not confirmed.
pub(super) async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedLetter) -> Result<LinkPage> {
    if c.row.state != LetterState::Confirmed {
        return Err(expired());
    }
    let mut page = LinkPage { danger: true, ..c.button_page("manage") };
    // for a protected action the page does not disclose whether anything is unsent
    if c.is_neutral() {
        return Ok(page);
    }
    let outreaches = store::outreach_statuses(conn, c.row.id).await?;
    if !outreaches.iter().any(|outreach| outreach.state.is_unsent()) {
        (page.button, page.danger) = (None, false);
    }
    for outreach in &outreaches {
        let target = store::target(conn, outreach.office_id, kernel.env.now().date_naive()).await?;
        let state = match outreach.state {
            OutreachState::Bounced => OutreachState::Failed,
            state => state,
        };
        let value = text(c.locale, &format!("letter-state-{}", state.as_str()));
        page.details.push(Detail { label: target.title_in(c.locale), value });
    }
    page.details.extend(content(c)?);
    Ok(page)
}
