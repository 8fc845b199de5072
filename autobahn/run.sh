#!/usr/bin/env bash
# Runs the Autobahn testsuite against `stickler serve`, without Docker, and judges the report.
# The exit status is that of `stickler verdict`. See autobahn/README.md.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: autobahn/run.sh [--tls | --via PROXY] [--cases PATTERNS] [--exclude PATTERNS] [--shards N] [--out DIR] [-- SERVER FLAGS]

  --tls               speak wss:// with the server, which makes a certificate for itself
  --via PROXY         go through nginx or haproxy, which is started as docs/proxies has it, with TLS

  --cases PATTERNS    run a sample, such as '1.*,7.13.1' (default: all cases)
  --exclude PATTERNS  leave cases out, such as '9.*'
  --shards N          share the cases out over N clients at a time (default 1)
  --out DIR           where the report goes (default reports/autobahn, or reports/autobahn-tls with --tls, or -PROXY)

environment:
  STICKLER_BIN        the binary to test (default: cargo build --release)
  PYTHON27            a Python 2.7 for the suite (default: python2.7, then pyenv's)

exit status: 0 as expected, 1 regression, 2 bad usage, 3 the run is broken, 4 better than expected
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
venv=$here/.venv
out='' via=''
agent=stickler scheme=ws listen=(--listen 127.0.0.1:0)
cases='' exclude='' shards=1
server_flags=()
server_pid='' proxy_pid='' suite_pid='' server_fault='' temp=''

main() {
    parse_arguments "$@"
    build_binary
    make_virtualenv
    empty_report
    temp=$(mktemp -d)
    start_server
    [ -z "$via" ] || start_proxy
    run_suite
    stop_server
    judge
}

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --tls) agent=stickler-tls scheme=wss listen=(--listen-tls 127.0.0.1:0 --tls-self-signed); shift ;;
            --via) via=$(value "$@"); agent=stickler-$via; listen+=(--health-path /healthz); shift 2 ;;
            --cases) cases=$(value "$@"); shift 2 ;;
            --exclude) exclude=$(value "$@"); shift 2 ;;
            --shards) shards=$(value "$@"); shift 2 ;;
            --out) out=$(value "$@"); out=$(realpath -m "$out"); shift 2 ;;
            --help | -h) usage && exit 0 ;;
            --) shift && server_flags=("$@") && break ;;
            *) usage >&2 && fail 2 "unknown argument: $1" ;;
        esac
    done
    [ -z "$via" ] || [ "$scheme" = ws ] || fail 2 "--tls and --via exclude each other: TLS is the proxy's"
    [ -n "$out" ] || out=$root/reports/autobahn${agent#stickler}
    [[ $shards =~ ^[1-9][0-9]?$ ]] || fail 2 "--shards takes a number from 1 to 99"
}

value() {
    [ -n "${2-}" ] || fail 2 "$1 wants a value"
    printf '%s' "$2"
}

fail() {
    printf 'run.sh: %s\n' "$2" >&2
    exit "$1"
}

build_binary() {
    if [ -n "${STICKLER_BIN-}" ]; then
        bin=$(realpath "$STICKLER_BIN")
    else
        (cd "$root" && cargo build --release --bin stickler) || fail 3 "the binary does not build"
        bin=$(cd "$root" && realpath "${CARGO_TARGET_DIR:-target}")/release/stickler
    fi
    [ -x "$bin" ] || fail 3 "$bin cannot be run"
}

# The environment is kept, and made anew when requirements.txt changes.
make_virtualenv() {
    cmp -s "$here/requirements.txt" "$venv/made-from.txt" && return
    local python
    python=$(find_python) || fail 3 "no Python 2.7: set PYTHON27, or run the suite's image as autobahn/README.md says"
    printf 'installing the Autobahn testsuite into autobahn/.venv\n'
    rm -rf "$venv"
    {
        "$python" -m pip install --quiet --target "$venv/tool" virtualenv==16.7.12 &&
            "$python" "$venv/tool/virtualenv.py" --quiet --python "$python" "$venv" >/dev/null &&
            "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    } 2> >(grep --line-buffered -v DEPRECATION >&2) || fail 3 "the suite cannot be installed"
    cp "$here/requirements.txt" "$venv/made-from.txt"
}

find_python() {
    local candidate
    for candidate in "${PYTHON27-}" python2.7 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    return 1
}

# Only what a run left is ever removed.
empty_report() {
    if [ -n "$(ls -A "$out" 2>/dev/null)" ] && ! [ -e "$out/.started" ] && ! [ -e "$out/index.json" ]; then
        fail 2 "$out holds something that is no report; it is left alone"
    fi
    rm -rf "$out"
    mkdir -p "$out"
    date -u +%Y-%m-%dT%H:%M:%SZ >"$out/.started"
}

# The server chooses a free port and names it on the line that says that it is ready.
start_server() {
    : >"$temp/listening"
    "$bin" serve "${listen[@]}" "${server_flags[@]}" >"$temp/listening" 2>"$out/server.log" &
    server_pid=$!
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        url=$(sed -n "s|^listening on \\($scheme://.*\\)\$|\\1|p" "$temp/listening" | head -n 1)
        [ -n "$url" ] && return
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    tail -n 20 "$out/server.log" >&2
    fail 3 "the server does not come up"
}

# The proxy says where it listens, in the same way.
start_proxy() {
    : >"$temp/proxy"
    "$root/tests/proxies/via.py" "$via" "${url##*:}" >"$temp/proxy" 2>"$out/proxy.log" &
    proxy_pid=$!
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        url=$(head -n 1 "$temp/proxy")
        [ -n "$url" ] && return
        kill -0 "$proxy_pid" 2>/dev/null || break
        sleep 0.05
    done
    tail -n 20 "$out/proxy.log" >&2
    fail 3 "$via does not come up"
}

run_suite() {
    "$venv/bin/python" "$here/suite.py" --url "$url" --agent "$agent" --out "$out" --log "$out/suite.log" \
        --cases "${cases:-*}" --exclude "$exclude" --shards "$shards" &
    suite_pid=$!
    wait "$suite_pid" || {
        tail -n 20 "$out/suite.log" >&2 2>/dev/null || true
        fail 3 "the suite did not finish"
    }
    suite_pid=''
    sed -i -f "$here/pages.sed" "$out"/*.html || fail 3 "the suite has left no pages"
    echo 0 >"$out/.done"
}

# A server that died on the way, or does not end well, has not passed.
stop_server() {
    local status=0
    kill -TERM "$server_pid" 2>/dev/null || server_fault="the server died during the run"
    wait "$server_pid" || status=$?
    server_pid=''
    [ "$status" -eq 0 ] || server_fault=${server_fault:-"the server ended with status $status instead of 0"}
}

judge() {
    local arguments=("$out" --expected "$here/expected.json" --server "$agent" --pages) status=0
    [ -z "$cases" ] || arguments+=(--only "$cases")
    [ -z "$exclude" ] || arguments+=(--except "$exclude")
    "$bin" verdict "${arguments[@]}" || status=$?
    printf 'report: %s/verdict.html and index.html\n' "$out"
    [ -z "$server_fault" ] || printf 'run.sh: %s, see %s/server.log\n' "$server_fault" "$out" >&2
    [ -z "$server_fault" ] || [ "$status" -eq 3 ] || status=1
    exit "$status"
}

clean_up() {
    local pid
    for pid in $suite_pid $proxy_pid $server_pid; do
        kill -TERM "$pid" 2>/dev/null && wait "$pid" || true
    done
    [ -z "$temp" ] || rm -rf "$temp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

main "$@"
