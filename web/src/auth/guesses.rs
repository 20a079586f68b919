//! Counts wrong keys by source address, and wrong passwords by name as well: a bucket of tries that fills slowly. Bounded, and told the time.

use domain::time::Steady;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Wrong keys in a row before an address must wait.
const TRIES: i64 = 10;
/// Time after which one more try is given, in milliseconds.
const REFILL_MS: i64 = 6_000;
/// Guessers remembered; beyond, those that would be forgotten soonest go.
const GUESSERS_MOST: usize = 10_000;

/// Whose guesses are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Guesser {
    /// Whoever calls from there.
    Address(IpAddr),
    /// Whoever tries to be this user: a hash of the name, so that no name takes more room than another.
    Account([u8; 32]),
}

impl From<Option<IpAddr>> for Guesser {
    fn from(from: Option<IpAddr>) -> Guesser {
        Guesser::Address(group(from))
    }
}

/// The wrong guesses of everybody.
#[derive(Default)]
pub(crate) struct Guesses {
    /// When each of them will have all its tries again.
    full_at: HashMap<Guesser, Steady>,
}

impl Guesses {
    /// How long this guesser must wait before its next try, in seconds, if it must.
    pub(crate) fn blocked(&self, from: impl Into<Guesser>, now: Steady) -> Option<u32> {
        let full_at = self.full_at.get(&from.into())?;
        let missing_ms = full_at.since_ms(now) - (TRIES - 1) * REFILL_MS;
        (missing_ms > 0).then(|| u32::try_from((missing_ms + 999) / 1_000).unwrap_or(u32::MAX))
    }

    /// This guesser was wrong.
    pub(crate) fn wrong(&mut self, from: impl Into<Guesser>, now: Steady) {
        if self.full_at.len() >= GUESSERS_MOST {
            self.make_room(now);
        }
        let full_at = self.full_at.entry(from.into()).or_insert(now);
        *full_at = (*full_at).max(now).plus_ms(REFILL_MS);
    }

    /// A guess that was counted as wrong was right.
    pub(crate) fn right(&mut self, from: impl Into<Guesser>) {
        if let Some(full_at) = self.full_at.get_mut(&from.into()) {
            *full_at = full_at.plus_ms(-REFILL_MS);
        }
    }

    fn make_room(&mut self, now: Steady) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= GUESSERS_MOST {
            let soonest = now.plus_ms(TRIES * REFILL_MS / 2);
            self.full_at.retain(|_, full_at| *full_at > soonest);
        }
        if self.full_at.len() >= GUESSERS_MOST {
            self.full_at.clear();
        }
    }
}

/// Addresses that are one guesser: who has one of IPv6 has 2^64 of them.
pub(crate) fn group(from: Option<IpAddr>) -> IpAddr {
    match from {
        Some(IpAddr::V6(ip)) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        Some(ip) => ip,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_try_after_the_last_waits_and_time_gives_it_back() {
        let (mut guesses, me) = (Guesses::default(), Some("192.0.2.1".parse::<IpAddr>().unwrap()));
        for _ in 0..TRIES {
            assert_eq!(guesses.blocked(me, Steady(0)), None);
            guesses.wrong(me, Steady(0));
        }
        assert_eq!(guesses.blocked(me, Steady(0)), Some(6));
        assert_eq!(guesses.blocked(me, Steady(5_001)), Some(1));
        assert_eq!(guesses.blocked(me, Steady(6_000)), None);
        assert_eq!(guesses.blocked(Some("192.0.2.2".parse::<IpAddr>().unwrap()), Steady(0)), None);
    }

    #[test]
    fn one_network_of_ipv6_is_one_guesser_and_memory_is_bounded() {
        let mut guesses = Guesses::default();
        for host in 0..TRIES {
            guesses.wrong(Some(format!("2001:db8::{host:x}").parse::<IpAddr>().unwrap()), Steady(0));
        }
        assert!(guesses.blocked(Some("2001:db8::ffff".parse::<IpAddr>().unwrap()), Steady(0)).is_some());
        for network in 0..30_000_u32 {
            guesses.wrong(Some(IpAddr::V4(network.into())), Steady(i64::from(network)));
            assert!(guesses.full_at.len() <= GUESSERS_MOST);
        }
    }
}
