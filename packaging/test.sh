#!/bin/sh
# Every test that fits 20 minutes on two cores once built. Needs root, because what is tested gives out root.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "the tests start processes as root and make throw-away users: run them as root" >&2
    exit 1
fi
status=0
# The crash tests need a broker with fault points, which no release has: they are built and run after all others.
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-fail-fast "$@" || status=$?
    if [ $# = 0 ]; then
        cargo nextest run -p brevet-broker --features fault-points --test broker --no-fail-fast -E 'test(crash)' || status=$?
    fi
else
    cargo test --workspace --no-fail-fast "$@" || status=$?
    if [ $# = 0 ]; then
        cargo test -p brevet-broker --features fault-points --test broker --no-fail-fast crash || status=$?
    fi
fi
exit "$status"
