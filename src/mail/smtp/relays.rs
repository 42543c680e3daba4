//! Several relays: each takes its share, and where one is away the others take over.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Accepted, Envelope, Pool, PoolConfig, SendError, SettingsError, SmtpSettings, pool::Clock};

/// Time for which a relay that was away is not asked while another is there.
const AWAY: Duration = Duration::from_secs(30);

/// The relays of `mail.smtp_url`.
#[derive(Debug)]
pub struct Relays {
    relays: Vec<Relay>,
    clock: ClockBox,
}

struct ClockBox(Clock);

impl std::fmt::Debug for ClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Debug)]
struct Relay {
    pool: Pool,
    weight: u32,
    away_until: Mutex<Option<Instant>>,
}

impl Relay {
    fn is_away(&self, now: Instant) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    fn set_away(&self, until: Option<Instant>) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Relays {
    /// Reads relays from a list of URLs with spaces between them (see [`SmtpSettings::parse`]).
    ///
    /// # Errors
    /// As [`SmtpSettings::parse`], for the first that cannot be used; `NotAUrl` for none.
    pub fn settings(urls: &str) -> Result<Vec<SmtpSettings>, SettingsError> {
        let all: Vec<SmtpSettings> = urls.split_whitespace().map(SmtpSettings::parse).collect::<Result<_, _>>()?;
        if all.is_empty() { Err(SettingsError::NotAUrl) } else { Ok(all) }
    }

    /// One pool for each of them; `config.size` connections each.
    pub fn new(settings: Vec<SmtpSettings>, config: PoolConfig, clock: Clock) -> Self {
        let relays = settings
            .into_iter()
            .map(|settings| Relay {
                weight: settings.weight(),
                pool: Pool::new(settings, config, clock.clone()),
                away_until: Mutex::new(None),
            })
            .collect();
        Self { relays, clock: ClockBox(clock) }
    }

    /// Sends one message by one of the relays. `fraction`, in `[0, 1)`, chooses by weight; a relay that is not available is passed
    /// over, since nothing was transmitted to it.
    ///
    /// # Errors
    /// As [`Pool::send`]; [`SendError::Refused`] when no relay is available.
    pub async fn send(&self, fraction: f64, envelope: Envelope<'_>, raw: &[u8]) -> Result<Accepted, SendError> {
        let mut refused = SendError::Refused { text: "there is no relay".to_owned() };
        for relay in self.order(fraction) {
            match relay.pool.send(envelope, raw).await {
                Err(error @ SendError::Refused { .. }) => {
                    relay.set_away(Some((self.clock.0)() + AWAY));
                    refused = error;
                }
                answer => {
                    relay.set_away(None);
                    return answer;
                }
            }
        }
        Err(refused)
    }

    /// The one that is chosen, then the others; those that were away come last.
    fn order(&self, fraction: f64) -> Vec<&Relay> {
        let now = (self.clock.0)();
        let mut order: Vec<&Relay> = self.relays.iter().collect();
        order.sort_by_key(|relay| relay.is_away(now));
        let there = order.iter().take_while(|relay| !relay.is_away(now)).count().max(1).min(order.len());
        let all: u32 = order[..there].iter().map(|relay| relay.weight).sum();
        let mut point = fraction * f64::from(all);
        let chosen = order[..there].iter().position(|relay| {
            point -= f64::from(relay.weight);
            point < 0.0
        });
        order[..there].rotate_left(chosen.unwrap_or(0));
        order
    }

    /// As [`Pool::sweep`].
    pub fn sweep(&self) {
        self.relays.iter().for_each(|relay| relay.pool.sweep());
    }

    /// As [`Pool::close`].
    pub async fn close(&self) {
        for relay in &self.relays {
            relay.pool.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn each_takes_its_share_and_who_is_away_comes_last() {
        let start = crate::kernel::cx::Cx::system().instant();
        let settings = Relays::settings("smtp://127.0.0.1:1025?weight=3\n smtp://127.0.0.1:1026").expect("two relays");
        let relays = Relays::new(settings, PoolConfig::default(), Arc::new(move || start));
        let first = |fraction: f64| relays.order(fraction)[0].weight;
        assert_eq!([0.0, 0.5, 0.74, 0.76, 0.99].map(first), [3, 3, 3, 1, 1]);
        relays.relays[0].set_away(Some(start + AWAY));
        assert_eq!([0.0, 0.5, 0.99].map(first), [1, 1, 1]);
        assert_eq!(relays.order(0.0).len(), 2, "it is asked when nobody else is there");
        relays.relays[1].set_away(Some(start + AWAY));
        assert_eq!(relays.order(0.9).len(), 2);
        for wrong in
            ["", "  ", "smtp://a http://b", "smtp://a?weight=0", "smtp://a?weight=x", "smtp://a?weight=2&weight=3"]
        {
            assert!(Relays::settings(wrong).is_err(), "{wrong}");
        }
    }
}
