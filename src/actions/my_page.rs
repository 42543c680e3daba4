//! The page on which people ask for the link of their own page, and its mail. It answers alike for every address.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::BoxFuture;
use minijinja::context;
use serde_json::json;
use sqlx::PgConnection;

use super::submission::{FormState, form_page, rate_limited_page};
use crate::{
    error::{FieldError, Result},
    kernel::{
        Kernel,
        extract::FORM_LIMIT,
        forms::FormInput,
        pages::Visitor,
        rate_limit::{Attempt, AttemptPurpose, Source},
        text::{EmailAddress, LocaleTag},
    },
    mail::{
        self, Addressee, Class, Composed, Composition, Draft, MailKind, MailKinds, MergedWith, NewEmail, QueuedEmail,
        SendBasis,
    },
    organizers,
    people::{self, AllRecords},
};

/// `emails.kind` of the mail with the link.
const OWN_PAGE_MAIL: &str = "own_page";

/// The route `/my`.
pub fn my_page(kernel: Arc<Kernel>) -> Router {
    Router::new().route("/my", get(show).post(request)).layer(DefaultBodyLimit::max(FORM_LIMIT)).with_state(kernel)
}

/// Registers the mail.
pub fn register_mail(kernel: &Arc<Kernel>, records: &AllRecords, kinds: &mut MailKinds) {
    kinds.register(OwnPageMail { kernel: kernel.clone(), records: records.clone() });
}

fn page(kernel: &Kernel, visitor: &Visitor, form: &FormInput, state: &FormState, asked: bool) -> Result<Response> {
    form_page(kernel, visitor, "pages/my.html", "/my", form, state, context! { asked })
}

async fn show(State(kernel): State<Arc<Kernel>>, visitor: Visitor) -> Result<Response> {
    page(&kernel, &visitor, &FormInput::default(), &FormState::default(), false)
}

/// Queues a mail with the link of the own page for each organization.
async fn request(
    State(kernel): State<Arc<Kernel>>,
    visitor: Visitor,
    source: Source,
    form: FormInput,
) -> Result<Response> {
    let again = |state: &FormState| page(&kernel, &visitor, &form, state, false);
    let address = match EmailAddress::parse(form.text("email")) {
        Ok(address) => address,
        Err(e) => {
            let page = again(&FormState::from(FieldError::new("/email_addresses", e.code, e.detail)))?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let subject = address.index_form();
    let attempt = Attempt {
        purpose: AttemptPurpose::OwnPage,
        subject: &subject,
        source,
        known_device: None,
        proof: form.proof(),
    };
    // whether the owner requested it is unknown, so each request counts against the limit
    let _counted = match kernel.rate_limiter.begin(attempt).await {
        Ok(counted) => counted,
        Err(error) => return rate_limited_page(&kernel, error, again),
    };
    let mut tx = kernel.db.begin().await?;
    for (vault_id, organization_id) in people::organization_vaults(&mut tx).await? {
        let vault = kernel.vaults.open(vault_id).await?;
        let found = people::find_by_address(&mut tx, vault.id, &vault.email_index(&address)).await?;
        // queued in any case, so that response times tell nothing; for whom nothing is known it is not sent. Protected: its row
        // goes when that is done, so that no state in the mail queue tells which of the two it was
        let email = NewEmail {
            organization_id,
            class: Class::Confirmation,
            kind: OWN_PAGE_MAIL,
            lane: "",
            refs: json!({"person": found.unwrap_or_else(|| kernel.env.id())}),
            protected: true,
            due_at: None,
        };
        mail::enqueue(&mut tx, &kernel.env, email).await?;
    }
    tx.commit().await?;
    page(&kernel, &visitor, &FormInput::default(), &FormState::default(), true)
}

/// Leads the owner of an address to the newest of their own pages, which leads to the others.
struct OwnPageMail {
    kernel: Arc<Kernel>,
    records: AllRecords,
}

/// What the mail says.
struct OwnPage {
    url: String,
    locale: LocaleTag,
    organization: String,
}

impl OwnPageMail {
    async fn draft(&self, conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<Draft<OwnPage>>> {
        let Some((person, vault)) = people::open(&self.kernel, conn, email.ref_id("person")?).await? else {
            return Ok(None);
        };
        let Some(to) = person.details(&vault)?.address() else { return Ok(None) };
        self.records.renew_links(&self.kernel, conn, &person).await?;
        let Some(url) = self.records.newest_page(conn, &vault, person.id).await? else { return Ok(None) };
        let organization = organizers::organization_name(conn, email.organization_id).await?;
        let about = OwnPage { url, locale: person.locale(), organization };
        Ok(Some(Draft {
            to,
            vault,
            basis: SendBasis::FirstContact { about: email.organization_id, merged_with: MergedWith::Same },
            about,
        }))
    }

    async fn compose_all(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let mut conn = self.kernel.work.acquire().await?;
        let mut drafts = Vec::with_capacity(emails.len());
        for email in emails {
            drafts.push(self.draft(&mut conn, email).await);
        }
        drop(conn);
        let write = |OwnPage { url, locale, organization }: OwnPage, to| {
            let page = context! { manage_url => url, organization => organization.as_str() };
            let rendered = mail::render(&self.kernel, OWN_PAGE_MAIL, locale, false, page)?;
            let mut composed = Composed::new(to, organization, rendered.subject, rendered.text);
            composed.html = rendered.html;
            Ok(Some(composed))
        };
        mail::compose_permitted(&self.kernel, emails, drafts, write).await
    }
}

impl MailKind for OwnPageMail {
    fn kind(&self) -> &'static str {
        OWN_PAGE_MAIL
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(async move {
            let draft = self.draft(conn, email).await?;
            Ok(draft.map(|draft| Addressee { address: draft.to, vault: draft.vault }))
        })
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.compose_all(emails))
    }
}
