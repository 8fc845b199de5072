#!/usr/bin/env bash
# Runs every test with its claims recorded, and makes reports/conformance of them.
#
#   tests/requirements/run.sh            arguments go to `cargo test`, for instance --locked
#   tests/requirements/run.sh --readme   only writes the table of README.md anew, which the sources alone make
#
# Ends with 0 if all tests passed and every rule that binds is proven; the page is made in any case.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

records=$(realpath -m "${CARGO_TARGET_DIR:-target}")/conformance
export CARGO_TERM_COLOR=never
if [ "${1-}" = --readme ]; then
    shift
    STICKLER_README=1 exec cargo test --quiet "$@" --test requirements -- --exact the_readme_has_every_rule
fi
rm -rf "$records"
mkdir -p "$records" || exit 2

status=0
printf 'running all tests; what they print goes to %s.log\n' "$records"
STICKLER_CLAIMS=$records cargo test --no-fail-fast "$@" >"$records.log" 2>&1 || status=1
grep -E '^test .* FAILED$|^error' "$records.log"

STICKLER_CLAIMS=$records STICKLER_CONFORMANCE=$PWD/reports/conformance \
    cargo test --quiet "$@" --test requirements -- --exact the_report_shows_every_rule --nocapture || status=1
printf 'reports/conformance/index.html\n'
exit "$status"
