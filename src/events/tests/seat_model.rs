//! The rules of seats in plain Rust, one act after the other: what the SQL functions are tested against, here and in
//! `tests/api/events/seats.rs`.

use std::collections::BTreeMap;

/// A party that has seats or waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub size: i16,
    /// Its place in the line; `None`: it has its seats.
    pub place: Option<u64>,
}

/// An event.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub capacity: Option<i16>,
    pub waitlist: bool,
    pub allow_smaller_parties_first: bool,
    pub parties: BTreeMap<u64, Party>,
    /// Seats kept free until the night, for people who registered again without confirmation.
    pub repeated: i16,
    pub next_waitlist_position: u64,
}

impl Model {
    pub(super) fn new(capacity: Option<i16>) -> Self {
        Self {
            capacity,
            waitlist: true,
            allow_smaller_parties_first: false,
            parties: BTreeMap::new(),
            repeated: 0,
            next_waitlist_position: 1,
        }
    }

    pub(super) fn taken(&self) -> i16 {
        self.parties.values().filter(|party| party.place.is_none()).map(|party| party.size).sum()
    }

    /// Seats that nobody has, those that are kept included.
    fn left(&self) -> i16 {
        self.capacity.map_or(i16::MAX, |capacity| capacity - self.taken())
    }

    fn free(&self) -> i16 {
        self.left() - self.repeated
    }

    fn somebody_waits(&self) -> bool {
        self.line().iter().any(|(_, size)| !self.is_too_large(*size))
    }

    fn is_too_large(&self, size: i16) -> bool {
        self.capacity.is_some_and(|capacity| size > capacity)
    }

    /// Those who wait, first come first.
    pub(super) fn line(&self) -> Vec<(u64, i16)> {
        let mut line: Vec<(u64, u64, i16)> =
            self.parties.iter().filter_map(|(person, party)| Some((party.place?, *person, party.size))).collect();
        line.sort_unstable();
        line.into_iter().map(|(_, person, size)| (person, size)).collect()
    }

    /// Those who have seats.
    pub(super) fn seated(&self) -> Vec<(u64, i16)> {
        self.parties.iter().filter(|(_, party)| party.place.is_none()).map(|(person, p)| (*person, p.size)).collect()
    }

    /// Gives free seats to those who wait; returns to whom.
    pub(super) fn promote(&mut self) -> Vec<u64> {
        let mut promoted = Vec::new();
        for (person, size) in self.line() {
            if self.is_too_large(size) {
                continue;
            }
            if size <= self.free() {
                self.parties.insert(person, Party { size, place: None });
                promoted.push(person);
            } else if !self.allow_smaller_parties_first {
                break;
            }
        }
        promoted
    }

    /// A registration takes effect: what becomes of it, and who else moves up.
    pub(super) fn seat(&mut self, person: u64, size: i16) -> (&'static str, Vec<u64>) {
        let old = self.parties.get(&person).copied();
        let fits = if let Some(Party { size: old_size, place: None }) = old {
            if size > old_size && size - old_size > self.free() {
                return ("declined", Vec::new());
            }
            true
        } else {
            if self.is_too_large(size) {
                return ("declined", Vec::new());
            }
            size <= self.free() && (!self.somebody_waits() || self.allow_smaller_parties_first)
        };
        if !fits && !self.waitlist && old.is_none() {
            return ("declined", Vec::new());
        }
        let place = (!fits).then(|| match old {
            Some(Party { size: old_size, place: Some(place) }) if size <= old_size => place,
            _ => {
                self.next_waitlist_position += 1;
                self.next_waitlist_position
            }
        });
        self.parties.insert(person, Party { size, place });
        let mut promoted = self.promote();
        promoted.retain(|other| *other != person);
        (if self.parties[&person].place.is_none() { "accepted" } else { "waitlisted" }, promoted)
    }

    /// Somebody who has or waits for a place registers again, and nobody confirms it: seats that somebody new would get are
    /// kept.
    pub(super) fn repeat(&mut self, size: i16) {
        let would_fit = size <= self.free() && (!self.somebody_waits() || self.allow_smaller_parties_first);
        if self.capacity.is_some() && !self.is_too_large(size) && would_fit {
            self.repeated += size;
        }
    }

    /// The night: kept seats are given away.
    pub(super) fn settle(&mut self) -> Vec<u64> {
        self.repeated = 0;
        self.promote()
    }

    /// A party leaves; returns who moves up.
    pub(super) fn cancel(&mut self, person: u64) -> Vec<u64> {
        self.parties.remove(&person);
        self.promote()
    }

    /// An organizer changes a party's size; `None`: it does not fit.
    pub(super) fn resize(&mut self, person: u64, size: i16) -> Option<Vec<u64>> {
        let party = self.parties[&person];
        if (size != party.size && self.is_too_large(size)) || (party.place.is_none() && size - party.size > self.left())
        {
            return None;
        }
        let place = party.place.map(|place| {
            if size <= party.size {
                return place;
            }
            self.next_waitlist_position += 1;
            self.next_waitlist_position
        });
        self.parties.insert(person, Party { size, place });
        Some(self.promote())
    }

    /// What the public is told: what somebody who registers alone would get.
    pub(super) fn status(&self) -> &'static str {
        match self.clone().seat(u64::MAX, 1).0 {
            "accepted" => "open",
            "waitlisted" => "waitlist",
            _ => "closed",
        }
    }

    /// No more seats are given than there are, and nobody waits who could be seated.
    pub(super) fn assert_sound(&self) {
        assert!(self.left() >= 0, "{self:?}");
        assert_eq!(self.clone().promote(), Vec::<u64>::new(), "{self:?}");
    }
}
