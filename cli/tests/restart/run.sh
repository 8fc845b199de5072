#!/usr/bin/env bash
# Forty restarts under load by either way, in a release build, and how many opening handshakes there were.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
STICKLER_RESTART=whole cargo test --release -p stickler-cli --test restart no_handshake -- --nocapture
