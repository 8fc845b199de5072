#!/usr/bin/env bash
# Plays `stickler check` against echo servers that others wrote, each as its own documentation begins, and writes
# reports/check: results.md, index.html, and for each server its page and JSON.
#
#   tests/clients/servers/run.sh               all of them
#   tests/clients/servers/run.sh ws gorilla    only these, and no results.md
#
# Versions are pinned in tests/clients and benches/peers/Cargo.lock; Go, gorilla/websocket and libwebsockets are
# Debian's (golang-go, golang-github-gorilla-websocket-dev, libwebsockets-dev). What is installed is kept in
# target/check. A server that a case ends is started anew on the same port, so that the other cases are played.
# A violation that verified.tsv does not name fails the run: nothing is published before someone has read the RFC.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/check
here=tests/clients/servers
out=reports/check
peers=$work/peers/debug
export PYTHONDONTWRITEBYTECODE=1
server_pid=''

main() {
    trap stop EXIT
    mkdir -p "$work" "$out"
    cargo build --locked --bin stickler
    stickler=$(realpath "${CARGO_TARGET_DIR:-target}/debug/stickler")
    install
    wanted=("$@")
    check websockets "$work/venv/bin/python" $here/websockets_server.py
    check aiohttp "$work/venv/bin/python" $here/aiohttp_server.py
    check ws node "$work/node/ws_server.mjs"
    check gorilla "$work/gorilla"
    check libwebsockets "$work/libwebsockets"
    local peer
    for peer in tokio-tungstenite tokio-websockets axum fastwebsockets; do
        check $peer "$peers/echo-$peer"
    done
    check stickler "$stickler" serve --listen 127.0.0.1:0 --deflate takeover --log off
    [ $# -gt 0 ] || python3 $here/summary.py "$out" "$work/versions" $here/verified.tsv
}

install() {
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --requirement tests/clients/requirements.txt
    mkdir -p "$work/node"
    cp tests/clients/package.json $here/ws_server.mjs "$work/node"
    npm install --prefix "$work/node" --no-package-lock --no-audit --no-fund --silent
    GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/gorilla" $here/gorilla_server.go
    cc -O1 -Wall -Wextra -Werror -o "$work/libwebsockets" $here/libwebsockets_server.c -lwebsockets
    CARGO_TARGET_DIR=$work/peers cargo build --locked --bins --manifest-path benches/peers/Cargo.toml
    {
        "$work/venv/bin/python" -c 'import websockets; print("websockets", websockets.__version__)'
        "$work/venv/bin/python" -c 'import aiohttp; print("aiohttp", aiohttp.__version__)'
        printf 'ws %s\n' "$(node -p "require('$work/node/node_modules/ws/package.json').version")"
        printf 'gorilla %s\n' "$(dpkg-query -W -f '${Version}' golang-github-gorilla-websocket-dev)"
        printf 'libwebsockets %s\n' "$(dpkg-query -W -f '${Version}' libwebsockets-dev)"
        awk -F'"' '/^name = / { name = $2 } /^version = / { print name, $2 }' benches/peers/Cargo.lock |
            grep -E '^(tokio-tungstenite|tokio-websockets|axum|fastwebsockets) '
        printf 'stickler %s\n' "$("$stickler" --version | cut -d' ' -f2)"
    } >"$work/versions"
}

# The name of the report, then the command, which says "listening on HOST:PORT" or a ws:// URL.
check() {
    local name=$1 url='' status=0 try
    shift
    [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return 0
    rm -f "$work/$name.out"
    serve "$work/$name" "$@" &
    server_pid=$!
    for try in $(seq 100); do
        url=$(sed -n '1s/^listening on \(ws:\/\/\)\{0,1\}//p' "$work/$name.out" 2>/dev/null || true)
        [ -z "$url" ] || break
        sleep 0.1
    done
    [ -n "$url" ] || { printf '%s does not listen (%s tries)\n' "$name" "$try" >&2; exit 1; }
    "$stickler" check "ws://$url/" --quiet --json "$out/$name.json" --html "$out/$name.html" >"$work/$name.table" || status=$?
    stop
    printf '%-20s %s\n' "$name" "$(tail -n 1 "$work/$name.table")"
    [ "$status" -le 1 ] || { printf '%s: check ended with %s\n' "$name" "$status" >&2; exit 1; }
}

# Keeps a server running: one that ends is started again with its port as an argument, which a server that is known to
# end takes.
serve() {
    local files=$1 child='' port=''
    shift
    trap 'kill "$child" 2>/dev/null; exit' TERM
    while :; do
        "$@" $port >>"$files.out" 2>>"$files.err" &
        child=$!
        wait "$child" || true
        port=$(sed -n '1s/.*://p' "$files.out" | tr -d /)
        sleep 0.2
    done
}

stop() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    server_pid=''
}

main "$@"
