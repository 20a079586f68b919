//! Text that must not be seen: it prints nothing, neither in Debug nor in an error.

use std::fmt;

/// A secret. There is no `Display`; whoever needs the text says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, to be used and not shown.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(Secret(hidden))");
    }
}
