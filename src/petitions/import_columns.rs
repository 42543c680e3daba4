//! Which column of a file of signers is what: suggested by its name, chosen by the organizer.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    import_dates::{DateOrder, OrderEvidence},
    import_headers::{FORMS, KNOWN, forms, looks_like_address, mentions_email, names_whole},
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
    /// How many have anything.
    pub(super) filled: u32,
    pub(super) dates: OrderEvidence,
}

impl ColumnFacts {
    /// Looks at the cells of another row.
    pub(super) fn see(columns: &mut Vec<Self>, cells: &[&str]) {
        columns.resize(columns.len().max(cells.len()), Self::default());
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.addresses =
                column.addresses.saturating_add(u32::from(cell.contains('@') && looks_like_address(cell)));
            column.filled = column.filled.saturating_add(u32::from(!cell.is_empty()));
            column.dates.see(cell);
        }
    }
}

/// Suggests a mapping from the header, and from what the cells of each column tell, where that is known. Tools write
/// several columns for one thing (a form's e-mail address and that of an account, a mobile and a home number), of which
/// some are always empty: of those that may be meant, the best name among the columns that have something counts.
pub(super) fn suggest_mapping(columns: &[String], facts: &[ColumnFacts]) -> ColumnMapping {
    let known_as: Vec<[String; FORMS]> = columns.iter().map(|column| forms(column)).collect();
    let is_known = facts.iter().any(|facts| facts.filled > 0);
    let addresses = |at: usize| facts.get(at).map_or(0, |facts| facts.addresses);
    let has_some = |at: usize, field: &str| {
        !is_known
            || if field == "email" { addresses(at) > 0 } else { facts.get(at).is_some_and(|facts| facts.filled > 0) }
    };
    let mut suggested = ColumnMapping::default();
    let mut taken = HashSet::new();
    for (field, words) in &*KNOWN {
        // the form in which a column's name is known, and the place of that among the known names
        let rank = |at: usize| {
            let known = |form: &String| words.iter().position(|word| word == form).filter(|_| !form.is_empty());
            let named = known_as[at].iter().enumerate().find_map(|(level, form)| Some((level, known(form)?)));
            named.or_else(|| (*field == "email" && mentions_email(&columns[at])).then_some((FORMS, 0)))
        };
        let candidates = (0..columns.len()).filter(|at| !taken.contains(at));
        let best = candidates.filter_map(|at| Some((!has_some(at, field), rank(at)?, at))).min();
        let mut found = best.map(|(_, _, at)| at);
        // whatever it is called, a column of addresses is one
        if *field == "email" && is_known && found.is_none_or(|at| addresses(at) == 0) {
            let fullest = (0..columns.len()).rev().max_by_key(|at| addresses(*at));
            found = fullest.filter(|at| addresses(*at) > 0).or(found);
        }
        let Some(at) = found else { continue };
        taken.insert(at);
        let column = columns[at].clone();
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
    // "Votre nom" asks for the whole name where nothing else does
    if suggested.given_name.is_none() && suggested.family_name.as_deref().is_some_and(names_whole) {
        suggested.given_name = suggested.family_name.take();
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
    fn columns_of_forms_in_two_languages_and_in_parts_are_suggested() {
        for (tool, header, expected) in [
            (
                "a form in two languages",
                "Courriel / Email;Prénom / First name;Nom de famille / Last name;Code postal / Postal code;\
                 Téléphone / Phone;Ville / City;Commentaires / Comments",
                json!({"email": "Courriel / Email", "given_name": "Prénom / First name",
                    "family_name": "Nom de famille / Last name", "postal_code": "Code postal / Postal code",
                    "phone": "Téléphone / Phone", "city": "Ville / City", "comments": "Commentaires / Comments"}),
            ),
            (
                "other marks between the languages",
                "Email | Courriel;Name | Nom;Postal Code (Code postal);Phone – Téléphone;Country - Pays;City Ville",
                json!({"email": "Email | Courriel", "given_name": "Name | Nom",
                    "postal_code": "Postal Code (Code postal)", "phone": "Phone – Téléphone",
                    "country": "Country - Pays", "city": "City Ville"}),
            ),
            (
                "the same word for two names",
                "Prénom / First name;Nom / Name;Courriel",
                json!({"email": "Courriel", "given_name": "Prénom / First name", "family_name": "Nom / Name"}),
            ),
            (
                "Gravity Forms",
                "Name (Prefix);Name (First);Name (Last);Email;Phone;Address (Street Address);Address (City);\
                 Address (ZIP / Postal Code);Address (Country);Entry Date",
                json!({"email": "Email", "given_name": "Name (First)", "family_name": "Name (Last)", "phone": "Phone",
                    "city": "Address (City)", "postal_code": "Address (ZIP / Postal Code)",
                    "country": "Address (Country)", "signed_on": "Entry Date"}),
            ),
            (
                "Jotform",
                "Submission Date;Name - First Name;Name - Last Name;Email;Address - City",
                json!({"email": "Email", "given_name": "Name - First Name", "family_name": "Name - Last Name",
                    "city": "Address - City", "signed_on": "Submission Date"}),
            ),
            (
                "LimeSurvey",
                "id. Response ID;submitdate. Date submitted;startlanguage. Start language;G01Q01. Adresse courriel;\
                 G01Q02. Prénom;G01Q03. Code postal",
                json!({"email": "G01Q01. Adresse courriel", "given_name": "G01Q02. Prénom",
                    "postal_code": "G01Q03. Code postal", "language": "startlanguage. Start language",
                    "signed_on": "submitdate. Date submitted"}),
            ),
            (
                "Typeform",
                "#;Hi! What's your first name?;And your last name?;Email;Submitted At",
                json!({"email": "Email", "given_name": "Hi! What's your first name?",
                    "family_name": "And your last name?", "signed_on": "Submitted At"}),
            ),
            (
                "Meta lead ads",
                "id;created_time;ad_id;email;full_name;phone_number;post_code",
                json!({"email": "email", "given_name": "full_name", "phone": "phone_number",
                    "postal_code": "post_code", "signed_on": "created_time"}),
            ),
            (
                "Spanish names and questions",
                "¿Cómo te llamas?;Apellido paterno;Apellido materno;Correo electrónico;¿En qué ciudad vives?",
                json!({"email": "Correo electrónico", "given_name": "¿Cómo te llamas?",
                    "family_name": "Apellido paterno", "city": "¿En qué ciudad vives?"}),
            ),
            ("a whole name", "Courriel;Votre_nom", json!({"email": "Courriel", "given_name": "Votre_nom"})),
            (
                "numbers and words around",
                "1. Email;Q2 First name;Q3: Postal code;Name.Last;N° de téléphone;Date de la signature;Opted in?",
                json!({"email": "1. Email", "given_name": "Q2 First name", "family_name": "Name.Last",
                    "postal_code": "Q3: Postal code", "phone": "N° de téléphone",
                    "signed_on": "Date de la signature", "consent_updates": "Opted in?"}),
            ),
            (
                "whose it is",
                "Prénom du signataire;Nom de la personne;Code postal à domicile;person[email]",
                json!({"email": "person[email]", "given_name": "Prénom du signataire",
                    "family_name": "Nom de la personne", "postal_code": "Code postal à domicile"}),
            ),
            (
                "invisible marks",
                "E\u{ad}mail;Fi\u{200b}rst Name",
                json!({"email": "E\u{ad}mail", "given_name": "Fi\u{200b}rst Name"}),
            ),
            ("what is consented to", "Opt-in (email);Consent - Phone", json!({"consent_updates": "Opt-in (email)"})),
        ] {
            assert_eq!(suggested(header), expected, "{tool}");
        }
    }

    #[test]
    fn columns_that_have_something_are_suggested() {
        for (header, cells, expected) in [
            ("email;postal;zip", "a@example.org;M5V 3L9;", json!({"email": "email", "postal_code": "postal"})),
            (
                "Courriel;Tél. mobile;Téléphone (domicile)",
                "a@example.org;514-555-0142;",
                json!({"email": "Courriel", "phone": "Tél. mobile"}),
            ),
            (
                "ID;Start time;Completion time;Email;Name;Your first name;Your email address",
                "1;3/1/26 9:00;3/1/26 9:02;anonymous;;Ana;a@example.org",
                json!({"email": "Your email address", "given_name": "Your first name", "signed_on": "Completion time"}),
            ),
            ("email;phone;home_phone", "a@example.org;;514-555-0142", json!({"email": "email", "phone": "home_phone"})),
            ("email;phone", "a@example.org;", json!({"email": "email", "phone": "phone"})),
        ] {
            let columns: Vec<String> = header.split(';').map(str::to_owned).collect();
            let mut facts = Vec::new();
            ColumnFacts::see(&mut facts, &cells.split(';').collect::<Vec<_>>());
            assert_eq!(json!(suggest_mapping(&columns, &facts)), expected, "{header}");
        }
    }

    #[test]
    fn column_that_has_the_addresses_is_suggested() {
        let columns = ["Respondent ID", "Email Address", "First Name", "Your details"].map(str::to_owned);
        let email = |addresses: [u32; 4]| {
            let facts = addresses.map(|addresses| ColumnFacts { addresses, filled: 9, ..ColumnFacts::default() });
            suggest_mapping(&columns, &facts).email
        };
        assert_eq!(email([0, 0, 0, 7]), "Your details");
        assert_eq!(email([0, 2, 0, 7]), "Email Address");
        assert_eq!(email([0, 0, 0, 0]), "Email Address");
        assert_eq!(suggest_mapping(&columns, &[]).email, "Email Address");
    }
}
