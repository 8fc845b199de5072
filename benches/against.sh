#!/usr/bin/env bash
# Measures the program as it is here beside an older build of it: the server's CPU time per message, as a ratio.
#
#   benches/against.sh OLD_PROGRAM [ROUNDS]    21 rounds take eight minutes; more arguments go to compare
#
# The old program runs twice in each round: what lies between these two is chance.
set -euo pipefail
old=$(realpath "${1:?'usage: benches/against.sh OLD_PROGRAM [ROUNDS]'}")
rounds=${2:-21}
shift $(($# < 2 ? $# : 2))
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --bin stickler
new=$(realpath "${CARGO_TARGET_DIR:-target}/release/stickler")
target=${CARGO_TARGET_DIR:-benches/peers/target}
cargo build --release --locked --bin compare --bin load --manifest-path benches/peers/Cargo.toml --target-dir "$target"
exec "$target/release/compare" --against "$old" --program "$new" --rounds "$rounds" "$@"
