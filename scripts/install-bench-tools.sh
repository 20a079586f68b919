#!/usr/bin/env bash
# What the benchmark needs beyond Rust: wrk. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")"

./install-tools.sh cc=gcc wrk=wrk
