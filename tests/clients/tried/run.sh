#!/usr/bin/env bash
# Plays a conversation with clients that others wrote, in each way that they offer compression, against the program with
# `--deflate on` and `--deflate lean`, and writes the table of docs/clients.md.
#
#   tests/clients/tried/run.sh             all of them, and the table
#   tests/clients/tried/run.sh --sample    two that need a server's mercy, and no table: what CI does
#
# Versions of PyPI and npm are pinned in requirements.txt and package.json. Those of Debian are what is there:
# libnetty-java with a JDK, libmojolicious-perl, golang-go with golang-github-gorilla-websocket-dev and
# golang-nhooyr-websocket-dev. A client whose packages are missing is left out, and said so. What is installed is kept in
# target/tried. STICKLER names a program that is built already, PYTHON a Python of 3.11 or later. A client that was tried with success before (see the table) and fails now fails the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=tests/clients/tried
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tried
jars=/usr/share/java
netty=$(printf "$jars/netty-%s.jar:" buffer codec codec-http common handler resolver transport)
export PYTHONDONTWRITEBYTECODE=1
server_pid=''

main() {
    trap stop EXIT
    local sample=${1:-}
    mkdir -p "$work"
    [ -n "${STICKLER:-}" ] || cargo build --locked --bin stickler
    stickler=${STICKLER:-$(realpath "${CARGO_TARGET_DIR:-target}/debug/stickler")}
    install "$sample"
    : >"$work/results"
    if [ "$sample" = --sample ]; then
        start on
        try on python tornado 'compression_options={}'
        try on python wsproto 'PerMessageDeflate()'
        ! grep -v $'\tok$' "$work/results"
        return
    fi
    local mode
    for mode in on lean; do
        start $mode
        all $mode
        stop
    done
    python3 $here/table.py "$work/results" "$work/versions" docs/clients.md
}

all() {
    local way
    for way in none 'compression_options={}'; do try "$1" python tornado "$way"; done
    for way in default compression=None client_max_window_bits=10 client_no_context_takeover; do
        try "$1" python websockets "$way"
    done
    for way in none compress=15 compress=10; do try "$1" python aiohttp "$way"; done
    try "$1" python websocket_client none
    for way in none 'PerMessageDeflate()' client_max_window_bits=11; do try "$1" python wsproto "$way"; done
    for way in none 'PerMessageDeflateOffer()'; do try "$1" python autobahn "$way"; done
    for way in default 'threshold: 0' 'perMessageDeflate: false' 'clientMaxWindowBits: 10' clientNoContextTakeover; do
        try "$1" node ws "$way"
    done
    try "$1" node undici default
    try "$1" node websocket default
    for way in none permessage-deflate; do try "$1" node faye-websocket "$way"; done
    for way in none permessage-deflate; do try "$1" perl mojolicious "$way"; done
    for way in none INSTANCE '(6, false, 15, true, true)'; do try "$1" java netty "$way"; done
    try "$1" java jdk none
    for way in none 'EnableCompression: true'; do try "$1" go gorilla "$way"; done
    for way in CompressionDisabled CompressionContextTakeover CompressionNoContextTakeover; do
        try "$1" go nhooyr "$way"
    done
}

# Mode, language, library, way. A client that fails gets another chance without the empty message.
try() {
    [ -e "$work/has-$2" ] || { printf '%s: left out, its packages are missing\n' "$3" >&2; return 0; }
    local said
    said=$(play "$2" "$3" "$4" 2>&1 | tail -n 1) || true
    if [ "$said" != ok ] && [ "$(TRIED_EMPTY=no play "$2" "$3" "$4" 2>&1 | tail -n 1)" = ok ]; then
        said="ok without the empty message: $said"
    fi
    printf '%s\t%s\t%s\t%s\n' "$1" "$3" "$4" "$said" | tee -a "$work/results"
}

play() {
    case $1 in
        python) timeout 60 "$work/venv/bin/python" $here/tried.py "$2" "$3" "$url" ;;
        node) timeout 60 node "$work/node/tried.mjs" "$2" "$3" "$url" ;;
        perl) timeout 60 perl $here/tried.pl "$2" "$3" "$url" ;;
        java) timeout 60 java -cp "$work/java:$netty" Tried "$2" "$3" "$url" ;;
        go) timeout 60 "$work/tried-go" "$2" "$3" "$url" ;;
    esac
}

install() {
    rm -f "$work"/has-*
    [ -x "$work/venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement $here/requirements.txt
    touch "$work/has-python"
    "$work/venv/bin/pip" list --format freeze --disable-pip-version-check | sed 's/==/ /; s/-client/_client/' >"$work/versions"
    [ "$1" != --sample ] || return 0
    if command -v npm >/dev/null; then
        mkdir -p "$work/node"
        cp $here/package.json $here/tried.mjs "$work/node"
        npm install --prefix "$work/node" --no-package-lock --no-audit --no-fund --silent
        touch "$work/has-node"
        local name
        for name in ws undici websocket faye-websocket; do
            printf '%s %s\n' "$name" "$(node -p "require('$work/node/node_modules/$name/package.json').version")"
        done >>"$work/versions"
    fi
    if perl -MMojolicious -e 1 2>/dev/null; then
        printf 'mojolicious %s\n' "$(perl -MMojolicious -e 'print Mojolicious->VERSION')" >>"$work/versions"
        touch "$work/has-perl"
    fi
    if command -v javac >/dev/null && [ -e $jars/netty-codec-http.jar ]; then
        mkdir -p "$work/java"
        javac -cp "$netty" -d "$work/java" $here/Tried.java
        printf 'netty %s\n' "$(dpkg-query -W -f '${Version}' libnetty-java | sed 's/^[0-9]*://')" >>"$work/versions"
        printf 'jdk %s\n' "$(java -version 2>&1 | sed -n '1s/.*"\(.*\)".*/\1/p')" >>"$work/versions"
        touch "$work/has-java"
    fi
    if [ -d /usr/share/gocode/src/github.com/gorilla/websocket ] && [ -d /usr/share/gocode/src/nhooyr.io/websocket ]; then
        GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/tried-go" $here/tried.go
        printf 'gorilla %s\n' "$(dpkg-query -W -f '${Version}' golang-github-gorilla-websocket-dev)" >>"$work/versions"
        printf 'nhooyr %s\n' "$(dpkg-query -W -f '${Version}' golang-nhooyr-websocket-dev)" >>"$work/versions"
        touch "$work/has-go"
    fi
}

start() {
    : >"$work/listening"
    "$stickler" --listen 127.0.0.1:0 --deflate "$1" --log off >"$work/listening" &
    server_pid=$!
    url=''
    local try
    for try in $(seq 200); do
        url=$(sed -n 's|^listening on \(ws://.*\)$|\1|p' "$work/listening")
        [ -z "$url" ] || return 0
        sleep 0.05
    done
    printf 'the server does not come up (%s tries)\n' "$try" >&2
    return 1
}

stop() {
    [ -z "$server_pid" ] || kill -TERM "$server_pid" 2>/dev/null || true
    [ -z "$server_pid" ] || wait "$server_pid" || true
    server_pid=''
}

main "$@"
