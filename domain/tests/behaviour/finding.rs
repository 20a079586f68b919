//! How findings are proven and merged.
