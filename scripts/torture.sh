#!/usr/bin/env bash
# The long forms of the proofs, one line each: hours in all, alone on a quiet machine. Figures that are promises are asserted here,
# and every test prints what it measured.
#
#   scripts/torture.sh            all of them
#   scripts/torture.sh D3 P12     those whose name begins so
#
# A failure does not keep the others from running.
set -uo pipefail
cd "$(dirname "$0")/.."
export PULSEWARDEN_TORTURE=1

failed=() ran=0
step() {
    local name=$1 wanted
    shift
    for wanted in "${only[@]+"${only[@]}"}"; do [[ $name == "$wanted"* ]] && wanted= && break; done
    [ "${#only[@]}" -eq 0 ] || [ -z "$wanted" ] || return 0
    ran=$((ran + 1))
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" || failed+=("$name")
}
only=("$@")
it() { cargo test --release --locked --test it -- --nocapture --include-ignored --test-threads=1 "$@"; }

step A1-A4 it alert_faults::
step A5 it storm::
step A6 it hostile_names::
step D1 it kill::
step D3 it io_faults::
step D4 it disk_full:: corrupt::
step F1 scripts/fuzz.sh "${FUZZ_SECONDS:-60}"
step K1-K2 cargo test --release --locked -p pulsewarden-actors -- supervision:: hub::tests::panics
step K3 it sigterm::
step O2 it overload:: ceiling::
step O4 it slow_clients::
step P1 it durable::
step P12 it many_hosts::
step P14 it wal::
step T1 make simulate SEEDS="${SEEDS:-10000}"
step T2 cargo test --release --locked -p pulsewarden-domain --test behaviour -- --include-ignored windows::
step T3 it clock_steps::
step T4-T5 it restart::

[ "$ran" -gt 0 ] || { echo "no proof is called ${only[*]}"; exit 2; }
[ "${#failed[@]}" -eq 0 ] || { printf '\nfailed: %s\n' "${failed[*]}"; exit 1; }
printf '\neverything held\n'
