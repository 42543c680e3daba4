//! What a PUT changes: the members it names, laid over the resource as it is (RFC 7396 without its deletion by null),
//! so that absent members stay and the whole is checked as a new one would be.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use validator::Validate;

use super::{
    body::Members,
    extract::{convert, read_body},
};
use crate::error::{Error, FieldError, Result};

/// The body of a PUT on a resource of the type `R`, whose answers it may repeat: members that only answers have are
/// ignored, also when they are sent back. Any other member that begins with `muster:` is refused, the rest is ignored.
#[derive(Clone, Debug)]
pub struct Patch<R> {
    members: Members,
    resource: PhantomData<fn() -> R>,
}

impl<S: Send + Sync, R: ToSchema + 'static> FromRequest<S> for Patch<R> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (mut members, _) = read_body(request, state, false).await?;
        refuse_unknown::<R>(&members.object)?;
        members.drop_inner_nulls();
        Ok(Self { members, resource: PhantomData })
    }
}

impl<R> Patch<R> {
    /// A part of the resource with the changes laid over it; members that the part does not have are ignored.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn apply<T: Serialize + DeserializeOwned + Validate>(&self, current: &T) -> Result<T> {
        let Value::Object(mut whole) = serde_json::to_value(current).map_err(Error::internal)? else {
            return Err(Error::internal("a resource is not an object"));
        };
        whole.extend(self.members.object.clone());
        convert(&Members { object: whole, is_form: self.members.is_form })
    }

    /// Takes members that are null as absent.
    pub fn drop_nulls(&mut self) {
        self.members.drop_nulls();
    }

    /// Is the member there?
    pub fn has(&self, member: &str) -> bool {
        self.members.object.contains_key(member)
    }

    /// Is any other member there?
    pub fn has_others_than(&self, member: &str) -> bool {
        self.members.object.keys().any(|name| name != member)
    }
}

/// Refuses members of a request body that begin with `muster:` and that the resource does not have: a misspelled
/// setting must not look as if it had been made.
///
/// # Errors
/// 422 with a pointer for each.
pub fn refuse_unknown<R: ToSchema + 'static>(body: &Map<String, Value>) -> Result<()> {
    let known = members::<R>();
    let unknown = body.keys().filter(|name| name.starts_with("muster:") && !known.contains(*name));
    let errors: Vec<FieldError> = unknown
        .map(|name| {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            FieldError::new(pointer, "unknown_member", "There is no such member.")
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
}

/// The names of a type's members, by its schema.
fn members<R: ToSchema + 'static>() -> BTreeSet<String> {
    static KNOWN: Mutex<BTreeMap<TypeId, BTreeSet<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(TypeId::of::<R>())
        .or_insert_with(|| {
            let mut parts = Vec::new();
            R::schemas(&mut parts);
            let parts: BTreeMap<String, RefOr<Schema>> = parts.into_iter().collect();
            let mut names = BTreeSet::new();
            collect(&R::schema(), &parts, &mut names);
            names
        })
        .clone()
}

fn collect(schema: &RefOr<Schema>, parts: &BTreeMap<String, RefOr<Schema>>, names: &mut BTreeSet<String>) {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
            if let Some(part) = parts.get(name) {
                collect(part, parts, names);
            }
        }
        RefOr::T(Schema::Object(object)) => names.extend(object.properties.keys().cloned()),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().for_each(|item| collect(item, parts, names)),
        RefOr::T(_) => {}
    }
}

/// The body of a POST that creates a resource of the type `R`, parsed in parts with [`NewBody::part`]. Members that are
/// null are as if absent. With `TAKES_FORMS` it may be a form, too.
#[derive(Clone, Debug)]
pub struct NewBody<R, const TAKES_FORMS: bool = false> {
    /// As it came, for comparing repeated requests.
    pub bytes: Bytes,
    members: Members,
    resource: PhantomData<fn() -> R>,
}

/// The body of one of OSDI's helpers, by which other systems record people and what they do.
pub type HelperBody<R> = NewBody<R, true>;

impl<S: Send + Sync, R: ToSchema + 'static, const TAKES_FORMS: bool> FromRequest<S> for NewBody<R, TAKES_FORMS> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (mut members, bytes) = read_body(request, state, TAKES_FORMS).await?;
        refuse_unknown::<R>(&members.object)?;
        members.drop_nulls();
        Ok(Self { bytes, members, resource: PhantomData })
    }
}

impl<R, const TAKES_FORMS: bool> NewBody<R, TAKES_FORMS> {
    /// One part of it.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn part<T: DeserializeOwned + Validate>(&self) -> Result<T> {
        convert(&self.members)
    }

    /// The JSON object, without members that are null.
    pub fn json(&self) -> Vec<u8> {
        json!(self.members.object).to_string().into_bytes()
    }
}

/// Two results of one body: the refused fields of both together.
///
/// # Errors
/// 422 with the fields of both, each once; what is no refused field goes first.
pub fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Error::Fields(mut a)), Err(Error::Fields(b))) => {
            let more: Vec<FieldError> = b.into_iter().filter(|fault| !a.contains(fault)).collect();
            a.extend(more);
            Err(Error::Fields(a))
        }
        (Err(Error::Fields(_)) | Ok(_), Err(e)) | (Err(e), _) => Err(e),
    }
}

#[cfg(test)]
impl<R> Patch<R> {
    /// The changes of this object.
    ///
    /// # Panics
    /// When it is none.
    pub fn of(body: Value) -> Self {
        let Value::Object(object) = body else { panic!("{body} is no object") };
        Self { members: Members { object, is_form: false }, resource: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
    struct Shared {
        #[validate(length(max = 5))]
        title: String,
        #[serde(rename = "muster:closes_at", default)]
        muster_closes_at: Option<i64>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
    struct Own {
        #[serde(rename = "muster:goal")]
        #[validate(range(min = 1, max = 10))]
        muster_goal: i64,
    }

    #[derive(Debug, Serialize, ToSchema)]
    struct Resource {
        #[serde(flatten)]
        shared: Shared,
        #[serde(flatten)]
        own: Own,
        #[serde(rename = "muster:total")]
        muster_total: i64,
    }

    fn patch(body: Value) -> Result<Patch<Resource>> {
        let Value::Object(object) = body else { panic!() };
        refuse_unknown::<Resource>(&object)?;
        Ok(Patch { members: Members { object, is_form: false }, resource: PhantomData })
    }

    fn pointers(error: Error) -> Vec<String> {
        let Error::Fields(fields) = error else { panic!("{error}") };
        fields.into_iter().map(|field| format!("{} {}", field.pointer, field.code)).collect()
    }

    #[test]
    fn named_members_change_and_absent_ones_stay() {
        let shared = Shared { title: "Old".to_owned(), muster_closes_at: Some(3) };
        let change = patch(json!({"title": "New", "muster:goal": 7})).unwrap();
        assert_eq!(change.apply(&shared).unwrap(), Shared { title: "New".to_owned(), muster_closes_at: Some(3) });
        assert_eq!(change.apply(&Own { muster_goal: 1 }).unwrap(), Own { muster_goal: 7 });
        let change = patch(json!({"muster:closes_at": null})).unwrap();
        assert_eq!(change.apply(&shared).unwrap(), Shared { title: "Old".to_owned(), muster_closes_at: None });
        assert!(change.has("muster:closes_at") && !change.has_others_than("muster:closes_at"));
        assert_eq!(
            pointers(patch(json!({"title": "Too long"})).unwrap().apply(&shared).unwrap_err()),
            ["/title too_long"]
        );
        assert_eq!(
            pointers(patch(json!({"title": null})).unwrap().apply(&shared).unwrap_err()),
            ["/title invalid_type"]
        );
    }

    #[test]
    fn an_answer_can_be_sent_back_and_misspelled_members_are_refused() {
        let resource = Resource {
            shared: Shared { title: "Old".to_owned(), muster_closes_at: None },
            own: Own { muster_goal: 2 },
            muster_total: 5,
        };
        let back = patch(serde_json::to_value(&resource).unwrap()).unwrap();
        assert_eq!(back.apply(&resource.own).unwrap(), resource.own);
        assert!(patch(json!({"osdi:other": 1, "_links": {}, "created_date": ""})).is_ok());
        assert_eq!(
            pointers(patch(json!({"muster:gaol": 1, "muster:a/b": 1})).unwrap_err()),
            ["/muster:a~1b unknown_member", "/muster:gaol unknown_member",]
        );
    }
}
