#!/bin/sh
# Every test that fits 20 minutes on two cores once built. Needs root, because what is tested gives out root.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "the tests start processes as root and make throw-away users: run them as root" >&2
    exit 1
fi
if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace --no-fail-fast "$@"
fi
exec cargo test --workspace --no-fail-fast "$@"
