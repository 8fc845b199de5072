#!/usr/bin/env bash
# The crowd at SIGTERM in its real numbers, 10,000 clients and 2,000 over TLS, against a release build. Some minutes.
#
# Needed: some 20,000 descriptors (`ulimit -Hn`).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

STICKLER_DRAIN=whole exec cargo test --release -p stickler-cli --test drain -- crowd --nocapture --test-threads=1
