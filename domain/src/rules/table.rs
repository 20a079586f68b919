//! A map that never holds more than its limit: what has not been touched for longest goes first, by halves.

use std::collections::HashMap;

/// Characters kept of a key; attackers choose user names and paths.
pub(crate) const MAX_KEY_CHARS: usize = 80;

/// At most `limit` values by key. Two generations: when the young one is full the old one is forgotten, so a look-up, a
/// new key and the forgetting all cost the same however many keys an attacker makes up.
pub(crate) struct Table<V> {
    young: HashMap<String, V>,
    old: HashMap<String, V>,
    half: usize,
}

impl<V: Default> Table<V> {
    pub(crate) fn new(limit: usize) -> Table<V> {
        Table { young: HashMap::new(), old: HashMap::new(), half: (limit / 2).max(1) }
    }

    /// The value of `key`, made if there is none.
    pub(crate) fn at(&mut self, key: &str) -> &mut V {
        let key = clipped(key);
        if !self.young.contains_key(key) {
            let value = self.old.remove(key).unwrap_or_default();
            if self.young.len() >= self.half {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key.to_owned(), value);
        }
        self.young.get_mut(key).expect("just put there")
    }

    /// The value of `key`, if there is one.
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        let key = clipped(key);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// `key` cut to its limit.
pub(crate) fn clipped(key: &str) -> &str {
    key.char_indices().nth(MAX_KEY_CHARS).map_or(key, |(end, _)| &key[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_keys_is_bounded_and_what_is_in_use_stays() {
        let mut table: Table<u32> = Table::new(100);
        for n in 0..10_000 {
            *table.at("busy") += 1;
            *table.at(&format!("key {n}")) += 1;
            assert!(table.len() <= 100);
        }
        assert_eq!(table.get("busy"), Some(&10_000));
        assert_eq!(table.get("key 5"), None);
    }

    #[test]
    fn keys_are_cut_at_a_character() {
        let mut table: Table<u32> = Table::new(10);
        *table.at(&"ü".repeat(500)) += 1;
        assert_eq!(table.get(&"ü".repeat(400)), Some(&1));
    }
}
