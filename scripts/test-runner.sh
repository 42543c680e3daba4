#!/usr/bin/env bash
# Runs one test binary for `cargo test` (see scripts/test.sh): its output as it is, and before its summary the ten slowest
# tests. libtest reports times only with an unstable option.
set -uo pipefail
# A test waits for the database half of its time, so twice as many run as there are cores.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}
RUSTC_BOOTSTRAP=1 "$@" -Z unstable-options --report-time | awk '
    match($0, / <[0-9.]+s>$/) {
        seconds = substr($0, RSTART + 2, RLENGTH - 4) + 0
        $0 = substr($0, 1, RSTART - 1)
        if (seconds >= 1) slow[$2] = seconds
    }
    /^test result:/ {
        report = "sort -rn | head -n 10"
        for (test in slow) printf "%8.1f s  %s\n", slow[test], test | report
        if (length(slow)) { print "slowest tests:"; fflush(); close(report); print "" }
    }
    { print; fflush() }'
