//! The first paint of a page in a real browser: headless Chromium, driven by playwright-core where the browser tests have put it.

use std::path::Path;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pages/paint.mjs");
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules");
const CHROMIUM: &str = "/usr/bin/chromium";

/// Milliseconds from asking for each of `paths` to its first contentful paint, `times` each, somebody signed in by `cookie`.
///
/// # Errors
/// What is missing, or went wrong.
pub(crate) fn measure(address: &str, cookie: &str, paths: &[&str], times: usize) -> Result<Vec<Vec<f64>>, String> {
    let modules = std::env::var("BENCH_NODE_MODULES").unwrap_or_else(|_| MODULES.to_owned());
    for needed in [Path::new(CHROMIUM), &Path::new(&modules).join("playwright-core")] {
        if !needed.exists() {
            return Err(format!("{} is missing: the browser tests install it", needed.display()));
        }
    }
    let mut node = Command::new("node");
    node.arg(SCRIPT).args([&modules, CHROMIUM, &format!("http://{address}"), cookie, &times.to_string()]).args(paths);
    let output = node.output().map_err(|e| format!("node does not run: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(said.trim()).map_err(|e| format!("{e}: {said} {}", String::from_utf8_lossy(&output.stderr)))
}
