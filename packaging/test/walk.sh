#!/usr/bin/env bash
# Walks through docs/deploy.md inside a Debian that has just got the package. Mail comes into /srv/mail.
#
#   walk.sh first-minutes | proxies | next-postgres | removal
set -euo pipefail

A=http://127.0.0.1:8080/api/v1
domain=muster.example.org

step() { echo "    $*"; }
fail() {
    echo "FAILED: $*" >&2
    journalctl --unit muster --no-pager --lines 30 --output cat | cut -c 1-500 >&2 || true
    exit 1
}
# until_true SECONDS DESCRIPTION COMMAND...
until_true() {
    local patience=$1 what=$2
    shift 2
    for ((waited = 0; waited < patience * 5; waited++)); do
        if "$@"; then return; fi
        sleep 0.2
    done
    fail "waited in vain for $what"
}
api() { curl --silent --show-error --fail-with-body -H "OSDI-API-Token: $(cat /root/token)" -H 'Content-Type: application/json' "$@"; }
# sign ADDRESS [CURL OPTION...]: prints the status
sign() {
    local address=$1
    shift
    curl --silent --output /dev/null --write-out '%{http_code}' -H 'Content-Type: application/json' "$@" \
        --data "{\"person\": {\"given_name\": \"Amara\", \"email_addresses\": [{\"address\": \"$address\"}]}}" \
        "${BASE:-http://127.0.0.1:8080}/api/v1/petitions/heat-in-every-home/signatures"
}
ready() { curl --silent --fail --output /dev/null http://127.0.0.1:9090/readyz; }
has_mail() { grep -lqx "$1" -r /srv/mail; }
signatures() { curl --silent -H 'Accept: application/json' http://127.0.0.1:8080/p/heat-in-every-home/live | grep -o '"count":[0-9]*' | cut -d: -f2; }
counted() { [ "$(signatures)" = "$1" ]; }
set_key() { sed -i "s|^#\?$1 = .*|$1 = $2|" /etc/muster/muster.toml; }

first_minutes() {
    step "nothing runs before it has settings, and no cluster of Debian's was made"
    [ "$(systemctl is-enabled muster || true)" = disabled ] || fail "enabled by the installation"
    [ ! -e /etc/postgresql/*/main ] || fail "a cluster that nobody uses"
    local refused
    if refused=$(muster check-config --offline 2>&1); then fail "check-config takes no settings at all"; fi
    grep -q http.public_url <<<"$refused" || fail "check-config does not name http.public_url: $refused"
    if systemctl start muster 2>/dev/null; then fail "started without settings"; fi
    systemctl stop muster

    step "settings, keys"
    set_key public_url "\"https://$domain\""
    set_key from_domain "\"$domain\""
    muster keyring init
    [ "$(stat -c '%U %a' /var/lib/muster/keys/keyring.json)" = "muster 600" ] || fail "the keyring is not the service's own"
    muster check-config --offline
    [ "$(stat -c '%U %G %a' /etc/muster/muster.toml)" = "root muster 640" ] || fail "others may read the settings"

    step "the service starts: it answers when systemctl returns, and is ready after its first heartbeat"
    systemctl enable --now muster
    curl --silent --fail --output /dev/null http://127.0.0.1:9090/healthz || fail "systemctl returned too early"
    until_true 10 "the first heartbeat" ready
    journalctl --unit muster --output cat --no-pager | grep '"event":"process.ready"' >/dev/null || fail "no log in the journal"

    step "an owner, a token, a petition"
    echo "a long password of an owner" |
        muster organizer add --email you@example.org --name You --role owner --password-stdin
    muster token add --organizer you@example.org --name website --scopes all >/root/token
    api --output /dev/null "$A/petitions" \
        --data '{"title": "Heat in every home", "petition_text": "No one freezes.", "muster:status": "published"}'

    step "a signature, its mail, its confirmation, its number"
    [ "$(sign amara@example.org)" = 202 ] || fail "the signature was refused"
    until_true 30 "the confirmation mail" has_mail amara@example.org
    local link
    link=$(grep -rhoE "https://$domain/t/[^ >]+" /srv/mail | head -n 1)
    curl --silent --show-error --fail --output /dev/null --data '' "http://127.0.0.1:8080/t/${link##*/t/}"
    until_true 60 "the number 1" counted 1

    step "a backup"
    (umask 077 && mkdir -p /srv/elsewhere && chown muster /srv/elsewhere)
    set_key recipients "[\"$(muster backup keygen /srv/elsewhere/key)\"]"
    systemctl start muster-backup
    muster backup verify /var/backups/muster/*.age --identity /srv/elsewhere/key >/dev/null
    [ "$(stat -c '%U %a' /var/backups/muster)" = "muster 700" ] || fail "others may enter the backups"

    step "killed, it comes again by itself with everything"
    systemctl kill --kill-who=main --signal=KILL muster
    until_true 60 "the service again" ready
    counted 1 || fail "the signature is gone"

    step "the sandbox"
    local status
    status=$(cat "/proc/$(systemctl show --property MainPID --value muster)/status")
    for line in "NoNewPrivs:.1" "Seccomp:.2" "CapBnd:.0000000000000000"; do
        grep -qE "^$line$" <<<"$status" || fail "not in the process's status: $line"
    done
    for unit in muster.service muster-backup.service; do
        local exposure
        exposure=$(systemd-analyze security "$unit" --no-pager | grep -oE 'exposure level for [^:]*: [0-9.]+' | grep -oE '[0-9.]+$')
        echo "    exposure of $unit by systemd-analyze security: $exposure of 10"
        awk -v is="$exposure" 'BEGIN { exit !(is <= 1.5) }' || fail "$unit is exposed: $exposure"
    done

    step "installed again: settings stay, the service is started anew"
    local pid
    pid=$(systemctl show --property MainPID --value muster)
    dpkg --install /root/muster.deb >/dev/null
    [ "$(systemctl show --property MainPID --value muster)" != "$pid" ] || fail "the old program goes on"
    grep -q "^public_url = \"https://$domain\"" /etc/muster/muster.toml || fail "the settings are gone"
    counted 1 || fail "the signature is gone"
}

# proxied: what must hold behind every proxy that listens on port 443
proxied() {
    local curl=(curl --silent --show-error --cacert /etc/ssl/muster/fullchain.pem --resolve "$domain:443:127.0.0.1" --max-time 300)
    export BASE=https://$domain
    local behind=(--cacert /etc/ssl/muster/fullchain.pem --resolve "$domain:443:127.0.0.1")
    until_true 30 "$1" "${curl[@]}" --fail --output /dev/null "$BASE/p/heat-in-every-home"
    step "$1: a file of signers comes through, one above the limit is refused"
    { echo "given_name,family_name,email,city"; yes "Amara,Okafor,amara@example.org,Toronto" || true; } | head -c 8000000 >/srv/signers.csv || true
    "${curl[@]}" --fail-with-body --output /srv/answer -H "OSDI-API-Token: $(cat /root/token)" -H 'Content-Type: text/csv' \
        --data-binary @/srv/signers.csv "$BASE/api/v1/petitions/heat-in-every-home/imports" || fail "8 MB: $(cat /srv/answer)"
    for _ in $(seq 27); do head -c 8000000 /srv/signers.csv; done >/srv/more.csv
    local refused
    refused=$("${curl[@]}" --output /dev/null --write-out '%{http_code}' -H "OSDI-API-Token: $(cat /root/token)" -H 'Content-Type: text/csv' \
        --data-binary @/srv/more.csv "$BASE/api/v1/petitions/heat-in-every-home/imports")
    [ "$refused" = 413 ] || fail "216 MB are answered $refused"
    rm /srv/signers.csv /srv/more.csv
    step "$1: numbers come as they grow"
    local events
    events=$(curl --silent --no-buffer --max-time 3 "${behind[@]}" -H 'Accept: text/event-stream' "$BASE/p/heat-in-every-home/live" || true)
    grep -q '^event: count' <<<"$events" || fail "no event within three seconds: $events"
    step "$1: nobody chooses their own source"
    local last
    # all within one minute
    while [ "$(date +%-S)" -gt 45 ]; do sleep 1; done
    for n in $(seq 45); do
        last=$(sign "crowd$n@example.org" "${behind[@]}" -H "X-Forwarded-For: 198.51.100.$n" -H "Forwarded: for=198.51.100.$n")
    done
    [ "$last" = 428 ] || fail "45 acts of a minute from one source, and the last is answered $last"
    curl --silent http://127.0.0.1:9090/metrics | grep -E '^muster_forwarded_headers_ignored.* [1-9]' && fail "a proxy that is not trusted"
    step "$1: no address and no link in a log, nor while Muster is away"
    systemctl stop muster
    local away
    away=$("${curl[@]}" --output /dev/null --write-out '%{http_code}' "$BASE/t/secret-of-somebody")
    systemctl start muster
    [ "$away" = 502 ] || fail "answered $away without Muster"
    if grep -rE 'client: |/t/|crowd' /var/log/nginx /var/log/caddy 2>/dev/null; then fail "people in a log of $1"; fi
    if journalctl --unit "$1" --no-pager | grep -E 'remote_ip|/t/'; then fail "people in the journal of $1"; fi
}

proxies() {
    mkdir -p /etc/ssl/muster
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$domain" -addext "subjectAltName=DNS:$domain" \
        -keyout /etc/ssl/muster/privkey.pem -out /etc/ssl/muster/fullchain.pem 2>/dev/null
    chmod 644 /etc/ssl/muster/privkey.pem
    systemctl stop nginx caddy
    rm -f /etc/nginx/sites-enabled/default
    cp /usr/share/doc/muster/examples/nginx.conf /etc/nginx/conf.d/muster.conf
    nginx -t -q
    systemctl start nginx
    proxied nginx
    systemctl stop nginx
    # the certificate of this test and not one of a public authority
    sed "s|^{\$MUSTER_HOST.*|&\n\ttls /etc/ssl/muster/fullchain.pem /etc/ssl/muster/privkey.pem|" \
        /usr/share/doc/muster/examples/Caddyfile >/etc/caddy/Caddyfile
    # what this source did is forgotten with its minute
    sleep $((61 - $(date +%-S)))
    systemctl start caddy
    proxied caddy
    systemctl stop caddy
}

next_postgres() {
    local before
    before=$(cat /var/lib/muster/data/postgres/PG_VERSION)
    step "Postgres $before is still there, and Muster goes on with it"
    dpkg --status "postgresql-$before" | grep '^Status: install ok installed' >/dev/null || fail "postgresql-$before is gone"
    systemctl restart muster
    counted 1 || fail "the signature is gone"
    step "to the next, with mail, and everything there"
    if muster postgres upgrade; then fail "upgraded under a running service"; fi
    systemctl stop muster
    muster postgres upgrade
    systemctl start muster
    [ "$(cat /var/lib/muster/data/postgres/PG_VERSION)" -gt "$before" ] || fail "still on Postgres $before"
    counted 1 || fail "the signature is gone"
    [ "$(sign late@example.org)" = 202 ] || fail "the signature was refused"
    until_true 30 "the confirmation mail" has_mail late@example.org
    systemctl start muster-backup
    step "and back"
    systemctl stop muster
    muster postgres upgrade --back --yes
    systemctl start muster
    [ "$(cat /var/lib/muster/data/postgres/PG_VERSION)" = "$before" ] || fail "not back on Postgres $before"
    counted 1 || fail "the signature is gone"
    until_true 30 "the pause of mail" sh -c 'muster mail epoch | grep -q "paused: other_database"'
}

removal() {
    step "purged: the service is gone, database and keys are not"
    DEBIAN_FRONTEND=noninteractive apt-get -q -y purge muster >/dev/null
    [ ! -e /etc/muster/muster.toml ] || fail "settings stay after a purge"
    [ -e /var/lib/muster/keys/keyring.json ] && [ -e /var/lib/muster/data/postgres/PG_VERSION ] || fail "data was deleted"
    if systemctl is-active --quiet muster; then fail "it still runs"; fi
}

"${1//-/_}"
