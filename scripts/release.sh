#!/usr/bin/env bash
# Makes a release of what is committed (docs/releases.md): keeps its schema and its statements in migrations/released/, commits
# and tags them. Nothing is pushed.
#
#   scripts/release.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?usage: scripts/release.sh VERSION, for example 0.2.0}

fail() { echo "$*" >&2; exit 1; }
grep -qx "version = \"$version\"" Cargo.toml || fail "Cargo.toml has another version than $version"
grep -q "^## $version " CHANGELOG.md || fail "CHANGELOG.md has no section '## $version (date)'"
[ -z "$(git status --porcelain)" ] || fail "commit or remove what git status lists first"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || fail "v$version is there already: a release is never changed"

kept=migrations/released
mkdir -p "$kept"
echo "$version" >"$kept/VERSION"
(cd migrations && sha384sum -- *.sql) >"$kept/SHA384SUMS"
cat migrations/functions/*.sql >"$kept/functions.sql"
# one JSON string in each line, as sqlx wrote them
{
    echo '['
    sed -n 's/^  "query": \(.*\),$/\1/p' .sqlx/query-*.json | LC_ALL=C sort -u | sed '$!s/$/,/'
    echo ']'
} >"$kept/statements.json"

git add -- "$kept"
git commit --quiet -m "migrations: Keep schema and statements of $version" \
    -m "The next release must run on this schema, and this release on the next one: tests/service/releases.rs."
git tag -a "v$version" -m "Muster $version"
echo "v$version is tagged here. Push it when make test is green: git push origin main v$version"
