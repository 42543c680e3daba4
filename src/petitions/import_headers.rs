//! Names of columns in files of signers, as forms, campaign tools and people write them.

use std::{cmp::Ordering, collections::HashMap, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::import_dates::DateOrder;
use crate::kernel::text::{LocaleTag, is_invisible};

/// Names of columns by field, the best first, in the form of [`plain`]: what forms, campaign tools, contact lists (see
/// the tests) and Muster's own exports write in English, French and Spanish.
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
            "emails",
            "e mails",
            "mail address",
            "mailaddress",
            "e mail adresse",
            "adresse courriels",
            "email id",
            "endereco de email",
            "endereco de e mail",
            "e mail 1",
            "correo e",
            "ਈਮੇਲ",
            "ਈ ਮੇਲ",
            "ਈਮੇਲ ਪਤਾ",
            "ਈਮੇਲ ਐਡਰੈੱਸ",
            "电子邮件",
            "电子邮箱",
            "邮箱",
            "電子郵件",
            "电邮",
            "電郵",
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
            "first",
            "given",
            "givenname",
            "first names",
            "christian name",
            "prenom usuel",
            "primer nombre",
            "vorname",
            "nome",
            "primeiro nome",
            "nome completo",
            "names",
            "supporter name",
            "nom et prenoms",
            "nom prenom",
            "prenom nom",
            "apellidos y nombres",
            "nombres y apellidos",
            "display name",
            "ਪਹਿਲਾ ਨਾਂ",
            "ਪਹਿਲਾ ਨਾਮ",
            "ਨਾਂ",
            "ਨਾਮ",
            "ਪੂਰਾ ਨਾਂ",
            "ਪੂਰਾ ਨਾਮ",
            "名",
            "姓名",
            "名字",
            NAME_OR_NOM,
            "como te llamas",
            "como se llama",
            "您的姓名",
            "ਤੁਹਾਡਾ ਨਾਂ",
            "ਤੁਹਾਡਾ ਨਾਮ",
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
            "last",
            "family",
            "familyname",
            "last names",
            "noms",
            "noms de famille",
            "primer apellido",
            "nachname",
            "sobrenome",
            "apelido",
            "ultimo nome",
            "ਆਖਰੀ ਨਾਂ",
            "ਆਖ਼ਰੀ ਨਾਂ",
            "ਆਖਰੀ ਨਾਮ",
            "ਗੋਤ",
            "ਉਪਨਾਮ",
            "姓",
            "姓氏",
            NAME_OR_NOM,
            "apellido paterno",
            "apellidos paternos",
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
            "preferred phone",
            "preferredphone",
            "phone no",
            "phone 1",
            "phone1",
            "phonenumber",
            "telephone no",
            "tel no",
            "mobile phone number",
            "cell phone number",
            "cellphone",
            "mobilephone",
            "mobile no",
            "best phone",
            "day phone",
            "phone cell",
            "sms number",
            "tel portable",
            "tel cell",
            "telephone cellulaire",
            "numero de cellulaire",
            "numero de celular",
            "numero de movil",
            "telefone",
            "telefone celular",
            "telemovel",
            "fone",
            "telefon",
            "handy",
            "ਫ਼ੋਨ",
            "ਫੋਨ",
            "ਫ਼ੋਨ ਨੰਬਰ",
            "ਫੋਨ ਨੰਬਰ",
            "ਮੋਬਾਈਲ",
            "电话",
            "电话号码",
            "電話",
            "手机",
            "手机号码",
            "手機",
            "telephone portable",
            "telephone fixe",
            "tel mobile",
            "tel fixe",
            "tel domicile",
            "numero de portable",
            "telefono fijo",
            "whatsapp",
            "n de telephone",
            "n telephone",
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
            "zip or postal",
            "zip or postal code",
            "postal",
            "postal zip",
            "postal or zip code",
            "postal code zip code",
            "zip5",
            "zip 5",
            "code postal zip",
            "code zip",
            "codigo zip",
            "cep",
            "codigo de endereco postal",
            "plz",
            "postleitzahl",
            "ਪੋਸਟਲ ਕੋਡ",
            "ਡਾਕ ਕੋਡ",
            "ਪਿੰਨ ਕੋਡ",
            "邮编",
            "邮政编码",
            "郵遞區號",
            "郵政編碼",
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
            "city town",
            "town city",
            "city or town",
            "cityname",
            "city name",
            "ville village",
            "poblacion",
            "cidade",
            "stadt",
            "ort",
            "ਸ਼ਹਿਰ",
            "城市",
            "市",
            "can2 user city",
            "ciudad de residencia",
            "ville de residence",
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
            "country name",
            "countryname",
            "countrycode",
            "country of residence",
            "nation",
            "pays de residence",
            "region pays",
            "nombre de pais",
            "pais de residencia",
            "land",
            "ਦੇਸ਼",
            "ਮੁਲਕ",
            "国家",
            "國家",
            "国家 地区",
            "pays region",
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
            "languages",
            "language preference",
            "language code",
            "language of correspondence",
            "langue de correspondance",
            "langues",
            "langue parlee",
            "sprache",
            "lingua",
            "ਭਾਸ਼ਾ",
            "ਪਸੰਦੀਦਾ ਭਾਸ਼ਾ",
            "语言",
            "語言",
            "start language",
            "startlanguage",
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
            "message",
            "your message",
            "personal message",
            "why i m signing",
            "why are you signing",
            "why did you sign",
            "reasons",
            "remarks",
            "raison",
            "raisons",
            "raison de la signature",
            "pourquoi signez vous",
            "votre commentaire",
            "message personnel",
            "motivo",
            "motivos",
            "razon",
            "mensaje",
            "mensagem",
            "ਟਿੱਪਣੀ",
            "ਟਿੱਪਣੀਆਂ",
            "ਸੁਨੇਹਾ",
            "评论",
            "留言",
            "备注",
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
            "action date",
            "actiondate",
            "submission date",
            "submit date",
            "date submitted",
            "date created",
            "createdat",
            "datetime",
            "date time",
            "date added",
            "date joined",
            "added on",
            "signed date",
            "signup date",
            "sign up date",
            "completion time",
            "end date",
            "start date",
            "submission time",
            "submitted",
            "submitted on",
            "created",
            "created on",
            "date et heure",
            "date d inscription",
            "date de creation",
            "date d envoi",
            "heure de fin",
            "cree le",
            "soumis le",
            "envoye le",
            "fecha de envio",
            "fecha de creacion",
            "fecha y hora",
            "fecha de registro",
            "hora de finalizacion",
            "creado el",
            "enviado el",
            "carimbo de data hora",
            "data",
            "zeitstempel",
            "datum",
            "ਤਾਰੀਖ",
            "ਤਾਰੀਖ਼",
            "ਮਿਤੀ",
            "ਸਮਾਂ",
            "时间戳记",
            "时间戳",
            "時間戳記",
            "日期",
            "提交时间",
            "created time",
            "entry date",
            "order date",
            "registration time",
            "registration date",
            "connected on",
            "date de soumission",
            "date d entree",
            "submitdate",
            "date signature",
            "ਟਾਈਮਸਟੈਂਪ",
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
            "email opt in status",
            "emailoptin",
            "subscribed",
            "email subscribed",
            "email subscription status",
            "subscription status",
            "subscription",
            "is subscribed",
            "marketing consent",
            "email consent",
            "mailing list",
            "abonne",
            "abonnement",
            "suscripcion",
            "suscrito",
            "boletin",
            "novedades",
            "ਸਹਿਮਤੀ",
            "opted in",
            "opted in to updates",
        ],
    ),
];

/// What "Nom / Name" stands for: the French word for a family name, the English one for a whole name. It is whichever of
/// them no other column is.
const NAME_OR_NOM: &str = "nom ou name";

/// Words that a form adds to a name: "*", "(required)".
const ADDED: [&str; 8] =
    ["required", "obligatoire", "requis", "obligatorio", "optional", "facultatif", "opcional", "requerido"];
/// Words that say whose it is, which of several, or ask for it.
const AROUND: [&str; 87] = [
    "primary",
    "preferred",
    "main",
    "best",
    "current",
    "home",
    "work",
    "personal",
    "mailing",
    "billing",
    "shipping",
    "contact",
    "address",
    "person",
    "supporter",
    "signer",
    "signatory",
    "constituent",
    "respondent",
    "participant",
    "member",
    "user",
    "customer",
    "subscriber",
    "donor",
    "activist",
    "voter",
    "your",
    "my",
    "the",
    "what",
    "is",
    "s",
    "please",
    "enter",
    "provide",
    "give",
    "us",
    "in",
    "which",
    "do",
    "you",
    "live",
    "1",
    "value",
    "adresse",
    "principal",
    "principale",
    "personnel",
    "personnelle",
    "domicile",
    "votre",
    "quel",
    "quelle",
    "est",
    "veuillez",
    "entrer",
    "inscrire",
    "indiquer",
    "saisir",
    "direccion",
    "cual",
    "es",
    "su",
    "tu",
    "ingrese",
    "escriba",
    "hi",
    "hello",
    "bonjour",
    "hola",
    "and",
    "also",
    "et",
    "ton",
    "ta",
    "en",
    "que",
    "vives",
    "vive",
    "de",
    "du",
    "la",
    "le",
    "a",
    "personne",
    "signataire",
];

/// A name without case, accents and punctuation; what a form adds to it is left away.
fn plain(name: &str) -> String {
    let is_accent = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let letters: String =
        name.nfd().filter(|c| !is_accent(*c) && !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    let is_of_word = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let words = letters.split(|c| !is_of_word(c)).filter(|word| !word.is_empty());
    words.filter(|word| !ADDED.contains(word)).collect::<Vec<_>>().join(" ")
}

/// A name without what is added in brackets ("(e.g. H2X 1Y4)"), with the words of `PreferredEmail` and `Zip::Code`
/// apart.
fn without_examples(name: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::with_capacity(name.len());
    let mut last = ' ';
    for c in name.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                if c.is_uppercase() && last.is_lowercase() {
                    kept.push(' ');
                }
                kept.push(c);
            }
            _ => {}
        }
        last = c;
    }
    kept
}

/// Without the words of [`AROUND`] and the number of a question.
fn core(plain: &str) -> String {
    let is_number = |word: &str| {
        let digits = word.trim_start_matches('q');
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    plain.split(' ').filter(|word| !AROUND.contains(word) && !is_number(word)).collect::<Vec<_>>().join(" ")
}

/// The forms of a name in which it may be known, the best first: as it is; the same in two languages ("Courriel /
/// Email"); the part of something ("Name (First)", "Address - City", "G01Q02. Prénom"); without examples; without what
/// stands around. "address" alone is none without the words around it.
pub(super) fn forms(name: &str) -> [String; FORMS] {
    let bare = plain(&without_examples(name));
    let core = core(&bare);
    [plain(name), in_two_languages(name, &bare), last_part(name), bare, core]
}

/// Number of the forms of a name.
pub(super) const FORMS: usize = 5;

/// The field of a name or a part of one, in the form of [`plain`].
fn field_of(plain: &str) -> Option<&'static str> {
    FIELDS.get(known_form(plain)?.as_str()).copied()
}

/// The first half of a name whose halves are known as the same, in its known form; otherwise nothing. What divides them
/// may be left away: "Courriel Email".
fn in_two_languages(name: &str, bare: &str) -> String {
    // longer names are sentences
    const MAX_WORDS: usize = 8;
    let known = |halves: &[String]| {
        let [first, rest @ ..] = halves else { return None };
        let field = field_of(first).filter(|_| !rest.is_empty())?;
        if matches!(halves, [a, b] if [("nom", "name"), ("name", "nom")].contains(&(a.as_str(), b.as_str()))) {
            return Some(NAME_OR_NOM.to_owned());
        }
        rest.iter().all(|half| field_of(half) == Some(field)).then(|| known_form(first))?
    };
    let parts = name.split(['/', '|', '\n', '(', ')', '[', ']', '\u{2013}', '\u{2014}']);
    let parts: Vec<String> =
        parts.flat_map(|part| part.split(" - ")).map(plain).filter(|part| !part.is_empty()).collect();
    let words: Vec<&str> = bare.split(' ').take(MAX_WORDS + 1).collect();
    let places = if words.len() > MAX_WORDS { 1..1 } else { 1..words.len() };
    let halves = || places.into_iter().find_map(|at| known(&[words[..at].join(" "), words[at..].join(" ")]));
    known(&parts).or_else(halves).unwrap_or_default()
}

/// What stands in brackets at the end, or after a dash, a point or a bar, in its known form; nothing if it is not known,
/// or if it is what somebody consents to.
fn last_part(name: &str) -> String {
    let name = name.trim_end_matches([')', ']', '*', ' ']);
    let marks = ["(", "[", " - ", " \u{2013} ", " \u{2014} ", ".", ": ", "|"];
    let Some(at) = marks.iter().filter_map(|mark| name.rfind(mark)).max() else { return String::new() };
    let (before, part) = name.split_at(at);
    let plain_part = plain(part);
    let known = || known_form(&plain_part).unwrap_or_else(|| in_two_languages(part, &plain_part));
    if field_of(&plain(before)) == Some("consent_updates") { String::new() } else { known() }
}

/// The form in which [`KNOWN_HEADERS`] have a name.
fn known_form(plain: &str) -> Option<String> {
    [plain, &core(plain)].into_iter().find(|form| FIELDS.contains_key(form)).map(str::to_owned)
}

/// Is it a name of a column with family names that may also have whole names, as in "Votre nom"?
pub(super) fn names_whole(name: &str) -> bool {
    matches!(core(&plain(&without_examples(name))).as_str(), "nom" | "noms")
}

/// The known names, in the form of [`plain`], by their field.
pub(super) static KNOWN: LazyLock<Vec<(&'static str, Vec<String>)>> = LazyLock::new(|| {
    let plain_words = |words: &[&str]| words.iter().map(|word| plain(word)).collect();
    KNOWN_HEADERS.into_iter().map(|(field, words)| (field, plain_words(words))).collect()
});

/// Fields by the known names.
static FIELDS: LazyLock<HashMap<&str, &'static str>> = LazyLock::new(|| {
    let mut fields = HashMap::new();
    for (field, names) in &*KNOWN {
        for name in names {
            fields.entry(name.as_str()).or_insert(*field);
        }
    }
    fields
});
/// Maximum length of a name that may be known, in bytes; longer cells are texts.
const MAX_NAME: usize = 200;

/// What a column with this name contains, if it is known.
pub(super) fn known_field(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    forms(name).iter().find_map(|form| FIELDS.get(form.as_str()).copied())
}

/// Is it the name of a column with ZIP codes, as they are called in the United States?
pub(super) fn is_zip_header(name: &str) -> bool {
    plain(&without_examples(name)).split(' ').any(|word| word.starts_with("zip"))
}

/// What comes first in dates of a file with these columns whose dates do not tell: the day, except in English. A file
/// that is separated by semicolons was not written in English.
pub(super) fn usual_date_order(columns: &[String], separator: Option<u8>, locale: LocaleTag) -> DateOrder {
    // names that are the same in English tell nothing
    const ENGLISH: [&str; 16] = [
        "name",
        "date",
        "phone",
        "city",
        "country",
        "language",
        "comments",
        "comment",
        "zip",
        "first",
        "last",
        "email",
        "address",
        "state",
        "timestamp",
        "signed",
    ];
    const OTHERS: [&str; 34] = [
        "courriel",
        "prenom",
        "prenoms",
        "nom",
        "adresse",
        "telephone",
        "ville",
        "pays",
        "langue",
        "commentaire",
        "commentaires",
        "horodateur",
        "signe",
        "nombre",
        "nombres",
        "apellido",
        "apellidos",
        "correo",
        "telefono",
        "ciudad",
        "pais",
        "idioma",
        "fecha",
        "marca",
        "comentario",
        "comentarios",
        "direccion",
        "codigo",
        "nome",
        "cidade",
        "vorname",
        "nachname",
        "ਈਮੇਲ",
        "ਨਾਂ",
    ];
    let names: Vec<String> = columns.iter().map(|name| plain(name)).collect();
    let has = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| word.nfd().collect()).collect();
        names.iter().filter(|name| name.split(' ').any(|part| words.iter().any(|word| word == part))).count()
    };
    let (english, others) = (has(&ENGLISH), has(&OTHERS));
    let is_day_first = match (separator, english.cmp(&others)) {
        (Some(b';'), _) | (_, Ordering::Less) => true,
        (_, Ordering::Greater) => false,
        _ => locale != LocaleTag::En,
    };
    if is_day_first { DateOrder::DayFirst } else { DateOrder::MonthFirst }
}

/// Is it the name of a column with e-mail addresses?
pub(super) fn is_email_header(name: &str) -> bool {
    known_field(name) == Some("email") || mentions_email(name)
}

/// Does a longer name, such as a question of a form, ask for an address?
pub(super) fn mentions_email(name: &str) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    let name = format!(" {} ", plain(name));
    let has = |words: &[&str]| words.iter().any(|word| name.contains(&format!(" {word} ")));
    let is_other = name.contains(" ਈਮੇਲ ") || name.contains("邮箱") || name.contains("电子邮件");
    (is_other || has(&["email", "e mail", "emails", "courriel", "courriels", "correo", "correo electronico"]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_order_follows_the_header() {
        use DateOrder::{DayFirst, MonthFirst};
        for (header, separator, locale, expected) in [
            ("Timestamp|Email Address|First Name", b',', LocaleTag::Fr, MonthFirst),
            ("Horodateur|Adresse e-mail|Prénom", b',', LocaleTag::En, DayFirst),
            ("Marca temporal|Correo|Nombre", b',', LocaleTag::En, DayFirst),
            ("Email|Date", b';', LocaleTag::En, DayFirst),
            ("E-mail|Signed", b',', LocaleTag::En, MonthFirst),
            ("id|x", b',', LocaleTag::Es, DayFirst),
            ("id|x", b',', LocaleTag::En, MonthFirst),
        ] {
            let columns: Vec<String> = header.split('|').map(str::to_owned).collect();
            assert_eq!(usual_date_order(&columns, Some(separator), locale), expected, "{header}");
        }
    }
}
