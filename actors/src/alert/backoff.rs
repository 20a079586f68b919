//! How long to wait after failures: ever longer, never all at the same moment, and the same again for the same seed.

/// First and longest wait between two attempts.
const BACKOFF_MS: (u64, u64) = (1_000, 300_000);

/// The wait after `failures` failures: doubling, between three quarters and all of it. What looks random is computed from
/// `seed`, so that a simulation replays.
pub(super) fn backoff_ms(failures: u32, seed: i64) -> u64 {
    let (first, most) = BACKOFF_MS;
    let whole = first.saturating_mul(1_u64.checked_shl(failures.min(20)).unwrap_or(1)).min(most);
    whole - mixed(seed.cast_unsigned() ^ u64::from(failures).rotate_left(40)) % (whole / 4)
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

    #[test]
    fn the_wait_doubles_from_a_second_to_five_minutes_and_never_beyond() {
        for failures in 0..40 {
            let whole = (1_000_u64 << failures.min(20)).min(300_000);
            for seed in [0, 1, 7, i64::MAX, -1] {
                let wait = backoff_ms(failures, seed);
                assert!(wait <= whole && wait >= whole * 3 / 4, "{failures} {seed} {wait}");
            }
        }
        assert_ne!(backoff_ms(8, 1), backoff_ms(8, 2));
    }
}
