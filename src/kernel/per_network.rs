//! How many of something each network has at a time, so that none takes everybody's share. Known only while it has one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::network::Network;

/// Counts by network.
#[derive(Debug)]
pub struct PerNetwork {
    most: usize,
    taken: Mutex<HashMap<Option<Network>, usize>>,
}

/// One of a network's places; free again when it is dropped.
#[derive(Debug)]
pub struct NetworkPlace {
    of: Arc<PerNetwork>,
    network: Option<Network>,
}

impl PerNetwork {
    /// At most so many for each network.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// Takes a place; `None` when the network has all of its. Those whose network is not known share one.
    pub fn take(self: &Arc<Self>, network: Option<Network>) -> Option<NetworkPlace> {
        let mut all = self.lock();
        let taken = all.entry(network).or_default();
        if *taken >= self.most {
            return None;
        }
        *taken += 1;
        Some(NetworkPlace { of: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Network>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NetworkPlace {
    fn drop(&mut self) {
        let mut all = self.of.lock();
        if let Some(taken) = all.get_mut(&self.network) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_places_and_no_others() {
        let places = PerNetwork::new(2);
        let of = |address: &str| Some(Network::of_client(address.parse().unwrap()));
        let one = places.take(of("2001:db8::1")).unwrap();
        let two = places.take(of("2001:db8::ffff:2")).unwrap();
        assert!(places.take(of("2001:db8::3")).is_none() && places.take(of("2001:db8:0:1::1")).is_some());
        assert!(places.take(of("203.0.113.1")).is_some() && places.take(None).is_some());
        drop(one);
        let three = places.take(of("2001:db8::3")).unwrap();
        drop((two, three));
        assert!(places.lock().is_empty());
    }
}
