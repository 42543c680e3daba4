//! OSDI's paging: `?page=1&per_page=25` in, a HAL page with `_links` and `_embedded` out.
//!
//! A page past the end is an empty page, not an error: lists shrink while clients page through them. The `next` link
//! also carries `after`, the key of the page's last record, so that clients that follow the links never pay for
//! skipped rows. Totals of long lists are estimates, marked by `muster:total_is_estimate`. `kernel::keyset_pagination`
//! reads the rows.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::hal;

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

/// Builds the body of a list's page.
#[derive(Debug)]
pub struct Listing<'a> {
    url: &'a str,
    rel: &'a str,
    params: &'a PageParams,
    extent: Extent,
    query: Vec<(String, String)>,
}

impl<'a> Listing<'a> {
    /// A page of the list at `url` (absolute, without a query), whose members are `rel`, such as `osdi:petitions`.
    pub fn new(url: &'a str, rel: &'a str, params: &'a PageParams, extent: Extent) -> Self {
        Self { url, rel, params, extent, query: Vec::new() }
    }

    /// Keeps the request's other parameters (`filter`) in the links; `query` is the raw query string.
    #[must_use]
    pub fn keep_query(mut self, query: &str) -> Self {
        self.query = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key != "page" && key != "per_page" && key != "after")
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        self
    }

    /// The body, around the page's `items`; each item's own `_links.self` also stands in the page's `_links`.
    pub fn body(self, items: Vec<Value>) -> Value {
        let (page, per_page, total) = (self.params.page, self.params.per_page, self.extent.total);
        let total_pages = total.records.div_ceil(per_page.into());
        let hrefs: Vec<Value> =
            items.iter().filter_map(|item| item.pointer("/_links/self/href")?.as_str()).map(hal::link).collect();

        let mut links = Map::new();
        links.insert("self".to_owned(), hal::link(self.href(page, self.params.after.as_ref())));
        if let Some(next) = &self.extent.next {
            links.insert("next".to_owned(), hal::link(self.href(page.saturating_add(1), Some(next))));
        }
        // from a page past the end, `previous` leads to the last page
        let last = if total.is_estimate { u64::MAX } else { total_pages };
        let previous = (page - 1).min(last);
        if previous > 0 && (previous - 1).saturating_mul(per_page.into()) <= MAX_OFFSET {
            links.insert("previous".to_owned(), hal::link(self.href(previous, None)));
        }
        links.insert(self.rel.to_owned(), Value::Array(hrefs));
        links.insert("curies".to_owned(), hal::curies());

        let mut embedded = Map::new();
        embedded.insert(self.rel.to_owned(), Value::Array(items));
        let mut body = json!({
            "total_pages": total_pages,
            "total_records": total.records,
            "page": page,
            "per_page": per_page,
            "_links": links,
            "_embedded": embedded,
        });
        if total.is_estimate {
            body["muster:total_is_estimate"] = true.into();
        }
        if self.extent.is_partial {
            body["muster:is_partial"] = true.into();
        }
        body
    }

    fn href(&self, page: u64, after: Option<&Cursor>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(&self.query)
            .append_pair("page", &page.to_string())
            .append_pair("per_page", &self.params.per_page.to_string());
        if let Some(after) = after {
            query.append_pair("after", &after.encode());
        }
        // not every client reads `+` as a space; plus signs in values are `%2B` at this point
        format!("{}?{}", self.url, query.finish().replace('+', "%20"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        Listing::new(URL, "osdi:petitions", &params, extent).keep_query(query).body(vec![])
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
        let body = Listing::new(URL, "osdi:petitions", &params, extent).body(vec![]);
        assert_eq!((&body["muster:total_is_estimate"], &body["muster:is_partial"]), (&json!(true), &json!(true)));
        assert_eq!(body["_links"]["previous"]["href"], format!("{URL}?page=499&per_page=100"), "wherever the end is");
        let exact = page("", 3);
        assert!(exact.get("muster:total_is_estimate").is_none() && exact.get("muster:is_partial").is_none());
        let far = page("page=20000&per_page=100", 9_000_000);
        assert!(far["_links"].get("previous").is_none(), "it is not found by its number");
    }

    #[test]
    fn items_are_linked_and_embedded() {
        let item = json!({"title": "x", "_links": {"self": {"href": "/p/1"}}});
        let body =
            Listing::new(URL, "osdi:petitions", &PageParams::default(), Extent::default()).body(vec![item.clone()]);
        assert_eq!(body["_links"]["osdi:petitions"], json!([{"href": "/p/1"}]));
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
            let body = Listing::new(URL, "osdi:petitions", &params, extent).keep_query(&raw).body(vec![]);
            let href = url::Url::parse(body["_links"]["self"]["href"].as_str().unwrap()).unwrap();
            let kept = |pair: &(_, _)| pair.0 != "page" && pair.0 != "per_page";
            let sent: Vec<_> = form_urlencoded::parse(raw.as_bytes()).filter(kept).collect();
            let read: Vec<_> = href.query_pairs().filter(kept).collect();
            prop_assert_eq!(sent, read);
            prop_assert_eq!(PageParams::from_query(href.query().unwrap()).unwrap(), params);
        }
    }
}
