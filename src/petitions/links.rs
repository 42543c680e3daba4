//! Purposes and pages of the links in mails to signers.

use sqlx::PgConnection;

use super::{kind::LoadedSignature, own_page_links, petition_delivery, state::SignatureState};
use crate::{
    campaigns,
    error::Result,
    kernel::{
        Kernel, countries,
        i18n::{text, text_of},
        links::{Detail, LinkPage, PageLink, Purpose},
    },
    letters,
};

/// Purpose of links that confirm a signature, and of the codes to type instead.
pub const CONFIRM_SIGNATURE: Purpose = Purpose::new(1);
/// Purpose of links to the signer's own page.
pub const MANAGE_SIGNATURE: Purpose = Purpose::new(2);
/// Purpose of "this was not me" links.
pub const REJECT_SIGNATURE: Purpose = Purpose::new(7);
/// Purpose of links to what else of the same address waits to be confirmed.
pub const WAITING_SIGNATURES: Purpose = Purpose::new(18);
/// Purpose of links that change how a signer's name is shown.
pub const SHOW_NAME: Purpose = Purpose::new(11);

/// What was typed.
pub(super) fn details(c: &LoadedSignature) -> Vec<Detail> {
    let t = |key: &str| text(c.locale, key);
    let mut details = Vec::new();
    let mut add = |label: String, value: String| {
        if !value.is_empty() {
            details.push(Detail { label, value });
        }
    };
    let payload = &c.payload;
    add(t("detail-name"), payload.details.full_name());
    add(t("detail-email"), payload.details.email.clone());
    add(t("detail-postal_code"), payload.details.postal_code.clone());
    add(t("detail-city"), payload.details.locality.clone());
    let country = match payload.details.country.as_str() {
        countries::OTHER => t("country-other"),
        code => countries::name(code, c.locale).unwrap_or(code).to_owned(),
    };
    add(t("detail-country"), country);
    add(t("detail-comments"), payload.comments.clone());
    add(t("detail-phone"), payload.details.phone.clone());
    add(t("detail-display"), t(&format!("display-{}", c.row.display.as_str())));
    for question in &c.parent.questions {
        if let Some(answer) = payload.answers.get(&question.key) {
            let value = if answer == "true" { t("value-yes") } else { question.answer_in(answer, c.locale).to_owned() };
            add(question.label_in(c.locale).to_owned(), value);
        }
    }
    if c.row.delivers_name {
        add(t("detail-deliver_name"), t("value-yes"));
    }
    if payload.consents.updates {
        add(t("detail-updates"), t("value-yes"));
    }
    details
}

/// The page with the button that confirms; it shows the letter that goes out with the signature, and to whom.
pub(super) async fn confirm_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedSignature) -> Result<LinkPage> {
    let mut page = c.button_page("confirm");
    if c.is_neutral() {
        return Ok(page);
    }
    page.details = details(c);
    if let Some(letter) = c.row.letter_id {
        page.lines = vec![
            text_of(c.locale, "token-petition-confirm-line-1", "title", c.title()),
            text(c.locale, "token-petition-confirm-letter-line"),
        ];
        page.button = Some(text(c.locale, "token-petition-confirm-letter-button"));
        page.details.extend(letters::attached_letter_details(kernel, conn, letter).await?);
    }
    Ok(page)
}

/// The page after a signature was confirmed. One that is held for review looks as any other, without a number in which it
/// is not counted.
pub(super) fn confirmed_page(kernel: &Kernel, c: &LoadedSignature) -> LinkPage {
    let mut page = c.done_page("confirm");
    let action = c.action();
    if !action.protected {
        if action.send_thanks {
            page.lines.push(text_of(c.locale, "token-petition-confirm-done-line-2", "title", c.title()));
        }
        if c.row.state == SignatureState::Counted {
            if c.row.letter_id.is_some() {
                page.lines.push(text(c.locale, "token-petition-confirm-letter-done"));
            }
            // the published number changes on the next tick; the signer's own signature is added at once
            let unseen =
                c.row.counted_at.is_none_or(|counted| action.published_at.is_none_or(|published| published < counted));
            page.own_count = Some(action.published_count + i64::from(unseen));
        }
        page.share = campaigns::share_links(action, &kernel.url(&action.path()), c.locale);
        page.links = vec![PageLink { label: c.title(), href: action.path() }];
    }
    if c.row.is_effective() && c.row.sealed.is_none() {
        // no contact is kept, so no mail can bring this link later
        page.lines.push(text(c.locale, "token-nothing-kept"));
        page.links.push(c.page_link(kernel, MANAGE_SIGNATURE, "token-keep-link"));
    }
    page
}

/// The signer's own page.
pub(super) async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedSignature) -> Result<LinkPage> {
    if !c.row.is_effective() {
        return Ok(c.done_page("manage"));
    }
    let mut page = c.button_page("manage");
    page.danger = true;
    if !c.is_neutral() {
        page.details = details(c);
        page.details.extend(petition_delivery::signer_receipts(conn, c).await?);
        page.links = own_page_links::onward(kernel, c);
    }
    Ok(page)
}
