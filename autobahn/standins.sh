#!/usr/bin/env bash
# Makes stand-ins for the two images that the compose file and the Dockerfile name, where no registry
# can be reached. Wants root, a running Docker engine, debootstrap, a Rust toolchain and a Python 2.7
# with pip (PYTHON27, or pyenv's). See autobahn/README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

# A name with a digest is that of the real image alone.
suite_image=$(sed -n 's/^ *image: *\(crossbario[^@]*\).*/\1/p' "$here/compose.yaml")
builder_image=$(sed -n 's/^FROM \(.*\) AS builder/\1/p' "$root/Dockerfile")

main() {
    debootstrap --variant=minbase --include=gcc,libc6-dev,libssl3,libffi8,libsqlite3-0,libbz2-1.0,libreadline8 \
        bookworm "$temp/debian" >"$temp/debootstrap.log" || { tail "$temp/debootstrap.log" >&2 && exit 1; }
    rm -rf "$temp"/debian/var/cache/apt "$temp"/debian/var/lib/apt/lists "$temp"/debian/usr/share/{doc,man,locale}
    make_suite
    make_builder
    docker image ls
}

# The suite from PyPI, beside a Python 2.7 at the path where this machine has it.
make_suite() {
    local python prefix
    for python in "${PYTHON27-}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python; do
        [ ! -x "$python" ] || break
    done
    prefix=$("$python" -c 'import sys; print(sys.prefix)')
    cp -a "$temp/debian" "$temp/suite"
    mkdir -p "$temp/suite$prefix" "$temp/suite/opt/suite"
    cp -a "$prefix/." "$temp/suite$prefix"
    "$python" -m pip install --quiet --target "$temp/suite/opt/suite" --requirement "$here/requirements.txt"
    printf '#!/bin/sh\nexec %s -u -c "%s" "$@"\n' "$prefix/bin/python" \
        "import site; site.addsitedir('/opt/suite'); from autobahntestsuite.wstest import run; run()" \
        >"$temp/suite/usr/local/bin/wstest"
    chmod +x "$temp/suite/usr/local/bin/wstest"
    import suite "$suite_image"
    rm -rf "$temp/suite"
}

# The toolchain without its documentation, and every crate of Cargo.lock, so that nothing is fetched.
make_builder() {
    local toolchain cargo_home=$temp/debian/usr/local/cargo
    toolchain=$(rustc --print sysroot)
    mkdir -p "$temp/debian/usr/local/rust" "$cargo_home"
    cp -a "$toolchain/bin" "$toolchain/lib" "$temp/debian/usr/local/rust"
    (cd "$root" && CARGO_HOME=$cargo_home cargo fetch --locked --quiet)
    import debian "$builder_image" --change 'ENV PATH=/usr/local/rust/bin:/usr/local/bin:/usr/bin:/bin' \
        --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'ENV CARGO_NET_OFFLINE=true'
}

import() {
    local dir=$1 image=$2
    shift 2
    tar -C "$temp/$dir" -c . | docker import "$@" - "$image" >/dev/null
}

main "$@"
