#!/usr/bin/env bash
# Makes the Python environment of the independent references (once, under target/) and prints its interpreter.
# Versions are pinned: tzdata is the IANA release that chrono-tz has compiled in, so that only cron is compared.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=(cronsim==2.8 tzdata==2025.2)
folder=target/python-reference
python=$folder/bin/python3

if [ "$(cat "$folder/complete" 2>/dev/null)" != "${wanted[*]}" ]; then
    rm -rf "$folder"
    {
        python3 -m venv "$folder"
        "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "${wanted[@]}"
    } >&2
    echo "${wanted[*]}" >"$folder/complete"
fi
echo "$PWD/$python"
