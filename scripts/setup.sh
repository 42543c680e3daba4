#!/usr/bin/env bash
# Checks that everything Muster needs besides a Rust toolchain is installed; silent and fast if it is.
#
#   scripts/setup.sh          to build and run: a C compiler, Postgres
#   scripts/setup.sh test     and to test: rustfmt, clippy, a browser, fonts
#   scripts/setup.sh package  and to test the Debian package: debootstrap, systemd-nspawn, Python
#   scripts/setup.sh bench    and to measure: wrk, and Postfix's smtp-sink and smtp-source (unpacked, not installed)
#
# On Debian and Ubuntu it installs what is missing (as root, or with sudo); elsewhere it says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-}
PATH=$PATH:${HOME:-}/.cargo/bin

packages=()  # Debian's package names
missing=()   # names for messages

# want PACKAGE DESCRIPTION CHECK...: CHECK is a command that succeeds if nothing is missing.
want() {
    local package=$1 what=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        packages+=("$package")
        missing+=("$what")
    fi
}
any_command() {
    local name
    for name in "$@"; do
        if command -v "$name"; then return 0; fi
    done
    return 1
}
# Called with unquoted patterns on purpose: an argument is a file, or a pattern that matched nothing.
any_file() {
    local file
    for file in "$@"; do
        if [ -e "$file" ]; then return 0; fi
    done
    return 1
}
# Also checks for the C library's headers, which a bare compiler lacks.
has_compiler() { any_command cc && echo '#include <stdlib.h>' | cc -E -; }
has_postgres() {
    any_command initdb || any_file /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
        /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb
}
has_certificates() {
    any_file /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem
}
has_browser() { any_command chromium chromium-browser google-chrome google-chrome-stable; }
# Ubuntu's package has another name (and installs a snap).
browser=chromium
if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then browser=chromium-browser; fi
has_fonts() { any_file /usr/share/fonts/*/noto/NotoSans-Regular.* /usr/share/fonts/noto/NotoSans-Regular.* /System/Library/Fonts; }

want build-essential "a C compiler (cc)" has_compiler
want make "make" any_command make
want pkg-config "pkg-config" any_command pkg-config pkgconf
want curl "curl" any_command curl
want ca-certificates "CA certificates" has_certificates
want postgresql "a Postgres server (initdb, postgres, psql; version 14 or newer)" has_postgres
case $purpose in
    "") ;;
    test)
        want "$browser" "Chromium (or Chrome)" has_browser
        want fonts-noto-core "Noto fonts" has_fonts
        ;;
    bench)
        want wrk "wrk" any_command wrk
        ;;
    package)
        want debootstrap "debootstrap" any_command debootstrap
        want systemd-container "systemd-nspawn" any_command systemd-nspawn
        want python3 "Python" any_command python3
        want procps "pgrep" any_command pgrep
        ;;
    *)
        echo "usage: $0 [test|bench|package]" >&2
        exit 2
        ;;
esac

# as_root CMD...: runs CMD as root, in the way determined below.
as_root() { "${become[@]}" "$@"; }

install_packages() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    local install=("${apt[@]}" install -y --no-install-recommends "${packages[@]}")
    echo "Installing ${packages[*]}"
    # Fresh images have no package lists; stale lists name files that no longer exist.
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        as_root "${apt[@]}" update
        as_root "${install[@]}"
    elif ! as_root "${install[@]}"; then
        as_root "${apt[@]}" update
        as_root "${install[@]}"
    fi
}

if [ ${#packages[@]} -gt 0 ]; then
    printf 'Missing: %s\n' "${missing[@]}"
    if ! command -v apt-get >/dev/null; then
        echo "Please install the above with your system's package manager, then run this again." >&2
        exit 1
    fi
    become=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            become=(sudo)
        else
            echo "Please run as root, then try again:" >&2
            echo "    apt-get update && apt-get install -y --no-install-recommends ${packages[*]}" >&2
            exit 1
        fi
    else
        become=(env)
    fi
    # Debian's package would create and start a cluster of its own beside ours. Prevented only during this
    # installation: the machine's owner may want one from a later package.
    no_cluster=/etc/postgresql-common/createcluster.d/muster.conf
    if [[ " ${packages[*]} " == *" postgresql "* ]]; then
        as_root mkdir -p "$(dirname "$no_cluster")"
        echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
        trap 'as_root rm -f "$no_cluster"' EXIT
    fi
    install_packages
fi

if ! command -v cargo >/dev/null; then
    echo "Missing: the Rust toolchain. Install it, open a new shell, then run this again:" >&2
    echo "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
    exit 1
fi
wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
found=$(cargo --version | cut -d' ' -f2)
if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n1)" != "$wanted" ]; then
    echo "Rust $found is too old: Muster needs $wanted. Run: rustup update stable" >&2
    exit 1
fi
if [ "$purpose" = test ]; then
    for component in fmt:rustfmt clippy:clippy; do
        if cargo "${component%:*}" --version >/dev/null 2>&1; then continue; fi
        if ! command -v rustup >/dev/null || ! rustup component add "${component#*:}"; then
            echo "Missing: ${component#*:}. Run: rustup component add ${component#*:}" >&2
            exit 1
        fi
    done
fi
# Installing Postfix would start a mail server; its package is only unpacked, for the two load testing tools in it.
tools=${CARGO_TARGET_DIR:-target}/tools
if [ "$purpose" = bench ] && ! any_command smtp-sink >/dev/null && [ ! -x "$tools/postfix/usr/sbin/smtp-sink" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "Please put Postfix's smtp-sink and smtp-source on your PATH, then run this again." >&2
        exit 1
    fi
    fetched=$(mktemp -d)
    (cd "$fetched" && apt-get -q download postfix)
    mkdir -p "$tools/postfix"
    dpkg -x "$fetched"/postfix_*.deb "$tools/postfix"
    rm -rf "$fetched"
fi
