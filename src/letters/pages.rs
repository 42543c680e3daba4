//! What the page of a letter action has beside those of all actions.

use std::sync::Arc;

use axum::Router;
use minijinja::{Value, context, value::Serde};

use super::{
    kind::{LetterKind, LetterSubmissions},
    store::LetterAction,
    submission::{Letters, NewLetter},
    template::Prefilled,
};
use crate::{
    actions::{ActionPage, action_pages},
    campaigns::{ActionText, Campaigns},
    error::Result,
    kernel::{
        Kernel,
        forms::{FieldErrors, FormFields, FormInput, field_of},
        rate_limit::Source,
        text::LocaleTag,
    },
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person, by the segments of JSON pointers into the API's body.
pub const FORM_FIELDS: &FormFields =
    &[("subject", "subject"), ("message", "message"), ("muster:show_email", "show_email")];

/// Routes of the pages.
pub fn pages(letters: Letters) -> Router {
    action_pages(letters, Router::new())
}

impl ActionPage for Letters {
    type Kind = LetterKind;
    type New = NewLetter;
    const TEMPLATE: &'static str = "pages/letter.html";
    const FIELDS: &'static [&'static str] = &[
        "subject",
        "message",
        "given_name",
        "family_name",
        "email",
        "city",
        "postal_code",
        "show_email",
        "updates",
        "source",
    ];

    fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }

    fn submissions(&self) -> &LetterSubmissions {
        &self.submissions
    }

    async fn find(&self, key: &str) -> Result<Arc<LetterAction>> {
        self.letter(key).await
    }

    async fn prefill(&self, letter: &LetterAction, locale: LocaleTag, form: &mut FormInput) -> Result<()> {
        let prefilled = Prefilled::of(letter, locale)?;
        // a random suggestion for each visitor: mail gateways filter many identical letters
        form.set("subject", pick(&prefilled.subjects, self.kernel.env.fraction()));
        form.set("message", prefilled.message);
        Ok(())
    }

    async fn context(&self, letter: &LetterAction, _: &ActionText, locale: LocaleTag) -> Result<Value> {
        let prefilled = Prefilled::of(letter, locale)?;
        Ok(context! { letter => Serde(prefilled.shown(letter, locale)) })
    }

    fn field(pointer: &str) -> String {
        field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS])
    }

    async fn read(&self, letter: &LetterAction, form: &FormInput, locale: LocaleTag, _: Source) -> Result<NewLetter> {
        let mut errors = FieldErrors::default();
        let text = Prefilled::of(letter, locale)?.read(form, &mut errors);
        let accepted = form.only(&["given_name", "family_name", "email", "city", "postal_code"]);
        let Some(person) = errors.fields(PersonBody::of_form(&accepted, locale).parse(""))? else {
            for name in ["given_name", "family_name"] {
                errors.require(&format!("/{name}"), !form.text(name).trim().is_empty());
            }
            return errors.finish(None);
        };
        let new = NewLetter {
            person,
            subject: text.subject,
            message: text.message,
            greeting: text.greeting,
            variant: text.variant,
            show_email: form.ticked("show_email"),
            consents: Consents::of_form(form),
            source: form.given("source").map(str::to_owned),
        };
        errors.fields(new.check(letter))?;
        errors.finish(Some(new))
    }

    async fn submit(&self, letter: &LetterAction, new: NewLetter) -> Result<()> {
        Letters::submit(self, letter, new).await
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a handful of subjects"
)]
fn pick(subjects: &[String], fraction: f64) -> String {
    subjects.get((fraction * subjects.len() as f64) as usize).cloned().unwrap_or_default()
}
