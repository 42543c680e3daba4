//! HAL (draft-kelly-json-hal) and OSDI building blocks that every resource repeats.

use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref},
    },
};
use uuid::Uuid;

/// Documentation of `osdi:` relations (RFC 6570 template).
const OSDI_DOCS: &str = "https://opensupporter.github.io/osdi-docs/{rel}";
/// Documentation of `muster:` relations: the OpenAPI document, relative to the host that answered.
const MUSTER_DOCS: &str = "/api/v1/openapi.json#{rel}";

/// A link object (draft-kelly-json-hal section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// A URI, or an RFC 6570 template.
    pub href: String,
    /// True for a template.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub templated: bool,
}

/// What a prefix of relations stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Curie {
    /// The prefix.
    pub name: &'static str,
    /// An RFC 6570 template with `rel`.
    pub href: &'static str,
    /// True.
    pub templated: bool,
}

/// The answer to an operation that leaves nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// What was done, in one English sentence or two.
    pub notice: &'static str,
}

/// The value of `_links`: links by relation, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    links: Vec<(&'static str, Target)>,
    has_curies: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Target {
    One(Link),
    Many(Vec<Link>),
}

impl Links {
    /// Links of a resource with this address.
    pub fn to_self(href: impl Into<String>) -> Self {
        Self::default().to("self", href)
    }

    /// With a link.
    #[must_use]
    pub fn to(mut self, rel: &'static str, href: impl Into<String>) -> Self {
        self.links.push((rel, Target::One(Link { href: href.into(), templated: false })));
        self
    }

    /// With a link, if there is one.
    #[must_use]
    pub fn to_optional(self, rel: &'static str, href: Option<String>) -> Self {
        match href {
            Some(href) => self.to(rel, href),
            None => self,
        }
    }

    /// With a link whose `href` is an RFC 6570 template.
    #[must_use]
    pub fn to_template(mut self, rel: &'static str, href: impl Into<String>) -> Self {
        self.links.push((rel, Target::One(Link { href: href.into(), templated: true })));
        self
    }

    /// With a list of links.
    #[must_use]
    pub fn to_each(mut self, rel: &'static str, hrefs: impl IntoIterator<Item = String>) -> Self {
        let links = hrefs.into_iter().map(|href| Link { href, templated: false }).collect();
        self.links.push((rel, Target::Many(links)));
        self
    }

    /// With what the prefixes `osdi:` and `muster:` stand for; the relations of nested resources need it once only.
    #[must_use]
    pub fn with_curies(mut self) -> Self {
        self.has_curies = true;
        self
    }

    /// Where the resource itself is.
    pub fn self_href(&self) -> Option<&str> {
        self.links.iter().find_map(|(rel, target)| match target {
            Target::One(link) if *rel == "self" => Some(link.href.as_str()),
            _ => None,
        })
    }
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.links.len() + usize::from(self.has_curies)))?;
        for (rel, target) in &self.links {
            map.serialize_entry(rel, target)?;
        }
        if self.has_curies {
            map.serialize_entry("curies", &CURIES)?;
        }
        map.end()
    }
}

impl PartialSchema for Links {
    fn schema() -> RefOr<Schema> {
        let link = || RefOr::<Schema>::Ref(Ref::from_schema_name(Link::name()));
        let curie = || RefOr::<Schema>::Ref(Ref::from_schema_name(Curie::name()));
        let of_a_relation = OneOfBuilder::new().item(link()).item(ArrayBuilder::new().items(link()));
        ObjectBuilder::new()
            .description(Some("Links by relation (HAL)."))
            .property("curies", ArrayBuilder::new().items(curie()))
            .additional_properties(Some(AdditionalProperties::from(Schema::OneOf(of_a_relation.build()))))
            .into()
    }
}

impl ToSchema for Links {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Link::name().into(), Link::schema()));
        schemas.push((Curie::name().into(), Curie::schema()));
    }
}

/// What the prefixes of relations stand for.
pub const CURIES: [Curie; 2] = [
    Curie { name: "osdi", href: OSDI_DOCS, templated: true },
    Curie { name: "muster", href: MUSTER_DOCS, templated: true },
];

/// The value of OSDI's `identifiers`: `muster:<uuid>` first.
pub fn identifiers(id: Uuid) -> Vec<String> {
    vec![format!("muster:{id}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(identifiers(Uuid::nil()), ["muster:00000000-0000-0000-0000-000000000000"]);
        assert!(CURIES.iter().all(|curie| curie.href.ends_with("{rel}")));
    }
}
