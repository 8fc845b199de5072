#!/usr/bin/env bash
# Measures a turn of a connection (turn.rs) as the library is here beside the library at another commit.
#
#   benches/turn.sh COMMIT [ROUNDS]
#
# Both are built from the turn.rs of here, with one profile. The old one runs twice in each round, so that the
# table also shows how far one program differs from itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commit=${1:?'usage: benches/turn.sh COMMIT [ROUNDS]'}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/turn
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A package around turn.rs, with the library in a folder and the versions that the library was locked to.
build() {
    local name=turn-$1 library=$2
    mkdir -p "$scratch/$name"
    cp "$library/Cargo.lock" "$scratch/$name/"
    cat >"$scratch/$name/Cargo.toml" <<END
[package]
name = "$name"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "$name"
path = "$PWD/benches/turn.rs"

[dependencies]
rustix = { version = "1", features = ["time"] }
serde_json = "1"
stickler = { path = "$library", default-features = false, features = ["server", "deflate"] }
tokio = { version = "1", features = ["rt", "time"] }

[workspace]

[profile.release]
overflow-checks = true
lto = "thin"
codegen-units = 1
END
    cargo build --release --manifest-path "$scratch/$name/Cargo.toml" --target-dir "$target"
}

mkdir "$scratch/library"
git archive "$commit" | tar -x -C "$scratch/library"
build old "$scratch/library"
build new "$PWD"
"$target/release/turn-new" --against "$target/release/turn-old" "${@:2}"
