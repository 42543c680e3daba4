//! What the page of a call action has beside those of all actions.

use std::sync::Arc;

use axum::Router;
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::{
    kind::CallKind,
    state::CallResult,
    store::{CallAction, CallTarget},
    submission::{Calls, MAX_POINTS, NewCall, write},
};
use crate::{
    actions::{
        ActionPage, action_pages,
        submission::{Submissions, Submitter},
    },
    campaigns::{ActionText, Campaigns},
    error::{FieldError, Result},
    kernel::{
        Kernel,
        forms::{FieldErrors, FormFields, FormInput, field_of},
        i18n, markdown,
        rate_limit::Source,
        text::{LocaleTag, clean_text},
    },
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person, by the segments of JSON pointers into the API's body.
const FORM_FIELDS: &FormFields = &[("muster:office", "office"), ("muster:outcome", "outcome"), ("message", "points")];

/// Routes of the pages.
pub fn pages(calls: Calls) -> Router {
    action_pages(calls, Router::new())
}

/// The number after `tel:`: capitals are keys of the phone, and an extension in small letters is left to the caller.
fn dialled(phone: &str) -> String {
    let key = |c: char| match c {
        'A'..='C' => Some('2'),
        'D'..='F' => Some('3'),
        'G'..='I' => Some('4'),
        'J'..='L' => Some('5'),
        'M'..='O' => Some('6'),
        'P'..='S' => Some('7'),
        'T'..='V' => Some('8'),
        'W'..='Z' => Some('9'),
        '+' | '0'..='9' => Some(c),
        _ => None,
    };
    phone.chars().take_while(|c| !c.is_ascii_lowercase()).filter_map(key).collect()
}

impl ActionPage for Calls {
    type Kind = CallKind;
    type New = NewCall;
    const TEMPLATE: &'static str = "pages/call.html";
    const FIELDS: &'static [&'static str] =
        &["office", "outcome", "points", "given_name", "family_name", "email", "postal_code", "updates", "source"];

    fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }

    fn submissions(&self) -> &Submissions<CallKind> {
        &self.submissions
    }

    async fn find(&self, key: &str) -> Result<Arc<CallAction>> {
        Self::find(self, key).await
    }

    fn body(call: &CallAction) -> Option<&str> {
        Some(&call.script)
    }

    async fn prefill(&self, call: &CallAction, _: LocaleTag, form: &mut FormInput) -> Result<()> {
        if let [only] = &call.targets[..] {
            form.set("office", only.office.slug.clone());
        }
        Ok(())
    }

    async fn context(&self, call: &CallAction, text: &ActionText, locale: LocaleTag) -> Result<Value> {
        let now = self.kernel.env.now();
        let target = |CallTarget { office, phone }: &CallTarget| {
            json!({
                "slug": office.slug, "office": office.title_in(locale), "holder": office.holder_line(locale),
                "phone": phone.phone, "dialled": dialled(&phone.phone), "hours": phone.hours.lines(locale),
                "is_open": phone.hours.is_open(now),
            })
        };
        let targets: Vec<_> = call.targets.iter().map(target).collect();
        let outcomes = CallResult::ALL
            .map(|outcome| (outcome.as_str(), i18n::text(locale, &format!("call-outcome-{}", outcome.as_str()))));
        let script_html = markdown::render(&text.body);
        Ok(context! { call => context! { script_html, targets => Serde(targets), outcomes => Serde(outcomes) } })
    }

    fn field(pointer: &str) -> String {
        field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS])
    }

    async fn read(&self, call: &CallAction, form: &FormInput, locale: LocaleTag, _: Source) -> Result<NewCall> {
        let mut errors = FieldErrors::default();
        let office = errors.field(call.called(form.text("office")));
        let outcome = CallResult::ALL.into_iter().find(|outcome| outcome.as_str() == form.text("outcome"));
        let missing = || FieldError::new("/muster:outcome", "required", "How did the call go?");
        let outcome = errors.field(outcome.ok_or_else(missing));
        let points = errors.text("/message", clean_text(form.text("points"), MAX_POINTS));
        let accepted = form.only(&["given_name", "family_name", "email", "postal_code"]);
        let person = errors.fields(PersonBody::of_form(&accepted, locale).parse(""))?;
        let new = || {
            Some(NewCall {
                person: person?,
                office_id: office?,
                outcome: outcome?,
                points,
                consents: Consents::of_form(form),
                source: form.given("source").map(str::to_owned),
            })
        };
        errors.finish(new())
    }

    async fn submit(&self, call: &CallAction, new: NewCall) -> Result<()> {
        let by = Submitter::public(&self.kernel, &call.action, &new.person)?;
        write(self, call, &new, by).await.map(|_| ())
    }
}
