#!/usr/bin/env bash
# In a system that packaging/boot.sh has booted: the package is installed, started, reloaded, stopped, removed, purged.
# What is not well is the last that it says.
set -Eeuo pipefail
trap 'echo "FAILED at line $LINENO"; journalctl --unit=stickler --no-pager --lines=30; systemctl status --no-pager stickler' ERR

is() { [ "$2" = "$3" ] || { echo "$1: expected '$2', seen '$3'" && false; }; }
says() { journalctl --unit=stickler --no-pager --output=cat | grep -q -- "$1"; }
# The log is read by journald a little later than it is written.
soon() { for _ in $(seq 50); do "$@" && return; sleep 0.1; done; echo "not soon: $*" && false; }
# More often than systemd lets a service begin by itself.
restart() { systemctl reset-failed stickler 2>/dev/null || true; systemctl restart stickler; }
pid() { systemctl show --property=MainPID --value stickler; }

# One opening handshake and the echo of "Hello", masked with zeros (the Hello of RFC 6455 §5.7); the connection stays
# open as descriptor 3.
echoes() {
    exec 3<>/dev/tcp/127.0.0.1/9001
    printf '%s\r\n' 'GET / HTTP/1.1' 'Host: localhost:9001' 'Upgrade: websocket' 'Connection: Upgrade' \
        'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' '' >&3
    local line status
    read -r -t 10 status <&3
    while read -r -t 10 line <&3 && [ "$line" != $'\r' ]; do :; done
    is 'the handshake' $'HTTP/1.1 101 Switching Protocols\r' "$status"
    printf '\x81\x85\x00\x00\x00\x00Hello' >&3
    is 'the echo' 810548656c6c6f "$(hex 7)"
}
hex() { timeout 10 dd bs=1 count="$1" <&3 2>/dev/null | od -An -tx1 -v | tr -d ' \n'; }
hang_up() { exec 3>&-; }

echo '== install'
dpkg --install /srv/stickler.deb
is 'after the install' active "$(systemctl is-active stickler)"
is 'after the install' enabled "$(systemctl is-enabled stickler)"
is 'the socket' disabled "$(systemctl is-enabled stickler.socket || true)"
systemd-analyze verify --man=no stickler.service stickler.socket
systemd-analyze security --no-pager stickler | tail -n 1
echoes
hang_up
/usr/bin/stickler health
test -s /usr/share/man/man1/stickler.1* && test -s /usr/share/bash-completion/completions/stickler
test "$(stat -c %u "/proc/$(pid)")" -ge 61184 # of DynamicUser=

echo '== reload'
before=$(pid)
echo 'log = "debug"' >>/etc/stickler/stickler.toml
systemctl reload stickler
soon says 'loaded the configuration anew'
echoes
hang_up
soon says 'the connection ended'
# What is not fit changes nothing.
echo 'no-such-key = 1' >>/etc/stickler/stickler.toml
systemctl reload stickler
soon says 'no-such-key'
echoes
hang_up
is 'the process after two reloads' "$before" "$(pid)"
sed -i '/^log/d; /^no-such-key/d' /etc/stickler/stickler.toml

echo '== the file and the variables'
echo 'path = ["/ws"]' >>/etc/stickler/stickler.toml
restart
/usr/bin/stickler health ws://127.0.0.1:9001/ws
! /usr/bin/stickler health ws://127.0.0.1:9001/ 2>/dev/null
echo 'STICKLER_PATH=/' >/etc/default/stickler
restart
echoes
hang_up
rm /etc/default/stickler
sed -i '/^path/d' /etc/stickler/stickler.toml
echo 'no-such-key = 1' >>/etc/stickler/stickler.toml
! restart
is 'bad usage' 2 "$(systemctl show --property=ExecMainStatus --value stickler)"
sed -i '/^no-such-key/d' /etc/stickler/stickler.toml

echo '== a Unix socket'
echo 'listen = ["127.0.0.1:9001", "unix:/run/stickler/ws.sock"]' >>/etc/stickler/stickler.toml
restart
test -S /run/stickler/ws.sock
sed -i '/^listen/d' /etc/stickler/stickler.toml
restart

echo '== stop'
echoes
systemctl stop stickler
# A Close frame with 1001, and its reason.
is 'the Close of a stop' 88 "$(hex 1)"
hex 1 >/dev/null
is 'the Close of a stop' 03e9 "$(hex 2)"
hang_up
soon says 'gone clean='
is 'after a stop' inactive "$(systemctl is-active stickler || true)"
is 'the end of a stop' success "$(systemctl show --property=Result --value stickler)"

echo '== socket activation'
systemctl enable --now stickler.socket
is 'before a client' inactive "$(systemctl is-active stickler || true)"
echoes
is 'by a client' active "$(systemctl is-active stickler)"
hang_up
restart
echoes
hang_up

echo '== the watchdog'
# A worker that hangs is one process that does not run.
before=$(pid)
kill -STOP "$before"
for _ in $(seq 300); do
    now=$(pid)
    if [ "$now" != "$before" ] && [ "$now" != 0 ]; then break; fi
    sleep 0.1
done
test "$(pid)" != "$before"
systemctl is-active stickler || { sleep 1 && systemctl is-active stickler; }

echo '== upgrade'
before=$(pid)
systemctl reset-failed stickler
dpkg --install /srv/stickler.deb
test "$(pid)" != "$before"
is 'the socket after an upgrade' enabled "$(systemctl is-enabled stickler.socket)"
echoes
hang_up

echo '== remove'
dpkg --remove stickler
is 'after the removal' inactive "$(systemctl is-active stickler || true)"
is 'the socket after the removal' inactive "$(systemctl is-active stickler.socket || true)"
test -e /etc/stickler/stickler.toml
test ! -e /usr/bin/stickler

echo '== purge'
dpkg --purge stickler
test ! -e /etc/stickler
is 'what is left' '' "$(find /etc/systemd /var/lib/systemd /lib/systemd -name '*stickler*')"
is 'what dpkg knows' '' "$(dpkg-query --show --showformat='${db:Status-Status}' stickler 2>/dev/null | grep -v not-installed || true)"

