#!/usr/bin/env bash
# What the tests need beyond Rust: a C compiler for the bundled SQLite and the failing disk, curl, libfaketime, what sends logs (sshd,
# rsyslogd, logger), Node for the LLM service of the tests, and a small internet of network namespaces (ip, iptables, dnsmasq) with an
# iperf3 server. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")"

command -v cargo >/dev/null 2>&1 || { echo "error: Rust is missing: see https://rustup.rs" >&2; exit 1; }
# Some live where only root looks.
PATH="$PATH:/usr/sbin:/sbin"
./install-tools.sh cc=gcc make=make curl=curl faketime=faketime sshd=openssh-server ssh-keygen=openssh-client rsyslogd=rsyslog \
    logger=bsdutils node=nodejs npm=npm dnsmasq=dnsmasq-base ip=iproute2 iptables=iptables iperf3=iperf3

# rust-toolchain.toml names the components; rustup fetches them by itself, a distribution's Rust may lack them.
for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 || { echo "error: cargo $component is missing: rustup component add rustfmt clippy" >&2; exit 1; }
done

node_oldest=20
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt "$node_oldest" ]; then
    echo "error: the LLM service of the tests needs Node $node_oldest or newer, this is $(node --version): see https://nodejs.org" >&2
    exit 1
fi
# npm notes what it has installed; a lock file that is newer is installed again.
cd ../tests/llm
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --ignore-scripts --no-audit --no-fund
    touch node_modules/.package-lock.json
fi
