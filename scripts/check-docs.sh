#!/usr/bin/env bash
# Fails when the documents refer to something that does not exist: a path in backticks (`src/mail/mod.rs`), a name in a
# file (`src/mail/mod.rs::enqueue`), or the target of a relative Markdown link. Prints one line per error: file:line:
# what is missing.
#
#   scripts/check-docs.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

# A path begins with one of these folders; it may have a `*`, and a name behind `::`.
folders='(src|tests|migrations|docs|scripts|bench|config|templates|examples|packaging|\.sqlx)'
files=()
while IFS= read -r file; do files+=("$file"); done < <(
    git ls-files --cached --others --exclude-standard -- 'docs/*.md' README.md CONTRIBUTING.md
)

missing=0
report() {
    echo "$1: $2" >&2
    missing=$((missing + 1))
}

# Does this file or folder exist? The last path component may contain a `*`.
exists() {
    case $1 in
    *'*'*) compgen -G "$1" >/dev/null ;;
    *) [ -e "$1" ] ;;
    esac
}

checked=0
while IFS=: read -r file line token; do
    token=${token#\`}
    token=${token%\`}
    path=${token%%::*}
    checked=$((checked + 1))
    if ! exists "$path"; then
        report "$file:$line" "no such path: $path"
    elif [ "$path" != "$token" ]; then
        name=${token#*::}
        # several names in one file: `src/mail/mod.rs::enqueue,validate_settings`
        for one in ${name//,/ }; do
            grep -qwF -- "$one" "$path" || report "$file:$line" "no \`$one\` in $path"
        done
    fi
done < <(grep -noHE '`'"$folders"'/[A-Za-z0-9_./*-]*(::[A-Za-z0-9_,]+)?`' "${files[@]}" || true)

while IFS=: read -r file line link; do
    target=${link#*](}
    target=${target%)}
    target=${target%%#*}
    case $target in
    '' | *://* | mailto:*) continue ;;
    esac
    checked=$((checked + 1))
    exists "$(dirname "$file")/$target" || report "$file:$line" "broken link: $target"
done < <(grep -noHE '\]\([^)[:space:]]+\)' "${files[@]}" || true)

if [ "$checked" -eq 0 ]; then
    echo "No path and no link was found: is the pattern still right?" >&2
    exit 1
fi
if [ "$missing" -gt 0 ]; then
    echo "$missing of $checked paths, names and links in the documents are wrong." >&2
    exit 1
fi
echo "$checked paths, names and links in ${#files[@]} documents are right."
