//! Renders the templates of a mail kind: subject, text and HTML in the reader's language.

use std::{borrow::Cow, collections::HashSet, sync::OnceLock};

use minijinja::{Value, context};

use crate::{
    error::{Error, Result},
    kernel::{Kernel, i18n, text::LocaleTag},
};

/// The rendered contents of a mail.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The subject.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body, if the kind has a template for it; never for neutral mails.
    pub html: Option<String>,
}

/// Renders `mail/{kind}.txt` and, where there is one, `mail/{kind}.html`.
///
/// `page` is the template's context: the members that the template's first comment lists, and for every mail
/// `organization` and `action_title`; `unconfirmed` is true while nobody has confirmed the address,
/// `vouched` when an organizer entered it. A neutral mail
/// (protected actions) is text only, and its subject, `{kind}-subject-neutral`, does not name the action.
///
/// # Errors
/// `internal` when the template or the subject is missing, or the template uses an undefined value.
pub fn render(kernel: &Kernel, kind: &str, locale: LocaleTag, neutral: bool, page: Value) -> Result<Rendered> {
    let suffix = if neutral { "-neutral" } else { "" };
    let key = format!("{kind}-subject{suffix}");
    let mut arguments = i18n::Arguments::new();
    for (name, attribute) in [("title", "action_title"), ("organization", "organization")] {
        let value = page.get_attr(attribute).ok().filter(|value| !value.is_undefined() && !value.is_none());
        arguments.insert(Cow::Borrowed(name), value.map(|value| value.to_string()).unwrap_or_default().into());
    }
    let subject = i18n::text_with(locale, &key, &arguments);
    if subject == key {
        return Err(Error::internal(format!("there is no text `{key}`")));
    }
    let is = |name: &str| page.get_attr(name).is_ok_and(|value| value.is_true());
    let page = context! { neutral, unconfirmed => is("unconfirmed"), vouched => is("vouched"), ..page };
    let text = kernel.pages.render(&format!("mail/{kind}.txt"), locale, page.clone())?;
    let formatted = format!("mail/{kind}.html");
    let html = if !neutral && exists(kernel, &formatted) {
        Some(kernel.pages.render(&formatted, locale, page)?)
    } else {
        None
    };
    Ok(Rendered { subject, text, html })
}

/// Does a template exist? Templates are compiled in, so the list is made once per process.
fn exists(kernel: &Kernel, template: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| kernel.pages.names().into_iter().collect()).contains(template)
}
