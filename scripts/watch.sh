# Checks the code after each change of a file, until it is stopped. Arguments are names of tests to run after a
# successful check.
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=true
muster=${CARGO_TARGET_DIR:-target}/debug/muster

stamp=$(mktemp)
trap 'rm -f "$stamp"' EXIT
is_first=yes
while true; do
    if [ -n "$is_first" ] || [ -n "$(find src tests templates migrations config .sqlx Cargo.toml Cargo.lock build.rs -type f -newer "$stamp" | head -n1)" ]; then
        is_first=
        touch "$stamp"
        if cargo check --quiet --all-targets && [ $# -gt 0 ]; then
            cargo build --quiet && "$muster" postgres run --no-fsync -- cargo test --quiet "$@" || true
        fi
        date '+-- %T, waiting for a change'
    fi
    sleep 1
done
