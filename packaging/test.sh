#!/bin/sh
# Every test that fits 20 minutes on two cores once built. Needs root, because what is tested gives out root.
# WHY always --workspace: one package alone asks less of its dependencies, and they would all be compiled once more for it.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "the tests start processes as root and make throw-away users: run them as root" >&2
    exit 1
fi
sh packaging/debian-packages.sh test
# As nextest has it in the profile `ci`: a test that fails gets a second try there, and is printed as FLAKY, to be looked at.
on_postgres() {
    said=$(mktemp)
    export BREVET_TEST_DATABASE=postgres
    { cargo test --workspace --test server || echo "failed: $?"; } 2>&1 | tee "$said"
    # Only where the run came to its end: what was cut off left tests that nobody has tried.
    failed=
    if grep -q '^test result: FAILED' "$said"; then
        failed=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$said")
    fi
    outcome=$(sed -n 's/^failed: //p' "$said")
    rm -f "$said"
    if [ -n "$failed" ] && [ "${NEXTEST_PROFILE:-}" = ci ]; then
        outcome=0
        # shellcheck disable=SC2086
        cargo test --workspace --test server -- --exact $failed || outcome=$?
        [ "$outcome" != 0 ] || echo "FLAKY on PostgreSQL:" $failed
    fi
    unset BREVET_TEST_DATABASE
    return "${outcome:-0}"
}
status=0
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-fail-fast "$@" || status=$?
else
    cargo test --workspace --no-fail-fast "$@" || status=$?
fi
# The server's suite once more, on a PostgreSQL of its own. One process, so that one cluster serves all of it.
if [ $# = 0 ]; then
    if [ -x /usr/lib/postgresql/15/bin/initdb ]; then
        on_postgres || status=$?
    else
        echo "not run: the server's suite on PostgreSQL (apt-get install postgresql-15, then: make test)" >&2
    fi
    # The whole description of the API against a real server, as each role and as nobody.
    if schemathesis=$(sh packaging/schemathesis.sh); then
        export BREVET_SCHEMATHESIS="$schemathesis"
        if cargo nextest --version >/dev/null 2>&1; then
            cargo nextest run --workspace --test server --run-ignored only -E 'test(schemathesis_finds_nothing)' || status=$?
        else
            cargo test --workspace --test server schemathesis_finds_nothing -- --ignored || status=$?
        fi
    else
        echo "not run: schemathesis over the API's description (see above)" >&2
    fi
    # The broker, killed at each point between two writes. It runs last: that broker is built with a feature that releases lack.
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --features brevet-broker/fault-points --test broker -E 'test(crash)' || status=$?
    else
        cargo test --workspace --features brevet-broker/fault-points --test broker crash || status=$?
    fi
fi
exit "$status"
