//! The link of the own page that changes how the name is shown.

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{
    kind::LoadedSignature,
    links::{MANAGE_SIGNATURE, SHOW_NAME},
    store::{comments, signers},
    submission::{Display, Petitions},
};
use crate::{
    actions::submission::{find, find_locked},
    error::{Error, Result},
    kernel::{
        Kernel,
        forms::FormInput,
        i18n::{text, text_of},
        links::{ChoiceList, LinkHandler, LinkPage, PageLink, Purpose, Token, expired},
    },
};

/// Changes the display of the name.
pub(super) struct ShowName(pub Petitions);

/// The link from the own page.
pub(super) fn onward(kernel: &Kernel, c: &LoadedSignature) -> Vec<PageLink> {
    vec![c.page_link(kernel, SHOW_NAME, "own-display-link")]
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
                links: vec![c.page_link(&self.0.kernel, MANAGE_SIGNATURE, "own-page-back")],
                done: true,
                ..LinkPage::default()
            })
        })
    }
}
