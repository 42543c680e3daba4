#!/usr/bin/env bash
# Installs what the cluster tests need and runs them (cluster/README.md), as root on Debian 12 or 13.
#
#   cluster/run.sh [FAULT...]     all faults unless some are named
#
# REPLICATION=asynchronous: without a synchronous standby. SEED=7: other people, other acts. MUSTER: another binary than
# target/release/muster. KEEP=1: logs, journal and mails stay in the folder `run` also after a run without failures.
#
# Everything lies in one folder (target/cluster): Debian 13 with Postgres, Patroni, etcd, HAProxy and PgBouncer, unpacked once,
# and what a run makes. The run has network, processes and mounts of its own, which end with it, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/cluster"
folder=$(cd "$target/cluster" && pwd)
root=$folder/root
packages=postgresql-17,patroni,python3-etcd,etcd-server,haproxy,pgbouncer

refuse() {
    printf '%s\n' "$@" >&2
    exit 1
}

needs="The cluster tests need Debian 12 or 13, root (for network namespaces), the network for the first run, 3 GB of disk and 2 GB of memory."
# shellcheck source=/dev/null
. /etc/os-release
[[ ${ID:-} == debian && ${VERSION_ID:-} =~ ^1[23]$ ]] || refuse "$needs" "This is ${PRETTY_NAME:-another system}."
[ "$(id -u)" -eq 0 ] || refuse "$needs" "Please run as root."
unshare --mount --net --pid --fork true 2>/dev/null || refuse "$needs" "This machine allows no namespaces: unshare failed."

exec {lock}>"$folder/lock"
flock --nonblock "$lock" || refuse "The cluster tests run already in $folder."

muster=${MUSTER:-$target/release/muster}
[ -x "$muster" ] || SQLX_OFFLINE=true cargo build --release
muster=$(readlink -f "$muster")

# install PACKAGE...: with fresh lists where the first attempt fails.
install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" install -y --no-install-recommends "$@" || { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@"; }
}
missing=()
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
command -v ip >/dev/null || missing+=(iproute2)
command -v python3 >/dev/null || missing+=(python3)
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"

if [ "$(cat "$root/packages" 2>/dev/null)" != "$packages" ]; then
    echo "Unpacking Debian 13 with ${packages//,/, } into $root"
    rm -rf "$root"
    # the mirror that this machine uses
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n1)
    mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
        --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/postgresql/*' trixie "$root" "${mirror:?apt knows no mirror of Debian}"
    echo "$packages" >"$root/packages"
fi
# Only unpacked: the library that sets a process's clock forward.
clock=$folder/faketime
if ! compgen -G "$clock/usr/lib/*/faketime/libfaketime.so.1" >/dev/null; then
    rm -rf "$clock"
    mkdir -p "$clock"
    (cd "$clock" && apt-get -q -o APT::Sandbox::User=root download libfaketime && dpkg -x libfaketime_*.deb . && rm libfaketime_*.deb)
fi

# What a run makes is seen by the database's processes under the same name as by us.
run=$folder/run
rm -rf "$run"
mkdir -p "$run" "$root$run"
status=0
# `bash` is process 1 in there, which takes in orphaned processes; all end when it does.
unshare --mount --net --pid --ipc --fork --kill-child --mount-proc bash -euc '
    root=$1 run=$2
    shift 2
    mount --bind "$run" "$root$run"
    mount --bind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs /run
    trap "exit 130" INT TERM
    "$@" &
    wait $!
' bash "$root" "$run" \
    python3 -B -u cluster/driver.py --root "$root" --run "$run" --muster "$muster" \
    --clock "$(compgen -G "$clock/usr/lib/*/faketime/libfaketime.so.1")" \
    --replication "${REPLICATION:-synchronous}" --seed "${SEED:-1}" "$@" || status=$?

if [ $status -eq 0 ] && [ -z "${KEEP:-}" ]; then
    rm -rf "$run"
else
    echo "Logs, journal and mails are in $run" >&2
fi
exit $status
