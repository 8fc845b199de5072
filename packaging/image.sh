#!/usr/bin/env bash
# Builds the image and tries it out: what is in it, whose it is, that it runs without a single right, and names.
#
#   packaging/image.sh              wants a Docker engine, and the builder that the Dockerfile names
#   packaging/image.sh --built TAG  an image that is there
#
# Where no registry can be reached, autobahn/standins.sh makes the builder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
image=stickler:trial
network=stickler-trial-$$
server=stickler-trial-$$
trap 'docker rm --force "$server" "$server-2" >/dev/null 2>&1; docker network rm "$network" >/dev/null 2>&1 || true' EXIT
locked=(--read-only --cap-drop ALL --security-opt no-new-privileges)

main() {
    if [ "${1-}" = --built ]; then
        image=$2
    else
        docker build --quiet --tag "$image" --build-arg VERSION=trial --build-arg REVISION="$(git rev-parse HEAD)" . >/dev/null
    fi
    contents
    docker network create "$network" >/dev/null
    docker run --detach --name "$server" --network "$network" "${locked[@]}" "$image" >/dev/null
    healthy "$server"
    is 'a health check by localhost' 0 "$(beside health ws://localhost:9001/)"
    is 'a health check by a name of the network' 0 "$(elsewhere health "ws://$server:9001/")"
    is 'a name that nobody has' 1 "$(elsewhere health ws://nobody.invalid:9001/)"
    is 'check by a name of the network' 0 "$(elsewhere check "ws://$server:9001/" --only ping)"
    docker run --detach --name "$server-2" --network "$network" "${locked[@]}" -e STICKLER_LISTEN=localhost:9001 "$image" >/dev/null
    healthy "$server-2"
    docker stop --time 20 "$server" >/dev/null
    is 'the end by docker stop' 0 "$(docker inspect --format '{{.State.ExitCode}}' "$server")"
    docker logs "$server" 2>&1 | grep -q 'gone clean='
    echo 'the image is well'
}

# Two files and the folders that Docker makes; nobody's rights; below 12 MB.
contents() {
    local container files
    container=$(docker create "$image")
    files=$(docker export "$container" | tar -t | grep -v '/$' | grep -Ev '^(\.dockerenv|dev/console|etc/(hostname|hosts|mtab|resolv.conf))$')
    docker rm "$container" >/dev/null
    is 'the files' "$(printf 'etc/nsswitch.conf\nusr/local/bin/stickler')" "$files"
    is 'the user' 65532:65532 "$(docker inspect --format '{{.Config.User}}' "$image")"
    is 'a label' 'MIT OR Apache-2.0' "$(docker inspect --format '{{index .Config.Labels "org.opencontainers.image.licenses"}}' "$image")"
    local size
    size=$(docker inspect --format '{{.Size}}' "$image")
    printf 'the image has %s bytes\n' "$size"
    [ "$size" -lt 12000000 ]
}

healthy() {
    for _ in $(seq 60); do
        [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" != healthy ] || return 0
        sleep 0.5
    done
    docker logs "$1" && docker inspect --format '{{json .State.Health}}' "$1" && false
}

# The exit status of the program in the network of the server, and in a container of its own.
beside() { status --network "container:$server" "$image" "$@"; }
elsewhere() { status --network "$network" "$image" "$@"; }
status() {
    local ended=0
    docker run --rm "${locked[@]}" "$@" >&2 || ended=$?
    echo "$ended"
}

is() { [ "$2" = "$3" ] || { echo "$1: expected '$2', seen '$3'" >&2 && false; }; }

main "$@"
