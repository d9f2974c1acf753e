#!/bin/sh
# Installs the Debian packages that are missing: those that building and the demo need, and with the argument "test" those of the tests
# (sudo and OpenDoas are there to show that an attack works on them), with "bench" those of the benchmarks.
set -eu
wanted="gcc libc6-dev passwd util-linux bsdutils procps libpam-modules libpam0g"
if [ "${1:-}" = test ]; then
    wanted="$wanted acl sqlite3 curl opendoas sudo python3 python3-venv python3-aiosmtpd chromium libnss3-tools"
    # A Node.js from elsewhere brings its npm, and does not go together with Debian's.
    command -v node >/dev/null || wanted="$wanted nodejs"
    command -v npm >/dev/null || wanted="$wanted npm"
fi
[ "${1:-}" != bench ] || wanted="$wanted sqlite3"
missing=
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "these Debian packages are missing:$missing; install them, or run this as root" >&2
    exit 1
fi
echo "installing Debian packages:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
# shellcheck disable=SC2086
apt-get install -qq --yes --no-install-recommends $missing >&2
