//! `?filter=`: OSDI's subset of `OData` (<https://opensupporter.github.io/osdi-docs>), parsed into a tree and compiled
//! to SQL in which every value is a bound parameter.
//!
//! ```text
//! or         = and *( "or" and )
//! and        = term *( "and" term )
//! term       = "(" or ")" | field operator literal
//! operator   = "eq" | "ne" | "gt" | "ge" | "lt" | "le"
//! literal    = "'" text "'" | "datetime'" time "'" | number | "true" | "false" | "null"
//! ```
//! A quote inside a text is doubled. Times are RFC 3339; a date or time without a zone is UTC.
//!
//! Each list defines its fields in a [`FieldSet`]; SQL comes only from there. A virtual field is compared with
//! something that its column does not hold (an e-mail address, where the column has the id of a person): the caller
//! looks the value up ([`Filter::virtual_texts`], [`Filter::resolve_virtual`]), and until then it matches nothing.
//! `index_conditions` determines which conditions an index can answer. Neither errors nor `Debug` output contain
//! values, which may be e-mail addresses.

mod index_conditions;

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

pub use index_conditions::{Index, IndexCondition};

/// Maximum length of a filter, in characters.
pub const MAX_CHARS: usize = 2_000;
/// Maximum number of comparisons in a filter.
pub const MAX_TERMS: usize = 50;
/// Maximum nesting depth of parentheses.
const MAX_DEPTH: usize = 20;

/// Type of a field; determines which literals and operators it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `text`; all operators.
    Text,
    /// `uuid`; `eq` and `ne`.
    Uuid,
    /// `timestamptz`; all operators.
    Timestamp,
    /// `int8` or smaller; all operators.
    Integer,
    /// `boolean`; `eq` and `ne`.
    Boolean,
    /// `text` with these values only; `eq` and `ne`.
    Enum(&'static [&'static str]),
    /// `uuid`, looked up by the caller for a text that no column holds, such as an e-mail address; `eq` and `ne`.
    Virtual,
    /// A label that people have, found by a keyed index that the caller computes ([`Filter::resolve_labels`]); `eq` and `ne`.
    /// The column is what the index is compared with, in a subquery.
    Label,
    /// `uuid`, written as OSDI's `muster:<uuid>` or alone; all operators. Identifiers of other systems match no row.
    Identifier,
    /// The same, and identifiers of other systems, which are labels: what their index is compared with, in a subquery; `eq` and
    /// `ne`.
    Identifiers(&'static str),
}

/// A field that filters may refer to.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, as in the list's JSON.
    pub name: &'static str,
    /// The SQL expression that is compared, such as `p.created_at`.
    pub column_sql: &'static str,
    /// Its type.
    pub kind: FieldKind,
}

/// All fields by which a list can be filtered.
#[derive(Debug, Clone, Copy)]
pub struct FieldSet(pub &'static [Field]);

/// Where and why a filter is invalid; answered with 400 `invalid_filter`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (at character {position})")]
pub struct FilterError {
    /// Number of characters before the error.
    pub position: usize,
    /// What is wrong, in one English sentence for the client.
    pub detail: String,
}

/// A valid filter over one [`FieldSet`].
#[derive(Clone, PartialEq)]
pub struct Filter {
    root: Expr,
}

#[derive(Debug, Clone, PartialEq)]
enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Compare(Comparison),
}

#[derive(Debug, Clone, PartialEq)]
struct Comparison {
    field: &'static Field,
    operator: Operator,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Text(String),
    Uuid(Uuid),
    Timestamp(DateTime<Utc>),
    Integer(i64),
    Boolean(bool),
    Virtual(String, Option<Uuid>),
    Label(String, Vec<u8>),
}

impl Filter {
    /// Parses a percent-decoded filter.
    ///
    /// # Errors
    /// [`FilterError`] for an unknown field, an operator or literal that its type does not accept, a syntax error, or
    /// a filter beyond the limits of length, terms and depth.
    pub fn parse(input: &str, fields: FieldSet) -> Result<Self, FilterError> {
        let mut parser = Parser { input, at: 0, fields, terms: 0, depth: 0 };
        if input.chars().nth(MAX_CHARS).is_some() {
            return Err(parser.error(format!("a filter has at most {MAX_CHARS} characters")));
        }
        let root = parser.or()?;
        parser.skip_space();
        if parser.at < input.len() {
            return Err(parser.error("expected `and`, `or` or the end"));
        }
        Ok(Self { root })
    }

    /// The texts that virtual fields are compared with.
    pub fn virtual_texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        self.resolve_virtual(|_, text| {
            texts.push(text.to_owned());
            None
        });
        texts
    }

    /// Sets the id of each virtual value; `resolve` gets the field's name and the text to compare with.
    ///
    /// `None` means that no row can have the value (not an e-mail address, no key): `eq` is then false and `ne` true.
    pub fn resolve_virtual(&mut self, mut resolve: impl FnMut(&str, &str) -> Option<Uuid>) {
        self.root.each_comparison(&mut |comparison| {
            if comparison.field.kind == FieldKind::Virtual
                && let Value::Virtual(text, id) = &mut comparison.value
            {
                *id = resolve(comparison.field.name, text);
            }
        });
    }

    /// Sets the index of each label; `index_of` gets the field's name and the text.
    pub fn resolve_labels(&mut self, mut index_of: impl FnMut(&str, &str) -> Vec<u8>) {
        self.root.each_comparison(&mut |comparison| {
            if let Value::Label(text, index) = &mut comparison.value {
                *index = index_of(comparison.field.name, text);
            }
        });
    }

    /// Appends the condition in parentheses, to follow an `AND`.
    pub fn push_sql(&self, query: &mut QueryBuilder<Postgres>) {
        self.root.push_sql(query);
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(…)")
    }
}

impl Expr {
    fn each_comparison(&mut self, visit: &mut dyn FnMut(&mut Comparison)) {
        match self {
            Self::Or(parts) | Self::And(parts) => {
                for part in parts {
                    part.each_comparison(visit);
                }
            }
            Self::Compare(comparison) => visit(comparison),
        }
    }

    fn push_sql(&self, query: &mut QueryBuilder<Postgres>) {
        let (parts, word) = match self {
            Self::Or(parts) => (parts, " OR "),
            Self::And(parts) => (parts, " AND "),
            Self::Compare(comparison) => return comparison.push_sql(query),
        };
        query.push("(");
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                query.push(word);
            }
            part.push_sql(query);
        }
        query.push(")");
    }
}

impl Comparison {
    fn push_sql(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_sql_on(query, self.field.column_sql);
    }

    /// `ne` compiles to IS DISTINCT FROM: "not x" includes rows without a value.
    fn push_sql_on(&self, query: &mut QueryBuilder<Postgres>, column: &str) {
        let is_eq = self.operator == Operator::Eq;
        match &self.value {
            Value::Null => {
                let test = if is_eq { "IS NULL" } else { "IS NOT NULL" };
                query.push(format_args!("({column} {test})"));
                return;
            }
            Value::Virtual(_, None) => {
                query.push(if is_eq { "(FALSE)" } else { "(TRUE)" });
                return;
            }
            Value::Label(_, index) => {
                let column = if let FieldKind::Identifiers(labels) = self.field.kind { labels } else { column };
                query.push(if is_eq { "(EXISTS (SELECT FROM " } else { "(NOT EXISTS (SELECT FROM " });
                query.push(format_args!("{column} = ")).push_bind(index.clone()).push("))");
                return;
            }
            _ => {}
        }
        query.push(format_args!("({column} {} ", self.operator.sql()));
        match &self.value {
            Value::Text(text) => query.push_bind(text.clone()),
            Value::Uuid(id) => query.push_bind(*id),
            Value::Timestamp(time) => query.push_bind(*time),
            Value::Integer(number) => query.push_bind(*number),
            Value::Boolean(truth) => query.push_bind(*truth),
            Value::Virtual(_, id) => query.push_bind(*id),
            Value::Label(..) | Value::Null => query.push("NULL"),
        };
        query.push(")");
    }
}

impl Operator {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "IS DISTINCT FROM",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
        }
    }

    fn is_order(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}

/// A literal before it is converted to the field's type.
enum Literal<'a> {
    Quoted(String),
    Bare(&'a str),
}

struct Parser<'a> {
    input: &'a str,
    /// Byte offset, always on a character boundary.
    at: usize,
    fields: FieldSet,
    terms: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.and()?];
        while self.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.term()?];
        while self.take_word("and") {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Expr::And))
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        self.skip_space();
        if !self.take('(') {
            return self.comparison().map(Expr::Compare);
        }
        if self.depth == MAX_DEPTH {
            return Err(self.error(format!("parentheses nest at most {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let inner = self.or()?;
        self.depth -= 1;
        self.skip_space();
        if !self.take(')') {
            return Err(self.error("expected `and`, `or` or a closing parenthesis"));
        }
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Comparison, FilterError> {
        if self.terms == MAX_TERMS {
            return Err(self.error(format!("a filter has at most {MAX_TERMS} comparisons")));
        }
        self.terms += 1;

        let start = self.at;
        let name = self.word();
        let Some(field) = self.fields.0.iter().find(|field| field.is_called(name)) else {
            let names: Vec<_> = self.fields.0.iter().map(|field| field.name).collect();
            let detail = format!("expected one of the fields {}", names.join(", "));
            return Err(self.error_at(start, detail));
        };

        self.skip_space();
        let start = self.at;
        let Some(operator) = Operator::from_word(self.word()) else {
            return Err(self.error_at(start, "expected one of eq, ne, gt, ge, lt, le"));
        };
        if operator.is_order() && !field.kind.has_order() {
            let detail = format!("`{}` can only be compared with eq and ne", field.name);
            return Err(self.error_at(start, detail));
        }

        self.skip_space();
        let start = self.at;
        let literal = self.literal()?;
        let Some(value) = field.kind.value(literal) else {
            let detail = format!("`{}` is compared with {}", field.name, field.kind);
            return Err(self.error_at(start, detail));
        };
        if value == Value::Null && operator.is_order() {
            return Err(self.error_at(start, "null can only be compared with eq and ne"));
        }
        if matches!(value, Value::Virtual(..) | Value::Label(..)) && operator.is_order() {
            return Err(self.error_at(start, "only identifiers of the form 'muster:<uuid>' have an order"));
        }
        Ok(Comparison { field, operator, value })
    }

    fn literal(&mut self) -> Result<Literal<'a>, FilterError> {
        let bare = self.word();
        if !self.rest().starts_with('\'') {
            return Ok(Literal::Bare(bare));
        }
        // OData 2 writes the type before the quotes; the field's own type decides
        if !matches!(bare, "" | "datetime" | "datetimeoffset" | "guid") {
            return Err(self.error("expected a space before the quote"));
        }
        let start = self.at;
        let mut text = String::new();
        while self.take('\'') {
            let Some(end) = self.rest().find('\'') else {
                return Err(self.error_at(start, "this quote is never closed"));
            };
            if self.at > start + 1 {
                text.push('\'');
            }
            text.push_str(&self.rest()[..end]);
            self.at += end + 1;
        }
        Ok(Literal::Quoted(text))
    }

    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.input.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    /// Reads up to the next space, parenthesis or quote.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '\'')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take_word(&mut self, expected: &str) -> bool {
        self.skip_space();
        let start = self.at;
        let found = self.word().eq_ignore_ascii_case(expected);
        if !found {
            self.at = start;
        }
        found
    }

    fn error(&self, detail: impl Into<String>) -> FilterError {
        self.error_at(self.at, detail)
    }

    fn error_at(&self, at: usize, detail: impl Into<String>) -> FilterError {
        FilterError { position: self.input[..at].chars().count(), detail: detail.into() }
    }
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

impl Field {
    /// OSDI filters by `identifier` what its answers call `identifiers`.
    fn is_called(&self, name: &str) -> bool {
        let is_identifier = matches!(self.kind, FieldKind::Identifier | FieldKind::Identifiers(_));
        self.name == name || is_identifier && matches!(name, "identifier" | "identifiers")
    }
}

impl FieldKind {
    fn has_order(self) -> bool {
        matches!(self, Self::Text | Self::Timestamp | Self::Integer | Self::Identifier | Self::Identifiers(_))
    }

    fn value(self, literal: Literal<'_>) -> Option<Value> {
        let text = match literal {
            Literal::Bare("null") => {
                return (!matches!(self, Self::Label | Self::Identifiers(_))).then_some(Value::Null);
            }
            Literal::Bare(bare) => {
                return match self {
                    Self::Integer => bare.parse().ok().map(Value::Integer),
                    Self::Boolean => bare.parse().ok().map(Value::Boolean),
                    // later versions of OData write these two without quotes
                    Self::Timestamp => timestamp(bare).map(Value::Timestamp),
                    Self::Uuid => Uuid::try_parse(bare).ok().map(Value::Uuid),
                    Self::Text
                    | Self::Enum(_)
                    | Self::Virtual
                    | Self::Label
                    | Self::Identifier
                    | Self::Identifiers(_) => None,
                };
            }
            Literal::Quoted(text) => text,
        };
        // Postgres accepts no NUL in text and would fail the query
        if text.contains('\0') {
            return None;
        }
        match self {
            Self::Text => Some(Value::Text(text)),
            Self::Uuid => Uuid::try_parse(&text).ok().map(Value::Uuid),
            Self::Timestamp => timestamp(&text).map(Value::Timestamp),
            Self::Enum(known) => known.contains(&text.as_str()).then_some(Value::Text(text)),
            Self::Virtual => Some(Value::Virtual(text, None)),
            Self::Label => Some(Value::Label(text, Vec::new())),
            Self::Identifier | Self::Identifiers(_) => {
                let id = Uuid::try_parse(text.strip_prefix("muster:").unwrap_or(&text)).ok();
                let other = |text| {
                    if self == Self::Identifier { Value::Virtual(text, None) } else { Value::Label(text, Vec::new()) }
                };
                Some(id.map_or_else(|| other(text), Value::Uuid))
            }
            Self::Integer | Self::Boolean => None,
        }
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::Virtual | Self::Label => f.write_str("a text in single quotes"),
            Self::Identifier | Self::Identifiers(_) => {
                f.write_str("an identifier in single quotes, such as 'muster:<uuid>'")
            }
            Self::Uuid => f.write_str("a UUID in single quotes"),
            Self::Timestamp => f.write_str("an RFC 3339 date or time in single quotes"),
            Self::Integer => f.write_str("a whole number"),
            Self::Boolean => f.write_str("true or false"),
            Self::Enum(known) => write!(f, "one of '{}'", known.join("', '")),
        }
    }
}

fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    let without_zone = || {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .ok()
            .or_else(|| {
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                day.and_hms_opt(0, 0, 0)
            })
    };
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time.to_utc(),
        Err(_) => without_zone()?.and_utc(),
    };
    // chrono's range is larger than that of Postgres
    (0..=9_999).contains(&time.year()).then_some(time)
}

#[cfg(test)]
mod tests;
