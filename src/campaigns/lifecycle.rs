//! States of an action: which may follow which, and whether it takes submissions now.

use chrono::{DateTime, SecondsFormat, Utc};

use super::action::{Action, Kind, State};
use crate::error::{Code, Error, Result};

/// Whether a public action takes submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It takes submissions.
    Open,
    /// It takes none before this time.
    NotYetOpen(DateTime<Utc>),
    /// It takes none, because of this state; `Closed` also for a published action past its closing date.
    Unavailable(State),
}

/// Another action of the same organization, to which the page of an action leads that is not open.
#[derive(Clone, Debug)]
pub struct NextAction {
    /// Its kind.
    pub kind: Kind,
    /// Its slug.
    pub slug: String,
    /// Its title in its own language.
    pub title: String,
}

impl NextAction {
    /// The path of its page.
    pub fn path(&self) -> String {
        format!("{}{}", self.kind.page_prefix(), self.slug)
    }
}

impl State {
    /// May an organizer change this state to `next`? A draft can only be published or archived, and nothing becomes a
    /// draft again; an end is not a change ([`super::retention`]), and nothing follows it; every other change is
    /// allowed, so that mistakes can be corrected.
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (now, next) if now == next => true,
            (_, Self::Draft | Self::Ended) | (Self::Ended, _) => false,
            (Self::Draft, next) => matches!(next, Self::Published | Self::Archived),
            _ => true,
        }
    }
}

impl Action {
    /// Does it take submissions now? `None` for an action that is not public.
    pub fn availability(&self, now: DateTime<Utc>) -> Option<Availability> {
        match self.state {
            State::Draft | State::Archived => None,
            State::Published => Some(match (self.opens_at, self.closes_at) {
                (_, Some(closes)) if now >= closes => Availability::Unavailable(State::Closed),
                (Some(opens), _) if now < opens => Availability::NotYetOpen(opens),
                _ => Availability::Open,
            }),
            over => Some(Availability::Unavailable(over)),
        }
    }

    /// Refuses a public submission to an action that is not open.
    ///
    /// # Errors
    /// `not_found` for an action that is not public, `action_ended` (410) for one whose data has ended, `action_closed`
    /// (409) with the reason otherwise.
    pub fn require_open(&self, now: DateTime<Utc>) -> Result<()> {
        let availability = self.availability(now).ok_or_else(Error::not_found)?;
        self.require_not_ended()?;
        let mut reason = match availability {
            Availability::Open => return Ok(()),
            Availability::NotYetOpen(opens) => {
                format!("not open yet: it opens at {}.", opens.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            Availability::Unavailable(State::Paused) => "paused: it takes nobody for the moment.".to_owned(),
            Availability::Unavailable(State::Won) => "won: thank you, it has reached its aim.".to_owned(),
            Availability::Unavailable(State::Lost) => "lost: it is over.".to_owned(),
            Availability::Unavailable(State::Cancelled) => "cancelled: it was called off.".to_owned(),
            Availability::Unavailable(_) => "closed: it takes nobody any more.".to_owned(),
        };
        if !self.state_reason.is_empty() {
            reason = format!("{reason} {}", self.state_reason);
        }
        Err(Error::problem(Code::ActionClosed, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_can_only_be_published_or_archived_and_nothing_returns_to_draft() {
        use State::{Archived, Cancelled, Closed, Draft, Ended, Lost, Paused, Published, Won};
        for next in [Paused, Closed, Won, Lost, Cancelled] {
            assert!(!Draft.may_become(next));
        }
        assert!(Draft.may_become(Published) && Draft.may_become(Archived) && Draft.may_become(Draft));
        for now in [Published, Paused, Closed, Won, Lost, Cancelled, Archived] {
            assert!(!now.may_become(Draft));
            assert!(now.may_become(Published) && now.may_become(Closed));
            assert!(!now.may_become(Ended) && !Ended.may_become(now));
        }
    }
}
