#!/usr/bin/env bash
# What the tests need beyond Rust: a C compiler for the bundled SQLite and the failing disk, curl, libfaketime, and what sends logs: sshd,
# rsyslogd, logger. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")"

command -v cargo >/dev/null 2>&1 || { echo "error: Rust is missing: see https://rustup.rs" >&2; exit 1; }
# sshd and rsyslogd live where only root looks.
PATH="$PATH:/usr/sbin:/sbin"
./install-tools.sh cc=gcc make=make curl=curl faketime=faketime sshd=openssh-server ssh-keygen=openssh-client rsyslogd=rsyslog logger=bsdutils

# rust-toolchain.toml names the components; rustup fetches them by itself, a distribution's Rust may lack them.
for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 || { echo "error: cargo $component is missing: rustup component add rustfmt clippy" >&2; exit 1; }
done
