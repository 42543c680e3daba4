#!/bin/sh
# Runs Muster as the installed service does: with its settings, and as its user, whose the files are that it writes.
set -eu
export MUSTER_PROFILE="${MUSTER_PROFILE-production}"
export MUSTER_CONFIG="${MUSTER_CONFIG-/etc/muster/muster.toml}"
if [ "$(id -u)" = 0 ]; then
    export HOME=/var/lib/muster
    exec setpriv --reuid=muster --regid=muster --init-groups --no-new-privs /usr/lib/muster/muster "$@"
fi
if [ "$(id -un)" != muster ]; then
    echo "muster: run this as root or as the user muster (sudo muster ...)" >&2
    exit 1
fi
exec /usr/lib/muster/muster "$@"
