# shellcheck shell=bash
# Shared functions of the benchmark: the server, databases created from a template, runs of wrk and pgbench, medians.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
muster=${CARGO_TARGET_DIR:-$root/target}/release/muster
seconds=${BENCH_SECONDS:-8}
rounds=${BENCH_ROUNDS:-3}
million=${BENCH_MILLION:-1000000}
mails=${BENCH_MAILS:-100000}
confirmations=${BENCH_CONFIRMATIONS:-60032}
pairs=${BENCH_PAIRS:-1000}
http=127.0.0.1:18080
admin=127.0.0.1:18081
relay=127.0.0.1:18525
server=  # pid of the server under test
round=0

export MUSTER_PROFILE=development MUSTER__HTTP__BIND=$http MUSTER__HTTP__PUBLIC_URL=http://$http MUSTER__ADMIN__BIND=$admin
export MUSTER__GUARD__MODE=on MUSTER__GUARD__FREE_PER_MINUTE=4000000000
export MUSTER__KEYRING__FILE=$BENCH_DIR/keyring.json MUSTER__KEYRING__GENERATE=true RUST_LOG=warn

say() { printf '%s\n' "$*" >&2; }

# url NAME: connection URL of a database of the cluster; the database bench_base always exists.
url() { sed "s#///[^?]*#///$1#" <<<"$BENCH_BASE_URL"; }

# sql NAME QUERY: runs a query and prints the result, unaligned.
sql() { psql "$(if [ "$1" = bench_base ]; then echo "$BENCH_BASE_URL"; else url "$1"; fi)" --no-psqlrc -qAtc "$2"; }

# fresh NAME [TEMPLATE]: creates a new copy of a template and runs a checkpoint, so that no run pays for the one before.
fresh() {
    sql bench_base "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
    sql bench_base "CREATE DATABASE $1 TEMPLATE ${2:-bench_template} STRATEGY file_copy"
    sql bench_base CHECKPOINT
    # otherwise the restore guard of a worker takes the copy for a restored database, and sends nothing
    rm -f "$BENCH_DIR"/keyring.mail-epoch
    sql "$1" "UPDATE mail_epoch SET number = 0"
}

# serve NAME ROLE: starts the server on a database and waits until /readyz answers 200 (20 s at most).
serve() {
    (cd "$BENCH_DIR" && DATABASE_URL=$(url "$1") exec "$muster" serve --role "$2" >>"$BENCH_DIR/server.log" 2>&1) &
    server=$!
    for _ in $(seq 400); do
        if curl -sf "http://$admin/readyz" >/dev/null; then return 0; fi
        sleep 0.05
    done
    say "the server did not become ready: see $BENCH_DIR/server.log"
    return 1
}

# halt: stops the server with SIGTERM (graceful shutdown: what it accepted is written first).
halt() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}

# api METHOD PATH BODY: an API call with the owner's token.
api() {
    curl -sf -X "$1" "http://$http$2" -H "OSDI-API-Token: $(cat "$BENCH_DIR/token")" \
        -H 'Content-Type: application/json' -d "$3"
}

# drive SCRIPT CONNECTIONS SECONDS [ARGS...]: runs wrk; prints "rate p50 p99 requests duration" (per second, ms, ms,
# number, s); fails on any transport error or status above 399.
drive() {
    local script=$1 connections=$2 time=$3 out
    shift 3
    out=$(wrk -t2 "-c$connections" "-d${time}s" -s "$here/wrk/$script" "http://$http" -- "$@")
    if ! awk '/^RESULT/ { exit !($7 == 0 && $8 == 0) } END { if (!NR) exit 1 }' <<<"$out"; then
        say "wrk saw errors or refusals: $out"
        return 1
    fi
    awk '/^RESULT/ { print $2, $3, $4, $5, $6 }' <<<"$out"
}

# peer NAME SCRIPT PETITION OPTIONS...: runs pgbench with prepared statements, one per transaction; prints
# transactions per second.
peer() {
    local name=$1 script=$2 petition=$3 out
    shift 3
    out=$(pgbench -n -M prepared -j 2 -f "$here/peer/$script.sql" -D "petition=$petition" -D "organization=$organization" \
        -D "vault=$vault" -D "event=$event" "$@" "$(url "$name")" 2>&1)
    if grep -q 'ERROR' <<<"$out"; then
        say "pgbench failed: $out"
        return 1
    fi
    awk '/^tps/ { print $3 }' <<<"$out"
}

# metric NAME [DIGITS]: value of a metric, summed over its labels, with DIGITS decimals (default 0).
metric() { curl -sf "http://$admin/metrics" | awk -v name="$1" -v digits="${2:-0}" 'index($1, name) == 1 { s += $2 } END { printf "%." digits "f", s }'; }

# resident PID: resident memory (RSS) of a process in MB.
resident() { awk '/^VmRSS/ { printf "%.1f\n", $2 / 1024 }' "/proc/$1/status"; }

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f\n", b - a }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }
whole() { printf '%.0f' "$1"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }

# verdict VALUE least|most LIMIT: prints whether the limit is reached.
verdict() {
    awk -v value="$1" -v how="$2" -v limit="$3" \
        'BEGIN { print ((how == "least" ? value >= limit : value <= limit) ? "reached" : "SHORT") }'
}

# put NAME OURS PEER RATIO TARGET VERDICT: appends a row to the table of results.
put() {
    printf '| %s | %s | %s | %s | %s | %s |\n' "$@" | tee -a "$BENCH_DIR/table.md" >&2
}
note() { printf -- '- %s\n' "$*" >>"$BENCH_DIR/notes.md"; }
