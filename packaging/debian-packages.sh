#!/bin/sh
# Installs the Debian packages that building, running and testing Brevet need and that are missing.
set -eu
missing=
for package in gcc libc6-dev passwd util-linux bsdutils procps libpam-modules libpam0g sqlite3 curl opendoas sudo; do
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
