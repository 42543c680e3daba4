//! Letter templates: written by organizers, rendered for one target.
//!
//! A template is minijinja in an environment of its own with nothing but `target.*`: no filters, no functions, no
//! includes, and `if` as the only statement. The parsed structure is checked ([`checked`]) before anything is
//! evaluated; the parser recurses as deep as its source, so the source's tokens are counted first. Rendering is
//! limited in fuel and in length. Supporters' texts are never parsed as templates, so a placeholder that they type is
//! sent as typed.

use std::{fmt, io};

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, context,
    machinery::{
        Token,
        ast::{BinOpKind, CompareOpKind, Expr, Stmt, UnaryOpKind},
        parse, tokenize,
    },
    syntax::SyntaxConfig,
    value::{Serde, ValueKind},
};
use serde::Serialize;
use serde_json::json;

use super::honorifics::honorific_in;
use super::store::{LetterAction, OfficialName, Target, TemplateText};
use crate::{
    error::{Error, Result},
    kernel::{
        forms::{FieldErrors, FormInput},
        text::{LocaleTag, clean_line, clean_text},
    },
};

/// Maximum length of a template and of its rendered text, in characters.
pub(super) const MAX_BODY: usize = 20_000;
/// Maximum length of a subject, in characters.
pub(crate) const MAX_SUBJECT: usize = 200;
/// Maximum length of a letter's text, in characters.
pub(crate) const MAX_MESSAGE: usize = 10_000;
/// Maximum instructions (minijinja fuel) of one rendering; a letter takes a few dozen.
const FUEL: u64 = 5_000;
/// Maximum length of a string literal, in characters.
const MAX_LITERAL: usize = 200;
/// Maximum tokens between one pair of braces.
const MAX_TOKENS: usize = 60;
/// Maximum nesting of `if`, each `elif` counted as one more.
const MAX_IFS: usize = 20;
/// Attributes of `target`, see [`TemplateVariables`].
const VARIABLES: [&str; 4] = ["salutation", "name", "title", "office"];

/// Values of the placeholders `target.salutation`, `target.name`, `target.title`, `target.office`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TemplateVariables {
    /// Salutation: "Minister Roy"; the title of a vacant office.
    pub salutation: String,
    /// The holder's name; a vacant office's title.
    pub name: String,
    /// The office's title in the letter's language.
    pub title: String,
    /// The same.
    pub office: String,
}

impl TemplateVariables {
    /// The values for one target.
    pub(super) fn of(target: &Target, locale: LocaleTag) -> Self {
        let title = target.title_in(locale);
        let (salutation, name) = match &target.holder {
            None => (title.clone(), title.clone()),
            Some(holder) => {
                let name = join(&[&holder.given_name, &holder.family_name]);
                (salutation(holder, &title, &name, locale), name)
            }
        };
        Self { salutation, name, office: title.clone(), title }
    }

    /// The values for a text that is sent to all these targets unchanged: those of each, joined.
    fn of_all(targets: &[Target], locale: LocaleTag) -> Self {
        let all: Vec<Self> = targets.iter().map(|t| Self::of(t, locale)).collect();
        let side_by_side = |pick: fn(&Self) -> &str| all.iter().map(pick).collect::<Vec<_>>().join(" / ");
        Self {
            salutation: side_by_side(|w| &w.salutation),
            name: side_by_side(|w| &w.name),
            title: side_by_side(|w| &w.title),
            office: side_by_side(|w| &w.office),
        }
    }

    fn sample() -> Self {
        let word = |text: &str| text.to_owned();
        Self {
            salutation: word("Minister Roy"),
            name: word("Ana Roy"),
            title: word("Minister"),
            office: word("Minister"),
        }
    }
}

/// Salutation of a holder. "The Honourable" belongs to the address line, never after "Dear"; there the office's title
/// is used: "Minister Roy", "Premier ministre Roy".
fn salutation(holder: &OfficialName, title: &str, name: &str, locale: LocaleTag) -> String {
    let prefix = holder.honorific_prefix.to_lowercase();
    if prefix.is_empty() {
        return name.to_owned();
    }
    if !prefix.contains("hono") && !prefix.starts_with("hon") {
        return join(&[&honorific_in(&holder.honorific_prefix, locale), &holder.family_name]);
    }
    let ends = [" of ", " for ", " de ", " des ", " du ", " d'", " d\u{2019}", " responsible "];
    let end = ends.iter().filter_map(|word| title.to_lowercase().find(word)).min().unwrap_or(title.len());
    join(&[title.get(..end).unwrap_or(title), &holder.family_name])
}

impl Target {
    /// The office's title in a language, else in its own.
    pub fn title_in(&self, locale: LocaleTag) -> String {
        self.titles.get(locale.as_str()).filter(|t| !t.is_empty()).unwrap_or(&self.title).clone()
    }

    /// The holder's name as an address line in a language; "" for a vacant office.
    pub fn holder_line(&self, locale: LocaleTag) -> String {
        let line = |holder: &OfficialName| {
            join(&[&honorific_in(&holder.honorific_prefix, locale), &holder.given_name, &holder.family_name])
        };
        self.holder.as_ref().map(line).unwrap_or_default()
    }
}

fn join(variables: &[&str]) -> String {
    variables.iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The line, from 1.
    pub line: usize,
    /// Why, in English.
    pub reason: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line {}: {}.", self.line, self.reason)
    }
}

impl From<TemplateError> for Error {
    fn from(template_error: TemplateError) -> Self {
        // stored templates passed the check, so only a stricter version of it could refuse one
        Self::internal(format!("a letter's template does not render: {template_error}"))
    }
}

/// Checks a template: parses it and renders it for a sample target.
///
/// # Errors
/// The line and the reason.
pub fn check(source: &str) -> Result<(), TemplateError> {
    render(source, &TemplateVariables::sample()).map(|_| ())
}

/// Renders a template.
///
/// # Errors
/// The line and the reason.
pub(super) fn render(source: &str, variables: &TemplateVariables) -> Result<String, TemplateError> {
    checked(source)?;
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    let mut text = LimitedWriter::default();
    let template = environment.template_from_str(source).map_err(|error| template_error(&error))?;
    let rendered = template.render_captured_to(context! { target => Serde(variables) }, &mut text).map(drop);
    if text.is_full {
        return Err(TemplateError { line: 1, reason: format!("the text becomes longer than {MAX_BODY} characters") });
    }
    rendered.map_err(|error| template_error(&error))?;
    String::from_utf8(text.bytes).map_err(|_| TemplateError { line: 1, reason: "the text is not UTF-8".to_owned() })
}

fn template_error(error: &minijinja::Error) -> TemplateError {
    let reason =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    TemplateError { line: error.line().unwrap_or(1), reason }
}

/// Output buffer that fails after [`MAX_BODY`] characters.
#[derive(Default)]
struct LimitedWriter {
    bytes: Vec<u8>,
    characters: usize,
    is_full: bool,
}

impl io::Write for LimitedWriter {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        // counts characters: all bytes but UTF-8 continuation bytes
        self.characters += more.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        if self.characters > MAX_BODY {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Parses a template and checks that it has only the allowed statements and names. Evaluates nothing.
fn checked(source: &str) -> Result<(), TemplateError> {
    // the lexer counts columns in 16 bits and overflows on longer lines
    if source.chars().count() > MAX_BODY {
        return refused(1, &format!("the template is longer than {MAX_BODY} characters"));
    }
    count_tokens(source)?;
    let parsed = parse(source, "<letter>", SyntaxConfig::default()).map_err(|error| template_error(&error))?;
    statement(&parsed)
}

/// Refuses sources on which the recursive parser would overflow the stack: long expressions and nested `if`s.
fn count_tokens(source: &str) -> Result<(), TemplateError> {
    let (mut tokens, mut begins_statement) = (0, false);
    // for each open `if`: 1 plus its `elif`s
    let mut open: Vec<usize> = Vec::new();
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| template_error(&error))?;
        let refuse = |reason: String| Err(TemplateError { line: span.start_line.into(), reason });
        let literal = match &token {
            Token::Str(text) => text,
            Token::String(text) => &**text,
            _ => "",
        };
        if literal.chars().count() > MAX_LITERAL {
            return refuse(format!("a text within quotes has at most {MAX_LITERAL} characters"));
        }
        match &token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => tokens = 0,
            Token::Ident(word) if begins_statement => match *word {
                "if" => open.push(1),
                "elif" => {
                    if let Some(ifs) = open.last_mut() {
                        *ifs += 1;
                    }
                }
                "endif" => {
                    open.pop();
                }
                "else" => {}
                _ => return refuse("of all statements, only `if` is possible in a letter".to_owned()),
            },
            _ => {}
        }
        begins_statement = matches!(token, Token::BlockStart);
        tokens += 1;
        if tokens > MAX_TOKENS {
            return refuse(format!("there are more than {MAX_TOKENS} words and signs between braces"));
        }
        if open.iter().sum::<usize>() > MAX_IFS {
            return refuse(format!("there are more than {MAX_IFS} `if`s within one another"));
        }
    }
    Ok(())
}

fn refused(line: u16, reason: &str) -> Result<(), TemplateError> {
    Err(TemplateError { line: line.into(), reason: reason.to_owned() })
}

fn statement(statement: &Stmt<'_>) -> Result<(), TemplateError> {
    match statement {
        Stmt::Template(template) => template.children.iter().try_for_each(self::statement),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => expression(&emit.expr),
        Stmt::IfCond(condition) => {
            expression(&condition.expr)?;
            condition.true_body.iter().chain(&condition.false_body).try_for_each(self::statement)
        }
        _ => refused(1, "of all statements, only `if` is possible in a letter"),
    }
}

fn expression(expr: &Expr<'_>) -> Result<(), TemplateError> {
    let line = expr.span().start_line;
    match expr {
        Expr::GetAttr(attribute) => match &attribute.expr {
            Expr::Var(variable) if variable.id == "target" && VARIABLES.contains(&attribute.name) => Ok(()),
            _ => refused(line, UNKNOWN),
        },
        Expr::Const(constant)
            if matches!(constant.value.kind(), ValueKind::String | ValueKind::Bool | ValueKind::None) =>
        {
            Ok(())
        }
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::Concat | BinOpKind::Eq | BinOpKind::Ne | BinOpKind::ScAnd | BinOpKind::ScOr | BinOpKind::In => {
                expression(&operation.left)?;
                expression(&operation.right)
            }
            BinOpKind::Mul | BinOpKind::Pow => refused(line, "nothing can be multiplied in a letter"),
            _ => refused(line, "nothing can be calculated in a letter"),
        },
        Expr::Compare(comparison) => {
            expression(&comparison.expr)?;
            comparison.ops.iter().try_for_each(|next| match next.op {
                CompareOpKind::Eq | CompareOpKind::Ne | CompareOpKind::In | CompareOpKind::NotIn => {
                    expression(&next.expr)
                }
                _ => refused(line, "nothing can be calculated in a letter"),
            })
        }
        Expr::UnaryOp(operation) => match operation.op {
            UnaryOpKind::Not => expression(&operation.expr),
            UnaryOpKind::Neg => refused(line, "nothing can be calculated in a letter"),
        },
        Expr::IfExpr(choice) => {
            expression(&choice.test_expr)?;
            expression(&choice.true_expr)?;
            choice.false_expr.as_ref().map_or(Ok(()), expression)
        }
        Expr::Var(_) => refused(line, UNKNOWN),
        Expr::Filter(_) | Expr::Test(_) | Expr::Call(_) => {
            refused(line, "there are no filters, tests or functions in a letter")
        }
        _ => refused(line, "a letter knows placeholders and texts within quotes only"),
    }
}

/// Why a name is refused.
const UNKNOWN: &str =
    "there is no such placeholder; there are target.salutation, target.name, target.title and target.office";

/// The greeting (first line) and the rest of a template whose first line names the target; `None` where the first
/// line cannot stand alone.
fn split(body: &str) -> Option<(&str, &str)> {
    let (first, rest) = body.trim_start().split_once('\n')?;
    let names_target = first.split("{{").skip(1).any(|inside| inside.trim_start().starts_with("target."));
    let stands_alone = names_target && check(first).is_ok() && check(rest).is_ok();
    stands_alone.then_some((first.trim_end(), rest.trim_start_matches(['\n', '\r'])))
}

/// Initial values of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefilled {
    /// The greeting of each target, "" where the text has no line for it.
    pub greetings: Vec<String>,
    /// The suggested subjects.
    pub subjects: Vec<String>,
    /// The text below the greeting.
    pub message: String,
}

/// The edited parts of a prefilled letter; "" where the template is used.
#[derive(Clone, Debug, Default)]
pub struct EditedText {
    /// The subject.
    pub subject: String,
    /// The text.
    pub message: String,
    /// Is the template's greeting put before the text? The form shows it above the text box, not in it.
    pub greeting: bool,
    /// Index of the suggested subject that was kept.
    pub variant: Option<i16>,
}

impl Prefilled {
    /// The letter as forms show it.
    pub fn shown(&self, letter: &LetterAction, locale: LocaleTag) -> serde_json::Value {
        let targets = letter.targets.iter().zip(&self.greetings);
        let targets = targets.map(|(target, greeting)| {
            json!({"office": target.title_in(locale), "holder": target.holder_line(locale), "greeting": greeting})
        });
        let targets: Vec<serde_json::Value> = targets.collect();
        json!({"editable": letter.editable, "live": letter.live, "targets": targets, "subjects": self.subjects})
    }

    /// Subject and text of a form; empty where they were not changed, so that the template is used.
    pub fn read(&self, form: &FormInput, errors: &mut FieldErrors) -> EditedText {
        let subject = errors.text("/subject", clean_line(form.text("subject"), MAX_SUBJECT));
        let most = MAX_MESSAGE.max(self.message.chars().count());
        let message = errors.text("/message", clean_text(form.text("message"), most));
        self.edited_text(subject, message)
    }

    /// Compares the values of a form with its initial values.
    fn edited_text(&self, subject: String, message: String) -> EditedText {
        let suggested = self.subjects.iter().position(|s| *s == subject);
        let edited_text = message != self.message;
        EditedText {
            subject: if suggested.is_some() { String::new() } else { subject },
            message: if edited_text { message } else { String::new() },
            greeting: edited_text,
            variant: suggested.and_then(|i| i16::try_from(i).ok()),
        }
    }

    /// Initial values of a letter action's form in a language.
    ///
    /// # Errors
    /// `internal` when a stored template does not render.
    pub fn of(letter: &LetterAction, locale: LocaleTag) -> Result<Self> {
        let Some(template) = letter.template(locale) else {
            return Ok(Self { greetings: vec![String::new(); letter.targets.len()], ..Self::default() });
        };
        let all = TemplateVariables::of_all(&letter.targets, template.locale);
        let (greeting, rest) = split(&template.body).map_or((None, template.body.as_str()), |(g, r)| (Some(g), r));
        let greet = |target: &Target| {
            greeting.map_or(Ok(String::new()), |g| render(g, &TemplateVariables::of(target, template.locale)))
        };
        let rest = render(rest, &all)?;
        Ok(Self {
            greetings: letter.targets.iter().map(greet).collect::<Result<_, _>>()?,
            subjects: template.subjects.iter().map(|s| render(s, &all)).collect::<Result<_, _>>()?,
            message: clean_text(&rest, MAX_BODY).unwrap_or(rest),
        })
    }
}

/// A supporter's parts of a letter; empty parts are taken from the template.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ComposeInput<'a> {
    /// The subject; "" for one of the template's.
    pub subject: &'a str,
    /// The text; "" for the template's.
    pub message: &'a str,
    /// Is the template's greeting put before the text?
    pub greeting: bool,
    /// Index of the template's subject, modulo their number.
    pub variant: i16,
}

/// Subject and text of a letter for one target.
///
/// # Errors
/// `internal` when a stored template does not render, or there is neither text nor template.
pub(super) fn compose(
    template: Option<&TemplateText>,
    input: ComposeInput<'_>,
    target: &Target,
) -> Result<(String, String)> {
    let Some(template) = template else {
        if input.subject.is_empty() || input.message.is_empty() {
            return Err(Error::internal("a letter without text, and no template"));
        }
        return Ok((input.subject.to_owned(), input.message.to_owned()));
    };
    let variables = TemplateVariables::of(target, template.locale);
    let subject = if input.subject.is_empty() {
        let at = usize::from(input.variant.unsigned_abs()) % template.subjects.len().max(1);
        render(template.subjects.get(at).map_or("", String::as_str), &variables)?
    } else {
        input.subject.to_owned()
    };
    let body = match input.message {
        "" => render(&template.body, &variables)?.trim().to_owned(),
        message => match input.greeting.then(|| split(&template.body)).flatten() {
            Some((greeting, _)) => format!("{}\n\n{message}", render(greeting, &variables)?),
            None => message.to_owned(),
        },
    };
    Ok((subject, body))
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
