#!/usr/bin/env bash
# Writes what the database says about every query! into a folder (.sqlx by default), so that builds need no database.
#
#   scripts/sqlx.sh [FOLDER]
#
# The schema is made from migrations/ in an empty database: the one DATABASE_URL names, or else an embedded one that is
# thrown away. A muster that was built before a query changed is good enough to start that.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:${HOME:-}/.cargo/bin
mkdir -p "${1:-.sqlx}"
folder=$(cd "${1:-.sqlx}" && pwd)

if [ -z "${DATABASE_URL:-}" ]; then
    muster=${CARGO_TARGET_DIR:-target}/debug/muster
    if [ ! -x "$muster" ] && ! SQLX_OFFLINE=true cargo build; then
        echo "No muster to start a database with: set DATABASE_URL to an empty one, then run this again." >&2
        exit 1
    fi
    root=$(mktemp -d)
    # Root gives the cluster to an unprivileged user, who must be able to get there.
    chmod 711 "$root"
    trap 'rm -rf "$root"' EXIT
    MUSTER__POSTGRES__DATA_ROOT=$root "$muster" postgres run -- scripts/sqlx.sh "$folder"
    exit
fi

for file in migrations/*.sql; do
    one=(--single-transaction)
    if head -n1 "$file" | grep -q -- '-- no-transaction'; then one=(); fi
    psql "$DATABASE_URL" --no-psqlrc --quiet -v ON_ERROR_STOP=1 ${one[@]+"${one[@]}"} --file "$file" >/dev/null
done
find "$folder" -name 'query-*.json' -delete

# The macros write only when they are expanded anew: make the library look changed, and afterwards unchanged, so that
# nothing else is built again.
stamp=$(mktemp)
touch -r src/lib.rs "$stamp"
trap 'touch -r "$stamp" src/lib.rs; rm -f "$stamp"' EXIT
touch src/lib.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$folder cargo check --quiet --all-targets
echo "$(find "$folder" -name 'query-*.json' | wc -l | tr -d ' ') queries"
