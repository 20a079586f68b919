//! Chance that a seed repeats: splitmix64.

/// A sequence of numbers that its seed alone decides.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both possible.
    pub(crate) fn within(&mut self, least: i64, most: i64) -> i64 {
        let span = (most - least).max(0) as u64 + 1;
        least + (self.next() % span) as i64
    }

    /// Whether something happens that happens `times` in ten thousand.
    pub(crate) fn happens(&mut self, times: u64) -> bool {
        self.next() % 10_000 < times
    }

    /// One of these.
    pub(crate) fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[(self.next() % words.len() as u64) as usize]
    }
}
