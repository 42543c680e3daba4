//! Common slips in the domain of an e-mail address.

/// Endings that are no top-level domain, and what was meant.
const ENDINGS: &[(&str, &str)] = &[
    ("con", "com"),
    ("cmo", "com"),
    ("ocm", "com"),
    ("vom", "com"),
    ("xom", "com"),
    ("cim", "com"),
    ("cpm", "com"),
    ("coom", "com"),
    ("comm", "com"),
    ("c0m", "com"),
    ("ogr", "org"),
    ("rog", "org"),
    ("orgg", "org"),
    ("nett", "net"),
    ("nte", "net"),
    ("ent", "net"),
    ("ft", "fr"),
    ("qc", "qc.ca"),
];

/// Misspelled names of providers. Only such as nobody has an address at: mail to them reaches whoever registered them.
const NAMES: &[(&str, &str)] = &[
    ("gmial", "gmail"),
    ("gmai", "gmail"),
    ("gamil", "gmail"),
    ("gmaill", "gmail"),
    ("gmaul", "gmail"),
    ("gmsil", "gmail"),
    ("gnail", "gmail"),
    ("gmali", "gmail"),
    ("ggmail", "gmail"),
    ("hotmial", "hotmail"),
    ("hotmali", "hotmail"),
    ("hotmal", "hotmail"),
    ("hotmai", "hotmail"),
    ("hotmil", "hotmail"),
    ("hotmaill", "hotmail"),
    ("homtail", "hotmail"),
    ("hotnail", "hotmail"),
    ("htomail", "hotmail"),
    ("yaho", "yahoo"),
    ("yahooo", "yahoo"),
    ("yhaoo", "yahoo"),
    ("yaoo", "yahoo"),
    ("outlok", "outlook"),
    ("outloook", "outlook"),
    ("outllok", "outlook"),
    ("otulook", "outlook"),
    ("iclod", "icloud"),
    ("iclould", "icloud"),
    ("icoud", "icloud"),
    ("icluod", "icloud"),
];

/// Providers with one ending, whose other endings are slips: `gmail.cm`, `gmail.com.ca`.
const ONE_ENDING: [&str; 2] = ["gmail", "icloud"];
/// Whole domains that no provider has.
const DOMAINS: &[(&str, &str)] = &[
    ("hotmail.co", "hotmail.com"),
    ("hotmail.cm", "hotmail.com"),
    ("hotmail.om", "hotmail.com"),
    ("outlook.co", "outlook.com"),
    ("outlook.cm", "outlook.com"),
    ("outlook.om", "outlook.com"),
    ("yahoo.co", "yahoo.com"),
    ("yahoo.cm", "yahoo.com"),
    ("yahoo.om", "yahoo.com"),
    ("live.cm", "live.com"),
    ("msn.cm", "msn.com"),
    ("me.cm", "me.com"),
];

/// The domain that was meant by a misspelled one; `None` when there is nothing to suggest.
pub(super) fn meant_by(domain: &str) -> Option<String> {
    // a comma at the end was typed after the address
    let bare = domain.trim_end_matches(',');
    let has_comma = domain.contains(',');
    let typed = bare.to_lowercase();
    // "gmail,com" and "example.co,uk", but not "example.org,Ana"
    let typed = match typed.rsplit_once(',') {
        Some((before, end)) if !before.contains(['.', ',']) || end.len() == 2 => typed.replace(',', "."),
        Some(_) => return None,
        None => typed,
    };
    let (name, end) = typed.rsplit_once('.').unwrap_or((&typed, ""));
    let of = |list: &[(&str, &'static str)], word: &str| {
        list.iter().find(|(slip, _)| *slip == word).map(|(_, right)| *right)
    };
    let right_name = of(NAMES, name).unwrap_or(name);
    // "gmail.com.com"
    let right_name = right_name.strip_suffix(".com").filter(|name| ONE_ENDING.contains(name)).unwrap_or(right_name);
    let right_end = match of(ENDINGS, end) {
        Some(right) => right,
        None if ONE_ENDING.contains(&right_name) => "com",
        None => end,
    };
    let meant = format!("{right_name}.{right_end}");
    let meant = of(DOMAINS, &meant).map_or(meant, str::to_owned);
    (meant != typed && !right_end.is_empty() || has_comma && meant == typed).then_some(meant)
}
