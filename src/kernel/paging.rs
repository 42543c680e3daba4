//! OSDI's paging: `?page=1&per_page=25` in, a HAL page with `_links` and `_embedded` out.
//!
//! A page past the end is an empty page, not an error: lists shrink while clients page through them. The `next` link
//! also carries `after`, the key of the page's last record, so that clients that follow the links never pay for
//! skipped rows. Totals of long lists are estimates, marked by `muster:total_is_estimate`. `kernel::keyset_pagination`
//! reads the rows.

use std::{borrow::Cow, sync::LazyLock};

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use url::form_urlencoded;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Deprecated, Object, RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, Ref, SchemaType, Type},
    },
};

use super::hal::Links;

/// Page size when a client asks for none.
pub const DEFAULT_PER_PAGE: u32 = 25;
/// Maximum page size.
pub const MAX_PER_PAGE: u32 = 100;

/// Maximum length of `after`, in characters.
const MAX_AFTER: usize = 4_000;

/// The requested page; both numbers are in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageParams {
    page: u64,
    per_page: u32,
    after: Option<Cursor>,
}

/// Where a page begins: after the record with this key. Opaque to clients: base64url of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The values of the list's key columns, as text.
    #[serde(rename = "k")]
    pub key: Vec<String>,
    /// The total of a filtered list, counted for its first page and carried along to the next ones.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
}

impl Cursor {
    /// The cursor as the value of `after`.
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_AFTER {
            return None;
        }
        let cursor: Self = serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
        // Postgres accepts no NUL in text
        (!cursor.key.iter().any(|value| value.contains('\0'))).then_some(cursor)
    }
}

/// Number of records in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The number.
    #[serde(rename = "n")]
    pub records: u64,
    /// Is it an estimate of the planner?
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_estimate: bool,
}

/// What a page says about the whole list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many records the list has.
    pub total: Total,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
    /// The search for matching records stopped before the page was full; `next` continues it.
    pub is_partial: bool,
}

/// Maximum offset of a page that is requested by its number in a list without a filter; later pages are reached by
/// `next` links.
pub const MAX_OFFSET: u64 = 1_000_000;

/// An invalid paging parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {detail}")]
pub struct PageError {
    /// The query parameter's name.
    pub parameter: &'static str,
    /// What is wrong, in one English sentence for the client.
    pub detail: String,
}

impl Default for PageParams {
    fn default() -> Self {
        Self { page: 1, per_page: DEFAULT_PER_PAGE, after: None }
    }
}

impl PageParams {
    /// Parses the parameters from a raw query string (percent-encoded, without `?`); the first of a repeated one
    /// counts.
    ///
    /// # Errors
    /// [`PageError`], naming the parameter that is not an integer in its range, or an `after` that cannot be decoded.
    pub fn from_query(query: &str) -> Result<Self, PageError> {
        let value =
            |name| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
        let mut params = Self::parse(value("page").as_deref(), value("per_page").as_deref())?;
        if let Some(after) = value("after") {
            params.after = Some(Cursor::decode(&after).ok_or_else(|| PageError {
                parameter: "after",
                detail: "must be taken from the `next` link of a page".to_owned(),
            })?);
        }
        Ok(params)
    }

    /// The first page of a list, with `per_page` records.
    pub fn first(per_page: u32) -> Self {
        Self { page: 1, per_page, after: None }
    }

    /// Parses both parameters from their decoded values.
    ///
    /// # Errors
    /// [`PageError`], naming the parameter that is not an integer in its range.
    pub fn parse(page: Option<&str>, per_page: Option<&str>) -> Result<Self, PageError> {
        let mut params = Self::default();
        if let Some(page) = page {
            params.page = number("page", page, u64::MAX)?;
        }
        if let Some(per_page) = per_page {
            let size = number("per_page", per_page, MAX_PER_PAGE.into())?;
            params.per_page = u32::try_from(size).unwrap_or(MAX_PER_PAGE);
        }
        Ok(params)
    }

    /// Number of the page, from 1.
    pub fn page(&self) -> u64 {
        self.page
    }

    /// Records per page, 1 to [`MAX_PER_PAGE`].
    pub fn per_page(&self) -> u32 {
        self.per_page
    }

    /// The page size as the value of `LIMIT`.
    pub fn limit(&self) -> i64 {
        self.per_page.into()
    }

    /// Number of records before the page; saturates at `u64::MAX`.
    pub fn offset(&self) -> u64 {
        (self.page - 1).saturating_mul(self.per_page.into())
    }

    /// The key after which the page begins, if the request has one; the page's number is then only repeated in the
    /// answer.
    pub fn after(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }
}

fn number(parameter: &'static str, text: &str, max: u64) -> Result<u64, PageError> {
    // `u64::from_str` also accepts a plus sign
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && (1..=max).contains(&number) => Ok(number),
        _ if max == u64::MAX => Err(PageError { parameter, detail: "must be a whole number from 1".to_owned() }),
        _ => Err(PageError { parameter, detail: format!("must be a whole number from 1 to {max}") }),
    }
}

/// A resource that lists have.
pub trait Listed: Serialize + ToSchema {
    /// The relation under which lists embed it, such as `osdi:petitions`.
    const REL: &'static str;

    /// Do pages repeat the array as a member of this name beside `_embedded`? For lists that had no pages at first.
    const IS_ALSO_MEMBER: bool = false;

    /// Its links; none where the resource has no address of its own.
    fn links(&self) -> &Links {
        static NONE: LazyLock<Links> = LazyLock::new(Links::default);
        &NONE
    }
}

/// One page of a list: OSDI's paging members, links to the pages around it, the resources by their relation.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "OSDI's names")]
pub struct Page<T> {
    page: u64,
    per_page: u32,
    total_pages: u64,
    total: Total,
    is_partial: bool,
    links: Links,
    items: Vec<T>,
}

impl<T: Listed> Page<T> {
    /// A page of the list at `url` (absolute, without a query). `query` is the raw query string of the request: its
    /// other parameters, such as `filter`, are kept in the links.
    pub fn new(url: &str, query: &str, params: &PageParams, extent: &Extent, items: Vec<T>) -> Self {
        let (page, per_page, total) = (params.page, params.per_page, extent.total);
        let kept: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key != "page" && key != "per_page" && key != "after")
            .collect();
        let href = |page: u64, after: Option<&Cursor>| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query
                .extend_pairs(&kept)
                .append_pair("page", &page.to_string())
                .append_pair("per_page", &per_page.to_string());
            if let Some(after) = after {
                query.append_pair("after", &after.encode());
            }
            // not every client reads `+` as a space; a plus sign itself is %2B by now
            format!("{url}?{}", query.finish().replace('+', "%20"))
        };
        let total_pages = total.records.div_ceil(per_page.into());
        // from past the end, `previous` leads back to the last page
        let previous = (page - 1).min(if total.is_estimate { u64::MAX } else { total_pages });
        let is_reachable = previous > 0 && (previous - 1).saturating_mul(per_page.into()) <= MAX_OFFSET;
        let links = Links::to_self(href(page, params.after.as_ref()))
            .to_optional("next", extent.next.as_ref().map(|next| href(page.saturating_add(1), Some(next))))
            .to_optional("previous", is_reachable.then(|| href(previous, None)))
            .to_each(T::REL, items.iter().filter_map(|item| item.links().self_href()).map(str::to_owned))
            .with_curies();
        Self { page, per_page, total_pages, total, is_partial: extent.is_partial, links, items }
    }
}

struct Embedded<'a, T>(&'a [T]);

impl<T: Listed> Serialize for Embedded<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(T::REL, self.0)?;
        map.end()
    }
}

impl<T: Listed> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total_pages", &self.total_pages)?;
        map.serialize_entry("total_records", &self.total.records)?;
        if self.total.is_estimate {
            map.serialize_entry("muster:total_is_estimate", &true)?;
        }
        if self.is_partial {
            map.serialize_entry("muster:is_partial", &true)?;
        }
        map.serialize_entry("page", &self.page)?;
        map.serialize_entry("per_page", &self.per_page)?;
        map.serialize_entry("_links", &self.links)?;
        map.serialize_entry("_embedded", &Embedded(&self.items))?;
        if T::IS_ALSO_MEMBER {
            map.serialize_entry(T::REL, &self.items)?;
        }
        map.end()
    }
}

/// What `utoipa::path` asks of a generic body; [`utoipa::PartialSchema`] follows from it.
impl<T: Listed> utoipa::__dev::ComposeSchema for Page<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let typed = |kind: Type, description: &str| -> Object {
            ObjectBuilder::new().schema_type(SchemaType::Type(kind)).description(Some(description)).build()
        };
        let items = || ArrayBuilder::new().items(RefOr::<Schema>::Ref(Ref::from_schema_name(T::name())));
        let page = ObjectBuilder::new()
            .property("total_pages", typed(Type::Integer, "Pages of the list, as far as it was counted."))
            .required("total_pages")
            .property("total_records", typed(Type::Integer, "Records of the list; see `muster:total_is_estimate`."))
            .required("total_records")
            .property("muster:total_is_estimate", typed(Type::Boolean, "True where the list is too long to count."))
            .property(
                "muster:is_partial",
                typed(Type::Boolean, "True where the search stopped before the page was full; follow `next`."),
            )
            .property("page", typed(Type::Integer, "This page, from 1."))
            .required("page")
            .property("per_page", typed(Type::Integer, "Records on a page, 1 to 100."))
            .required("per_page")
            .property("_links", RefOr::<Schema>::Ref(Ref::from_schema_name(Links::name())))
            .required("_links")
            .property("_embedded", ObjectBuilder::new().property(T::REL, items()).required(T::REL))
            .required("_embedded");
        if T::IS_ALSO_MEMBER {
            let repeated = items().description(Some("As in `_embedded`.")).deprecated(Some(Deprecated::True));
            page.property(T::REL, repeated).required(T::REL).into()
        } else {
            page.into()
        }
    }
}

impl<T: Listed> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("PageOf{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
        schemas.push((Links::name().into(), Links::schema()));
        Links::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const URL: &str = "https://muster.example/api/v1/petitions";

    fn cursor() -> Cursor {
        Cursor { key: vec!["018f".to_owned()], total: None }
    }

    /// A page of a list with this many records.
    fn page(query: &str, records: u64) -> Value {
        let params = PageParams::from_query(query).unwrap();
        let is_last = params.offset().saturating_add(params.per_page.into()) >= records;
        let total = Total { records, is_estimate: false };
        let extent = Extent { total, next: (!is_last).then(cursor), is_partial: false };
        body(query, &params, &extent, vec![])
    }

    #[derive(Clone, Serialize, ToSchema)]
    struct Item {
        title: &'static str,
        #[serde(rename = "_links")]
        links: Links,
    }

    impl Listed for Item {
        const REL: &str = "osdi:petitions";

        fn links(&self) -> &Links {
            &self.links
        }
    }

    fn body(query: &str, params: &PageParams, extent: &Extent, items: Vec<Item>) -> Value {
        serde_json::to_value(Page::new(URL, query, params, extent, items)).unwrap()
    }

    #[test]
    fn parameters() {
        let params = PageParams::from_query("").unwrap();
        assert_eq!((params.page(), params.per_page(), params.offset()), (1, 25, 0));
        let params = PageParams::from_query("filter=a%26page%3D9&per_page=100&page=3").unwrap();
        assert_eq!((params.page(), params.limit(), params.offset()), (3, 100, 200));
        let params = PageParams::from_query("page=18446744073709551615").unwrap();
        assert_eq!(params.offset(), u64::MAX);
        let after = Cursor {
            key: vec!["a".to_owned(), "Été ✊".to_owned()],
            total: Some(Total { records: 7, is_estimate: true }),
        };
        let params = PageParams::from_query(&format!("page=2&after={}", after.encode())).unwrap();
        assert_eq!(params.after(), Some(&after));
        for (query, parameter) in [
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=", "page"),
            ("page=%2B1", "page"),
            ("page=1.5", "page"),
            ("page=18446744073709551616", "page"),
            ("page=2&per_page=0", "per_page"),
            ("per_page=101", "per_page"),
            ("per_page=ten", "per_page"),
            ("after=", "after"),
            ("after=3", "after"),
            ("after=eyJrIjpbIlx1MDAwMCJdfQ", "after"), // {"k":["\u0000"]}
        ] {
            let error = PageParams::from_query(query).unwrap_err();
            assert_eq!(error.parameter, parameter, "{query}");
        }
    }

    #[test]
    fn links_lead_on_and_back_and_keep_the_filter() {
        let body = page("per_page=10&page=2&filter=title+eq+'a%26b+%2B'", 25);
        let kept = "?filter=title%20eq%20%27a%26b%20%2B%27&page=";
        assert_eq!(body["_links"]["self"]["href"], format!("{URL}{kept}2&per_page=10"));
        assert_eq!(body["_links"]["next"]["href"], format!("{URL}{kept}3&per_page=10&after={}", cursor().encode()));
        assert_eq!(body["_links"]["previous"]["href"], format!("{URL}{kept}1&per_page=10"));
        assert_eq!(body["total_pages"], 3);
        assert_eq!(body["total_records"], 25);
        assert_eq!(body["_links"]["curies"][0]["name"], "osdi");
    }

    #[test]
    fn ends_of_the_list() {
        let first = page("", 25);
        assert!(first["_links"].get("next").is_none() && first["_links"].get("previous").is_none());
        let past = page("page=9", 26);
        assert_eq!(past["_links"]["previous"]["href"], format!("{URL}?page=2&per_page=25"));
        assert!(past["_links"].get("next").is_none());
        assert_eq!(past["_embedded"]["osdi:petitions"], json!([]));
        let empty = page("page=2", 0);
        assert_eq!((&empty["total_pages"], &empty["page"]), (&json!(0), &json!(2)));
        assert!(empty["_links"].get("previous").is_none());
    }

    #[test]
    fn an_estimate_says_so() {
        let params = PageParams::from_query("page=500&per_page=100").unwrap();
        let extent = Extent { total: Total { records: 40_000, is_estimate: true }, next: None, is_partial: true };
        let body = body("", &params, &extent, vec![]);
        assert_eq!((&body["muster:total_is_estimate"], &body["muster:is_partial"]), (&json!(true), &json!(true)));
        assert_eq!(body["_links"]["previous"]["href"], format!("{URL}?page=499&per_page=100"), "wherever the end is");
        let exact = page("", 3);
        assert!(exact.get("muster:total_is_estimate").is_none() && exact.get("muster:is_partial").is_none());
        let far = page("page=20000&per_page=100", 9_000_000);
        assert!(far["_links"].get("previous").is_none(), "it is not found by its number");
    }

    #[test]
    fn items_are_linked_and_embedded() {
        let item = Item { title: "x", links: Links::to_self("/p/1".to_owned()) };
        let body = body("", &PageParams::default(), &Extent::default(), vec![item]);
        assert_eq!(body["_links"]["osdi:petitions"], json!([{"href": "/p/1"}]));
        let item = json!({"title": "x", "_links": {"self": {"href": "/p/1"}}});
        assert_eq!(body["_embedded"]["osdi:petitions"], json!([item]));
    }

    proptest! {
        #[test]
        fn links_round_trip(query in "\\PC{0,40}", filter in "\\PC{0,20}", total in any::<u64>(), page in 1..=u64::MAX) {
            let _ = PageParams::from_query(&query);
            let params = PageParams::parse(Some(&page.to_string()), None).unwrap();
            let raw = form_urlencoded::Serializer::new(query).append_pair("filter", &filter).finish();
            let total = Total { records: total, is_estimate: false };
            let extent = Extent { total, ..Extent::default() };
            let body = body(&raw, &params, &extent, vec![]);
            let href = url::Url::parse(body["_links"]["self"]["href"].as_str().unwrap()).unwrap();
            let kept = |pair: &(_, _)| pair.0 != "page" && pair.0 != "per_page";
            let sent: Vec<_> = form_urlencoded::parse(raw.as_bytes()).filter(kept).collect();
            let read: Vec<_> = href.query_pairs().filter(kept).collect();
            prop_assert_eq!(sent, read);
            prop_assert_eq!(PageParams::from_query(href.query().unwrap()).unwrap(), params);
        }
    }
}
