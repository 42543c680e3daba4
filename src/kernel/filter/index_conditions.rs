//! Which part of a filter an index answers: conditions that every matching row meets, on columns that the list has an
//! index for. A list looks there first whether few rows are left; if so, it reads those and nothing else.

use sqlx::{Postgres, QueryBuilder};

use super::{Comparison, Expr, Filter, Operator, Value};

/// A column that a list has an index for, within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    column: &'static str,
    /// Can ranges of it be read in order?
    is_ordered: bool,
    /// The values that are indexed; empty: all.
    values: &'static [&'static str],
    /// The column that the index is over: the same, or one that has those values of it only.
    stored_as: &'static str,
}

impl Index {
    /// Rows with one value are found.
    pub const fn equal(column: &'static str) -> Self {
        Self { column, is_ordered: false, values: &[], stored_as: column }
    }

    /// Rows with one value, or with those between two, are found.
    pub const fn ordered(column: &'static str) -> Self {
        Self { column, is_ordered: true, values: &[], stored_as: column }
    }

    /// Rows with one of these values are found (a partial index).
    pub const fn values(column: &'static str, values: &'static [&'static str]) -> Self {
        Self { column, is_ordered: false, values, stored_as: column }
    }

    /// The same, where another column has those values and null for all others.
    #[must_use]
    pub const fn stored_as(self, stored_as: &'static str) -> Self {
        Self { stored_as, ..self }
    }

    fn answers(&self, comparison: &Comparison) -> bool {
        let is_indexed = match &comparison.value {
            Value::Null => false,
            Value::Text(text) => self.values.is_empty() || self.values.contains(&text.as_str()),
            _ => true,
        };
        let has_operator = match comparison.operator {
            Operator::Eq => true,
            Operator::Ne => false,
            Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => self.is_ordered,
        };
        self.column == comparison.field.column_sql && is_indexed && has_operator
    }
}

/// A condition that an index answers.
#[derive(Debug)]
pub struct IndexCondition<'a> {
    column: &'static str,
    is_range: bool,
    parts: Vec<&'a Expr>,
}

impl IndexCondition<'_> {
    /// Appends the condition, to stand after `AND`.
    pub fn push_sql(&self, query: &mut QueryBuilder<Postgres>) {
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                query.push(" AND ");
            }
            match part {
                Expr::Compare(comparison) => comparison.push_sql_on(query, self.column),
                Expr::Or(any) | Expr::And(any) => {
                    query.push("(");
                    for (i, one) in any.iter().enumerate() {
                        if i > 0 {
                            query.push(" OR ");
                        }
                        if let Expr::Compare(comparison) = one {
                            comparison.push_sql_on(query, self.column);
                        }
                    }
                    query.push(")");
                }
            }
        }
    }

    /// What to order by so that no other index will do.
    pub fn order(&self) -> Option<&'static str> {
        self.is_range.then_some(self.column)
    }
}

impl Filter {
    /// The conditions that every matching row meets and that one of these indexes answers, in the order of the indexes.
    pub fn index_conditions(&self, indexes: &[Index]) -> Vec<IndexCondition<'_>> {
        let mut parts = Vec::new();
        collect_conjuncts(&self.root, &mut parts);
        let mut index_conditions = Vec::new();
        for index in indexes {
            let mut range = IndexCondition { column: index.stored_as, is_range: true, parts: Vec::new() };
            for part in &parts {
                match *part {
                    Expr::Compare(c) if index.answers(c) && c.operator == Operator::Eq => {
                        index_conditions.push(IndexCondition {
                            column: index.stored_as,
                            is_range: false,
                            parts: vec![part],
                        });
                    }
                    Expr::Compare(c) if index.answers(c) => range.parts.push(part),
                    Expr::Or(any) if any.iter().all(|e| is_one_value(e, index)) => {
                        index_conditions.push(IndexCondition {
                            column: index.stored_as,
                            is_range: false,
                            parts: vec![part],
                        });
                    }
                    _ => {}
                }
            }
            if !range.parts.is_empty() {
                index_conditions.push(range);
            }
        }
        index_conditions
    }
}

fn collect_conjuncts<'a>(expr: &'a Expr, into: &mut Vec<&'a Expr>) {
    match expr {
        Expr::And(parts) => parts.iter().for_each(|part| collect_conjuncts(part, into)),
        other => into.push(other),
    }
}

fn is_one_value(expr: &Expr, index: &Index) -> bool {
    matches!(expr, Expr::Compare(c) if c.operator == Operator::Eq && index.answers(c))
}
