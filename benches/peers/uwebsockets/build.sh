#!/usr/bin/env bash
# Builds `echo-uwebsockets` into the folder that is given, from the C++ source in the crate libuwebsockets-sys.
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
(cd "$objects" && gcc -DLIBUS_NO_SSL -std=c11 -O3 -flto -march=native -w -I"$source/uSockets/src" \
    -c "$source"/uSockets/src/*.c "$source"/uSockets/src/eventing/*.c "$source"/uSockets/src/crypto/*.c)

zlib=(-lz)
if ! g++ -x c++ -include zlib.h -fsyntax-only /dev/null 2>/dev/null; then
    echo 'no headers of zlib: uWebSockets is built without compression'
    zlib=(-DUWS_NO_ZLIB)
fi
g++ -DLIBUS_NO_SSL -std=c++20 -O3 -flto -march=native -w -I"$source/src" -I"$source/uSockets/src" \
    echo.cpp "$objects"/*.o "${zlib[@]}" -o "$out/echo-uwebsockets"
