//! Links of the own page besides withdrawing: change the display of the name, export the data, delete the data. Each
//! has a page with one button.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;

use super::{
    kind::LoadedSignature,
    links::{ERASE_SIGNER, MY_DATA, SHOW_NAME},
    store::{comments, signers},
    submission::{Display, Petitions, SignaturePayload},
};
use crate::{
    actions::submission::{find, find_locked},
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        i18n::{self, text, text_of},
        links::{ChoiceList, Detail, Download, FormInput, LinkHandler, LinkPage, PageLink, Purpose, Token, expired},
        text::LocaleTag,
        zones,
    },
    people,
};

/// Changes the display of the name.
pub(super) struct ShowName(pub Petitions);
/// Exports all data of the person.
pub(super) struct MyData(pub Petitions);
/// Deletes all data of the person.
pub(super) struct EraseSigner(pub Petitions);

/// The links from the own page.
pub(super) fn onward(kernel: &Kernel, c: &LoadedSignature) -> Vec<PageLink> {
    let to = |purpose, label: &str| c.page_link(kernel, purpose, label);
    vec![to(SHOW_NAME, "own-display-link"), to(MY_DATA, "own-data-link"), to(ERASE_SIGNER, "own-delete-link")]
}

/// Other petitions that this person has signed.
pub(super) async fn also_signed(conn: &mut PgConnection, c: &LoadedSignature) -> Result<Vec<Detail>> {
    let all = signers::of_person(conn, c.row.person_id).await?;
    let counted = all.into_iter().filter(|s| s.state.is_effective());
    Ok(counted
        .map(|s| Detail {
            label: text(c.locale, "own-signed"),
            value: format!(
                "{} ({})",
                s.title,
                i18n::day_of(c.locale, s.counted_at.unwrap_or(s.created_at), *zones::DEFAULT)
            ),
        })
        .collect())
}

/// The signature of a token, if it is effective and its petition not protected (whose signatures contain no data).
async fn counted(petitions: &Petitions, conn: &mut PgConnection, token: &Token, lock: bool) -> Result<LoadedSignature> {
    let kernel = &petitions.kernel;
    let c: LoadedSignature =
        if lock { find_locked(kernel, conn, token).await? } else { find(kernel, conn, token).await? };
    if c.row.is_effective() && !c.parent.action.protected { Ok(c) } else { Err(expired()) }
}

const DISPLAYS: [Display; 4] = Display::ALL;

impl LinkHandler for ShowName {
    fn purpose(&self) -> Purpose {
        SHOW_NAME
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let c = counted(&self.0, &mut *self.0.kernel.db.acquire().await?, token, false).await?;
            let option = |display: Display| {
                let value = display.as_str();
                (value.to_owned(), text(c.locale, &format!("display-{value}")), c.row.display == display)
            };
            Ok(LinkPage {
                locale: c.locale,
                heading: text(c.locale, "own-display-heading"),
                lines: vec![text_of(c.locale, "own-display-line", "title", c.title())],
                choice_list: Some(ChoiceList {
                    name: "display",
                    legend: text(c.locale, "field-display"),
                    options: DISPLAYS.into_iter().map(option).collect(),
                }),
                button: Some(text(c.locale, "own-display-button")),
                ..LinkPage::default()
            })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut tx = self.0.kernel.db.begin().await?;
            let c = counted(&self.0, &mut tx, token, true).await?;
            let chosen = DISPLAYS.into_iter().find(|d| choices.get("display") == Some(d.as_str()));
            let chosen =
                chosen.ok_or_else(|| Error::field("/muster:display", "unknown_value", "Choose one of the four."))?;
            signers::set_display(&mut tx, c.row.id, chosen.as_str()).await?;
            comments::notify_changed(&mut tx, c.row.petition_id).await?;
            tx.commit().await?;
            Ok(LinkPage {
                locale: c.locale,
                heading: text(c.locale, "own-display-done"),
                lines: vec![text(c.locale, &format!("display-{}", chosen.as_str()))],
                done: true,
                ..LinkPage::default()
            })
        })
    }
}

impl LinkHandler for MyData {
    fn purpose(&self) -> Purpose {
        MY_DATA
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let c = counted(&self.0, &mut *self.0.kernel.db.acquire().await?, token, false).await?;
            Ok(LinkPage {
                locale: c.locale,
                heading: text(c.locale, "own-data-heading"),
                lines: vec![text(c.locale, "own-data-line")],
                button: Some(text(c.locale, "own-data-button")),
                ..LinkPage::default()
            })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let kernel = &self.0.kernel;
            let mut tx = kernel.db.begin().await?;
            let c = counted(&self.0, &mut tx, token, true).await?;
            let person = people::lock_person(&mut tx, c.row.person_id).await?;
            let mut signatures = Vec::new();
            for s in signers::of_person(&mut tx, c.row.person_id).await? {
                let payload: SignaturePayload =
                    self.0.open_payload(c.parent.action.vault_id, s.id, s.sealed.as_deref()).await?;
                signatures.push(json!({
                    "petition": s.title,
                    "browser_url": kernel.url(&format!("/p/{}", s.slug)),
                    "state": s.state,
                    "display": s.display,
                    "created_date": s.created_at,
                    "counted_date": s.counted_at,
                    "person": payload.details.contact(),
                    "comments": payload.comments,
                    "answers": payload.answers,
                }));
            }
            let consents = people::consents(&mut tx, c.row.person_id).await?;
            let json = json!({
                "person": person.details(&c.vault)?.contact(),
                "preferred_language": person.locale,
                "created_date": person.created_at,
                "signatures": signatures,
                "consents": consents,
            });
            let download = Some(Download { name: "my-data.json".to_owned(), json });
            Ok(LinkPage { locale: c.locale, done: true, download, ..LinkPage::default() })
        })
    }
}

fn erased(locale: LocaleTag) -> LinkPage {
    LinkPage {
        locale,
        heading: text(locale, "own-delete-done-heading"),
        lines: vec![text(locale, "own-delete-done-line")],
        done: true,
        ..LinkPage::default()
    }
}

impl LinkHandler for EraseSigner {
    fn purpose(&self) -> Purpose {
        ERASE_SIGNER
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let c = counted(&self.0, &mut *self.0.kernel.db.acquire().await?, token, false).await?;
            let line = |key: &str| text(c.locale, key);
            Ok(LinkPage {
                locale: c.locale,
                heading: line("own-delete-heading"),
                lines: vec![line("own-delete-line-1"), line("own-delete-line-2")],
                button: Some(line("own-delete-button")),
                danger: true,
                ..LinkPage::default()
            })
        })
    }

    fn act<'a>(&'a self, token: &'a Token, _: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut tx = self.0.kernel.db.begin().await?;
            let c = match counted(&self.0, &mut tx, token, true).await {
                // deleted before: the row with its generation and language does not exist any more
                Err(error) if error.code() == Code::LinkExpired => {
                    return token.check(0).map(|()| erased(LocaleTag::default()));
                }
                other => other?,
            };
            let erased_from = signers::erase(&mut tx, c.row.person_id).await?;
            people::delete_unconfirmed_people(&mut tx, &[c.row.person_id]).await?;
            for petition in &erased_from {
                comments::notify_changed(&mut tx, *petition).await?;
            }
            tx.commit().await?;
            Ok(erased(c.locale))
        })
    }
}
