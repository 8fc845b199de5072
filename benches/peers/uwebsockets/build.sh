#!/usr/bin/env bash
# Builds `echo-uwebsockets` into the folder that is given, from the C++ source in the crate libuwebsockets-sys, and with
# the headers of OpenSSL `echo-uwebsockets-tls` too.
# It needs cargo, gcc and g++; with the headers of zlib it can compress. The flags are those of its own build.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

cargo fetch --locked --quiet
manifest=$(cargo metadata --locked --format-version 1 |
    tr ',' '\n' | sed -n 's/.*"manifest_path":"\(.*libuwebsockets-sys-[^"]*\)".*/\1/p' | head -n 1)
source=$(dirname "$manifest")/uWebSockets
[ -f "$source/src/App.h" ]

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
zlib=(-lz)
if ! g++ -x c++ -include zlib.h -fsyntax-only /dev/null 2>/dev/null; then
    echo 'no headers of zlib: uWebSockets is built without compression'
    zlib=(-DUWS_NO_ZLIB)
fi

# build PROGRAM TLS-FLAG [LIBRARY...]
build() {
    local program=$1 tls=$2
    local compile=("$tls" -O3 -flto -march=native -w -I"$source/uSockets/src")
    shift 2
    rm -f "$objects"/*.o
    (cd "$objects" && gcc -std=c11 "${compile[@]}" \
        -c "$source"/uSockets/src/*.c "$source"/uSockets/src/eventing/*.c "$source"/uSockets/src/crypto/*.c &&
        g++ -std=c++20 "${compile[@]}" -c "$source"/uSockets/src/crypto/*.cpp)
    g++ -std=c++20 "${compile[@]}" -I"$source/src" \
        echo.cpp "$objects"/*.o "${zlib[@]}" "$@" -o "$out/$program"
}

build echo-uwebsockets -DLIBUS_NO_SSL
# An older one is not measured in its place.
rm -f "$out/echo-uwebsockets-tls"
if g++ -x c++ -include openssl/ssl.h -fsyntax-only /dev/null 2>/dev/null; then
    build echo-uwebsockets-tls -DLIBUS_USE_OPENSSL -lssl -lcrypto
else
    echo 'no headers of OpenSSL: uWebSockets is built without TLS'
fi
