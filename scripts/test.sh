#!/usr/bin/env bash
# Everything that must pass, cheapest first. Clippy checks; tests build once and doc tests use that build.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "format"
cargo fmt --all --check

say "deliberate bugs"
scripts/prove.sh --check

say "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --no-fail-fast
else
    cargo test --workspace --locked --no-fail-fast --lib --bins --tests --examples
fi

say "doc tests"
cargo test --workspace --locked --doc

say "everything passed"
