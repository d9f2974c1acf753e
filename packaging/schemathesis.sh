#!/bin/sh
# Installs schemathesis, in the version that the tests are written for, into a folder of its own below the target directory, and prints
# the path of the program. Prints nothing and ends with 1, saying why on standard error, when it cannot be had.
set -eu
version=4.32.5
target=${CARGO_TARGET_DIR:-$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')}
folder="$target/schemathesis-$version"
program="$folder/bin/schemathesis"
if ! "$program" --version >/dev/null 2>&1; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        echo "python3 with venv is missing (apt-get install python3-venv)" >&2
        exit 1
    fi
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    if ! "$folder/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2; then
        rm -rf "$folder"
        echo "pip cannot install schemathesis $version" >&2
        exit 1
    fi
fi
echo "$program"
