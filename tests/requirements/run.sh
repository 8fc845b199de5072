#!/usr/bin/env bash
# Runs every test with its claims recorded, compares the claims with the catalogue, and makes reports/conformance.
#
#   tests/requirements/run.sh            arguments go to `cargo test`, for instance --locked
#   tests/requirements/run.sh --write    writes docs/conformance.md anew; without it the run fails where that is stale
#
# Ends with 0 if all tests passed and every rule that binds is proven; the reports are made in any case.
set -uo pipefail
# What `cargo test` leaves out, since it needs features that are not on by default.
with_all_features=(--test adapters --test client --test messages)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

records=$(realpath -m "${CARGO_TARGET_DIR:-target}")/conformance
export CARGO_TERM_COLOR=never
if [ "${1-}" = --write ]; then
    shift
    export STICKLER_WRITE=1
fi
rm -rf "$records"
mkdir -p "$records" || exit 2

status=0
printf 'running all tests; what they print goes to %s.log\n' "$records"
STICKLER_CLAIMS=$records cargo test --no-fail-fast "$@" >"$records.log" 2>&1 || status=1
STICKLER_CLAIMS=$records cargo test --no-fail-fast "$@" --package stickler --all-features "${with_all_features[@]}" \
    >>"$records.log" 2>&1 || status=1
grep -E '^test .* FAILED$|^error' "$records.log"
# What each of them said.
awk '/^---- .* ----$/ { said = 1 } /^failures:$/ { said = 0 } said' "$records.log"

STICKLER_CLAIMS=$records STICKLER_CONFORMANCE=$PWD/reports/conformance \
    cargo test --quiet "$@" --test requirements -- --exact the_run_proves_every_rule --nocapture || status=1
# The index of the reports links to this one then.
[ ! -e reports/conformance/index.html ] || printf 'made();\n' >reports/conformance/made.js
printf 'reports/conformance/index.html\n'
exit "$status"
