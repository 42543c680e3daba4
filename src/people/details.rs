//! Details of a person: the sealed form, and OSDI's `person` in requests and answers.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};
use serde_json::Value;
use utoipa::ToSchema;
use validator::Validate;

use super::labels::{self, Extras, Labels};
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        countries,
        extract::{entries, text_or_number, texts},
        forms::{FormFields, FormInput},
        text::{EmailAddress, LocaleTag, PostalCode, Slug, TextError, clean_line, international_phone, postal_code_of},
    },
};

/// Form fields of a person, by the segments of JSON pointers into [`PersonBody`].
pub const PERSON_FORM_FIELDS: &FormFields = &[
    ("given_name", "given_name"),
    ("family_name", "family_name"),
    ("email_addresses", "email"),
    ("postal_code", "postal_code"),
    ("country", "country"),
    ("locality", "city"),
    ("phone_numbers", "phone"),
];

/// The sealed details of a person, JSON under the vault's data key. An empty string means: not given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Details {
    /// Given name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given_name: String,
    /// Family name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family_name: String,
    /// The address as typed, with dots and plus-tags.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Telephone number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phone: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// City.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    /// Province or state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Country code of two letters (ISO 3166-1).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// What organizers note of the person; of acts always empty.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl Details {
    /// Merges newer details over these; fields that are empty in `newer` keep their value.
    #[must_use]
    pub fn merged(self, newer: Self) -> Self {
        let pick = |old: String, new: String| if new.is_empty() { old } else { new };
        Self {
            given_name: pick(self.given_name, newer.given_name),
            family_name: pick(self.family_name, newer.family_name),
            email: pick(self.email, newer.email),
            phone: pick(self.phone, newer.phone),
            postal_code: pick(self.postal_code, newer.postal_code),
            locality: pick(self.locality, newer.locality),
            region: pick(self.region, newer.region),
            country: pick(self.country, newer.country),
            labels: self.labels,
        }
    }

    /// Without what is [`ERASED`] in `erased`.
    #[must_use]
    pub(super) fn without(self, erased: &Self) -> Self {
        let keep = |old: String, mark: &str| if mark.is_empty() { old } else { String::new() };
        Self {
            given_name: keep(self.given_name, &erased.given_name),
            family_name: keep(self.family_name, &erased.family_name),
            email: self.email,
            phone: keep(self.phone, &erased.phone),
            postal_code: keep(self.postal_code, &erased.postal_code),
            locality: keep(self.locality, &erased.locality),
            region: keep(self.region, &erased.region),
            country: keep(self.country, &erased.country),
            labels: self.labels,
        }
    }

    /// Given and family name, separated by a space.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name).trim().to_owned()
    }

    /// The parsed address; `None` when it is empty or no valid address.
    pub fn address(&self) -> Option<EmailAddress> {
        EmailAddress::parse(&self.email).ok()
    }

    /// The first three characters of a Canadian postal code, stored in clear for counting by area.
    pub fn postal_prefix(&self) -> Option<String> {
        PostalCode::parse(&self.postal_code).ok().map(|code| code.prefix().to_owned())
    }

    /// The members of OSDI's `person` that are known.
    pub fn contact(&self) -> ContactDetails {
        let email = EmailBody { address: self.email.clone(), primary: true, status: None };
        let phone = PhoneBody { number: self.phone.clone(), primary: true };
        let postal = PostalBody {
            postal_code: self.postal_code.clone(),
            locality: self.locality.clone(),
            region: self.region.clone(),
            country: self.country.clone(),
            primary: true,
        };
        ContactDetails {
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            email_addresses: if email.address.is_empty() { Vec::new() } else { vec![email] },
            postal_addresses: if postal.is_empty() { Vec::new() } else { vec![postal] },
            phone_numbers: if phone.number.is_empty() { Vec::new() } else { vec![phone] },
        }
    }
}

/// What answers say of a person: each list has one entry or none, and a name that was not given is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactDetails {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The address as it was typed.
    pub email_addresses: Vec<EmailBody>,
    /// The postal address, as far as it is known.
    pub postal_addresses: Vec<PostalBody>,
    /// The telephone number.
    pub phone_numbers: Vec<PhoneBody>,
}

/// Ticked consent boxes of a form, sealed on the act's row until it is confirmed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(default)]
pub struct Consents {
    /// Agreed to the organization's email updates.
    pub updates: bool,
    /// Boxes of partner organizations: slug of the partner, ticked or not.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub partners: BTreeMap<String, bool>,
}

impl Consents {
    /// The boxes that were ticked in an HTML form.
    pub fn of_form(form: &FormInput) -> Self {
        let partners = form.with_prefix("partner-").filter(|(_, value)| *value == "true");
        let partners = partners.map(|(slug, _)| (slug.to_owned(), true)).collect();
        Self { updates: form.ticked("updates"), partners }.cleaned()
    }

    /// Without entries that no form of ours has: invalid slugs, and those beyond `MAX_PARTNERS`.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        self.partners.retain(|slug, _| Slug::parse(slug).is_ok());
        while self.partners.len() > MAX_PARTNERS {
            self.partners.pop_last();
        }
        self
    }
}

/// Maximum number of partner boxes in a form.
const MAX_PARTNERS: usize = 20;

/// OSDI `person` in a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
pub struct PersonBody {
    /// Given name.
    #[serde(default)]
    #[validate(length(max = 100))]
    pub given_name: String,
    /// Family name.
    #[serde(default)]
    #[validate(length(max = 100))]
    pub family_name: String,
    /// Only one is used: the one marked primary, otherwise the first.
    #[serde(default, deserialize_with = "entries")]
    #[validate(length(max = 20), nested)]
    pub email_addresses: Vec<EmailBody>,
    /// Only one is used: the one marked primary, otherwise the first.
    #[serde(default, deserialize_with = "entries")]
    #[validate(length(max = 20), nested)]
    pub postal_addresses: Vec<PostalBody>,
    /// Only one is used: the one marked primary, otherwise the first.
    #[serde(default, deserialize_with = "entries")]
    #[validate(length(max = 20), nested)]
    pub phone_numbers: Vec<PhoneBody>,
    /// Language tag (BCP 47); an unsupported language falls back to the action's.
    #[serde(default)]
    #[validate(length(max = 35))]
    pub preferred_language: Option<String>,
    /// Identifiers in other systems (`newsletter:17`), to add. Organizers only, as all that follows.
    #[serde(default, deserialize_with = "texts", skip_serializing)]
    pub identifiers: Vec<String>,
    /// Tags to add.
    #[serde(default, deserialize_with = "texts", skip_serializing)]
    pub add_tags: Vec<String>,
    /// Tags to take away.
    #[serde(default, deserialize_with = "texts", skip_serializing)]
    pub remove_tags: Vec<String>,
    /// Languages that the person speaks.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub languages_spoken: Vec<String>,
    /// Fields of other systems, by name; a field replaces the one of the same name.
    #[serde(default, deserialize_with = "custom_fields", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, CustomValue>)]
    pub custom_fields: BTreeMap<String, Value>,
}

/// `_links` in the body of a helper, as far as they are looked at.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
pub struct PersonLinks {
    /// With a token: the person, instead of `person`.
    #[serde(rename = "osdi:person")]
    #[validate(nested)]
    pub person: Option<PersonLink>,
}

/// A link to a person of the organization.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct PersonLink {
    /// Address of the person in this API.
    #[validate(length(min = 1, max = 2000))]
    pub href: String,
}

/// The value of a field of another system, for the API description; `labels` checks it.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum CustomValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Ticked(bool),
}

/// OSDI `email_addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct EmailBody {
    /// The address.
    #[serde(default)]
    #[schema(required = true)]
    #[validate(length(max = 320))]
    pub address: String,
    /// Preferred over the others?
    #[serde(default)]
    pub primary: bool,
    /// In answers to organizers: `subscribed` or `unsubscribed`, if the person has said whether updates are wanted. An
    /// organizer may say `unsubscribed`, which ends them; nobody but the person agrees to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 40))]
    pub status: Option<String>,
}

impl EmailBody {
    /// Does OSDI's `status` say that no updates are wanted?
    fn is_unsubscribed(&self) -> bool {
        matches!(self.status_word().as_str(), "unsubscribed" | "spam complaint" | "previous spam complaint")
    }

    /// Is the status one of OSDI's, or left out?
    fn has_known_status(&self) -> bool {
        self.is_unsubscribed()
            || matches!(self.status_word().as_str(), "" | "subscribed" | "bouncing" | "previous bounce")
    }

    fn status_word(&self) -> String {
        self.status.as_deref().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// OSDI `postal_addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct PostalBody {
    /// Postal code; written as is usual in the country, and checked where that is Canada.
    #[serde(default, deserialize_with = "text_or_number")]
    #[validate(length(max = 20))]
    pub postal_code: String,
    /// City.
    #[serde(default)]
    #[validate(length(max = 100))]
    pub locality: String,
    /// Province or state.
    #[serde(default)]
    #[validate(length(max = 100))]
    pub region: String,
    /// Two letters (ISO 3166-1), or a name or three letters, which become those; Canada if absent.
    #[serde(default)]
    #[validate(length(max = 100))]
    pub country: String,
    /// Preferred over the others?
    #[serde(default)]
    pub primary: bool,
}

impl PostalBody {
    fn is_empty(&self) -> bool {
        [&self.postal_code, &self.locality, &self.region, &self.country].into_iter().all(String::is_empty)
    }
}

/// OSDI `phone_numbers[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct PhoneBody {
    /// The number.
    #[serde(default, deserialize_with = "text_or_number")]
    #[schema(required = true)]
    #[validate(length(max = 40))]
    pub number: String,
    /// Preferred over the others?
    #[serde(default)]
    pub primary: bool,
}

/// A validated person of a request.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Normalised details, to be sealed.
    pub details: Details,
    /// The address.
    pub email: EmailAddress,
    /// The preferred language, if it is supported.
    pub locale: Option<LocaleTag>,
    /// What an organizer says beside them.
    pub extras: Extras,
    /// [`ERASED`] in what is to be emptied: only organizers can, on a person.
    pub erased: Details,
}

/// What some clients send for a text that is to be emptied, where an empty one leaves it as it is: the symbol for null.
const ERASED: &str = "\u{2400}";

/// What is typed in a field; nothing for [`ERASED`], which is noted.
fn typed<'a>(text: &'a str, erased: &mut String) -> &'a str {
    if text.trim() == ERASED {
        ERASED.clone_into(erased);
        return "";
    }
    text
}

impl PersonBody {
    /// A person as the API shows it: what a change is laid over.
    pub fn of_details(details: &Details, locale: Option<&str>) -> Self {
        let contact = details.contact();
        Self {
            given_name: contact.given_name,
            family_name: contact.family_name,
            email_addresses: contact.email_addresses,
            postal_addresses: contact.postal_addresses,
            phone_numbers: contact.phone_numbers,
            preferred_language: locale.map(str::to_owned),
            languages_spoken: details.labels.languages.clone(),
            custom_fields: details.labels.custom_fields.clone(),
            ..Self::default()
        }
    }

    /// Without what only organizers say.
    #[must_use]
    pub(super) fn of_public(mut self) -> Self {
        self.email_addresses.iter_mut().for_each(|email| email.status = None);
        Self {
            identifiers: Vec::new(),
            add_tags: Vec::new(),
            remove_tags: Vec::new(),
            languages_spoken: Vec::new(),
            custom_fields: BTreeMap::new(),
            ..self
        }
    }

    /// What an organizer says beside the details.
    fn extras(&self, at: &str, errors: &mut Vec<FieldError>) -> Extras {
        let mut lines = |typed: &[String], name: &str| labels::lines(typed, &format!("{at}/{name}"), errors);
        let labels = Labels {
            identifiers: lines(&self.identifiers, "identifiers"),
            tags: lines(&self.add_tags, "add_tags"),
            languages: lines(&self.languages_spoken, "languages_spoken"),
            custom_fields: self.custom_fields.clone(),
        };
        let removed_tags = lines(&self.remove_tags, "remove_tags");
        labels::fields(&self.custom_fields, &format!("{at}/custom_fields"), errors);
        for (i, _) in self.email_addresses.iter().enumerate().filter(|(_, email)| !email.has_known_status()) {
            let detail = "Expected `subscribed`, `unsubscribed`, `bouncing` or `spam complaint`.";
            errors.push(FieldError::new(format!("{at}/email_addresses/{i}/status"), "unknown_value", detail));
        }
        Extras { labels, removed_tags, is_unsubscribed: self.is_unsubscribed() }
    }

    /// Does the status of the address that is used, or one without an address, say that no updates are wanted?
    fn is_unsubscribed(&self) -> bool {
        let used = primary(&self.email_addresses, |e| e.primary, |e| !e.address.is_empty());
        let is_meant = |i: usize, e: &EmailBody| e.address.is_empty() || used.is_some_and(|(used, _)| used == i);
        self.email_addresses.iter().enumerate().any(|(i, email)| email.is_unsubscribed() && is_meant(i, email))
    }

    /// The person in an HTML form.
    pub fn of_form(form: &FormInput, locale: LocaleTag) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        let given = |name: &str| Some(text(name)).filter(|value| !value.trim().is_empty());
        let email = |address: String| EmailBody { address, primary: true, status: None };
        let postal = PostalBody {
            postal_code: text("postal_code"),
            locality: text("city"),
            country: text("country"),
            ..PostalBody::default()
        };
        Self {
            given_name: text("given_name"),
            family_name: text("family_name"),
            email_addresses: given("email").map(email).into_iter().collect(),
            postal_addresses: if postal.is_empty() { Vec::new() } else { vec![postal] },
            phone_numbers: given("phone").map(|number| PhoneBody { number, primary: true }).into_iter().collect(),
            preferred_language: Some(locale.as_str().to_owned()),
            ..Self::default()
        }
    }

    /// Validates and normalises. `at` is the JSON pointer of this object in the request body.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn parse(&self, at: &str) -> Result<NewPerson> {
        let (mut errors, mut erased) = (Vec::new(), Details::default());
        let mut take = |pointer: String, parsed: Result<String, TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(format!("{at}{pointer}"), e.code, e.detail));
                String::new()
            })
        };
        let given_name = typed(&self.given_name, &mut erased.given_name);
        let given_name = take("/given_name".to_owned(), clean_line(given_name, 100));
        let family_name = typed(&self.family_name, &mut erased.family_name);
        let family_name = take("/family_name".to_owned(), clean_line(family_name, 100));
        let (phone_index, phone) = primary(&self.phone_numbers, |p| p.primary, |p| !p.number.is_empty())
            .map_or((0, ""), |(i, p)| (i, p.number.as_str()));
        let phone = typed(phone, &mut erased.phone);
        let phone = take(format!("/phone_numbers/{phone_index}/number"), clean_line(phone, 40));

        let (index, postal) = primary(&self.postal_addresses, |p| p.primary, |p| !p.is_empty())
            .map_or((0, PostalBody::default()), |(i, p)| (i, p.clone()));
        let field = |name: &str| format!("/postal_addresses/{index}/{name}");
        let locality = take(field("locality"), clean_line(typed(&postal.locality, &mut erased.locality), 100));
        let mut region = take(field("region"), clean_line(typed(&postal.region, &mut erased.region), 100));
        let country = take(field("country"), countries::parse(typed(&postal.country, &mut erased.country)));
        let canadian = country.is_empty() || country == "CA";
        let typed_code = typed(&postal.postal_code, &mut erased.postal_code);
        let postal_code = take(field("postal_code"), postal_code_of(&country, typed_code));
        if region.is_empty()
            && canadian
            && let Ok(code) = PostalCode::parse(&postal_code)
        {
            code.province().unwrap_or("").clone_into(&mut region);
        }
        let country = if country.is_empty() && !postal_code.is_empty() { "CA".to_owned() } else { country };
        let phone = international_phone(&phone, &country);

        let extras = self.extras(at, &mut errors);
        let email = match primary(&self.email_addresses, |e| e.primary, |e| !e.address.is_empty()) {
            None => {
                errors.push(FieldError::new(
                    format!("{at}/email_addresses"),
                    "required",
                    "An e-mail address is needed.",
                ));
                None
            }
            Some((i, email)) => EmailAddress::parse(&email.address)
                .map_err(|e| {
                    errors.push(FieldError::new(format!("{at}/email_addresses/{i}/address"), e.code, e.detail));
                })
                .ok(),
        };
        match email {
            Some(email) if errors.is_empty() => Ok(NewPerson {
                details: Details {
                    given_name,
                    family_name,
                    email: email.as_str().to_owned(),
                    phone,
                    postal_code,
                    locality,
                    region,
                    country,
                    labels: Labels::default(),
                },
                email,
                locale: self.preferred_language.as_deref().and_then(|tag| LocaleTag::parse(tag).ok()),
                extras,
                erased,
            }),
            _ => Err(Error::Fields(errors)),
        }
    }
}

/// Of the entries that say something the one marked primary, otherwise the first, with its index.
fn primary<T>(entries: &[T], is_primary: impl Fn(&T) -> bool, is_given: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
    let all = || entries.iter().enumerate();
    let given = || all().filter(|(_, entry)| is_given(entry));
    given().find(|(_, entry)| is_primary(entry)).or_else(|| given().next()).or_else(|| all().next())
}

/// Fields of other systems: several choices are one text, and an empty list is what PHP writes for none.
fn custom_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = BTreeMap<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = BTreeMap::new();
            while let Some((name, value)) = map.next_entry::<String, Value>()? {
                fields.insert(name, one_text(value));
            }
            Ok(fields)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            match seq.next_element::<IgnoredAny>()? {
                None => Ok(BTreeMap::new()),
                Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
            }
        }
    }

    deserializer.deserialize_any(Fields)
}

/// A list of texts as one, and any other value as it is.
fn one_text(value: Value) -> Value {
    match &value {
        Value::Array(choices) if choices.iter().all(Value::is_string) => {
            choices.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into()
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(json: Value) -> PersonBody {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_canadian_postal_code_tells_the_province() {
        let person = body(json!({"given_name": " Amara ", "email_addresses": [{"address": "Amara+x@Example.org"}], "postal_addresses": [{"postal_code": "m5v3l9"}]})).parse("/person").unwrap();
        assert_eq!(person.details.given_name, "Amara");
        assert_eq!(
            (
                person.details.region.as_str(),
                person.details.country.as_str(),
                person.details.postal_prefix().as_deref()
            ),
            ("ON", "CA", Some("M5V"))
        );
        assert_eq!(person.details.email, "Amara+x@example.org");
    }

    #[test]
    fn postal_codes_are_read_by_their_country() {
        for (country, typed, code, kept) in [
            ("DE", "1O115", "10115", "DE"),
            ("GB", "swia 1aa", "SW1A 1AA", "GB"),
            ("in", "110 001", "110001", "IN"),
            ("LK", "00100", "00100", "LK"),
            ("ZZ", "any", "any", "ZZ"),
            ("", "k1a ob1", "K1A 0B1", "CA"),
        ] {
            let mut form = FormInput::default();
            form.set("email", "ana@example.org");
            form.set("country", country);
            form.set("postal_code", typed);
            let person = PersonBody::of_form(&form, LocaleTag::En).parse("").unwrap();
            assert_eq!((&*person.details.postal_code, &*person.details.country), (code, kept), "{country} {typed}");
            assert_eq!(person.details.postal_prefix().is_some(), kept == "CA", "{country}");
        }
    }

    #[test]
    fn each_refused_field_has_its_pointer() {
        let refused = body(json!({"given_name": "a\u{0}b", "email_addresses": [{"address": "nobody"}], "postal_addresses": [{"postal_code": "12345", "country": "Atlantis"}]})).parse("/person");
        let Err(Error::Fields(fields)) = refused else { panic!() };
        let pointers: Vec<&str> = fields.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/person/given_name",
                "/person/postal_addresses/0/country",
                "/person/postal_addresses/0/postal_code",
                "/person/email_addresses/0/address"
            ]
        );
        assert!(
            matches!(body(json!({})).parse("/person"), Err(Error::Fields(f)) if f[0].pointer == "/person/email_addresses" && f[0].code == "required")
        );
    }

    #[test]
    fn entries_that_say_nothing_are_passed_over() {
        let person = body(json!({
            "email_addresses": [{"primary": true}, {"address": "ana@example.org"}],
            "phone_numbers": [{}, {"number": "1"}], "postal_addresses": [{"primary": true}, {"locality": "Laval"}],
        }));
        let details = person.parse("").unwrap().details;
        assert_eq!((&*details.email, &*details.phone, &*details.locality), ("ana@example.org", "1", "Laval"));
        let Err(Error::Fields(fields)) = body(json!({"email_addresses": [{}]})).parse("") else { panic!() };
        assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/email_addresses/0/address", "required"));
    }

    #[test]
    fn status_is_that_of_the_address_that_is_used() {
        let entry = |address: &str, primary: bool, status: &str| json!({"address": address, "primary": primary, "status": status});
        for (addresses, expected) in [
            (json!([entry("a@example.org", true, "subscribed"), entry("b@example.org", false, "unsubscribed")]), false),
            (json!([entry("a@example.org", false, "unsubscribed"), entry("b@example.org", true, "")]), false),
            (json!([entry("a@example.org", false, "unsubscribed"), entry("b@example.org", false, "subscribed")]), true),
            (json!([{"status": "bouncing"}, {"status": "unsubscribed"}]), true),
        ] {
            assert_eq!(body(json!({"email_addresses": addresses})).is_unsubscribed(), expected, "{addresses}");
        }
    }

    #[test]
    fn symbol_for_null_empties_a_field() {
        let mark = "\u{2400}";
        let person = body(json!({
            "given_name": mark, "family_name": " \u{2400} ", "email_addresses": [{"address": "ana@example.org"}],
            "phone_numbers": [{"number": mark}], "postal_addresses": [{"postal_code": mark, "country": mark, "locality": "Laval"}],
        }));
        let person = person.parse("").unwrap();
        assert_eq!(
            person.details,
            Details { email: "ana@example.org".into(), locality: "Laval".into(), ..Details::default() }
        );
        let known = Details {
            given_name: "Ana".into(),
            family_name: "Roy".into(),
            email: "ana@example.org".into(),
            phone: "1".into(),
            postal_code: "M5V 3L9".into(),
            region: "ON".into(),
            country: "CA".into(),
            ..Details::default()
        };
        let left = Details { email: known.email.clone(), region: "ON".into(), ..Details::default() };
        assert_eq!(known.without(&person.erased), left);
    }

    #[test]
    fn unticked_consent_withdraws_nothing() {
        let known = Details { given_name: "Amara".into(), phone: "1".into(), ..Details::default() };
        let merged = known.merged(Details { given_name: "A.".into(), ..Details::default() });
        assert_eq!((merged.given_name.as_str(), merged.phone.as_str()), ("A.", "1"));
    }
}
