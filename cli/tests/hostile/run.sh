#!/usr/bin/env bash
# The attacks in their real numbers, against a release build.
#
#   cli/tests/hostile/run.sh            all but the slow readers of 8 MiB; a quarter of an hour
#   cli/tests/hostile/run.sh crowd      only the tests with this in their name
#   cli/tests/hostile/run.sh slow       8 MiB at 5, 10, 20 and 40 KB/s; half an hour
#
# Needed: some 20,000 descriptors (`ulimit -Hn`) and 6 GiB of memory. STICKLER_HOSTILE_PROGRAM=path attacks another build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

scale=whole
name=${1-}
if [ "$name" = slow ]; then
    name=steady_readers_get_everything scale=slow
fi
STICKLER_HOSTILE=$scale exec cargo test --release -p stickler-cli --test hostile -- \
    ${name:+"$name"} --nocapture --test-threads=1
