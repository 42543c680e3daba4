#!/usr/bin/env bash
# Writes sqlx's metadata of every query! into a folder (.sqlx by default), so that builds need no database.
#
#   scripts/sqlx.sh [FOLDER]
#
# The schema is created from migrations/ and migrations/functions/ in an empty database: the one in DATABASE_URL, or else a temporary embedded
# one. To start that, a muster built before a query was changed is good enough. SQLX_CHECK: the arguments of the cargo that
# expands the macros ("check --all-targets" by default).
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
    # As root, the cluster belongs to an unprivileged user, who must be able to enter the folder.
    chmod 711 "$root"
    trap 'rm -rf "$root"' EXIT
    MUSTER__POSTGRES__DATA_ROOT=$root "$muster" postgres run -- scripts/sqlx.sh "$folder"
    exit
fi

# functions may call those of a later file
export PGOPTIONS='-c check_function_bodies=off'
for file in migrations/*.sql migrations/functions/*.sql; do
    one=(--single-transaction)
    if head -n1 "$file" | grep -q -- '-- no-transaction'; then one=(); fi
    psql "$DATABASE_URL" --no-psqlrc --quiet -v ON_ERROR_STOP=1 ${one[@]+"${one[@]}"} --file "$file" >/dev/null
done
find "$folder" -name 'query-*.json' -delete

# The macros write only when they are expanded: make the library look changed, and restore its time afterwards, so that
# nothing else is rebuilt.
stamp=$(mktemp)
touch -r src/lib.rs "$stamp"
trap 'touch -r "$stamp" src/lib.rs; rm -f "$stamp"' EXIT
touch src/lib.rs
read -ra check <<<"${SQLX_CHECK:-check --all-targets}"
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$folder cargo "${check[0]}" --quiet "${check[@]:1}"
echo "$(find "$folder" -name 'query-*.json' | wc -l | tr -d ' ') queries"
