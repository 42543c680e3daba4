//! The languages of pages and mails.

use serde::{Deserialize, Deserializer, Serialize};
use strum::{EnumString, VariantArray, VariantNames};

use super::TextError;

/// A language with a complete set of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum LocaleTag {
    /// English, the fallback.
    #[default]
    En,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Punjabi in the Gurmukhi script.
    Pa,
}

// in the order of language menus
crate::kernel::text_enum!(LocaleTag);

impl LocaleTag {
    /// Parses a language tag (BCP 47, or with POSIX's underscore) by its primary language: `fr-CA` is French.
    ///
    /// # Errors
    /// `required` when empty, `unsupported_locale` for a language without texts.
    pub fn parse(tag: &str) -> Result<Self, TextError> {
        let tag = tag.trim();
        if tag.is_empty() {
            return Err(TextError::required());
        }
        let language = tag.split(['-', '_']).next().unwrap_or(tag);
        language.parse().map_err(|_| TextError::new("unsupported_locale", "Possible languages are en, fr, es and pa."))
    }

    /// The value of the `dir` attribute: `ltr` or `rtl`.
    pub const fn direction(self) -> &'static str {
        match self {
            Self::En | Self::Fr | Self::Es | Self::Pa => "ltr",
        }
    }
}

impl<'de> Deserialize<'de> for LocaleTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(TextError::into_serde)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_by_language() {
        for locale in LocaleTag::ALL {
            assert_eq!(LocaleTag::parse(locale.as_str()).unwrap(), locale);
            assert_eq!(serde_json::to_value(locale).unwrap(), locale.as_str());
            assert_eq!(locale.direction(), "ltr");
        }
        assert_eq!(LocaleTag::parse(" fr-CA ").unwrap(), LocaleTag::Fr);
        assert_eq!(LocaleTag::parse("PA_Guru_IN").unwrap(), LocaleTag::Pa);
        assert_eq!(LocaleTag::parse("de").unwrap_err().code, "unsupported_locale");
        assert_eq!(LocaleTag::parse("french").unwrap_err().code, "unsupported_locale");
        assert_eq!(LocaleTag::parse("").unwrap_err().code, "required");
        let read: Result<LocaleTag, _> = serde_json::from_str("\"tlh\"");
        assert!(TextError::from_serde(&read.unwrap_err().to_string()).is_some());
    }
}
