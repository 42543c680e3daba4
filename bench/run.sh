#!/usr/bin/env bash
# Benchmark: measures Muster and its peers on this machine, in one run, and writes bench/results.md. See
# bench/README.md.
#
#   bench/run.sh [ROW...]      default: all rows
#
# Rows: sign confirm latency timing register read start drain workers claim size backlog steady million export.
#
# Environment: BENCH_SECONDS (8) per measurement, BENCH_ROUNDS (3) per row, BENCH_MAILS (100000) letters to drain,
# BENCH_MILLION (1000000) signatures of the large petition, BENCH_CONFIRMATIONS (60032) buttons to press, a multiple of
# 128, BENCH_PAIRS (1000) addresses of each kind whose times are compared. All connections are to loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

muster=${CARGO_TARGET_DIR:-$PWD/target}/release/muster
if [ -z "${BENCH_BASE_URL:-}" ]; then
    # outer call: starts a temporary Postgres cluster, runs this script again on it, and removes it
    BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/muster-bench.XXXXXX")
    export BENCH_DIR
    chmod 755 "$BENCH_DIR"
    trap 'rm -rf "$BENCH_DIR"' EXIT
    PATH=$PATH:$(dirname "$(printf '%s\n' /usr/lib/postgresql/*/bin/pgbench | sort -V | tail -n1)")
    export PATH
    cp -r config "$BENCH_DIR"
    (
        cd "$BENCH_DIR"
        unset DATABASE_URL
        # shellcheck disable=SC2016
        MUSTER__POSTGRES__DATA_ROOT=$BENCH_DIR/var "$muster" postgres run -- \
            bash -c 'BENCH_BASE_URL=$DATABASE_URL exec "$@"' bench "$OLDPWD/bench/run.sh" "$@"
    )
    exit
fi

unset DATABASE_URL
# shellcheck source=bench/lib.sh
. bench/lib.sh
trap halt EXIT

prepare() {
    say "preparing the databases"
    sql bench_base "CREATE DATABASE bench_template"
    (
        cd "$BENCH_DIR"
        DATABASE_URL=$(url bench_template)
        export DATABASE_URL
        "$muster" migrate >>server.log 2>&1
        echo "a long enough password" | "$muster" organizer add --email owner@example.org --name Owner --role owner --password-stdin >>server.log 2>&1
        "$muster" token add --organizer owner@example.org --name bench --scopes all 2>>server.log | tail -n1 >token
    )
    serve bench_template web
    local confirmation
    for confirmation in none email; do
        api POST /api/v1/petitions "{\"title\":\"Status for all\",\"muster:slug\":\"$confirmation\",\"muster:status\":\"published\",\"muster:confirmation\":\"$confirmation\"}" >/dev/null
    done
    # burst limits out of the way, as those of the rate limiter: all requests come from one network here
    api PUT /api/v1/integrity '{"muster:per_network_hour":1000000000,"muster:per_domain_hour":1000000000}' >/dev/null
    api POST /api/v1/events '{"title":"Assembly","muster:slug":"assembly","muster:status":"published","muster:confirmation":"none","capacity":500,"start_date":"2030-05-01T18:00:00Z","end_date":"2030-05-01T20:00:00Z","timezone_identifier":"America/Toronto"}' >/dev/null
    halt
    organization=$(sql bench_template "SELECT id FROM organizations")
    vault=$(sql bench_template "SELECT id FROM vaults")
    event=$(sql bench_template "SELECT id FROM events")
    sql bench_template "VACUUM ANALYZE"
}

petition() { sql bench_template "SELECT id FROM actions WHERE kind = 'petition' AND slug = '$1'"; }

# signed NAME CONFIRMATION CONNECTIONS SECONDS [THINK]: signs on a running server (THINK: mean think time in ms) and
# prints the result of drive; fails if an acknowledged signature is not in the table.
signed() {
    local before after result
    before=$(sql "$1" "SELECT count(*) FROM signatures")
    round=$((round + 1))
    result=$(drive sign.lua "$3" "$4" "$2" "b$round-" ${5:+"$5"})
    after=$(sql "$1" "SELECT count(*) FROM signatures")
    if [ $((after - before)) -lt "$(cut -d' ' -f4 <<<"$result")" ]; then
        say "LOST: $((after - before)) rows for $(cut -d' ' -f4 <<<"$result") acknowledged signatures"
        exit 1
    fi
    echo "$result"
}

batches() {
    printf 'mean batch %s, fallback_rows %s' \
        "$(awk -v n="$(metric muster_group_commit_batch_count)" -v s="$(metric muster_group_commit_batch_sum)" 'BEGIN { printf "%.0f", n ? s / n : 0 }')" \
        "$(metric muster_group_commit_fallback_rows)"
}

commits() { sql bench_base "SELECT xact_commit FROM pg_stat_database WHERE datname = '$1'"; }

row_sign() {
    local confirmation i before
    for confirmation in email none; do
        : >"$BENCH_DIR/peer" && : >"$BENCH_DIR/at64" && : >"$BENCH_DIR/at256"
        for i in $(seq "$rounds"); do
            say "sign, $confirmation, round $i"
            fresh bench_peer
            peer bench_peer "sign_$confirmation" "$(petition $confirmation)" -c 64 -T "$seconds" >>"$BENCH_DIR/peer"
            fresh bench_ours
            serve bench_ours web
            before=$(commits bench_ours)
            signed bench_ours $confirmation 256 "$seconds" >>"$BENCH_DIR/at256"
            sleep 1 # pg_stat_database is updated with a delay
            note "sign, $confirmation, 256 connections: $(batches), $((($(commits bench_ours) - before) / seconds)) commits/s (pgbench: one for each signature)"
            halt
            fresh bench_ours
            serve bench_ours web
            signed bench_ours $confirmation 64 "$seconds" >>"$BENCH_DIR/at64"
            note "sign, $confirmation, 64 connections: $(batches)"
            halt
        done
        local theirs at256 at64
        theirs=$(median <"$BENCH_DIR/peer")
        at256=$(cut -d' ' -f1 "$BENCH_DIR/at256" | median)
        at64=$(cut -d' ' -f1 "$BENCH_DIR/at64" | median)
        [ $confirmation = email ] && echo "$at256" >"$BENCH_DIR/most"
        put "sign, confirmation \`$confirmation\`, 256 connections" "$(whole "$at256")/s" "pgbench, 64 clients: $(whole "$theirs")/s" \
            "$(ratio "$at256" "$theirs") x" ">= 2.0 x" "$(verdict "$(ratio "$at256" "$theirs")" least 2.0)"
        put "sign, confirmation \`$confirmation\`, 64 connections" "$(whole "$at64")/s" "pgbench, 64 clients: $(whole "$theirs")/s" \
            "$(ratio "$at64" "$theirs") x" ">= 1.5 x" "$(verdict "$(ratio "$at64" "$theirs")" least 1.5)"
    done
}

# pending_links: creates bench_confirm, with pending signatures whose mails were sent, and $BENCH_DIR/links, with the paths
# of the links in these mails.
pending_links() {
    fresh bench_confirm
    serve bench_confirm web
    say "signing $confirmations times"
    while [ "$(sql bench_confirm "SELECT count(*) FROM signatures")" -lt "$confirmations" ]; do
        signed bench_confirm email 256 1 >/dev/null
    done
    halt
    say "sending the mails"
    mkdir -p "$BENCH_DIR/taken" && chmod 777 "$BENCH_DIR/taken"
    SINK_OPTIONS="-D $BENCH_DIR/taken/all" with_sink drained bench_confirm "$(sql bench_confirm "SELECT count(*) FROM emails_waiting")" >/dev/null
    # quoted-printable: a line that ends in "=" goes on in the next one; each link is in the text and in the HTML
    tr -d '\r' <"$BENCH_DIR/taken/all" |
        awk '{ if (sub(/=$/, "")) { line = line $0; next } line = line $0 }
             match(line, /\/t\/ae[a-z2-7]+/) { print substr(line, RSTART, RLENGTH) }
             { line = "" }' | sort -u | sed -n "1,${confirmations}p" >"$BENCH_DIR/links"
    rm -rf "$BENCH_DIR/taken"
    if [ "$(wc -l <"$BENCH_DIR/links")" -ne "$confirmations" ]; then
        say "WRONG: $(wc -l <"$BENCH_DIR/links") links were mailed"
        exit 1
    fi
    sql bench_confirm "DELETE FROM emails"
    sql bench_confirm "VACUUM ANALYZE"
}

# confirmed CONNECTIONS: presses each button once, within 20 s, and prints the rate; fails unless each counted once and is
# thanked once.
confirmed() {
    local result there
    fresh bench_ours bench_confirm
    serve bench_ours web
    result=$(drive confirm.lua "$1" 20 "$BENCH_DIR/links" $((confirmations / 2)))
    note "confirm, $1 connections: $(batches), p99 $(cut -d' ' -f3 <<<"$result") ms"
    halt
    there=$(sql bench_ours "SELECT count(*) FILTER (WHERE state = 'counted') || ' ' || (SELECT count(DISTINCT refs) || ' ' || count(*) FROM emails WHERE kind = 'petition_thanks') FROM signatures")
    if [ "$there" != "$confirmations $confirmations $confirmations" ]; then
        say "WRONG: counted, thanked, thank-yous: $there"
        exit 1
    fi
    awk -v n="$confirmations" '{ print n / $5 }' <<<"$result"
}

row_confirm() {
    local i theirs connections ours
    pending_links
    : >"$BENCH_DIR/peer" && : >"$BENCH_DIR/at64" && : >"$BENCH_DIR/at256"
    for i in $(seq "$rounds"); do
        say "confirm, round $i"
        fresh bench_peer bench_confirm
        sql bench_peer "CREATE TABLE todo AS SELECT row_number() OVER (ORDER BY id) AS n, id, person_id FROM signatures"
        sql bench_peer "ALTER TABLE todo ADD PRIMARY KEY (n)"
        sql bench_peer "CREATE SEQUENCE todo_n"
        sql bench_peer "ANALYZE todo"
        peer bench_peer confirm "$(petition email)" -c 64 -t $((confirmations / 64)) >>"$BENCH_DIR/peer"
        for connections in 64 256; do confirmed "$connections" >>"$BENCH_DIR/at$connections"; done
    done
    theirs=$(median <"$BENCH_DIR/peer")
    for connections in 256 64; do
        ours=$(median <"$BENCH_DIR/at$connections")
        put "confirm $confirmations signatures by their mailed links, with thank-you, $connections connections" "$(whole "$ours")/s" \
            "pgbench, 64 clients: $(whole "$theirs")/s" "$(ratio "$ours" "$theirs") x" ">= $([ $connections = 256 ] && echo 2.0 || echo 1.5) x" \
            "$(verdict "$(ratio "$ours" "$theirs")" least "$([ $connections = 256 ] && echo 2.0 || echo 1.5)")"
    done
}

# Creates bench_million, with a petition of a million signatures made through the API, once for all rows that need it.
fill_million() {
    if [ -n "$(sql bench_base "SELECT 1 FROM pg_database WHERE datname = 'bench_million'")" ]; then return; fi
    say "signing $million times"
    fresh bench_million
    serve bench_million web
    local there=0
    while [ "$there" -lt "$million" ]; do
        signed bench_million none 256 10 >/dev/null
        there=$(sql bench_million "SELECT count(*) FROM signatures WHERE state = 'counted'")
        say "  $there"
    done
    halt
    sql bench_million "DELETE FROM emails"
    sql bench_million "VACUUM ANALYZE"
    sql bench_base "CHECKPOINT"
}

row_million() {
    local i empty full
    fill_million
    : >"$BENCH_DIR/empty" && : >"$BENCH_DIR/full"
    for i in $(seq "$rounds"); do
        say "a million there, round $i"
        fresh bench_ours
        serve bench_ours web
        signed bench_ours none 256 "$seconds" >>"$BENCH_DIR/empty"
        halt
        sql bench_base "CHECKPOINT"
        serve bench_million web
        signed bench_million none 256 "$seconds" >>"$BENCH_DIR/full"
        note "sign, a million there: $(batches)"
        halt
    done
    empty=$(cut -d' ' -f1 "$BENCH_DIR/empty" | median)
    full=$(cut -d' ' -f1 "$BENCH_DIR/full" | median)
    put "sign with $million there, 256 connections" "$(whole "$full")/s" "Muster at empty: $(whole "$empty")/s" \
        "$(ratio "$full" "$empty") x" ">= 0.85 x" "$(verdict "$(ratio "$full" "$empty")" least 0.85)"
}

row_latency() {
    local i most think ours theirs rate
    if [ ! -s "$BENCH_DIR/most" ]; then
        fresh bench_ours
        serve bench_ours web
        signed bench_ours email 256 "$seconds" | cut -d' ' -f1 >"$BENCH_DIR/most"
        halt
    fi
    most=$(cat "$BENCH_DIR/most")
    # think time (ms) at which 64 connections together send half the maximum rate; a response takes about 3 ms
    think=$(awk -v most="$most" 'BEGIN { t = 64 / (most / 2) * 1000 - 3; printf "%.0f", t < 1 ? 1 : t }')
    : >"$BENCH_DIR/p99" && : >"$BENCH_DIR/rates" && : >"$BENCH_DIR/peer"
    for i in $(seq "$rounds"); do
        say "latency, round $i"
        fresh bench_peer
        rm -f "$BENCH_DIR"/pgbench_log*
        (cd "$BENCH_DIR" && peer bench_peer sign_email "$(petition email)" -c 1 -j 1 -T "$seconds" --log >/dev/null)
        cat "$BENCH_DIR"/pgbench_log* | awk '{ print $3 / 1000 }' | sort -g |
            awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }' >>"$BENCH_DIR/peer"
        fresh bench_ours
        serve bench_ours web
        signed bench_ours email 64 2 "$think" >/dev/null # warm-up of connections and plans, which is not measured
        signed bench_ours email 64 "$seconds" "$think" >"$BENCH_DIR/one"
        cut -d' ' -f3 "$BENCH_DIR/one" >>"$BENCH_DIR/p99"
        cut -d' ' -f1 "$BENCH_DIR/one" >>"$BENCH_DIR/rates"
        halt
    done
    ours=$(median <"$BENCH_DIR/p99") theirs=$(median <"$BENCH_DIR/peer") rate=$(median <"$BENCH_DIR/rates")
    put "p99 of signing at $(whole "$rate")/s (half the most: $(awk -v m="$most" 'BEGIN { printf "%.0f", m / 2 }')/s)" "$ours ms" \
        "pgbench, 1 client, p99 $theirs ms, times 10" "$(ratio "$ours" "$(awk -v t="$theirs" 'BEGIN { print t * 10 }')") x" "<= 1 x" \
        "$(verdict "$(ratio "$ours" "$(awk -v t="$theirs" 'BEGIN { print t * 10 }')")" most 1)"
}

row_register() {
    local i ours theirs seated
    : >"$BENCH_DIR/ours" && : >"$BENCH_DIR/peer"
    for i in $(seq "$rounds"); do
        say "register, round $i"
        fresh bench_peer
        peer bench_peer register "$event" -c 50 -t 200 >>"$BENCH_DIR/peer"
        fresh bench_ours
        serve bench_ours web
        drive register.lua 128 10 assembly 5000 | awk '{ print 10000 / $5 }' >>"$BENCH_DIR/ours"
        note "register: $(batches)"
        halt
        seated=$(sql bench_ours "SELECT count(*) FILTER (WHERE state = 'accepted') || ' accepted, ' || count(*) FILTER (WHERE state = 'waitlisted') || ' waitlisted, ' || (SELECT count(*) FROM emails) || ' mails' FROM attendances")
        if [ "$seated" != "500 accepted, 9500 waitlisted, 10000 mails" ]; then
            say "WRONG: $seated"
            exit 1
        fi
    done
    ours=$(median <"$BENCH_DIR/ours") theirs=$(median <"$BENCH_DIR/peer")
    put "register, 10,000 attempts from 128 connections for 500 seats ($seated)" "$(whole "$ours")/s" \
        "pgbench, 50 clients, conditional UPDATE: $(whole "$theirs")/s" "$(ratio "$ours" "$theirs") x" ">= 1.5 x" \
        "$(verdict "$(ratio "$ours" "$theirs")" least 1.5)"
}

row_read() {
    local i path constant ours
    fresh bench_ours
    serve bench_ours web
    for path in /api/v1/petitions/email /api/v1/petitions/email/counts; do
        : >"$BENCH_DIR/ours" && : >"$BENCH_DIR/peer"
        for i in $(seq "$rounds"); do
            say "read $path, round $i"
            http=$admin drive read.lua 64 "$seconds" /healthz | cut -d' ' -f1 >>"$BENCH_DIR/peer"
            drive read.lua 64 "$seconds" "$path" | cut -d' ' -f1 >>"$BENCH_DIR/ours"
        done
        ours=$(median <"$BENCH_DIR/ours") constant=$(median <"$BENCH_DIR/peer")
        put "read \`$path\`, 64 connections" "$(whole "$ours")/s" "\`/healthz\` (constant, no middleware): $(whole "$constant")/s" \
            "$(ratio "$ours" "$constant") x" ">= 0.6 x" "$(verdict "$(ratio "$ours" "$constant")" least 0.6)"
    done
    halt
}

row_export() {
    local i before peak start ours theirs lines grown=0
    fill_million
    : >"$BENCH_DIR/ours" && : >"$BENCH_DIR/peer"
    serve bench_million web
    for i in $(seq "$rounds"); do
        say "export, round $i"
        start=$(now)
        psql "$(url bench_million)" --no-psqlrc -qc "\\copy (SELECT id, person_id, state, sealed, display, locale, country, region, postal_prefix, source, created_at, counted_at FROM signatures WHERE petition_id = '$(petition none)' AND state = 'counted') TO '$BENCH_DIR/peer.csv' WITH (FORMAT csv, HEADER)"
        since "$start" >>"$BENCH_DIR/peer"
        before=$(resident "$server")
        start=$(now)
        curl -sf "http://$http/api/v1/exports/petitions/none/signatures.csv" -H "OSDI-API-Token: $(cat "$BENCH_DIR/token")" -o "$BENCH_DIR/ours.csv" &
        local curl=$!
        peak=$before
        while kill -0 $curl 2>/dev/null; do
            peak=$(printf '%s\n' "$peak" "$(resident "$server")" | sort -g | tail -n1)
            sleep 0.1
        done
        wait $curl
        since "$start" >>"$BENCH_DIR/ours"
        grown=$(awk -v a="$before" -v b="$peak" -v g="$grown" 'BEGIN { d = b - a; printf "%.0f", (d > g ? d : g) }')
        lines=$(($(wc -l <"$BENCH_DIR/ours.csv") - 1))
        if [ "$lines" -ne "$(($(wc -l <"$BENCH_DIR/peer.csv") - 1))" ]; then
            say "WRONG: $lines lines"
            exit 1
        fi
        rm -f "$BENCH_DIR"/*.csv
    done
    halt
    ours=$(median <"$BENCH_DIR/ours") theirs=$(median <"$BENCH_DIR/peer")
    put "export of $lines signatures as CSV, unsealed" "$ours s, RSS grew $grown MB" "\`psql \\copy\` of the sealed rows: $theirs s" \
        "$(ratio "$ours" "$theirs") x" "<= 2.0 x, < 64 MB" \
        "$(if [ "$(verdict "$(ratio "$ours" "$theirs")" most 2.0)" = reached ]; then verdict "$grown" most 63; else echo SHORT; fi)"
}

# with_sink COMMAND...: runs a command while Postfix's smtp-sink accepts all mail; SINK_OPTIONS are passed to smtp-sink.
with_sink() {
    local tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/postfix/usr
    local -x PATH=$PATH:$tools/sbin LD_LIBRARY_PATH=$tools/lib/postfix${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    local -x MUSTER__MAIL__TRANSPORT=smtp MUSTER__MAIL__SMTP_URL=smtp://$relay MUSTER__MAIL__CONNECTIONS=8
    # started as root, smtp-sink requires a user to switch to
    # shellcheck disable=SC2046,SC2086
    smtp-sink $([ "$(id -u)" = 0 ] && echo -u nobody) ${SINK_OPTIONS:-} "$relay" 1000 2>>"$BENCH_DIR/server.log" &
    sink=$!
    trap 'kill $sink 2>/dev/null; halt' EXIT
    until (: <>"/dev/tcp/${relay/:/\/}") 2>/dev/null; do sleep 0.05; done
    "$@"
    kill "$sink"
    trap halt EXIT
}

# drained DATABASE MAILS: starts a worker and prints the seconds until it has sent so many mails to the sink.
drained() {
    local start sent
    start=$(now)
    serve "$1" worker
    while sent=$(metric muster_mails_settled); [ "$sent" -lt "$2" ]; do
        if [ "$sent" -gt 0 ]; then resident "$server" >>"$BENCH_DIR/resident"; fi
        # polling takes CPU time from the two cores, so it is frequent only near the end
        sleep "$([ "$sent" -lt $(($2 / 5 * 4)) ] && echo 0.5 || echo 0.1)"
    done
    since "$start"
    halt
    if [ "$(sql "$1" "SELECT count(*) FROM emails WHERE state = 'sent'")" -ne "$2" ]; then
        say "WRONG: not every mail was sent"
        exit 1
    fi
}

# letters MAILS: creates a database bench_letters with so many letters queued, in the lanes of a hundred officials'
# mailboxes.
letters() {
    local each=$(($1 / 100)) action office targets
    fresh bench_letters
    serve bench_letters web
    for action in 1 2 3 4 5; do
        targets=
        for office in $(seq 20); do
            api POST /api/v1/offices "{\"title\":\"Minister of $action-$office\",\"muster:slug\":\"o$action-$office\",\"muster:mailboxes\":[\"m$action-$office@example.org\"],\"muster:holder\":{\"given_name\":\"Ana\",\"family_name\":\"Roy\",\"honorific_prefix\":\"Minister\"}}" >/dev/null
            targets=$targets,\"o$action-$office\"
        done
        api POST /api/v1/advocacy_campaigns "{\"title\":\"Status for all\",\"muster:slug\":\"write$action\",\"muster:status\":\"published\",\"muster:targets\":[${targets#,}],\"muster:letters\":[{\"locale\":\"en\",\"subjects\":[\"Status for all\",\"Permanent status for all migrants\",\"No exclusions\"],\"body\":\"$(cat bench/letter.txt)\"}]}" >/dev/null
        api PUT "/api/v1/advocacy_campaigns/write$action" '{"muster:live":true}' >/dev/null
        while [ "$(sql bench_letters "SELECT coalesce(min(n), 0) FROM (SELECT count(*) AS n FROM emails_waiting e JOIN outreaches o ON o.email_id = e.id JOIN actions a ON a.id = o.letter_action_id WHERE a.slug = 'write$action' GROUP BY e.lane) l")" -lt $each ]; do
            round=$((round + 1))
            drive write.lua 32 1 "write$action" "w$round-" "$(cat "$BENCH_DIR/token")" >/dev/null
        done
    done
    halt
    sql bench_letters "DELETE FROM emails_waiting WHERE lane = '' OR id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY lane) AS n FROM emails_waiting) e WHERE n > $each)"
    # highest rate and burst that a lane can have
    sql bench_letters "UPDATE mail_lanes SET rate_per_hour = 100000, burst = 1000"
    sql bench_letters "VACUUM ANALYZE"
}

# Sending letters to officials, compared with smtp-source, which repeats one constant message of about the same size.
row_drain() {
    letters "$mails"
    with_sink drain_rounds
}

drain_rounds() {
    local i before size=1500
    : >"$BENCH_DIR/ours" && : >"$BENCH_DIR/peer" && : >"$BENCH_DIR/resident"
    for i in $(seq "$rounds"); do
        say "drain, round $i"
        before=$(now)
        smtp-source -d -s 8 -m "$mails" -l $size -f a@example.org -t b@example.org "$relay"
        since "$before" | awk -v n="$mails" '{ print n / $1 }' >>"$BENCH_DIR/peer"
        fresh bench_ours bench_letters
        drained bench_ours "$mails" | awk -v n="$mails" '{ print n / $1 }' >>"$BENCH_DIR/ours"
    done
    local ours theirs
    ours=$(median <"$BENCH_DIR/ours") theirs=$(median <"$BENCH_DIR/peer")
    put "drain $mails letters over 8 connections: claim, unseal, render, send, settle" "$(whole "$ours")/s" \
        "\`smtp-source -d -s 8\`, as long: $(whole "$theirs")/s" "$(ratio "$ours" "$theirs") x" ">= 0.4 x" "$(verdict "$(ratio "$ours" "$theirs")" least 0.4)"
    put "memory while draining" "RSS $(sort -g "$BENCH_DIR/resident" | sed -n '1p;$p' | paste -sd- | sed 's/-/ to /') MB" "-" "-" "flat" "printed"
}

# Two worker processes on one queue; smtp-sink writes all messages to a file, in which each Message-ID must occur once.
row_workers() {
    mails=$((mails / 5))
    letters "$mails"
    mkdir -p "$BENCH_DIR/taken" && chmod 777 "$BENCH_DIR/taken"
    SINK_OPTIONS="-D $BENCH_DIR/taken/all" with_sink two_workers
    local taken once
    taken=$(grep -ac '^Message-ID:' "$BENCH_DIR/taken/all")
    once=$(grep -a '^Message-ID:' "$BENCH_DIR/taken/all" | sort -u | wc -l)
    put "two worker processes, $mails letters" "$taken taken by the sink, $once different" "-" "-" "each exactly once" \
        "$([ "$taken" = "$mails" ] && [ "$once" = "$mails" ] && echo reached || echo SHORT)"
}

two_workers() {
    local one
    fresh bench_ours bench_letters
    serve bench_ours worker
    one=$server
    (cd "$BENCH_DIR" && MUSTER__ADMIN__BIND=127.0.0.1:18083 MUSTER__HTTP__BIND=127.0.0.1:18082 DATABASE_URL=$(url bench_ours) \
        exec "$muster" serve --role worker >>"$BENCH_DIR/server.log" 2>&1) &
    server=$!
    while [ "$(sql bench_ours "SELECT count(*) FROM emails_waiting")" -gt 0 ]; do sleep 0.3; done
    halt
    server=$one
    halt
}

# Duration of a claim for a short and a long queue. The mails are about signatures that do not exist, so nothing is
# sent.
row_claim() {
    local number few many
    # one worker loop, so that all claims have the same size and none runs concurrently
    local -x MUSTER__MAIL__CONNECTIONS=1 MUSTER__MAIL__BATCH=128
    for number in 10000 "$million"; do
        fresh bench_ours
        sql bench_ours "INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
            SELECT uuid_v7(now() - ($number - n) * interval '1 millisecond'), '$organization', 'notice', 'petition_thanks', jsonb_build_object('signature', gen_random_uuid()), 'queued',
                   now() - ($number - n) * interval '1 millisecond', now() FROM generate_series(1, $number) n"
        sql bench_ours "VACUUM ANALYZE emails_waiting"
            serve bench_ours worker
        while [ "$(metric muster_mails_settled)" -lt 9000 ]; do sleep 0.05; done
        awk -v s="$(metric muster_mail_claim_seconds_sum 6)" -v n="$(metric muster_mail_claim_seconds_count)" 'BEGIN { printf "%.3f\n", 1000 * s / n }' >"$BENCH_DIR/claim$number"
        halt
    done
    few=$(cat "$BENCH_DIR/claim10000") many=$(cat "$BENCH_DIR/claim$million")
    put "claim of 128 mails with $million waiting" "$many ms" "with 10,000: $few ms" "$(ratio "$many" "$few") x" "<= 1.3 x" "$(verdict "$(ratio "$many" "$few")" most 1.3)"
}

# Size of the queue's table and indexes after each 20,000 mails that a worker has settled: it must not grow with the
# number of mails that have passed through it.
row_size() {
    local each=20000 i sizes=()
    fresh bench_ours
    serve bench_ours worker
    for i in $(seq 10); do
        say "size, $((i * each)) mails"
        sql bench_ours "INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
            SELECT uuid_v7(now()), '$organization', (ARRAY['confirmation', 'notice', 'update'])[1 + n % 3], 'petition_thanks', jsonb_build_object('signature', gen_random_uuid()), 'queued',
                   now(), now() FROM generate_series(1, $each) n"
        while [ "$(sql bench_ours "SELECT count(*) FROM emails_waiting")" -gt 0 ]; do sleep 0.1; done
        sleep 2 # the worker vacuums the table
        sizes+=("$(sql bench_ours "SELECT pg_table_size('emails_waiting') + pg_indexes_size('emails_waiting')")")
    done
    halt
    put "size of the queue after $((10 * each)) mails, with its indexes" "$((sizes[9] / 1024)) KiB" "after $((5 * each)): $((sizes[4] / 1024)) KiB" \
        "$(ratio "${sizes[9]}" "${sizes[4]}") x" "<= 1.1 x" "$(verdict "$(ratio "${sizes[9]}" "${sizes[4]}")" most 1.1)"
}

# until_none DATABASE QUERY: prints the seconds until a query returns 0; meanwhile records the longest transaction
# (ms) in $BENCH_DIR/longest and the server's memory (MB) in $BENCH_DIR/resident.
until_none() {
    local start left
    start=$(now)
    while left=$(sql "$1" "$2") && [ -n "$left" ] || exit 1; [ "$left" != 0 ]; do
        sql "$1" "SELECT coalesce(round(1000 * max(extract(epoch FROM now() - xact_start))), 0) FROM pg_stat_activity
            WHERE datname = '$1' AND application_name LIKE 'muster%' AND backend_type = 'client backend' AND xact_start IS NOT NULL" >>"$BENCH_DIR/longest"
        resident "$server" >>"$BENCH_DIR/resident"
        sleep 0.05
    done
    since "$start"
}

# Releasing a backlog: held letters when their action goes live, and a broadcast. All mail is paused, so only the jobs
# are measured, and the response times of the two requests that start them.
row_backlog() {
    local row start answer took
    fresh bench_ours
    serve bench_ours web
    api POST /api/v1/offices '{"title":"Minister","muster:slug":"minister","muster:mailboxes":["minister@example.org"]}' >/dev/null
    api POST /api/v1/advocacy_campaigns '{"title":"Write","muster:slug":"write","muster:status":"published","muster:targets":["minister"],"muster:letters":[{"locale":"en","subjects":["Status"],"body":"Please act."}]}' >/dev/null
    halt
    say "filling the backlog"
    sql bench_ours "INSERT INTO mail_pauses (scope, created_at) VALUES ('everything', now())"
    sql bench_ours "INSERT INTO people (id, vault_id, email_index, sealed, origin, created_at, modified_at, confirmed_at)
        SELECT uuid_v7(now()), '$vault', sha256(n::text::bytea), '\\x00', 'act', now(), now(), now() FROM generate_series(1, $million) n"
    sql bench_ours "INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
        SELECT uuid_v7(now()), id, 'updates', true, 'Yes', '1', 'en', 'petition:none', now() FROM people"
    sql bench_ours "INSERT INTO signatures (id, petition_id, person_id, state, created_at, counted_at)
        SELECT uuid_v7(now()), '$(petition none)', id, 'counted', now(), now() FROM people"
    sql bench_ours "INSERT INTO letters (id, letter_action_id, person_id, state, locale, created_at, confirmed_at)
        SELECT uuid_v7(now()), (SELECT id FROM letter_actions), id, 'confirmed', 'en', now(), now() FROM people"
    sql bench_ours "INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, state, email_id, created_at)
        SELECT uuid_v7(now()), l.id, l.letter_action_id, (SELECT id FROM offices), 'held', uuid_v7(now()), now() FROM letters l"
    sql bench_ours "VACUUM ANALYZE"
    sql bench_base "CHECKPOINT"
    serve bench_ours all
    for row in letters broadcast; do
        say "backlog, $row"
        : >"$BENCH_DIR/longest" && : >"$BENCH_DIR/resident"
        start=$(now)
        if [ $row = letters ]; then
            api PUT /api/v1/advocacy_campaigns/write '{"muster:live":true}' >/dev/null
            answer=$(since "$start")
            took=$(until_none bench_ours "SELECT count(*) FROM jobs WHERE kind = 'letters'")
        else
            api POST /api/v1/broadcasts '{"muster:texts":{"en":{"subject":"News","body":"News"}},"muster:audience":{"actions":["none"]}}' >/dev/null
            api POST "/api/v1/broadcasts/$(sql bench_ours "SELECT id FROM broadcasts")/send" '{}' >/dev/null
            answer=$(since "$start")
            took=$(until_none bench_ours "SELECT count(*) FROM broadcasts WHERE NOT audience_frozen")
        fi
        put "backlog: $million $row let go, in steps" "$(awk -v n="$million" -v t="$took" 'BEGIN { printf "%.0f", n / t }')/s" "the request was answered in $answer s" "-" \
            "longest transaction < 1000 ms, memory flat" "longest $(sort -g "$BENCH_DIR/longest" | tail -n1) ms, RSS $(sort -g "$BENCH_DIR/resident" | sed -n '1p;$p' | paste -sd- | sed 's/-/ to /') MB"
    done
    halt
    if [ "$(sql bench_ours "SELECT (SELECT count(*) FROM outreaches WHERE state = 'queued') || ' ' || (SELECT recipients FROM broadcasts)")" != "$million $million" ]; then
        say "WRONG: not everything was let go"
        exit 1
    fi
}

# A million requests while /metrics is not scraped: neither the recorded metrics nor anything else may accumulate in
# memory.
row_steady() {
    local answered=0 path first last
    fresh bench_ours
    serve bench_ours web
    : >"$BENCH_DIR/resident"
    while [ "$answered" -lt "$million" ]; do
        say "steady, $answered requests"
        round=$((round + 1))
        for path in /api/v1/petitions/email /api/v1/petitions/email/counts /p/email; do
            answered=$((answered + $(drive read.lua 64 1 "$path" | cut -d' ' -f4)))
        done
        answered=$((answered + $(drive sign.lua 64 2 email "s$round-" | cut -d' ' -f4)))
        resident "$server" >>"$BENCH_DIR/resident"
    done
    halt
    # baseline after the first round, when all threads, connections and caches exist
    first=$(head -n1 "$BENCH_DIR/resident") last=$(tail -n1 "$BENCH_DIR/resident")
    put "steady: $answered requests, signatures among them, no scraper" "RSS $first MB after the first $(wc -l <"$BENCH_DIR/resident")th, $last MB at the end" "-" \
        "$(ratio "$last" "$first") x" "<= 1.15 x" "$(verdict "$(ratio "$last" "$first")" most 1.15)"
}

# Does the time of an answer tell who has signed? Signs on one connection, alternately with an address that has signed and with one that has
# not, each address once, and prints both medians and their difference.
row_timing() {
    local confirmation known new
    for confirmation in email none; do
        say "timing, $confirmation"
        fresh bench_ours
        serve bench_ours web
        signers known | times "$confirmation" >/dev/null
        paste -d '\n' <(signers known) <(signers new) | times "$confirmation" >"$BENCH_DIR/times"
        halt
        known=$(awk 'NR % 2 { print 1000 * $1 }' "$BENCH_DIR/times" | median)
        new=$(awk 'NR % 2 == 0 { print 1000 * $1 }' "$BENCH_DIR/times" | median)
        put "time of an answer, confirmation \`$confirmation\`, $pairs addresses that have signed" "median $(printf '%.3f' "$known") ms" \
            "as many that have not: $(printf '%.3f' "$new") ms" "$(awk -v a="$known" -v b="$new" 'BEGIN { printf "%+.0f", 1000 * (a - b) }') µs" "-" "printed"
    done
}

# signers PREFIX: prints an address for each of $pairs people.
signers() { seq -f "$1-%.0f@example.org" "$pairs"; }

# times PETITION: signs with the addresses that it reads, one after the other on one connection, and prints the seconds that each took.
times() {
    awk -v url="http://$http/api/v1/petitions/$1/signatures" '
        NR > 1 { print "next" }
        { print "url=" url
          print "json={\"person\":{\"given_name\":\"Amara\",\"email_addresses\":[{\"address\":\"" $0 "\"}]}}"
          print "output=/dev/null\nfail-early\nfail\nsilent\nshow-error\nwrite-out=%{time_total}\\n" }' | curl -K -
}

row_start() {
    local i start
    fresh bench_ours
    : >"$BENCH_DIR/ours"
    for i in $(seq "$rounds"); do
        start=$(now)
        serve bench_ours all
        since "$start" >>"$BENCH_DIR/ours"
        sleep 2
        resident "$server" >"$BENCH_DIR/idle"
        halt
    done
    put "start to ready (Postgres up, migrated)" "$(median <"$BENCH_DIR/ours") s" "-" "-" "printed" "idle RSS $(cat "$BENCH_DIR/idle") MB"
}

machine() {
    local setting
    echo "Measured $(date -u +%F) at $(git rev-parse --short HEAD 2>/dev/null || echo unknown) on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n1), $(nproc) cores," \
        "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB, $(df --output=fstype "$BENCH_DIR" | tail -n1), Linux $(uname -r);" \
        "$(psql --version), $(wrk --version 2>&1 | head -n1 | cut -d' ' -f1-2), $(rustc --version). Postgres, server and load share the machine."
    echo
    echo "Both sides write to the same cluster with the same settings:"
    for setting in fsync synchronous_commit full_page_writes wal_compression shared_buffers max_wal_size; do
        echo "\`$setting = $(sql bench_base "SHOW $setting")\`"
    done
    echo "Medians of $rounds alternating rounds of $seconds s."
}

prepare
rows=("$@")
if [ ${#rows[@]} -eq 0 ]; then rows=(sign confirm latency timing register read start drain workers claim size backlog steady million export); fi
: >"$BENCH_DIR/table.md" && : >"$BENCH_DIR/notes.md"
for row in "${rows[@]}"; do "row_$row"; done

results() {
    echo "# Results of \`make bench\`"
    echo
    machine
    echo
    echo "| row | Muster | peer in the same run | ratio | must reach | |"
    echo "|---|---|---|---|---|---|"
    cat "$BENCH_DIR/table.md"
    echo
    sort -u "$BENCH_DIR/notes.md"
    local file
    for file in bench/peer/*.sql; do
        printf '\nThe peer in `%s`:\n\n```sql\n%s\n```\n' "$file" "$(cat "$file")"
    done
}
if [ $# -eq 0 ]; then
    results >bench/results.md
    say "written to bench/results.md"
fi
echo
results | sed '/^The peer in/,$d'
