//! Limits on the requests of one person or one address, so that nobody slows down others.
//!
//! Token buckets: a burst, and a number of requests refilled each second. Requests of somebody who is signed in count
//! for the person; any other for its address, which a whole class may share. Whose login a cookie names is remembered
//! from the last database query for it, so that the limit needs no query of its own; a cookie without one counts as
//! none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use lectern_api::ids::UserId;

use super::ApiError;

/// Requests of one person: the burst, and the refill per second. A request that changes something costs four.
const PERSON: (u32, u32) = (1200, 40);
/// Requests from one address without a login: a class of forty that opens the page needs a few hundred.
const ADDRESS: (u32, u32) = (2000, 80);
/// Passwords to hash from one address, for people who are not signed in.
const PASSWORDS: (u32, u32) = (120, 1);
/// The cost of a request that changes something, to which each whole [`UNIT_BYTES`] of its body adds one.
const CHANGE: u32 = 4;
const UNIT_BYTES: u64 = 1024;
/// How many bytes of a file that is passed on cost as much as one of another body.
const TRANSFER_UNITS: u64 = 64;
/// The cost of a body of undeclared length.
const UNDECLARED: u32 = 64;
/// The highest cost of one request.
const MAX_COST: u32 = 600;
/// Limit on one person's requests at the same time: fewer than there are database connections.
const MAX_IN_FLIGHT: usize = 16;
/// Limit on one person's open streams on this server, in all tabs together.
const MAX_STREAMS: usize = 10;
/// Limit on one person's requests to web applications of their sessions at the same time, sockets and streams among them.
const MAX_PREVIEWS: usize = 256;
/// For how long it is remembered whose login a cookie names.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// How often stale entries are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The use of all limits. Clones share it.
#[derive(Clone)]
pub struct Limits(Arc<Shared>);

struct Shared {
    persons: Buckets<UserId>,
    addresses: Buckets<IpAddr>,
    passwords: Buckets<IpAddr>,
    logins: Mutex<HashMap<Vec<u8>, (UserId, Instant)>>,
    in_flight: Counts,
    streams: Counts,
    previews: Counts,
}

impl Default for Limits {
    fn default() -> Self {
        Self(Arc::new(Shared {
            persons: Buckets::new(PERSON),
            addresses: Buckets::new(ADDRESS),
            passwords: Buckets::new(PASSWORDS),
            logins: Mutex::default(),
            in_flight: Counts::default(),
            streams: Counts::default(),
            previews: Counts::default(),
        }))
    }
}

/// Returns the cost of a request that changes something: a longer body makes more work for the server.
#[must_use]
pub fn cost_of_change(body_bytes: Option<u64>) -> u32 {
    let body = body_bytes.map_or(UNDECLARED, |bytes| u32::try_from(bytes / UNIT_BYTES).unwrap_or(MAX_COST));
    CHANGE.saturating_add(body).min(MAX_COST)
}

/// Returns the cost of a file that is passed on to a workbench: its bytes are neither parsed nor kept.
#[must_use]
pub fn cost_of_transfer(body_bytes: Option<u64>) -> u32 {
    cost_of_change(body_bytes.map(|bytes| bytes / TRANSFER_UNITS))
}

impl Limits {
    /// Counts a request for its login if that is known, otherwise for its address. Returns the person's slot for a
    /// request in flight, if there is a person.
    pub fn count_request(
        &self,
        address: IpAddr,
        login: Option<&[u8]>,
        cost: u32,
    ) -> Result<Option<Slot>, ApiError> {
        let Some(person) = login.and_then(|login| self.find_person(login)) else {
            self.0.addresses.take(address, cost)?;
            return Ok(None);
        };
        self.0.persons.take(person, cost)?;
        let slot = self.0.in_flight.take(person, MAX_IN_FLIGHT);
        Ok(Some(slot.ok_or(ApiError::TooManyRequests { wait_secs: 1 })?))
    }

    /// Counts a password to hash for somebody who is not signed in.
    pub fn count_password(&self, address: IpAddr) -> Result<(), ApiError> {
        self.0.passwords.take(address, 1)
    }

    /// Counts a stream, until the slot is dropped.
    pub fn open_stream(&self, person: UserId) -> Result<Slot, ApiError> {
        self.0.streams.take(person, MAX_STREAMS).ok_or(ApiError::TooManyStreams(MAX_STREAMS))
    }

    /// Counts a request to a web application, until the slot is dropped.
    pub fn open_preview(&self, person: UserId) -> Result<Slot, ApiError> {
        self.0.previews.take(person, MAX_PREVIEWS).ok_or(ApiError::TooManyStreams(MAX_PREVIEWS))
    }

    /// Remembers whose login a cookie names; `login` is the hash of its token.
    pub fn remember_login(&self, login: Vec<u8>, person: UserId) {
        self.logins().insert(login, (person, Instant::now()));
    }

    fn find_person(&self, login: &[u8]) -> Option<UserId> {
        self.logins().get(login).map(|(person, _)| *person)
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<Vec<u8>, (UserId, Instant)>> {
        self.0.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes full buckets and old logins.
    pub fn sweep(&self) {
        self.0.persons.sweep();
        self.0.addresses.sweep();
        self.0.passwords.sweep();
        let mut logins = self.logins();
        logins.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
        logins.shrink_to_fit();
    }

    /// Removes stale entries at regular intervals, for ever.
    pub async fn keep_sweeping(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            self.sweep();
        }
    }
}

/// A token bucket for each key.
struct Buckets<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new((burst, each_second): (u32, u32)) -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::keyed(Quota::per_second(number(each_second)).allow_burst(number(burst))))
    }

    fn take(&self, key: K, cost: u32) -> Result<(), ApiError> {
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        match self.0.check_key_n(&key, cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(self.0.clock().now());
                Err(ApiError::TooManyRequests { wait_secs: wait.as_secs() + 1 })
            }
            Err(_) => Err(ApiError::TooManyRequests { wait_secs: 1 }),
        }
    }

    fn sweep(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// The number of slots that each person has taken.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<HashMap<UserId, usize>>>);

/// A request or stream that counts for a person until it is dropped.
pub struct Slot {
    counts: Counts,
    person: UserId,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot. Returns `None` if the person has taken `max` already.
    fn take(&self, person: UserId, max: usize) -> Option<Slot> {
        let mut counts = self.lock();
        let count = counts.entry(person).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Slot { counts: self.clone(), person })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.counts.lock().entry(self.person) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 2));

    fn taken(limits: &Limits, address: IpAddr, login: Option<&[u8]>) -> u32 {
        (0..).find(|_| limits.count_request(address, login, 1).is_err()).unwrap()
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let limits = Limits::default();
        assert!(taken(&limits, HERE, None) >= ADDRESS.0);
        assert!(matches!(
            limits.count_request(HERE, None, 1),
            Err(ApiError::TooManyRequests { wait_secs: 1 })
        ));
        limits.count_request(THERE, None, 1).unwrap();
        // somebody who is signed in has a bucket of their own, wherever they are
        let ada = UserId::new();
        limits.remember_login(b"ada".to_vec(), ada);
        assert!(taken(&limits, HERE, Some(b"ada")) >= PERSON.0);
        limits.remember_login(b"eve".to_vec(), UserId::new());
        limits.count_request(HERE, Some(b"eve"), CHANGE).unwrap();
        // and a made-up cookie is nobody's
        assert!(limits.count_request(HERE, Some(b"made up"), 1).is_err());
    }

    #[test]
    fn a_change_counts_more_than_a_look() {
        let limits = Limits::default();
        let changes = (0..).find(|_| limits.count_request(HERE, None, CHANGE).is_err()).unwrap();
        assert!(changes < ADDRESS.0 / 2, "{changes}");
    }

    #[test]
    fn a_long_body_counts_more_than_a_short_one() {
        assert_eq!([cost_of_change(Some(0)), cost_of_change(Some(600))], [CHANGE; 2]);
        assert_eq!(cost_of_change(Some(30 * UNIT_BYTES)), CHANGE + 30);
        assert_eq!(cost_of_change(None), CHANGE + UNDECLARED);
        assert_eq!(cost_of_transfer(Some(64 * UNIT_BYTES)), CHANGE + 1);
        assert_eq!(cost_of_transfer(Some(1 << 30)), MAX_COST);
        assert_eq!(cost_of_change(Some(u64::MAX)), MAX_COST);
        const { assert!(MAX_COST <= PERSON.0 && MAX_COST <= ADDRESS.0) };
    }

    #[test]
    fn one_person_has_so_many_requests_and_streams_at_once() {
        let limits = Limits::default();
        let (ada, eve) = (UserId::new(), UserId::new());
        limits.remember_login(b"ada".to_vec(), ada);
        let ask = || limits.count_request(HERE, Some(b"ada"), 1);
        let mut slots: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| ask().unwrap()).collect();
        assert!(ask().is_err());
        slots.pop();
        ask().unwrap();
        let streams: Vec<_> = (0..MAX_STREAMS).map(|_| limits.open_stream(ada).unwrap()).collect();
        assert!(matches!(limits.open_stream(ada), Err(ApiError::TooManyStreams(MAX_STREAMS))));
        limits.open_stream(eve).unwrap();
        drop((slots, streams));
        assert!(limits.0.in_flight.lock().is_empty() && limits.0.streams.lock().is_empty());
    }

    #[test]
    fn what_is_remembered_of_many_addresses_is_forgotten() {
        let limits = Limits::default();
        for number in 0..50_000_u32 {
            limits.count_request(IpAddr::V4(number.into()), None, 1).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1500));
        limits.sweep();
        assert_eq!(limits.0.addresses.0.len(), 0);
    }
}
