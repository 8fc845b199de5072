#!/usr/bin/env bash
# Measures stickler beside its peers, and writes reports/benchmarks/. Arguments go to compare: --help lists them.
#
#   benches/run.sh            everything, about half an hour
#   benches/run.sh --quick    to see that everything works, about two minutes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-benches/peers/target}
cargo build --release --locked --bins --manifest-path benches/peers/Cargo.toml --target-dir "$target"
if ! benches/peers/uwebsockets/build.sh "$target/release"; then
    # An older one is not measured in its place.
    rm -f "$target/release/echo-uwebsockets"
    echo 'uWebSockets could not be built and is left out; see benches/peers/uwebsockets/build.sh' >&2
fi
"$target/release/compare" "$@"
# The index of the reports links to this one then.
[ ! -e reports/benchmarks/index.html ] || printf 'made();\n' >reports/benchmarks/made.js
