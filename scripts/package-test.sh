#!/usr/bin/env bash
# Installs the package into fresh Debian 12 and 13 systems, each booted in a container of systemd-nspawn, and walks through
# docs/deploy.md there (packaging/test/walk.sh): the first minutes, nginx and Caddy, the Debian 12 taken to 13 with its Postgres.
# As root on Debian. Everything it makes is in a temporary folder that goes at the end; KEEP=1 leaves it.
#
#   scripts/package-test.sh [PACKAGE]      target/debian/muster_*.deb by default, which `make package` builds
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "This test needs root on Debian, for debootstrap and systemd-nspawn." >&2
    exit 1
fi
scripts/setup.sh package
package=${1:-$(ls -t "${CARGO_TARGET_DIR:-target}"/debian/muster_*.deb 2>/dev/null | head -n 1)}
[ -f "$package" ] || { echo "There is no package: run 'make package' first, or name one." >&2; exit 1; }
package=$(realpath "$package")

work=$(mktemp -d --tmpdir muster-package-XXXXXX)
container= sink= leader=
halt() {
    if [ -n "$sink" ]; then kill "$sink" 2>/dev/null || true; fi
    # its PID 1 shuts down in order
    if [ -n "$container" ]; then kill "$container" 2>/dev/null && wait "$container" || true; fi
    container='' sink='' leader=''
}
finish() {
    halt
    if [ -n "${KEEP:-}" ]; then echo "Left in $work"; else rm -rf "$work"; fi
}
trap finish EXIT

title() { printf '\n==> %s (after %ss)\n' "$*" "$SECONDS"; }

# fresh SUITE: a minimal Debian with what an installed one has; its services do not start while packages are installed.
fresh() {
    root=$work/$1
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,curl,openssl,procps "$1" "$root" >"$work/debootstrap-$1.log" ||
        { tail -n 20 "$work/debootstrap-$1.log" >&2; exit 1; }
    mkdir -p "$root/srv/mail"
    cp "$package" "$root/root/muster.deb"
    cp packaging/test/walk.sh "$root/root/walk.sh"
}

# boot: boots $root, without a network of the host's; $leader is its PID 1.
boot() {
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --machine="muster-$$" --link-journal=no \
        --directory="$root" >"$root.console" 2>&1 </dev/null &
    container=$!
    for ((waited = 0; waited < 600; waited++)); do
        leader=$(pgrep --parent "$container" | head -n 1) || leader=
        if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
            nsenter --target "$leader" --net python3 packaging/test/smtp_sink.py "$root/srv/mail" &
            sink=$!
            return
        fi
        kill -0 "$container" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 30 "$root.console" >&2
    echo "The system in $root does not boot." >&2
    exit 1
}

environment=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root TERM=dumb
    DEBIAN_FRONTEND=noninteractive)
# inside COMMAND...: runs it in the booted system.
inside() { "${environment[@]}" nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup "$@"; }
# apt ARGUMENT...: in the booted system, but with the network of the host.
apt() {
    cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
    "${environment[@]}" nsenter --target "$leader" --mount --uts --ipc --pid --cgroup \
        apt-get -q -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" >"$work/apt.log" 2>&1 ||
        { tail -n 40 "$work/apt.log" >&2; exit 1; }
}

for suite in bookworm trixie; do
    title "A fresh Debian $suite"
    fresh "$suite"
    boot
    title "$suite: install the package"
    apt update
    apt install /root/muster.deb
    title "$suite: the first minutes"
    inside bash /root/walk.sh first-minutes
    if [ "$suite" = trixie ]; then
        title "$suite: nginx and Caddy"
        apt install nginx caddy
        inside bash /root/walk.sh proxies
    else
        title "$suite: to Debian trixie, and to its Postgres"
        sed -i 's/bookworm/trixie/g' "$root"/etc/apt/sources.list
        apt update
        apt full-upgrade
        apt autoremove
        inside bash /root/walk.sh next-postgres
    fi
    title "$suite: remove it"
    inside bash /root/walk.sh removal
    halt
done
title "The package is at home on both"
