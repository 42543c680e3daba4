//! What the page of a petition has beside those of all actions.

use std::sync::Arc;

use axum::{Router, routing::get};
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::{
    abuse::RequestSignals,
    kind::{SignatureKind, SignatureSubmissions},
    live_count, petition_delivery_page, questions,
    store::Petition,
    submission::{AttachedLetter, AttachedLetterInput, MAX_COMMENT, NewSignature, Petitions},
};
use crate::{
    actions::{ActionPage, action_pages},
    campaigns::{ActionText, Campaigns},
    error::Result,
    kernel::{
        Kernel, countries,
        forms::{FieldErrors, FormFields, FormInput, HONEYPOT_FIELD, field_of},
        markdown,
        rate_limit::Source,
        text::{LocaleTag, clean_text},
    },
    letters::{self, LetterAction, Prefilled},
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person and a letter, by the segments of JSON pointers into the API's body.
const FORM_FIELDS: &FormFields =
    &[("comments", "comments"), ("muster:display", "display"), ("muster:keep_nothing", "keep_nothing")];
/// Prefix of the fields of the petition's own questions.
const ANSWER_PREFIX: &str = "answer-";

/// Routes of the pages.
pub fn pages(petitions: Petitions) -> Router {
    let more = Router::new().route("/p/{slug}/live", get(live_count::live_count));
    action_pages(petitions, more.merge(petition_delivery_page::routes()))
}

/// The attached letter in a language, as the form shows it first.
async fn attached_letter(
    petitions: &Petitions,
    petition: &Petition,
    locale: LocaleTag,
) -> Result<Option<(Arc<LetterAction>, Prefilled)>> {
    let Some(letter) = petitions.attached_letter(petition).await? else { return Ok(None) };
    let prefilled = Prefilled::of(&letter, locale)?;
    Ok(Some((letter, prefilled)))
}

impl ActionPage for Petitions {
    type Kind = SignatureKind;
    type New = (NewSignature, AttachedLetter);
    const TEMPLATE: &'static str = "pages/petition.html";
    const FIELDS: &'static [&'static str] = &[
        "given_name",
        "family_name",
        "email",
        "city",
        "postal_code",
        "country",
        "phone",
        ANSWER_PREFIX,
        "comments",
        "display",
        "subject",
        "message",
        "show_email",
        "keep_nothing",
        "deliver_name",
        "updates",
        "source",
    ];

    fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }

    fn submissions(&self) -> &SignatureSubmissions {
        &self.submissions
    }

    async fn find(&self, key: &str) -> Result<Arc<Petition>> {
        self.petition(key).await
    }

    async fn require_open(&self, petition: &Petition) -> Result<()> {
        self.ensure_open(petition).await
    }

    async fn is_paused(&self, petition: &Petition) -> Result<bool> {
        Ok(self.abuse(petition.action.organization_id).await?.limits.signing_paused)
    }

    fn holds_suspects(petition: &Petition) -> bool {
        !petition.action.protected
    }

    fn body(petition: &Petition) -> Option<&str> {
        Some(&petition.petition_text)
    }

    async fn prefill(&self, petition: &Petition, locale: LocaleTag, form: &mut FormInput) -> Result<()> {
        form.set("country", "CA");
        if let Some((_, prefilled)) = attached_letter(self, petition, locale).await? {
            form.set("subject", prefilled.subjects.first().cloned().unwrap_or_default());
            form.set("message", prefilled.message);
        }
        Ok(())
    }

    async fn context(&self, petition: &Petition, text: &ActionText, locale: LocaleTag) -> Result<Value> {
        let letter = attached_letter(self, petition, locale).await?;
        let letter = letter.map(|(letter, prefilled)| prefilled.shown(&letter, locale));
        Ok(context! {
            countries => Serde(countries::menu(locale)),
            petition => context! {
                text_html => markdown::render(&text.body),
                targets => petition.targets.clone(),
                goal => petition.goal,
                extra => petition.paper_count,
                percent => petition.percent(),
                keeps_contacts => petition.keeps_contacts,
                demands => petition.demands.clone(),
                deliveries => Serde(petition_delivery_page::delivery_entries(petition, locale)),
                fields => Serde(petition.fields.shown(petition.action.protected)),
                questions => Serde(petition.questions.iter().map(|q| q.shown(locale)).collect::<Vec<_>>()),
            },
            letter => Serde(letter),
            comments => Serde(self.comments(petition).await?.as_ref()),
        })
    }

    async fn shows_names(&self, petition: &Petition) -> Result<bool> {
        Ok(self.comments(petition).await?.iter().any(|comment| !comment.name.is_empty()))
    }

    fn field(pointer: &str) -> String {
        match pointer.strip_prefix("/muster:answers/") {
            Some(question) => format!("{ANSWER_PREFIX}{question}"),
            None => field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS, letters::FORM_FIELDS]),
        }
    }

    fn label(petition: &Petition, field: &str, locale: LocaleTag) -> Option<String> {
        let key = field.strip_prefix(ANSWER_PREFIX)?;
        let question = petition.questions.iter().find(|question| question.key == key)?;
        Some(question.label_in(locale).to_owned())
    }

    async fn read(
        &self,
        petition: &Petition,
        form: &FormInput,
        locale: LocaleTag,
        source: Source,
    ) -> Result<(NewSignature, AttachedLetter)> {
        let prefilled = attached_letter(self, petition, locale).await?.map(|(_, prefilled)| prefilled);
        let new = read_form(petition, form, locale, prefilled.as_ref(), source)?;
        let letter = self.prepare_attached_letter(petition, &new).await?;
        Ok((new, letter))
    }

    async fn submit(&self, petition: &Petition, (new, letter): (NewSignature, AttachedLetter)) -> Result<()> {
        Petitions::submit(self, petition, new, letter).await
    }
}

fn read_form(
    petition: &Petition,
    form: &FormInput,
    locale: LocaleTag,
    prefilled: Option<&Prefilled>,
    source: Source,
) -> Result<NewSignature> {
    let protected = petition.action.protected;
    let mut errors = FieldErrors::default();
    let body = if protected {
        // a protected petition ignores fields that its form does not have
        PersonBody::of_form(&form.only(&["given_name", "family_name", "email"]), locale)
    } else {
        errors.require("/given_name", !form.text("given_name").trim().is_empty());
        PersonBody::of_form(form, locale)
    };
    let person = errors.fields(body.parse(""))?;
    let comments = errors.text("/comments", clean_text(form.text("comments"), MAX_COMMENT));
    let letter = prefilled.map_or_else(AttachedLetterInput::default, |prefilled| AttachedLetterInput {
        text: prefilled.read(form, &mut errors),
        show_email: form.ticked("show_email"),
    });
    let answers = form.with_prefix(ANSWER_PREFIX).map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let Some(person) = person else {
        petition.fields.require_in(form, &mut errors);
        questions::check_answers(petition, &answers, true, &mut errors);
        return errors.finish(None);
    };
    let mut new = NewSignature {
        delivers_name: form.ticked("deliver_name"),
        signals: RequestSignals {
            source: Some(source),
            form_seconds: form.text("seconds").parse().ok(),
            // may be filled in by a browser, too: the signature is quarantined, not dropped
            honeypot_filled: !form.text(HONEYPOT_FIELD).is_empty(),
        },
        comments: if protected { String::new() } else { comments },
        display: serde_json::from_value(form.text("display").into()).unwrap_or_default(),
        consents: Consents::of_form(form),
        keep_nothing: form.ticked("keep_nothing"),
        source: form.given("source").map(str::to_owned),
        letter,
        ..NewSignature::of(person)
    };
    errors.fields(questions::check(petition, &mut new, &answers, true))?;
    errors.finish(Some(new))
}
