#!/usr/bin/env bash
# Installs the Debian package in a fresh Debian 12 that has booted with systemd.
#
#   packaging/boot.sh FILE.deb          tries out all that the package does: packaging/trial.sh
#   packaging/boot.sh FILE.deb page     types what docs/operations/install.md says, as it stands there
#
# Wants root, debootstrap, systemd-nspawn (Debian: systemd-container) and a mirror of Debian; two to four minutes, most of
# them for debootstrap. BASE=FOLDER keeps the fresh system for the next time. HOLD=SECONDS leaves it running for so long
# when all is well, to look around in. The container has a network of its own, with nothing but a loopback.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$(realpath "$1")
what=${2:-trial}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
base=${BASE:-$temp/base}
root=$temp/root

main() {
    if ! [ -x "$base/sbin/init" ]; then
        debootstrap --include=systemd,systemd-sysv,dbus bookworm "$base" >"$temp/debootstrap.log" ||
            { tail "$temp/debootstrap.log" >&2 && exit 1; }
    fi
    cp -a --reflink=auto "$base" "$root"
    "$what"
    printf '%s\n' '[Unit]' 'After=multi-user.target' '[Service]' 'Type=oneshot' 'ExecStart=/srv/trial.sh' \
        'StandardOutput=file:/srv/trial.log' 'StandardError=inherit' 'TimeoutStartSec=infinity' \
        'WorkingDirectory=/srv' 'ExecStopPost=/usr/bin/systemctl --no-block poweroff' \
        >"$root/etc/systemd/system/trial.service"
    mkdir -p "$root/etc/systemd/system/default.target.wants"
    ln -s ../trial.service "$root/etc/systemd/system/default.target.wants/trial.service"
    printf '%s\n' "echo well, so far" "sleep ${HOLD:-0}" "echo 'all is well'" >>"$root/srv/trial.sh"
    timeout --kill-after=10 $((300 + ${HOLD:-0})) systemd-nspawn --quiet --register=no --keep-unit --private-network \
        --boot --directory="$root" </dev/null >"$temp/boot.log" 2>&1 || true
    cat "$root/srv/trial.log" 2>/dev/null || tail -n 40 "$temp/boot.log"
    [ "$(tail -n 1 "$root/srv/trial.log" 2>/dev/null)" = 'all is well' ]
}

trial() {
    cp "$package" "$root/srv/stickler.deb"
    install -m 755 "$here/trial.sh" "$root/srv/trial.sh"
}

# The commands of the page's first section, from its first step on.
page() {
    cp "$package" "$root/srv/"
    # There is no network later on: apt has these packages before it is asked for them.
    chroot "$root" sh -c 'apt-get -qq update && apt-get -qq install --yes --download-only nginx-light openssl curl' \
        >"$temp/apt.log" 2>&1 || { tail "$temp/apt.log" >&2 && exit 1; }
    {
        printf '%s\n' '#!/usr/bin/env bash' 'set -euxo pipefail' 'export DEBIAN_FRONTEND=noninteractive'
        sed -n '/^\*\*1\. /,/^## /p' "$here/../docs/operations/install.md" | sed -n '/^```sh$/,/^```$/p' | grep -v '^```'
    } >"$root/srv/trial.sh"
    chmod 755 "$root/srv/trial.sh"
    test "$(grep -c . "$root/srv/trial.sh")" -gt 20
}

case $what in trial | page) main ;; *) echo "boot.sh: no such thing: $what" >&2 && exit 2 ;; esac
