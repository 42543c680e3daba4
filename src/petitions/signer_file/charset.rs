//! Encodings of text files, and which of the older ones a file without a mark is in.

use encoding_rs::{Encoding, ISO_8859_15, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// An encoding of a file, by its name in the IANA registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(ascii_case_insensitive)]
pub enum Charset {
    /// What is usual.
    #[strum(serialize = "UTF-8")]
    Utf8,
    /// What Excel calls Unicode text.
    #[strum(serialize = "UTF-16LE")]
    Utf16Le,
    /// UTF-16 with the high byte first.
    #[strum(serialize = "UTF-16BE")]
    Utf16Be,
    /// What Excel for Windows writes as CSV.
    #[strum(serialize = "windows-1252")]
    Windows1252,
    /// Latin-9, of older Unix programs. Never guessed: it differs from Windows-1252 in eight characters.
    #[strum(serialize = "ISO-8859-15")]
    Iso8859_15,
    /// What Excel for the Mac writes as CSV.
    #[strum(serialize = "macintosh")]
    Macintosh,
    /// What Excel writes as CSV (MS-DOS).
    #[strum(serialize = "IBM850")]
    Dos,
}

/// The upper half of [`Charset::Dos`] (code page 850). In that of the United States, 437, most letters are the same.
const DOS: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
                   ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}";

/// Decodes a file that arrives in pieces.
#[derive(Debug)]
pub(super) enum Decoder {
    Web(Box<encoding_rs::Decoder>),
    Dos,
}

impl Decoder {
    /// Appends a piece as UTF-8; the last call has `is_end`.
    pub(super) fn decode(&mut self, bytes: &[u8], is_end: bool, out: &mut Vec<u8>) {
        let mut text = String::new();
        match self {
            Self::Web(decoder) => {
                text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16));
                let _ = decoder.decode_to_string(bytes, &mut text, is_end);
            }
            Self::Dos => {
                let upper: Vec<char> = DOS.chars().collect();
                let of = |byte: &u8| byte.checked_sub(0x80).map_or(char::from(*byte), |at| upper[usize::from(at)]);
                text.extend(bytes.iter().map(of));
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
}

impl Charset {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// A decoder for a file without a mark.
    pub(super) fn decoder(self) -> Decoder {
        let web: &'static Encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
            Self::Iso8859_15 => ISO_8859_15,
            Self::Macintosh => MACINTOSH,
            Self::Dos => return Decoder::Dos,
        };
        Decoder::Web(Box::new(web.new_decoder_without_bom_handling()))
    }

    /// The encoding in which the letters with accents are letters, of those with one byte for each: Windows-1252 unless
    /// more of them are letters of Mac OS or DOS. These have letters where Windows-1252 has signs, capitals with a
    /// caron and nothing (0x80 to 0x9F), and signs where Windows-1252 has letters.
    pub(super) fn of_letters(bytes: &[u8]) -> Self {
        let is_mac = |byte: u8| matches!(byte, 0x81 | 0x83 | 0x86..=0x8B | 0x8D..=0x90 | 0x9A | 0x9C..=0x9F);
        // what else is a sign of Windows-1252 that may follow a letter counts only between letters: quotation marks,
        // dashes, an ellipsis
        let is_dos = |byte: u8| matches!(byte, 0x81..=0x84 | 0x87..=0x8C | 0x90 | 0xA1..=0xA4);
        let is_dos_between = |byte: u8| matches!(byte, 0x85 | 0x93 | 0x96 | 0x97);
        let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let (mut mac, mut dos, mut windows) = (0_usize, 0_usize, 0_usize);
        for (at, byte) in bytes.iter().copied().enumerate().filter(|(_, byte)| !byte.is_ascii()) {
            let (before, after) = (is_letter(at.checked_sub(1)), is_letter(Some(at + 1)));
            // œ, š and ž are rare in Windows-1252 where there are no other letters with accents
            mac += usize::from(is_mac(byte) && (before || after));
            dos += usize::from(before && (is_dos(byte) || (after && is_dos_between(byte))));
            windows += usize::from(byte >= 0xC0 && byte != 0xD5);
        }
        // letters that are others in both: Excel for the Mac ends lines with one sign
        let is_of_dos = dos > mac || (dos == mac && bytes.windows(2).any(|pair| pair == b"\r\n"));
        if dos.max(mac) <= windows {
            Self::Windows1252
        } else if is_of_dos {
            Self::Dos
        } else {
            Self::Macintosh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_has_a_name_and_reads_ascii() {
        for charset in Charset::ALL {
            let name: &str = charset.into();
            assert_eq!(name.to_ascii_lowercase().parse(), Ok(*charset));
        }
        assert_eq!(DOS.chars().count(), 128);
    }

    #[test]
    fn older_encodings_are_known_by_their_letters() {
        use Charset::{Dos, Macintosh, Windows1252};
        for (bytes, expected) in [
            (&b"Pr\x82nom;Ville\r\nRen\x82;Montr\x82al\r\n"[..], Dos),
            (b"Nombre\r\nMar\xA1a Mu\xA4oz\r\nJos\x82\r\n", Dos),
            (b"Fran\x87ois\r\n", Dos),
            (b"C\x93t\x82 \x85 droite\r\n", Dos),
            (b"Pr\x8Enom\rRen\x8E,Montr\x8Eal\r", Macintosh),
            (b"Fran\x8Dois\rHel\x8Fne\r", Macintosh),
            (b"Pr\xE9nom\r\nRen\xE9,Montr\xE9al\r\n", Windows1252),
            (b"Courriel\xA0: l\x92avenir \x96 \x93oui\x94 bon\x85\r\n", Windows1252),
            (b"c\x9Cur\r\n Ren\xE9, H\xE9l\xE8ne", Windows1252),
            (b"5 \x80\r\n", Windows1252),
        ] {
            assert_eq!(Charset::of_letters(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
