#!/usr/bin/env bash
# Runs every fuzz target for so many seconds (60 unless said), on any toolchain. Installs cargo-fuzz if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
# Libfuzzer's instrumentation is a nightly feature that the pinned compiler has, too, when it is told that we know.
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
cargo fuzz build
failed=()
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    # New inputs go to the first folder, which is not kept; a template may include others, so deep recursion counts as well.
    if ! cargo fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 2>"fuzz/corpus/$target.log"; then
        failed+=("$target")
        tail -n 40 "fuzz/corpus/$target.log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz/corpus/$target.log")
    echo "$target: ${runs:-?} inputs in $seconds s"
done
[ "${#failed[@]}" -eq 0 ] || { echo "failed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2; exit 1; }
