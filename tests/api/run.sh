#!/usr/bin/env bash
# Compares the public API, as rustdoc knows it with all features, with tests/api/public.txt.
#
#   tests/api/run.sh            ends with 0 if they are the same, and shows the difference otherwise
#   tests/api/run.sh --write    writes tests/api/public.txt anew
#
# Only nightly writes rustdoc's JSON, and its form changes at times: then tests/api/render.py has to be taught.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# A folder of its own, or the other toolchain builds there everything anew each time.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/api
CARGO_TARGET_DIR=$target cargo +nightly rustdoc --locked --package stickler --lib --all-features -- \
    -Z unstable-options --output-format json
tests/api/render.py "$target/doc/stickler.json" >"$target/public.txt"
if [ "${1-}" = --write ]; then
    cp "$target/public.txt" tests/api/public.txt
elif ! diff -u tests/api/public.txt "$target/public.txt"; then
    printf 'The public API has changed. If that is wanted: tests/api/run.sh --write, and a line in CHANGELOG.md.\n'
    exit 1
fi
printf '%d public items, one path each\n' "$(grep -vc '^impl' tests/api/public.txt)"
