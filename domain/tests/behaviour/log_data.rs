//! The log files for tests, where they lie; without them a test says so and is skipped, in CI it fails.

use serde_json::Value;
use std::path::PathBuf;

/// The text of `logs/NAME` in the data for tests.
pub(crate) fn text(name: &str) -> Option<String> {
    let folder = std::env::var_os("PULSEWARDEN_TEST_DATA").map(PathBuf::from);
    // Beside the checkout; the benchmark of the logs, which reads them through this file too, is a part of its root.
    let beside = if env!("CARGO_PKG_NAME") == "pulsewarden" { "../shared/data" } else { "../../shared/data" };
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(beside));
    let file = folder.join("logs").join(name);
    match std::fs::read(&file) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{}: {e}", file.display()),
        Err(e) => {
            eprintln!("skipped: {}: {e}", file.display());
            None
        }
    }
}

/// The same, as JSON.
pub(crate) fn json(name: &str) -> Option<Value> {
    text(name).map(|text| serde_json::from_str(&text).expect("the ground truth is JSON"))
}
