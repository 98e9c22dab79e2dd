#!/bin/bash
# Builds framegate and runs every test, from nothing but a Debian 12 or 13 machine.
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./test.sh

Installs what is needed (with apt, only what is missing), builds the release,
debug (with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer) and
coverage presets and runs all tests in the first two; checks the conformance
vectors, the formatting, clang-tidy, the scripts, and that the tests of framing/
run at least 95 % of its lines. The last line is 'N passed, N failed'; the exit
status is 0 if nothing failed.
END
}

case ${1-} in
'') ;;
-h | --help)
    usage
    exit 0
    ;;
*)
    usage >&2
    exit 2
    ;;
esac

cd "$(dirname "$(realpath "$0")")"
# shellcheck source=.ci/setup.sh
. .ci/setup.sh

readonly presets=(release debug coverage)
readonly coverage_minimum=95
jobs=$(nproc)
passed=0
failed=0
failures=()

# Tests see neither the user's Mercurial settings nor a proxy.
export HGRCPATH=/dev/null PYTHONDONTWRITEBYTECODE=1 NO_PROXY='*' no_proxy='*'
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1

# check NAME COMMAND...: runs a check that is no ctest test. It shows only if it fails.
check() {
    local name=$1 start=$SECONDS
    shift
    say "Checking $name"
    if "$@"; then
        printf '   %s: ok, %d s\n' "$name" $((SECONDS - start))
    else
        failures+=("$name")
        failed=$((failed + 1))
    fi
}

check_format() {
    find framing handlers gateway tests -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
}

check_scripts() {
    shellcheck --external-sources run.sh test.sh .ci/run .ci/setup.sh tests/slow.sh tests/support/*.sh tests/fuzz/*.sh
}

# Each script of the page and of its tests is read, not run.
check_page() {
    local file bad=0
    for file in www/*.js tests/browser/*.mjs; do
        node --input-type=module --check - <"$file" || { printf 'in %s\n' "$file" >&2 && bad=1; }
    done
    return "$bad"
}

check_tidy() {
    local log=build/clang-tidy.log
    if ! run-clang-tidy -quiet -j "$jobs" -extra-arg=-Wno-ignored-optimization-argument -p build/release '.*\.c$' >"$log" 2>&1; then
        sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E 'warning:|error:' | sort -u >&2
        return 1
    fi
}

check_conformance() {
    build/release/conformance tests/vectors/*.jsonl
}

check_coverage() {
    gcovr --root . --object-directory build/coverage --filter '^framing/' \
        --print-summary --fail-under-line "$coverage_minimum" build/coverage
}

# count_results PRESET: adds the preset's results to the sums. A test that was not run has failed.
count_results() {
    local junit=build/$1/junit.xml tests bad
    read -r tests bad < <(/usr/bin/python3 - "$junit" <<'END'
import sys
import xml.etree.ElementTree as ElementTree

suite = ElementTree.parse(sys.argv[1]).getroot()
count = lambda name: int(suite.get(name, 0))
print(count("tests"), count("failures") + count("skipped") + count("disabled"))
END
    ) || fail "ctest left no results in $junit"
    passed=$((passed + tests - bad))
    failed=$((failed + bad))
}

# run_tests PRESET [OPTION...]: OPTIONs choose among the tests of the preset.
run_tests() {
    local preset=$1 start=$SECONDS
    shift
    say "Testing the $preset preset"
    rm -f "build/$preset/junit.xml"
    ctest --preset "$preset" "$@" --parallel "$jobs" \
        --output-junit "$PWD/build/$preset/junit.xml" ||
        failures+=("tests of the $preset preset")
    count_results "$preset"
    printf '   tests of the %s preset: %d s\n' "$preset" $((SECONDS - start))
}

install_packages .ci/packages-build .ci/packages-test

check scripts check_scripts
check formatting check_format
check "the page's scripts" check_page
for preset in "${presets[@]}"; do
    only=()
    if [ "$preset" = coverage ]; then
        # The lines that are counted are those of framing/.
        only=(--tests-regex '^(unit\.framing|conformance|fuzz)\.')
    fi
    # Here a warning is an error; for a user whose compiler is newer than ours it is none.
    if (build "$preset" -DFRAMEGATE_WERROR=ON); then
        run_tests "$preset" "${only[@]}"
    else
        failures+=("build of the $preset preset")
        failed=$((failed + 1))
    fi
done
check "conformance vectors" check_conformance
check "coverage of framing/" check_coverage
check clang-tidy check_tidy

for failure in "${failures[@]}"; do
    printf 'FAILED: %s\n' "$failure" >&2
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "${#failures[@]}" -eq 0 ]
