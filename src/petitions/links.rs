//! Handlers of the links in mails to signers: confirm, manage (withdraw), reject ("this was not me").

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{
    confirmation::{Credential, SignatureConfirmation},
    ops::{self, LoadedSignature},
    own_page_links, petition_delivery,
    state::SignatureState,
    store,
    submission::Petitions,
};
use crate::{
    campaigns,
    error::{Code, Error, Result},
    kernel::{
        i18n::{text, text_of},
        links::{Detail, FormInput, LinkHandler, LinkPage, NEVER_AGAIN, PageLink, Purpose, Token, expired},
    },
    mail,
};

/// Purpose of links that confirm a signature, and of the codes to type instead.
pub const CONFIRM_SIGNATURE: Purpose = Purpose::new(1);
/// Purpose of links to the signer's own page.
pub const MANAGE_SIGNATURE: Purpose = Purpose::new(2);
/// Purpose of "this was not me" links.
pub const REJECT_SIGNATURE: Purpose = Purpose::new(7);
/// Purpose of links that show a petition before it is public. Not mailed: organizers share them, and they are not under
/// `/t/`.
pub const PREVIEW_PETITION: Purpose = Purpose::new(10);
/// Purpose of links that change how a signer's name is shown.
pub const SHOW_NAME: Purpose = Purpose::new(11);
/// Purpose of links that download all data held about a signer.
pub const MY_DATA: Purpose = Purpose::new(12);
/// Purpose of links that erase a signer's data.
pub const ERASE_SIGNER: Purpose = Purpose::new(13);

/// Confirms a signature.
pub(super) struct ConfirmLink(pub Petitions);
/// The signer's own page, with the button to withdraw.
pub(super) struct ManageLink(pub Petitions);
/// Deletes a pending signature that somebody else entered.
pub(super) struct RejectLink(pub Petitions);

/// The signature of a token; a row that is gone looks like an expired link.
pub(super) async fn find(
    petitions: &Petitions,
    conn: &mut PgConnection,
    token: &Token,
    lock: bool,
) -> Result<LoadedSignature> {
    let gone = |e: Error| if e.code() == Code::NotFound { expired() } else { e };
    let row = if lock { ops::lock(conn, token.row).await } else { store::signature(conn, token.row).await };
    let row = row.map_err(gone)?;
    token.check(row.link_generation)?;
    ops::load_signature(&petitions.kernel, conn, row).await
}

pub(super) fn title(c: &LoadedSignature) -> String {
    c.petition.action.text(c.locale, "").0.title
}

/// A page with the texts `token-{name}-…`; protected actions use neutral texts that do not name the action.
fn page(c: &LoadedSignature, name: &str, neutral_name: &str, done: bool) -> LinkPage {
    let neutral = c.petition.action.protected;
    let stem = if neutral { format!("token-{neutral_name}") } else { format!("token-{name}") };
    let part = |key: &str| text_of(c.locale, &format!("{stem}-{key}"), "title", title(c));
    let lines: &[&str] = match (neutral, done) {
        (true, false) => &["line-1"],
        (true | false, true) => &["done-line-1"],
        (false, false) => &["line-1", "line-2"],
    };
    LinkPage {
        locale: c.locale,
        heading: part(if done { "done-heading" } else { "heading" }),
        lines: lines.iter().map(|key| part(key)).collect(),
        button: (!done).then(|| part("button")),
        neutral,
        done,
        ..LinkPage::default()
    }
}

fn details(c: &LoadedSignature) -> Vec<Detail> {
    if c.petition.action.protected {
        return Vec::new();
    }
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
    let key = format!("country-{}", payload.details.country);
    // a country without a name in the form is shown by its code
    let country = Some(t(&key)).filter(|name| *name != key).unwrap_or_else(|| payload.details.country.clone());
    add(t("detail-country"), country);
    add(t("detail-comments"), payload.comments.clone());
    add(t("detail-phone"), payload.details.phone.clone());
    add(t("detail-display"), t(&format!("display-{}", c.row.display.as_str())));
    for question in &c.petition.questions {
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

fn share(c: &LoadedSignature, petitions: &Petitions) -> Vec<PageLink> {
    if c.petition.action.protected {
        return Vec::new();
    }
    let url = petitions.kernel.url(&c.petition.action.path());
    campaigns::share_links(&c.petition.action, &url, c.locale)
}

/// The page after a signature was confirmed.
pub(super) fn confirmed(c: &LoadedSignature, petitions: &Petitions) -> LinkPage {
    let mut page = page(c, "petition-confirm", "neutral-confirm", true);
    let action = &c.petition.action;
    if !action.protected {
        if action.send_thanks {
            page.lines.push(text_of(c.locale, "token-petition-confirm-done-line-2", "title", title(c)));
        }
        // the published number changes on the next tick; the signer's own signature is added at once
        let unseen =
            c.row.counted_at.is_none_or(|counted| action.published_at.is_none_or(|published| published < counted));
        page.own_count = Some(action.published_count + i64::from(unseen));
        page.share = share(c, petitions);
        page.links = vec![PageLink { label: title(c), href: action.path() }];
    }
    if c.row.is_effective() && c.row.sealed.is_none() {
        // no contact is kept, so no mail can bring this link later
        let href = petitions.kernel.links.url(MANAGE_SIGNATURE, c.row.id, c.row.link_generation);
        page.lines.push(text(c.locale, "token-nothing-kept"));
        page.links.push(PageLink { label: text(c.locale, "token-keep-link"), href });
    }
    page
}

impl LinkHandler for ConfirmLink {
    fn purpose(&self) -> Purpose {
        CONFIRM_SIGNATURE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let c = find(&self.0, &mut conn, token, false).await?;
            match c.row.state {
                SignatureState::Pending if c.row.confirm_expires_at.is_some_and(|at| at > self.0.kernel.env.now()) => {
                    let mut page = page(&c, "petition-confirm", "neutral-confirm", false);
                    page.details = details(&c);
                    page.links = vec![PageLink {
                        label: text(c.locale, "token-not-me-link"),
                        href: self.0.kernel.links.url(REJECT_SIGNATURE, c.row.id, c.row.link_generation),
                    }];
                    Ok(page)
                }
                SignatureState::Counted | SignatureState::Quarantined => Ok(confirmed(&c, &self.0)),
                SignatureState::Duplicate if store::find_effective(&mut conn, &c.row).await?.is_some() => {
                    Ok(confirmed(&c, &self.0))
                }
                _ => Err(expired()),
            }
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let credential = Credential::Link(token.clone());
            let c = self.0.confirm(SignatureConfirmation { id: token.row, credential }).await?;
            Ok(confirmed(&c, &self.0))
        })
    }
}

impl LinkHandler for ManageLink {
    fn purpose(&self) -> Purpose {
        MANAGE_SIGNATURE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let c = find(&self.0, &mut conn, token, false).await?;
            let mut page = page(&c, "petition-manage", "neutral-manage", !c.row.is_effective());
            page.danger = true;
            if c.row.is_effective() && !c.petition.action.protected {
                page.details = details(&c);
                page.details.extend(own_page_links::also_signed(&mut conn, &c).await?);
                page.details.extend(petition_delivery::signer_receipts(&mut conn, &c).await?);
                page.links = own_page_links::onward(&self.0, &c);
            }
            Ok(page)
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let mut tx = self.0.kernel.begin_on(&mut conn).await?;
            let c = find(&self.0, &mut tx, token, true).await?;
            ops::withdraw(&mut tx, &self.0.kernel, &c.row, c.petition.action.protected).await?;
            tx.commit().await?;
            Ok(page(&c, "petition-manage", "neutral-manage", true))
        })
    }
}

impl LinkHandler for RejectLink {
    fn purpose(&self) -> Purpose {
        REJECT_SIGNATURE
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            match find(&self.0, &mut conn, token, false).await {
                Ok(c) if c.row.state == SignatureState::Pending => Ok(LinkPage::not_me(c.locale, false)),
                Ok(_) => Err(expired()),
                // deleted before: the same page
                Err(error) if error.code() == Code::LinkExpired => token.dropped_before(),
                Err(error) => Err(error),
            }
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.public.acquire().await?;
            let mut tx = self.0.kernel.begin_on(&mut conn).await?;
            let locale = match find(&self.0, &mut tx, token, true).await {
                Ok(c) if c.row.state == SignatureState::Pending => {
                    if let Some(address) = c.payload.details.address().filter(|_| choices.ticked(NEVER_AGAIN)) {
                        mail::suppress_globally(&mut tx, &self.0.kernel, &address, c.petition.action.protected).await?;
                    }
                    ops::drop_pending(&mut tx, &c.row).await?;
                    c.locale
                }
                Ok(_) => return Err::<LinkPage, Error>(expired()),
                Err(error) if error.code() == Code::LinkExpired => return token.dropped_before(),
                Err(error) => return Err(error),
            };
            tx.commit().await?;
            Ok(LinkPage::not_me(locale, true))
        })
    }
}
