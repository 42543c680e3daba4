//! Finds the parts of a filter that an index can answer: conditions that every matching row must meet, on indexed
//! columns. If few rows meet one, a list reads only those (`keyset_pagination`).

use sqlx::{Postgres, QueryBuilder};

use super::{Comparison, Expr, Filter, Operator, Value};

/// An index on a column, within a list's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    column: &'static str,
    /// Does the index support range conditions?
    is_ordered: bool,
    /// Values covered by a partial index; empty: all.
    values: &'static [&'static str],
    /// The indexed column: the same, or one that holds only the covered values.
    stored_as: &'static str,
}

impl Index {
    /// An index for equality conditions.
    pub const fn equal(column: &'static str) -> Self {
        Self { column, is_ordered: false, values: &[], stored_as: column }
    }

    /// An index for equality and range conditions.
    pub const fn ordered(column: &'static str) -> Self {
        Self { column, is_ordered: true, values: &[], stored_as: column }
    }

    /// A partial index that covers these values only.
    pub const fn values(column: &'static str, values: &'static [&'static str]) -> Self {
        Self { column, is_ordered: false, values, stored_as: column }
    }

    /// The same, on another column that holds the covered values and null for all others.
    #[must_use]
    pub const fn stored_as(self, stored_as: &'static str) -> Self {
        Self { stored_as, ..self }
    }

    fn answers(&self, comparison: &Comparison) -> bool {
        let is_indexed = match &comparison.value {
            Value::Null | Value::Label(..) => false,
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

/// A condition that an index can answer.
#[derive(Debug)]
pub struct IndexCondition<'a> {
    column: &'static str,
    is_range: bool,
    parts: Vec<&'a Expr>,
}

impl IndexCondition<'_> {
    /// Appends the condition, to follow an `AND`.
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

    /// The column to order by for a range condition, so that the planner uses no other index.
    pub fn order(&self) -> Option<&'static str> {
        self.is_range.then_some(self.column)
    }
}

impl Filter {
    /// The conditions that every matching row must meet and that one of these indexes can answer, in the indexes'
    /// order.
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
