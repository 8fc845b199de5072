#!/bin/sh
# What a log that nobody reads costs those who are served: 100,000 lines a second are asked for while the pipe that they go
# to is full. The p99 of echoes, timed from when each message was due, stands beside that with the log off.
set -eu
cd "$(dirname "$0")/../../.."
STICKLER_LOG_LOAD=1 exec cargo test --release -p stickler-cli --bin stickler -- --exact --nocapture \
    serve::log_load::echoes_do_not_wait_for_a_log_that_nobody_reads
