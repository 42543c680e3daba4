//! Which column of a file of signers is what: suggested by its name, chosen by the organizer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    import_dates::{DateOrder, OrderEvidence},
    import_headers::{KNOWN, forms, looks_like_address, mentions_email},
};
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
    /// What comes first in dates such as 03/04/2026; as the file was read if it is absent. Dates with a day above 12 are
    /// understood anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
}

/// What the cells of a column tell about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColumnFacts {
    /// How many have an e-mail address.
    pub(super) addresses: u32,
    pub(super) dates: OrderEvidence,
}

impl ColumnFacts {
    /// Looks at the cells of another row.
    pub(super) fn see(columns: &mut Vec<Self>, cells: &[&str]) {
        columns.resize(columns.len().max(cells.len()), Self::default());
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.addresses =
                column.addresses.saturating_add(u32::from(cell.contains('@') && looks_like_address(cell)));
            column.dates.see(cell);
        }
    }
}

/// Suggests a mapping from the header, and from what the columns have: `addresses` is how many rows have an address in each
/// column, where that is known.
pub(super) fn suggest_mapping(columns: &[String], addresses: &[u32]) -> ColumnMapping {
    let known_as: Vec<[String; 3]> = columns.iter().map(|column| forms(column)).collect();
    let mut suggested = ColumnMapping::default();
    for (field, words) in &*KNOWN {
        let at = |form: usize| {
            let named = |word: &String| known_as.iter().position(|forms| forms[form] == *word && !word.is_empty());
            words.iter().find_map(named)
        };
        let is_question = |name: &String| *field == "email" && mentions_email(name);
        let found = (0..3).find_map(at).or_else(|| columns.iter().position(is_question));
        // of forms with several columns for an address, some are always empty
        let fullest = || {
            let most = (0..columns.len()).rev().max_by_key(|at| addresses.get(*at).copied().unwrap_or_default())?;
            let has_none = found.is_none_or(|at| addresses.get(at).is_none_or(|count| *count == 0));
            (has_none && addresses.get(most).is_some_and(|count| *count > 0)).then_some(most)
        };
        let found = if *field == "email" { fullest().or(found) } else { found };
        let Some(column) = found.and_then(|at| columns.get(at).cloned()) else { continue };
        match *field {
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

    /// Takes the order of day and month as the file was read, unless it was chosen.
    pub(super) fn find_date_order(&mut self, columns: &[String], orders: &[String]) {
        let at = columns.iter().position(|column| self.signed_on.as_ref() == Some(column));
        let read = at.and_then(|at| orders.get(at)).and_then(|order| order.parse().ok());
        self.date_order = self.date_order.or(read).filter(|_| self.signed_on.is_some());
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
        json!(suggest_mapping(&header.split(';').map(str::to_owned).collect::<Vec<_>>(), &[]))
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
        ] {
            assert_eq!(suggested(header), expected, "{tool}");
        }
    }

    #[test]
    fn columns_of_further_tools_and_people_are_suggested() {
        for (tool, header, expected) in [
            (
                "EveryAction / NGP VAN",
                "VANID;First;Middle;Last;PreferredEmail;PreferredPhone;City;StateOrProvince;ZipOrPostal;Country;DateCreated",
                json!({"email": "PreferredEmail", "given_name": "First", "family_name": "Last",
                    "phone": "PreferredPhone", "city": "City", "postal_code": "ZipOrPostal", "country": "Country",
                    "signed_on": "DateCreated"}),
            ),
            (
                "EveryAction, contact report",
                "Contact Name;Personal Email;Home Phone;Home ZipCode;Home City;Country Name",
                json!({"email": "Personal Email", "given_name": "Contact Name", "phone": "Home Phone",
                    "postal_code": "Home ZipCode", "city": "Home City", "country": "Country Name"}),
            ),
            (
                "Google Contacts",
                "First Name;Last Name;E-mail 1 - Label;E-mail 1 - Value;Phone 1 - Value;Address 1 - City;\
                 Address 1 - Postal Code;Address 1 - Country",
                json!({"email": "E-mail 1 - Value", "given_name": "First Name", "family_name": "Last Name",
                    "phone": "Phone 1 - Value", "city": "Address 1 - City", "postal_code": "Address 1 - Postal Code",
                    "country": "Address 1 - Country"}),
            ),
            (
                "Squarespace, Wix",
                "Submitted On;Name;Email Address;Phone;Address - Zip Code;Address - City;Address - Country",
                json!({"email": "Email Address", "given_name": "Name", "phone": "Phone", "city": "Address - City",
                    "postal_code": "Address - Zip Code", "country": "Address - Country",
                    "signed_on": "Submitted On"}),
            ),
            (
                "a form with examples",
                "Prénom(s);Nom(s);Courriel (obligatoire);Code postal (ex. H2X 1Y4);Téléphone [facultatif]",
                json!({"email": "Courriel (obligatoire)", "given_name": "Prénom(s)", "family_name": "Nom(s)",
                    "postal_code": "Code postal (ex. H2X 1Y4)", "phone": "Téléphone [facultatif]"}),
            ),
            (
                "questions",
                "What is your email?;What is your first name?;What is your postal code?;In which city do you live?",
                json!({"email": "What is your email?", "given_name": "What is your first name?",
                    "postal_code": "What is your postal code?", "city": "In which city do you live?"}),
            ),
            (
                "questions in French and Spanish",
                "Quel est votre code postal ?;¿Cuál es su correo electrónico?;Votre prénom;Quelle est votre ville ?",
                json!({"email": "¿Cuál es su correo electrónico?", "given_name": "Votre prénom",
                    "postal_code": "Quel est votre code postal ?", "city": "Quelle est votre ville ?"}),
            ),
            (
                "Punjabi",
                "ਸਮਾਂ;ਈਮੇਲ;ਨਾਂ;ਫ਼ੋਨ ਨੰਬਰ;ਪੋਸਟਲ ਕੋਡ;ਸ਼ਹਿਰ;ਦੇਸ਼",
                json!({"email": "ਈਮੇਲ", "given_name": "ਨਾਂ", "phone": "ਫ਼ੋਨ ਨੰਬਰ", "postal_code": "ਪੋਸਟਲ ਕੋਡ",
                    "city": "ਸ਼ਹਿਰ", "country": "ਦੇਸ਼", "signed_on": "ਸਮਾਂ"}),
            ),
            (
                "Google Forms, Portuguese",
                "Carimbo de data/hora;Endereço de e-mail;Nome completo;CEP;Telefone",
                json!({"email": "Endereço de e-mail", "given_name": "Nome completo", "postal_code": "CEP",
                    "phone": "Telefone", "signed_on": "Carimbo de data/hora"}),
            ),
            (
                "Microsoft Forms",
                "ID;Start time;Completion time;Email;Name",
                json!({"email": "Email", "given_name": "Name", "signed_on": "Completion time"}),
            ),
            ("nothing of the kind", "Email opt out;IP address;Email status;Address", json!({})),
            (
                "a question",
                "Quel est votre courriel ?;Votre prénom",
                json!({"email": "Quel est votre courriel ?", "given_name": "Votre prénom"}),
            ),
        ] {
            assert_eq!(suggested(header), expected, "{tool}");
        }
    }

    #[test]
    fn column_that_has_the_addresses_is_suggested() {
        let columns = ["Respondent ID", "Email Address", "First Name", "Your details"].map(str::to_owned);
        assert_eq!(suggest_mapping(&columns, &[0, 0, 0, 7]).email, "Your details");
        assert_eq!(suggest_mapping(&columns, &[0, 2, 0, 7]).email, "Email Address");
        assert_eq!(suggest_mapping(&columns, &[]).email, "Email Address");
        assert_eq!(suggest_mapping(&columns, &[0, 0, 0, 0]).email, "Email Address");
    }
}
