#!/bin/sh
# Installs what the browser tests need into e2e/browser/node_modules, in the versions of its lock file, unless it is there. Prints nothing;
# ends with 1, saying why on standard error, when it cannot be had.
set -eu
cd "$(dirname "$0")/../e2e/browser"
for program in node npm certutil "${BREVET_CHROMIUM:-chromium}"; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is missing: sh packaging/debian-packages.sh test" >&2
        exit 1
    fi
done
# Tests that begin together wait for one of them.
exec 9>.lock
flock 9
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.installed
fi
