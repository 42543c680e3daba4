//! Concurrency limit per network, so that none takes all of a shared resource. Networks without permits use no memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::network::Network;

/// Counts the permits of each network.
#[derive(Debug)]
pub struct NetworkLimit {
    max: usize,
    in_use: Mutex<HashMap<Option<Network>, usize>>,
}

/// One of a network's permits; released when dropped.
#[derive(Debug)]
pub struct NetworkPermit {
    of: Arc<NetworkLimit>,
    network: Option<Network>,
}

impl NetworkLimit {
    /// Allows at most `max` permits per network.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, in_use: Mutex::default() })
    }

    /// Takes a permit; `None` when the network has reached its limit. All requests without a known network share one
    /// limit.
    pub fn try_acquire(self: &Arc<Self>, network: Option<Network>) -> Option<NetworkPermit> {
        let mut all = self.lock();
        let in_use = all.entry(network).or_default();
        if *in_use >= self.max {
            return None;
        }
        *in_use += 1;
        Some(NetworkPermit { of: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Network>, usize>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NetworkPermit {
    fn drop(&mut self) {
        let mut all = self.of.lock();
        if let Some(in_use) = all.get_mut(&self.network) {
            *in_use -= 1;
            if *in_use == 0 {
                all.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_limited_per_network() {
        let limit = NetworkLimit::new(2);
        let of = |address: &str| Some(Network::of_client(address.parse().unwrap()));
        let one = limit.try_acquire(of("2001:db8::1")).unwrap();
        let two = limit.try_acquire(of("2001:db8::ffff:2")).unwrap();
        assert!(limit.try_acquire(of("2001:db8::3")).is_none() && limit.try_acquire(of("2001:db8:0:1::1")).is_some());
        assert!(limit.try_acquire(of("203.0.113.1")).is_some() && limit.try_acquire(None).is_some());
        drop(one);
        let three = limit.try_acquire(of("2001:db8::3")).unwrap();
        drop((two, three));
        assert!(limit.lock().is_empty());
    }
}
