//! Which column of a file of signers is what: suggested by its name, chosen by the organizer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use utoipa::ToSchema;
use validator::Validate;

use crate::error::{Error, FieldError, Result};

/// Names of the columns, as in the header, by what they contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = ImportMapping)]
pub(super) struct ColumnMapping {
    /// E-mail address; required.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[validate(length(max = 200))]
    pub email: String,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Country, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<String>,
    /// Date or RFC 3339 time of signing; today if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_on: Option<String>,
    /// Consent to updates: yes, true, 1, x, oui, sí. Without this column nobody in the file consents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_updates: Option<String>,
}

/// Names of columns by field, the best first, in the form of [`plain`]: what forms, campaign tools, contact lists (see the
/// tests) and Muster's own exports write in English, French and Spanish.
const KNOWN_HEADERS: [(&str, &[&str]); 11] = [
    (
        "email",
        &[
            "email",
            "e mail",
            "email address",
            "e mail address",
            "emailaddress",
            "email 1",
            "email1",
            "e mail 1 value",
            "primary email",
            "primary email address",
            "contact email",
            "your email",
            "your email address",
            "courriel",
            "adresse courriel",
            "adresse de courriel",
            "adresse e mail",
            "adresse email",
            "adresse mail",
            "adresse electronique",
            "adresse de messagerie",
            "courrier electronique",
            "correo",
            "correo electronico",
            "direccion de correo electronico",
            "direccion de correo",
            "direccion de email",
            "direccion de e mail",
            "mail",
            "user name",
            "nom d utilisateur",
            "nombre de usuario",
        ],
    ),
    (
        "given_name",
        &[
            "given name",
            "first name",
            "firstname",
            "fname",
            "forename",
            "prenom",
            "prenoms",
            "nombre",
            "nombres",
            "nombre de pila",
            "full name",
            "fullname",
            "your name",
            "your full name",
            "name",
            "nom complet",
            "prenom et nom",
            "nom et prenom",
            "nombre completo",
            "nombre y apellido",
            "nombre y apellidos",
        ],
    ),
    (
        "family_name",
        &[
            "family name",
            "last name",
            "lastname",
            "lname",
            "surname",
            "nom de famille",
            "nom",
            "apellido",
            "apellidos",
            "apellido s",
        ],
    ),
    (
        "phone",
        &[
            "phone",
            "phone number",
            "telephone",
            "telephone number",
            "mobile number",
            "mobile phone",
            "mobile",
            "cell phone",
            "cell",
            "can2 phone",
            "home phone",
            "phone 1 value",
            "primary phone",
            "tel",
            "numero de telephone",
            "no de telephone",
            "telephone mobile",
            "cellulaire",
            "portable",
            "telefono",
            "numero de telefono",
            "telefono movil",
            "telefono celular",
            "celular",
            "movil",
        ],
    ),
    (
        "postal_code",
        &[
            "postal code",
            "postcode",
            "post code",
            "postalcode",
            "zip code",
            "zip",
            "zip postal code",
            "zip postal",
            "postal zip code",
            "zipcode",
            "primary zip",
            "home postal code",
            "mailing zip",
            "billing zip",
            "address 1 postal code",
            "code postal",
            "codigo postal",
            "c p",
            "cp",
        ],
    ),
    (
        "city",
        &[
            "city",
            "town",
            "locality",
            "primary city",
            "home city",
            "mailing city",
            "address 1 city",
            "ville",
            "municipalite",
            "commune",
            "ciudad",
            "localidad",
            "municipio",
        ],
    ),
    (
        "country",
        &[
            "country",
            "country code",
            "primary country code",
            "primary country",
            "home country region",
            "country region",
            "address 1 country",
            "cc",
            "pays",
            "code pays",
            "pais",
            "codigo de pais",
        ],
    ),
    (
        "language",
        &[
            "preferred language",
            "language",
            "languages spoken",
            "lang",
            "locale",
            "langue",
            "langue preferee",
            "idioma",
            "idioma preferido",
            "lengua",
        ],
    ),
    (
        "comments",
        &[
            "comments",
            "comment",
            "your comment",
            "reason",
            "reason for signing",
            "commentaire",
            "commentaires",
            "comentario",
            "comentarios",
        ],
    ),
    (
        "signed_on",
        &[
            "signed on",
            "signed at",
            "date signed",
            "signature date",
            "signed",
            "created date",
            "created at",
            "optin time",
            "confirm time",
            "timestamp",
            "date",
            "submitted at",
            "date de signature",
            "signe le",
            "horodateur",
            "horodatage",
            "fecha de firma",
            "firmado el",
            "marca temporal",
            "fecha",
        ],
    ),
    (
        "consent_updates",
        &[
            "consent updates",
            "consent",
            "updates",
            "opt in",
            "optin",
            "email opt in",
            "newsletter",
            "can2 subscription status",
            "consentement",
            "consentimiento",
        ],
    ),
];

/// A name without case, accents and punctuation; what a form adds to it ("*", "(required)") is left away.
fn plain(name: &str) -> String {
    let letters: String = name.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    let words = letters.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let added = ["required", "obligatoire", "requis", "obligatorio", "optional", "facultatif", "opcional"];
    words.filter(|word| !added.contains(word)).collect::<Vec<_>>().join(" ")
}

fn known_field(name: &str) -> Option<&'static str> {
    let name = plain(name);
    KNOWN_HEADERS.into_iter().find(|(_, words)| words.contains(&name.as_str())).map(|(field, _)| field)
}

/// Is it the name of a column with e-mail addresses?
pub(super) fn is_email_header(name: &str) -> bool {
    known_field(name) == Some("email") || mentions_email(name)
}

/// Does a longer name, such as a question of a form, ask for an address?
fn mentions_email(name: &str) -> bool {
    let name = format!(" {} ", plain(name));
    let has = |words: &[&str]| words.iter().any(|word| name.contains(&format!(" {word} ")));
    has(&["email", "e mail", "emails", "courriel", "courriels", "correo", "correo electronico"])
        && !has(&["type", "status", "opt", "optin", "optout", "subscribed", "is", "count", "bad", "label"])
        && name.split_whitespace().count() <= 8
}

/// How many of the names are known; a question that only asks for an address counts half.
pub(super) fn known_headers(names: &[String]) -> usize {
    let weight = |name: &String| if known_field(name).is_some() { 2 } else { usize::from(mentions_email(name)) };
    names.iter().map(weight).sum()
}

/// Does a cell contain an e-mail address, rather than the name of a column?
pub(super) fn looks_like_address(cell: &str) -> bool {
    cell.rsplit_once('@').is_some_and(|(local, domain)| {
        local.ends_with(|c: char| !c.is_whitespace()) && domain.trim_matches('.').contains('.') && !cell.contains('?')
    })
}

/// Suggests a mapping from the header.
pub(super) fn suggest_mapping(columns: &[String]) -> ColumnMapping {
    let names: Vec<String> = columns.iter().map(|column| plain(column)).collect();
    let column = |words: &[&str]| {
        let at = words.iter().find_map(|word| names.iter().position(|name| name == word))?;
        columns.get(at).cloned()
    };
    let mut suggested = ColumnMapping::default();
    for (field, words) in KNOWN_HEADERS {
        let found =
            column(words).or_else(|| columns.iter().find(|name| field == "email" && mentions_email(name)).cloned());
        let Some(column) = found else { continue };
        match field {
            "email" => suggested.email = column,
            "given_name" => suggested.given_name = Some(column),
            "family_name" => suggested.family_name = Some(column),
            "phone" => suggested.phone = Some(column),
            "postal_code" => suggested.postal_code = Some(column),
            "city" => suggested.city = Some(column),
            "country" => suggested.country = Some(column),
            "language" => suggested.language = Some(column),
            "comments" => suggested.comments = Some(column),
            "signed_on" => suggested.signed_on = Some(column),
            _ => suggested.consent_updates = Some(column),
        }
    }
    suggested
}

impl ColumnMapping {
    fn columns(&self) -> [(&'static str, Option<&str>); 11] {
        [
            ("email", Some(self.email.as_str())),
            ("given_name", self.given_name.as_deref()),
            ("family_name", self.family_name.as_deref()),
            ("phone", self.phone.as_deref()),
            ("postal_code", self.postal_code.as_deref()),
            ("city", self.city.as_deref()),
            ("country", self.country.as_deref()),
            ("language", self.language.as_deref()),
            ("comments", self.comments.as_deref()),
            ("signed_on", self.signed_on.as_deref()),
            ("consent_updates", self.consent_updates.as_deref()),
        ]
    }

    /// Checks the mapping against a header.
    ///
    /// # Errors
    /// 422 with a pointer for each column that does not exist.
    pub(super) fn check(&self, columns: &[String]) -> Result<()> {
        let mut errors = Vec::new();
        for (field, column) in self.columns() {
            if let Some(column) = column
                && !columns.iter().any(|c| c == column)
            {
                let detail = if field == "email" && column.is_empty() {
                    "Say which column has the address."
                } else {
                    "The file has no such column."
                };
                errors.push(FieldError::new(format!("/mapping/{field}"), "unknown_value", detail));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
    }

    /// Index of each field's column.
    pub(super) fn column_indexes(&self, columns: &[String]) -> BTreeMap<&'static str, usize> {
        let at = |column: &str| columns.iter().position(|c| c == column);
        self.columns().into_iter().filter_map(|(field, column)| Some((field, at(column?)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn suggested(header: &str) -> Value {
        json!(suggest_mapping(&header.split(';').map(str::to_owned).collect::<Vec<_>>()))
    }

    #[test]
    fn columns_of_usual_tools_are_suggested() {
        for (tool, header, expected) in [
            ("a list in French", "Prénom;Courriel", json!({"email": "Courriel", "given_name": "Prénom"})),
            (
                "Action Network",
                "email;first_name;last_name;zip_code;country;language;can2_phone;can2_sms_status;created_at",
                json!({"email": "email", "given_name": "first_name", "family_name": "last_name",
                    "postal_code": "zip_code",
                    "country": "country", "language": "language", "phone": "can2_phone", "signed_on": "created_at"}),
            ),
            (
                "NationBuilder",
                "nationbuilder_id;first_name;last_name;email;email1;email_opt_in;phone_number;mobile_number;\
                 primary_city;primary_zip;primary_country_code;created_at",
                json!({"email": "email", "given_name": "first_name", "family_name": "last_name",
                    "phone": "phone_number",
                    "city": "primary_city", "postal_code": "primary_zip", "country": "primary_country_code",
                    "consent_updates": "email_opt_in", "signed_on": "created_at"}),
            ),
            (
                "Mailchimp",
                "Email Address;First Name;Last Name;Address;Phone Number;OPTIN_TIME;CC",
                json!({"email": "Email Address", "given_name": "First Name", "family_name": "Last Name",
                    "phone": "Phone Number", "signed_on": "OPTIN_TIME", "country": "CC"}),
            ),
            (
                "Change.org",
                "Name;City;State;Postal Code;Country;Signed On",
                json!({"given_name": "Name", "city": "City", "postal_code": "Postal Code", "country": "Country",
                    "signed_on": "Signed On"}),
            ),
            (
                "Google Forms, English",
                "Timestamp;Email Address;Full name *;ZIP / Postal code",
                json!({"email": "Email Address", "given_name": "Full name *", "postal_code": "ZIP / Postal code",
                    "signed_on": "Timestamp"}),
            ),
            (
                "Google Forms, French",
                "Horodateur;Adresse e-mail;Nom complet;Code postal;Numéro de téléphone",
                json!({"email": "Adresse e-mail", "given_name": "Nom complet", "postal_code": "Code postal",
                    "phone": "Numéro de téléphone", "signed_on": "Horodateur"}),
            ),
            (
                "Google Forms, Spanish",
                "Marca temporal;Dirección de correo electrónico;Nombre y apellidos;Código postal",
                json!({"email": "Dirección de correo electrónico", "given_name": "Nombre y apellidos",
                    "postal_code": "Código postal", "signed_on": "Marca temporal"}),
            ),
            (
                "Outlook",
                "Title;First Name;Last Name;Home Postal Code;Home Country/Region;Home Phone;E-mail Address;E-mail Type",
                json!({"email": "E-mail Address", "given_name": "First Name", "family_name": "Last Name",
                    "postal_code": "Home Postal Code", "country": "Home Country/Region", "phone": "Home Phone"}),
            ),
            (
                "Muster",
                "id;state;given_name;family_name;email;phone;postal_code;city;region;country;\
                 preferred_language;comments;display;consent_updates;source;created_date",
                json!({"email": "email", "given_name": "given_name", "family_name": "family_name", "phone": "phone",
                    "postal_code": "postal_code", "city": "city", "country": "country",
                    "language": "preferred_language",
                    "comments": "comments", "consent_updates": "consent_updates", "signed_on": "created_date"}),
            ),
            ("a question", "Quel est votre courriel ?;Votre prénom", json!({"email": "Quel est votre courriel ?"})),
        ] {
            assert_eq!(suggested(header), expected, "{tool}");
        }
    }
}
