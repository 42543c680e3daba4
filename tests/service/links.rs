//! Purposes of links, which the slices declare.

use std::collections::BTreeSet;

use muster::{actions, broadcasts, calls, events, kernel::links::Purpose, letters, organizers, people, petitions};

/// Mailed links contain these bytes: they never change, and no two purposes share one.
#[test]
fn purposes_keep_their_bytes() {
    let purposes: [(Purpose, u8); 24] = [
        (petitions::CONFIRM_SIGNATURE, 1),
        (petitions::MANAGE_SIGNATURE, 2),
        (events::CONFIRM_ATTENDANCE, 3),
        (events::MANAGE_ATTENDANCE, 4),
        (letters::CONFIRM_LETTER, 5),
        (letters::MANAGE_LETTER, 6),
        (petitions::REJECT_SIGNATURE, 7),
        (events::REJECT_ATTENDANCE, 8),
        (letters::REJECT_LETTER, 9),
        (actions::PREVIEW, 10),
        (petitions::SHOW_NAME, 11),
        (broadcasts::UNSUBSCRIBE, 14),
        (broadcasts::PREFERENCES, 15),
        (people::MY_DATA, 16),
        (people::ERASE_PERSON, 17),
        (petitions::WAITING_SIGNATURES, 18),
        (events::WAITING_ATTENDANCES, 19),
        (letters::WAITING_LETTERS, 20),
        (organizers::INVITATION, 22),
        (organizers::RESET_PASSWORD, 23),
        (calls::CONFIRM_CALL, 24),
        (calls::MANAGE_CALL, 25),
        (calls::REJECT_CALL, 26),
        (calls::WAITING_CALLS, 27),
    ];
    for (purpose, byte) in purposes {
        assert_eq!(purpose.byte(), byte);
    }
    let bytes: BTreeSet<u8> = purposes.iter().map(|(purpose, _)| purpose.byte()).collect();
    assert_eq!(bytes.len(), purposes.len());
}
