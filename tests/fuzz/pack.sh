#!/bin/bash
# Packs what a fuzzer collected for a target: the inputs that add coverage, found ones and kept ones.
#
#   cmake --preset fuzz && cmake --build --preset fuzz
#   mkdir found && build/fuzz/fuzz_http -max_total_time=600 found build/fuzz/corpus/http
#   tests/fuzz/pack.sh http found
#
# The same inputs give the same archive.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: tests/fuzz/pack.sh TARGET FOLDER" >&2 && exit 2; }
found=$(realpath -- "$2")
cd "$(dirname "$(realpath "$0")")/../.."
merged=$(mktemp -d)
trap 'rm -rf "$merged"' EXIT
"build/fuzz/fuzz_$1" -merge=1 "$merged" "build/fuzz/corpus/$1" "$found"
for finding in "tests/fuzz/corpus/$1"/*; do
    rm -f "$merged/${finding##*/}"
done
(cd "$merged" && find . -type f -printf '%f\n' | LC_ALL=C sort) |
    tar --create --format=ustar --directory="$merged" --files-from=- --mode=0644 --mtime=@0 \
        --owner=0 --group=0 --numeric-owner |
    gzip --no-name --best >"tests/fuzz/corpus/$1.tar.gz"
