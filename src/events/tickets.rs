//! Tickets: a code for each registration, shown at the door as a QR code or read out. A code is derived, not stored, and leads to
//! nothing but being checked in. Devices at the door get hashes of the codes, so that they know no valid code and nobody's name.
//! A protected event has no tickets: at its door people are only counted.

use data_encoding::HEXLOWER;
use uuid::Uuid;

use super::{kind::LoadedAttendance, state::AttendanceState, store::TicketRow};
use crate::kernel::{
    Kernel,
    crypto::sha256,
    links::{Links, Purpose},
};

/// Purpose of the codes.
const TICKET: Purpose = Purpose::new(32);
/// Characters of a hash: 128 bits.
const HASH_CHARS: usize = 32;

/// The ticket of a registration that has one.
pub(super) fn of(kernel: &Kernel, c: &LoadedAttendance) -> Option<String> {
    let has_ticket = c.row.state == AttendanceState::Accepted && !c.action().protected;
    has_ticket.then(|| kernel.links.ticket(TICKET, c.row.id, c.row.link_generation))
}

/// The hash of a code at an event, as `templates/assets/door.js` computes it, too.
fn hash(event: Uuid, code: &str) -> String {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    HEXLOWER.encode(&sha256(format!("muster-ticket:{event}:{code}").as_bytes()))[..HASH_CHARS].to_owned()
}

/// The hashes of all codes that may have been handed out for a registration: one for each signing key.
pub(super) fn hashes(links: &Links, event: Uuid, row: &TicketRow) -> Vec<String> {
    links.tickets(TICKET, row.id, row.link_generation).iter().map(|code| hash(event, code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_the_letters_and_digits_and_of_one_event() {
        let event = Uuid::from_u128(7);
        assert_eq!(hash(event, "abcd-efgh-ij23"), hash(event, "abcdefghij23"));
        assert_eq!(hash(event, "abcd-efgh-ij23").len(), HASH_CHARS);
        assert_ne!(hash(event, "abcd-efgh-ij23"), hash(Uuid::from_u128(8), "abcd-efgh-ij23"));
        // what the page computes
        assert_eq!(
            hash(Uuid::nil(), "abcdefghij23"),
            HEXLOWER.encode(&sha256(b"muster-ticket:00000000-0000-0000-0000-000000000000:abcdefghij23"))[..32]
        );
    }
}
