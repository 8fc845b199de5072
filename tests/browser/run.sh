#!/usr/bin/env bash
# The two pages in real browsers, against a program of its own for each file of tests.
#
#   tests/browser/run.sh                       all
#   tests/browser/run.sh page.test.mjs         one file
#
# STICKLER names the program; without it target/release/stickler is taken, and nothing is built. CHROMIUM and FIREFOX name the
# browsers; without them those of Debian are taken. Without Chromium it ends with status 77; without Firefox those tests are
# skipped. Pictures go to SCREENS (default: target/browser/screens). Browsers write into HOME, so that is a folder of this
# run for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=${BROWSER_WORK:-$target/browser}

main() {
    export STICKLER CHROMIUM FIREFOX SCREENS HOME
    STICKLER=$(realpath "${STICKLER:-$target/release/stickler}")
    CHROMIUM=${CHROMIUM:-$(command -v chromium)} || { echo 'browser: no chromium here' >&2 && return 77; }
    FIREFOX=${FIREFOX:-$(command -v firefox-esr || true)}
    SCREENS=$(realpath -m "${SCREENS:-$work/screens}")
    install_drivers
    HOME=$work/home
    mkdir -p "$HOME" "$SCREENS"
    cp "$root"/tests/browser/*.mjs "$work"
    cd "$work"
    [ $# -gt 0 ] || set -- page.test.mjs chat.test.mjs looks.test.mjs firefox.test.mjs
    # One file after the other: two browsers at a time would measure each other.
    node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$work/tap" "$@"
}

# The drivers are pinned in package.json. They are kept, and made anew when that changes.
install_drivers() {
    mkdir -p "$work"
    cmp -s tests/browser/package.json "$work/made-from" && return
    rm -rf "$work/node_modules" "$work/made-from"
    cp tests/browser/package.json "$work/package.json"
    PUPPETEER_SKIP_DOWNLOAD=1 npm install --prefix "$work" --no-package-lock --no-audit --no-fund --silent
    cp tests/browser/package.json "$work/made-from"
}

main "$@"
