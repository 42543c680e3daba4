#!/usr/bin/env bash
# Writes the software bill of materials: every crate that is built into Muster, with version, licence and checksum, as
# CycloneDX 1.6 JSON, from cargo's resolved dependencies. Needs jq.
#
#   scripts/sbom.sh [FILE]      target/muster.cdx.json by default
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-${CARGO_TARGET_DIR:-target}/muster.cdx.json}
mkdir -p "$(dirname "$out")"

# name, version and checksum of the packages in Cargo.lock
checksums=$(awk -F '"' '/^name = /{n=$2} /^version = /{v=$2} /^checksum = /{print n "\t" v "\t" $2}' Cargo.lock |
    jq -Rn '[inputs | split("\t") | {key: (.[0] + "@" + .[1]), value: .[2]}] | from_entries')

# only crates that are built into the program: no development dependencies
cargo metadata --format-version 1 --locked | jq --argjson checksums "$checksums" '
    . as $all
    | ($all.resolve.nodes | map({key: .id, value: [.deps[] | select(any(.dep_kinds[]; .kind != "dev")) | .pkg]}) | from_entries) as $graph
    | def reach($open; $seen):
        if ($open | length) == 0 then $seen
        else ($open | map($graph[.][]) | unique - $seen) as $next | reach($next; $seen + $next) end;
      reach([$all.resolve.root]; [$all.resolve.root]) as $used
    | ($all.packages | map({key: .id, value: .}) | from_entries) as $packages
    | def purl: "pkg:cargo/\(.name)@\(.version)";
      def component: {
          type: "library", "bom-ref": purl, name, version, purl: purl,
          licenses: (if .license then [{expression: (.license | gsub("/"; " OR "))}] else [] end),
          hashes: (if $checksums["\(.name)@\(.version)"] then [{alg: "SHA-256", content: $checksums["\(.name)@\(.version)"]}] else [] end)
      };
      {
        bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
        metadata: {component: ($packages[$all.resolve.root] | component | .type = "application")},
        components: [$used[] | select(. != $all.resolve.root) | $packages[.] | component] | sort_by(.purl),
        dependencies: [$used[] as $id | {ref: ($packages[$id] | purl), dependsOn: [$graph[$id][] | select(IN($used[])) | $packages[.] | purl] | unique}] | sort_by(.ref)
      }' >"$out"
echo "$out: $(jq '.components | length' "$out") components"
