//! Why a file cannot be read, and what to do.

use crate::{
    error::{Code, Error},
    kernel::{i18n, text::LocaleTag},
    petitions::workbook::WorkbookError,
};

/// Why a file is refused as a whole. Texts have a sentence for each, `file-` and its name: the API answers it in
/// English, the console in its reader's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum FileProblem {
    /// It has no cells.
    Empty,
    /// The row with the names of the columns is too long.
    HeaderTooLong,
    /// It has too many columns.
    TooManyColumns,
    /// A signer stands in the first row.
    NoHeader,
    /// The names of the columns are not in the encoding.
    NotUtf8,
    /// It has characters that no text has.
    NotText,
    /// A workbook of Excel before 2007, `.xls`.
    OldExcel,
    /// A workbook with a password.
    Password,
    /// A workbook whose cells are not XML, `.xlsb`.
    BinaryExcel,
    /// A workbook in the format of free office programs, `.ods`.
    OpenDocument,
    /// A workbook of Numbers.
    Numbers,
    /// An archive of other files, or a workbook that cannot be read.
    Archive,
    /// A workbook that is larger than what is read of one, unpacked or as it is.
    WorkbookTooLarge,
    /// A PDF.
    Pdf,
    /// HTML or XML.
    WebPage,
    /// Cards of an address book, `.vcf`, or a calendar.
    Cards,
}

impl FileProblem {
    /// All problems.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name: `old_excel`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What an archive is that is not read as a workbook.
    pub(super) fn of_archive(file: &[u8]) -> Self {
        let has = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
        if file[..file.len().min(4096)].windows(12).any(|window| window == b"opendocument") {
            Self::OpenDocument
        } else if has(b".iwa") {
            Self::Numbers
        } else {
            Self::Archive
        }
    }

    /// What is wrong and what to do.
    pub fn detail(self, locale: LocaleTag) -> String {
        i18n::text(locale, &format!("file-{}", self.as_str().replace('_', "-")))
    }
}

impl From<FileProblem> for Error {
    fn from(problem: FileProblem) -> Self {
        let code = match problem {
            FileProblem::Empty
            | FileProblem::HeaderTooLong
            | FileProblem::TooManyColumns
            | FileProblem::NoHeader
            | FileProblem::NotUtf8
            | FileProblem::NotText => {
                return Self::field("", format!("file_{}", problem.as_str()), problem.detail(LocaleTag::En));
            }
            FileProblem::WorkbookTooLarge => Code::PayloadTooLarge,
            _ => Code::UnsupportedMediaType,
        };
        Self::File { code, reason: problem.as_str(), detail: problem.detail(LocaleTag::En) }
    }
}

impl From<WorkbookError> for Error {
    fn from(error: WorkbookError) -> Self {
        Self::from(match error {
            WorkbookError::TooLarge => FileProblem::WorkbookTooLarge,
            WorkbookError::Binary => FileProblem::BinaryExcel,
            WorkbookError::Damaged | WorkbookError::NoWorkbook => FileProblem::Archive,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_a_sentence_in_each_language() {
        for problem in FileProblem::ALL {
            for locale in LocaleTag::ALL {
                let detail = problem.detail(locale);
                assert!(detail.contains(' '), "{detail}");
            }
        }
    }
}
