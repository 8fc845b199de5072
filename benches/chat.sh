#!/usr/bin/env bash
# Measures a room of the chat beside a bare topic, in turn: 1,000 members, ten of whom say something once a second.
#
#   benches/chat.sh    two minutes; arguments go to the program chat, such as --rounds 11
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Each connection has a descriptor at both ends.
ulimit -n 4096 2>/dev/null || true
cargo build --release --locked --bin stickler
program=$(realpath "${CARGO_TARGET_DIR:-target}/release/stickler")
target=${CARGO_TARGET_DIR:-benches/peers/target}
cargo build --release --locked --bin chat --bin broadcast-stickler --manifest-path benches/peers/Cargo.toml --target-dir "$target"
exec "$target/release/chat" --program "$program" --bare "$target/release/broadcast-stickler" "$@"
