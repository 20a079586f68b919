//! Hashes by which lines and stretches of a log are known again, without keeping the log.
//!
//! They are short on purpose: 32 bits of a line tell a whole sequence of lines apart from any other, but whoever reads the database
//! cannot find out from them what a line said, not even by trying all passwords: too many would fit.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// 32 bits of SHA-256. In JSON eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hash(u32);

impl Hash {
    /// Of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Hash {
        let digest = Sha256::digest(bytes);
        Hash(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:08x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map(Hash).map_err(serde::de::Error::custom)
    }
}
