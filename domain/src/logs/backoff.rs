//! How long a host whose log could not be fetched is left alone: ever longer, so that a server's own guard against guessing
//! never locks the hub out for good.

/// The wait after the first failure.
const FIRST_MS: u64 = 60_000;
/// The longest wait.
const MOST_MS: u64 = 6 * 3_600_000;

/// The wait after `failures` failures in a row, in milliseconds: none after none, then doubling from a minute up to six hours, and
/// between three quarters and all of that, so that hosts which failed together do not all come back together. The same again for
/// the same `seed` (a host's number).
///
/// ```
/// use domain::logs::backoff::wait_ms;
/// assert_eq!(wait_ms(0, 7), 0);
/// assert!((45_000..=60_000).contains(&wait_ms(1, 7)));
/// assert!(wait_ms(40, 7) <= 6 * 3_600_000);
/// ```
pub fn wait_ms(failures: u32, seed: i64) -> u64 {
    if failures == 0 {
        return 0;
    }
    let doubled = FIRST_MS.saturating_mul(1_u64 << (failures - 1).min(20)).min(MOST_MS);
    doubled - mixed(seed.cast_unsigned() ^ u64::from(failures).rotate_left(40)) % (doubled / 4)
}

/// SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_later_failure_never_waits_less_than_three_quarters_of_an_earlier_one(failures in 1_u32..60, seed: i64) {
            let (now, next) = (wait_ms(failures, seed), wait_ms(failures + 1, seed));
            prop_assert!(next >= now * 3 / 4 && next <= MOST_MS && now >= FIRST_MS * 3 / 4);
        }
    }

    #[test]
    fn hosts_that_failed_together_do_not_come_back_together() {
        assert_ne!(wait_ms(6, 1), wait_ms(6, 2));
        assert_eq!(wait_ms(6, 1), wait_ms(6, 1));
    }
}
