#!/usr/bin/env bash
# Browsers, curl and openssl against the program with TLS, and the table of docs/clients.md.
#
#   tests/clients/browsers/run.sh
#
# chromium, firefox-esr, curl and openssl are those of Debian; one that is missing is left out, and said so. What drives the
# browsers is pinned in package.json and kept in target/browsers. STICKLER names a program that is built already. Browsers
# write into HOME, so that is a folder of this run for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=tests/clients/browsers
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/browsers
server_pid='' failed=''

main() {
    trap stop EXIT
    mkdir -p "$work/home"
    [ -n "${STICKLER:-}" ] || cargo build --locked --bin stickler
    stickler=${STICKLER:-$(realpath "${CARGO_TARGET_DIR:-target}/debug/stickler")}
    cp $here/package.json $here/browsers.mjs "$work"
    npm install --prefix "$work" --no-package-lock --no-audit --no-fund --silent
    start
    : >"$work/rows"
    try_browser Chromium chromium
    try_browser Firefox firefox-esr
    try_tool curl upgrade_with_curl "$(curl --version 2>/dev/null | awk 'NR == 1 { print $2 }')"
    local version
    version=$(openssl version 2>/dev/null | awk '{ print $2 }')
    try_tool 'openssl s_client -tls1_3' s_client_tls1_3 "$version"
    try_tool 'openssl s_client -tls1_2' s_client_tls1_2 "$version"
    python3 $here/table.py "$work/rows" docs/clients.md
    [ -z "$failed" ] || { printf 'failed:%s\n' "$failed" >&2 && return 1; }
}

try_browser() {
    local program said
    program=$(command -v "$2") || { printf '%s: left out, it is not installed\n' "$2" >&2; return 0; }
    said=$(HOME=$work/home timeout 120 node "$work/browsers.mjs" "${2%-esr}" "$program" "$url" "$key" 2>"$work/$2.log") ||
        failed+=" $2"
    note "$1" "${said%%$'\t'*}" "${said#*$'\t'}"
}

# Name, what to do, version.
try_tool() {
    [ -n "$3" ] || { printf '%s: left out, it is not installed\n' "$1" >&2; return 0; }
    local said=ok
    "$2" >"$work/$2.log" 2>&1 || { said=failed && failed+=" $2"; }
    note "$1" "$3" "$said"
}

note() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" | tee -a "$work/rows"
}

# Its certificate is verified: it is the one that the server has.
upgrade_with_curl() {
    local head
    head=$(timeout 10 curl --silent --http1.1 --include --max-time 1 --cacert "$work/server.pem" \
        --header 'Upgrade: websocket' --header 'Connection: Upgrade' --header 'Sec-WebSocket-Version: 13' \
        --header 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "${url/#wss/https}/") || true
    grep -q '^HTTP/1.1 101 ' <<<"$head" && grep -q 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' <<<"$head"
}

s_client_tls1_3() { by_bytes -tls1_3; }
s_client_tls1_2() { by_bytes -tls1_2; }

# Each byte is a record of its own: an opening handshake, a Ping, a Close. The Pong and the Close come back, and TLS ends
# before TCP does.
by_bytes() {
    local said
    said=$(bytes | timeout 30 openssl s_client "$1" -connect "${url#wss://}" -CAfile "$work/server.pem" \
        -verify_return_error -alpn http/1.1 -quiet -nocommands -no_ign_eof -msg 2>&1 | tr -d '\0')
    grep -q 'HTTP/1.1 101 ' <<<"$said" && grep -q 'hello' <<<"$said" && grep -q '<<< .*close_notify' <<<"$said"
}

bytes() {
    local frames='\x89\x85\0\0\0\0hello\x88\x82\0\0\0\0\x03\xe8' at
    sleep 0.5
    printf 'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' | by_one
    printf 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' | by_one
    printf '%b' "$frames" | by_one
    sleep 1
}

by_one() {
    python3 -c 'import os, time
while byte := os.read(0, 1):
    os.write(1, byte)
    time.sleep(0.001)'
}

start() {
    "$stickler" --listen-tls 127.0.0.1:0 --tls-self-signed --log-format json >"$work/listening" 2>"$work/log" &
    server_pid=$!
    local try
    for try in $(seq 200); do
        url=$(sed -n 's|^listening on \(wss://.*\)$|\1|p' "$work/listening")
        [ -z "$url" ] || break
        sleep 0.05
    done
    [ -n "$url" ] || { printf 'the server does not come up (%s tries)\n' "$try" >&2 && return 1; }
    python3 -c 'import ssl, sys; print(ssl.get_server_certificate(("127.0.0.1", int(sys.argv[1]))))' "${url##*:}" \
        >"$work/server.pem"
    key=$(grep -o '"key_sha256":"[^"]*"' "$work/log" | head -n 1 | cut -d '"' -f 4)
    [ -n "$key" ] || { echo 'the log does not tell the fingerprint of the key' >&2 && return 1; }
}

stop() {
    [ -z "$server_pid" ] || kill -TERM "$server_pid" 2>/dev/null || true
    [ -z "$server_pid" ] || wait "$server_pid" || true
    server_pid=''
}

main "$@"
