#!/usr/bin/env bash
# Runs all checks that must pass before a change is merged. The tests come last, so that their summary ends the output.
# Arguments are passed to the tests: scripts/test.sh signatures::
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:${HOME:-}/.cargo/bin

# A developer's own settings must not influence the tests.
unset DATABASE_URL MUSTER_PROFILE ${!MUSTER__*}
export SQLX_OFFLINE=true
muster=${CARGO_TARGET_DIR:-target}/debug/muster

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# As root, the database runs as an unprivileged user, who must be able to enter the folder.
chmod 711 "$scratch"

step() { printf '\n==> %s (after %ss)\n' "$*" "$SECONDS"; }
stale() {
    echo "$1 is out of date: run 'make $2' and commit the result." >&2
    exit 1
}

step "Documents: what they name is there"
scripts/check-docs.sh

step "Format"
cargo fmt --check

step "Build"
cargo build --bins --tests

step "Lints, and generated: .sqlx"
# in one pass, since both expand every macro
SQLX_CHECK="clippy --all-targets -- -D warnings" scripts/sqlx.sh "$scratch/sqlx"
diff -r "$scratch/sqlx" .sqlx || stale .sqlx sqlx

step "Documentation"
# Links to private items are allowed: the documentation is for people who work on the code.
RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --quiet --no-deps --document-private-items

step "Generated: openapi.json"
"$muster" openapi | diff - openapi.json || stale openapi.json openapi

step "Tests"
# The runner reports the slowest tests of each binary.
runner=CARGO_TARGET_$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER
export "$runner=$PWD/scripts/test-runner.sh"
# Tests kill the server, so it commits as everywhere; they cause no power failure, so it need not wait for the disk. Each
# test's database is a copy of template1: with the schema in it, none of them spends its time on migrations.
MUSTER__POSTGRES__DATA_ROOT=$scratch/postgres "$muster" postgres run --no-fsync -- bash -euc '
    DATABASE_URL=${DATABASE_URL/muster/template1} "$0" migrate
    exec cargo test "$@"' "$muster" "$@"
