#!/usr/bin/env bash
# Makes the Debian package in target/debian/, or in the folder that is named. Wants cargo-deb (cargo install cargo-deb) and dpkg-dev.
#
#   packaging/deb.sh [FOLDER]
#
# PROFILE=dev takes the build of the tests instead of a release: for trying the package out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${PROFILE:-release}
built=${CARGO_TARGET_DIR:-target}/${profile/dev/debug}/stickler
made=target/packaging

main() {
    cargo build --profile "$profile" --locked --bin stickler
    # What the program says of itself: the manual, and completions.
    rm -rf "$made"
    mkdir -p "$made/man" "$made/completions"
    "$built" man --dir "$made/man"
    "$built" completions bash >"$made/completions/stickler"
    "$built" completions zsh >"$made/completions/_stickler"
    "$built" completions fish >"$made/completions/stickler.fish"
    cargo deb --package stickler-cli --profile "$profile" --no-build --strip --locked --output "${1:-target/debian/}"
}

main "$@"
