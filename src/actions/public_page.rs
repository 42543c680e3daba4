//! The public page of an action with its form, for all kinds: shown, previewed as a draft, submitted.
//!
//! A form that was accepted is answered by a redirect to `…/received`, a page that is the same for everybody
//! (Post/Redirect/Get). A form that was not accepted is shown again with everything that was typed: with its errors
//! (422) or with a challenge of the rate limiter (428). When nothing can be saved (503), a page holds what was typed and
//! sends it once more.

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};

use super::{
    PREVIEW,
    submission::{SubmissionKind, Submissions, code_pages},
};
use crate::{
    campaigns::{self, Action, ActionText, Availability, Campaigns},
    config::Transport,
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{FORM_LIMIT, PathParams},
        forms::{ANSWER_ANCHOR, FormError, FormInput, HONEYPOT_FIELD, challenge_context, form_errors},
        i18n,
        links::expired,
        markdown,
        pages::{Visitor, moved, not_indexed, private, see_other},
        rate_limit::Source,
        text::LocaleTag,
        zones,
    },
};

/// Number of updates on an action's page.
const UPDATES: u32 = 5;
/// Field with the word of origin.
const SOURCE_FIELD: &str = "source";

/// What is submitted to.
pub(super) type Parent<P> = <<P as ActionPage>::Kind as SubmissionKind>::Parent;

/// What a kind brings to the pages of its actions.
pub trait ActionPage: Clone + Send + Sync + 'static {
    /// The kind.
    type Kind: SubmissionKind;
    /// A validated submission.
    type New: Send;
    /// Template of the page.
    const TEMPLATE: &'static str;
    /// Names of the form's fields, in its order; one that ends in a hyphen is the prefix of several.
    const FIELDS: &'static [&'static str];

    /// Shared runtime state.
    fn kernel(&self) -> &Arc<Kernel>;

    /// The slice of campaigns.
    fn campaigns(&self) -> &Campaigns;

    /// The submissions of this kind.
    fn submissions(&self) -> &Submissions<Self::Kind>;

    /// What has this id or slug, cached.
    ///
    /// # Errors
    /// `not_found`.
    fn find(&self, key: &str) -> impl Future<Output = Result<Arc<Parent<Self>>>> + Send;

    /// Refuses a submission where nothing can be submitted now.
    ///
    /// # Errors
    /// `not_found` or `action_closed`, with the reason.
    fn require_open(&self, parent: &Parent<Self>) -> impl Future<Output = Result<()>> + Send {
        async { AsRef::<Action>::as_ref(parent).require_open(self.kernel().env.now()) }
    }

    /// Are submissions paused by a switch of the organization?
    fn is_paused(&self, _: &Parent<Self>) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }

    /// Is a submission with a filled-in honeypot held for review? Else a proof of work is asked for.
    fn holds_suspects(_: &Parent<Self>) -> bool {
        false
    }

    /// The text that is signed (Markdown), in the action's own language.
    fn body(_: &Parent<Self>) -> Option<&str> {
        None
    }

    /// What the form is filled in with at first.
    fn prefill(
        &self,
        parent: &Parent<Self>,
        locale: LocaleTag,
        form: &mut FormInput,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The template's further variables.
    fn context(
        &self,
        parent: &Parent<Self>,
        text: &ActionText,
        locale: LocaleTag,
    ) -> impl Future<Output = Result<Value>> + Send;

    /// Does the page show names of people? Then search engines and archives must not keep it.
    fn shows_names(&self, _: &Parent<Self>) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(false) }
    }

    /// Name of the form field that a JSON pointer is about; empty if there is none.
    fn field(pointer: &str) -> String;

    /// Label of a form field that is not in the texts.
    fn label(_: &Parent<Self>, _field: &str, _: LocaleTag) -> Option<String> {
        None
    }

    /// Validates a form.
    ///
    /// # Errors
    /// 422 with all refused fields.
    fn read(
        &self,
        parent: &Parent<Self>,
        form: &FormInput,
        locale: LocaleTag,
        source: Source,
    ) -> impl Future<Output = Result<Self::New>> + Send;

    /// Submits what was read. The result tells nothing about the person.
    ///
    /// # Errors
    /// `unavailable` when it could not be written.
    fn submit(&self, parent: &Parent<Self>, new: Self::New) -> impl Future<Output = Result<()>> + Send;

    /// Submits what was read in a browser; answers with the path at which the browser goes on, if that is not the page that is
    /// the same for everybody. It depends on the person in nothing.
    ///
    /// # Errors
    /// As [`Self::submit`].
    fn submit_here(
        &self,
        parent: &Parent<Self>,
        new: Self::New,
    ) -> impl Future<Output = Result<Option<String>>> + Send {
        async { self.submit(parent, new).await.map(|()| None) }
    }

    /// A file with the page's path and this extension.
    fn file(&self, _: &Parent<Self>, _extension: &str, _: &Visitor) -> Option<Result<Response>> {
        None
    }
}

/// Routes of the pages of a kind; `more` are further ones.
pub fn action_pages<P: ActionPage>(page: P, more: Router<P>) -> Router {
    let at = |rest: &str| format!("{}{{slug}}{rest}", P::Kind::KIND.page_prefix());
    let codes = code_pages(page.submissions().clone());
    Router::new()
        .route(&at(""), get(show::<P>).post(submit::<P>))
        .route(&at("/received"), get(received::<P>))
        .route(&at("/preview/{token}"), get(preview::<P>))
        .route(&at("/poster.svg"), get(poster::<P>))
        .merge(more)
        .with_state(page)
        .merge(codes)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// What the form shows.
struct ShownForm {
    values: FormInput,
    errors: Vec<FormError>,
    challenge: Value,
}

impl ShownForm {
    fn of(values: FormInput) -> Self {
        Self { values, errors: Vec::new(), challenge: Value::from(()) }
    }
}

fn action_of<P: ActionPage>(parent: &Parent<P>) -> &Action {
    parent.as_ref()
}

/// What has this key, if the public may see its page.
async fn public<P: ActionPage>(page: &P, key: &str) -> Result<Arc<Parent<P>>> {
    let parent = page.find(key).await?;
    let action = action_of::<P>(&parent);
    if !action.state.is_public() {
        return Err(Error::not_found());
    }
    action.require_not_ended()?;
    Ok(parent)
}

/// The value of a parameter in a query.
fn parameter(query: Option<&str>, wanted: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

async fn show<P: ActionPage>(
    State(page): State<P>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    // slugs have no dot
    if let Some((slug, extension)) = slug.rsplit_once('.') {
        let parent = public(&page, slug).await?;
        return page.file(&parent, extension, &visitor).unwrap_or_else(|| Err(Error::not_found()));
    }
    let parent = public(&page, &slug).await?;
    let action = action_of::<P>(&parent);
    if action.slug != slug {
        return Ok(moved(&action.path(), query.as_deref()));
    }
    let mut form = FormInput::default();
    page.prefill(&parent, visitor.locale, &mut form).await?;
    form.set(SOURCE_FIELD, parameter(query.as_deref(), SOURCE_FIELD).unwrap_or_default());
    render(&page, &parent, &visitor, ShownForm::of(form), false).await
}

/// The page behind a preview link, for any state of the action.
async fn preview<P: ActionPage>(
    State(page): State<P>,
    visitor: Visitor,
    PathParams((slug, token)): PathParams<(String, String)>,
) -> Result<Response> {
    let kernel = page.kernel();
    let token = kernel.links.parse(&token).filter(|token| token.purpose == PREVIEW).ok_or_else(expired)?;
    // not the cached one, so that a revoked link ends at once
    let mut conn = kernel.public.acquire().await?;
    let parent = match P::Kind::parents(kernel, &mut conn, &[token.row]).await {
        Ok(mut found) => found.pop().ok_or_else(expired)?,
        // of an action of another kind
        Err(error) if error.code() == Code::NotFound => return Err(expired()),
        Err(error) => return Err(error),
    };
    drop(conn);
    let action = action_of::<P>(&parent);
    token.check(action.preview_generation)?;
    action.require_not_ended()?;
    if action.slug != slug {
        return Err(expired());
    }
    let mut form = FormInput::default();
    page.prefill(&parent, visitor.locale, &mut form).await?;
    Ok(private(render(&page, &parent, &visitor, ShownForm::of(form), true).await?))
}

async fn render<P: ActionPage>(
    page: &P,
    parent: &Parent<P>,
    visitor: &Visitor,
    form: ShownForm,
    is_preview: bool,
) -> Result<Response> {
    let (kernel, action, locale) = (page.kernel(), action_of::<P>(parent), visitor.locale);
    let url = kernel.url(&action.path());
    let campaign = page.campaigns().link(action.campaign_id, locale, UPDATES).await?;
    let (text, fell_back) = action.text(locale, P::body(parent).unwrap_or_default());
    let mut standing = standing_context(action, locale, kernel.env.now());
    if standing.is_none() && page.is_paused(parent).await? {
        let state = campaigns::State::Paused.as_str();
        standing = context! { state, opens => "", reason => "", since => "", next => Value::from(()) };
    }
    let shared = context! {
        action => context! {
            kind => action.kind.as_str(),
            title => text.title.as_str(),
            summary => text.summary.as_str(),
            description_html => markdown::render(&text.description),
            url => action.path(),
            count => action.published_count,
            preview => is_preview,
            protected => action.protected,
            confirmation => action.confirmation().as_str(),
            fallback_language => fell_back.then(|| i18n::text(locale, &format!("language-{}", action.locale.as_str()))),
            hosted_by => action.hosted_by.as_str(),
            button => text.button.as_str(),
            image => Serde(&action.image),
            share => Serde(campaigns::share_links(action, &url, locale)),
        },
        updates => Serde(campaign.as_ref().map_or(&[][..], |campaign| &campaign.updates)),
        campaign => Serde(campaign.as_deref()),
        partners => Serde(page.campaigns().partner_boxes(action.organization_id, locale).await?.as_ref()),
        form => context! {
            action => action.path(),
            answer => ANSWER_ANCHOR,
            values => Serde(form.values.to_show(P::FIELDS)),
            errors => Serde(form.errors),
            locale => locale.as_str(),
        },
        challenge => form.challenge,
        standing,
    };
    let own = page.context(parent, &text, locale).await?;
    let response = kernel.pages.page(P::TEMPLATE, visitor, &url, context! { ..own, ..shared })?;
    Ok(if page.shows_names(parent).await? { not_indexed(response) } else { response })
}

async fn submit<P: ActionPage>(
    State(page): State<P>,
    mut visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    form: FormInput,
) -> Result<Response> {
    visitor.locale = form.locale().unwrap_or(visitor.locale);
    match take(&page, &visitor, source, &slug, &form).await {
        Err(error @ Error::Unavailable { .. }) => try_again(&page, &visitor, &slug, form, error),
        result => result,
    }
}

async fn take<P: ActionPage>(
    page: &P,
    visitor: &Visitor,
    source: Source,
    slug: &str,
    form: &FormInput,
) -> Result<Response> {
    let parent = public(page, slug).await?;
    page.require_open(&parent).await?;
    let outcome = async {
        let new = page.read(&parent, form, visitor.locale, source).await?;
        let is_suspect = !form.text(HONEYPOT_FIELD).is_empty() && !P::holds_suspects(&parent);
        page.kernel().rate_limiter.admit(source, form.proof(), is_suspect).await?;
        page.submit_here(&parent, new).await
    };
    let shown = ShownForm::of(form.clone());
    let (status, shown) = match outcome.await {
        Ok(to) => {
            let received = || {
                let path = action_of::<P>(&parent).path();
                format!("{path}/received?lang={}#{ANSWER_ANCHOR}", visitor.locale.as_str())
            };
            return Ok(private(see_other(&to.unwrap_or_else(received))));
        }
        Err(Error::Fields(errors)) => {
            let errors = errors_in_order::<P>(&parent, visitor.locale, &errors);
            (StatusCode::UNPROCESSABLE_ENTITY, ShownForm { errors, ..shown })
        }
        Err(Error::Challenge(challenge)) => {
            (StatusCode::PRECONDITION_REQUIRED, ShownForm { challenge: challenge_context(&challenge), ..shown })
        }
        Err(error) => return Err(error),
    };
    let response = render(page, &parent, visitor, shown, false).await?;
    Ok((status, private(response)).into_response())
}

/// The page for a form that could not be saved: it holds what was typed and sends it once more. The action's own page may
/// need the database.
fn try_again<P: ActionPage>(
    page: &P,
    visitor: &Visitor,
    slug: &str,
    form: FormInput,
    error: Error,
) -> Result<Response> {
    let action = format!("{}{slug}", P::Kind::KIND.page_prefix());
    let variables = context! { form => context! { action, values => Serde(form.to_show(&[])) } };
    let shown = page.kernel().pages.page("pages/try_again.html", visitor, "", variables)?;
    let mut failed = error.into_response();
    let mut response = (failed.status(), private(shown)).into_response();
    if let Some(seconds) = failed.headers_mut().remove(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// The errors of a form in the order of its fields; those of the whole form come first.
fn errors_in_order<P: ActionPage>(parent: &Parent<P>, locale: LocaleTag, errors: &[FieldError]) -> Vec<FormError> {
    let mut errors = form_errors(locale, errors, P::field);
    for error in errors.iter_mut().filter(|error| error.label.is_empty() && !error.field.is_empty()) {
        error.label = P::label(parent, &error.field, locale).unwrap_or_default();
    }
    let is_of = |name: &str, field: &str| name == field || (name.ends_with('-') && field.starts_with(name));
    errors.sort_by_key(|error| P::FIELDS.iter().position(|name| is_of(name, &error.field)));
    errors
}

/// The page after a form was accepted: the same for everybody, whatever became of the submission.
async fn received<P: ActionPage>(
    State(page): State<P>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    let parent = public(&page, &slug).await?;
    let (kernel, action) = (page.kernel(), action_of::<P>(&parent));
    let mailbox_url = if kernel.settings.mail.transport == Transport::Mailbox { "/mailbox" } else { "" };
    let variables = context! {
        kind => action.kind.as_str(),
        confirmation => action.confirmation().as_str(),
        title => action.text(visitor.locale, "").0.title,
        back_url => action.path(),
        answer => ANSWER_ANCHOR,
        mailbox_url,
    };
    Ok(private(kernel.pages.page("pages/received.html", &visitor, "", variables)?))
}

/// A poster with a QR code of the page: `?paper=a4|letter`, `?lang=`, `?source=`.
async fn poster<P: ActionPage>(
    State(page): State<P>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let parent = public(&page, &slug).await?;
    let (action, query) = (action_of::<P>(&parent), query.as_deref());
    let paper = parameter(query, "paper")
        .map_or(Ok(campaigns::PaperSize::Letter), |size| size.parse())
        .map_err(|_| Error::problem(Code::InvalidParameter, "paper: a4 or letter."))?;
    let mut url = page.kernel().url(&action.path());
    if let Some(source) = parameter(query, SOURCE_FIELD) {
        let word = page.campaigns().source_word(action.organization_id, Some(&source)).await?;
        url.extend(word.map(|word| format!("?source={word}")));
    }
    let svg = campaigns::poster(action, &url, visitor.locale, paper)?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::VARY, "accept-language"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, svg).into_response())
}

/// Template variables that say why an action takes no submissions; none while it takes them. A draft (in a preview)
/// counts as open.
fn standing_context(action: &Action, locale: LocaleTag, now: chrono::DateTime<chrono::Utc>) -> Value {
    let (state, opens) = match action.availability(now) {
        None | Some(Availability::Open) => return Value::from(()),
        Some(Availability::NotYetOpen(opens)) => ("not_yet", i18n::date_time(locale, opens, action.zone)),
        Some(Availability::Unavailable(state)) => (state.as_str(), String::new()),
    };
    let since = action.state_since.filter(|_| action.state != campaigns::State::Published);
    context! {
        state, opens,
        reason => action.state_reason.as_str(),
        since => since.map(|at| i18n::day_of(locale, at, *zones::DEFAULT)).unwrap_or_default(),
        next => action.next.as_ref().map(|next| context! { title => next.title.as_str(), url => next.path() }),
    }
}
