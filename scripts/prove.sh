#!/usr/bin/env bash
# A check that cannot fail proves nothing: breaks the hub on purpose, one promise at a time, and sees the promise's test fail.
#
#   scripts/prove.sh            every deliberate bug of tests/bugs/, minutes each the first time
#   scripts/prove.sh P7 P12     those whose file name begins so
#   scripts/prove.sh --check    only whether each still fits the code; seconds
#
# A bug is a patch whose first lines say which promise it breaks, how, and which command must notice.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

bugs() {
    if [ $# -eq 0 ]; then
        printf '%s\n' tests/bugs/*.patch
    else
        for name in "$@"; do printf '%s\n' tests/bugs/"$name"*.patch; done
    fi
}

header() { sed -n "s/^# $1: //p" "$2" | head -1; }

check() {
    local bad=0
    for bug in $(bugs); do
        for field in promise breaks "caught by"; do
            [ -n "$(header "$field" "$bug")" ] || { echo "$bug: no line '# $field: …'"; bad=1; }
        done
        git apply --check "$bug" || { echo "$bug: no longer fits the code; make it fit, or a promise is unproved"; bad=1; }
    done
    return $bad
}

if [ "${1:-}" = --check ]; then
    check && echo "$(bugs | wc -l) deliberate bugs fit the code"
    exit
fi

# A checkout of its own, so that nothing broken is ever left here; its build is kept for the next time.
copy=$root/target/prove/checkout
rm -rf "$copy"
git worktree prune
git worktree add --quiet --detach "$copy" HEAD
trap 'cd "$root"; git worktree remove --force "$copy"' EXIT
export CARGO_TARGET_DIR=$root/target/prove/build
export PULSEWARDEN_TEST_DATA=${PULSEWARDEN_TEST_DATA:-$(cd .. && pwd)/shared/data}
export RUST_BACKTRACE=0
cd "$copy"

missed=0
for bug in $(cd "$root" && bugs "$@"); do
    command=$(header "caught by" "$root/$bug")
    log=$root/target/prove/$(basename "$bug" .patch).log
    git checkout --quiet . && git clean -fdq
    git apply "$root/$bug"
    # A bug that does not compile is not caught by a test.
    if ! (eval "$command --no-run") >"$log" 2>&1; then
        result="DOES NOT BUILD"; missed=1
    elif (eval "$command") >>"$log" 2>&1; then
        result="NOT CAUGHT"; missed=1
    else
        result=caught
    fi
    printf '%-14s %-6s %s\n               %s\n' "$result" "$(header promise "$root/$bug")" "$(header breaks "$root/$bug")" "$command"
done
exit $missed
