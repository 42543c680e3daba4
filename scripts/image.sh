#!/usr/bin/env bash
# Builds the container image from the Debian package with whatever builder is there.
#
#   scripts/image.sh [PACKAGE]      target/debian/muster_*.deb by default; BASE names another base image than Debian 13's
set -euo pipefail
cd "$(dirname "$0")/.."

package=${1:-$(ls -t "${CARGO_TARGET_DIR:-target}"/debian/muster_*.deb 2>/dev/null | head -n 1)}
[ -f "$package" ] || { echo "There is no package: run 'make package' first, or name one." >&2; exit 1; }
build=()
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    build=(env DOCKER_BUILDKIT=1 docker build)
elif command -v podman >/dev/null; then
    build=(podman build)
elif command -v buildah >/dev/null; then
    build=(buildah build)
else
    echo "Please install docker, podman or buildah, then run this again." >&2
    exit 1
fi
# nothing but the package is sent to the builder
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$package" "$context/muster.deb"
"${build[@]}" --tag muster:latest --file packaging/container/Containerfile \
    ${BASE:+--build-arg BASE="$BASE"} "$context"
