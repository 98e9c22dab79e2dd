#!/bin/bash
# The runs that are too slow for every change: everything that must hold under fire in one table, all
# tests with ThreadSanitizer, all under valgrind, bundles for thousands of random clients and heads.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

usage() {
    cat <<'END'
Usage: tests/slow.sh [proof|quick|tsan|valgrind|pairs|clones]...

Builds what is needed and prints one table of everything that must hold under
fire: the hostile cases, HTTP, access, failing allocations, ten minutes of
fuzzing for each target, fifteen of load, and all tests with the sanitizers and
valgrind (proof, also without an argument; two hours). quick: the same with
seconds instead of minutes for fuzzing and load. tsan, valgrind: these alone.
pairs: 5,000 random clients and wanted heads; what Mercurial makes of each bundle.
clones: clones, stream clones and pulls of every kind of repository by hg.
The exit status is 0 if nothing was found. tests/proof.py runs single groups.
END
}

export HGRCPATH=/dev/null PYTHONDONTWRITEBYTECODE=1 NO_PROXY='*' no_proxy='*'

run_tsan() {
    cmake --preset tsan
    cmake --build --preset tsan --parallel "$(nproc)"
    TSAN_OPTIONS=second_deadlock_stack=1 ctest --preset tsan --label-exclude bench
}

# A program that runs the named one under valgrind, with the same name in another folder.
wrap() {
    local program=$1 wrapper=$2
    cat >"$wrapper" <<END
#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \\
    --errors-for-leak-kinds=definite,indirect "$program" "\$@"
END
    chmod +x "$wrapper"
}

run_clones() {
    cmake --preset debug
    cmake --build --preset debug --parallel "$(nproc)"
    local name
    for name in clone stream; do
        FRAMEGATE_CLONE=whole FRAMEGATE_HTTP=$PWD/build/debug/framegate \
            /usr/bin/python3 -B "tests/clone/test_$name.py"
    done
}

# Tests in Python with a program under valgrind, which a variable names: VARIABLE PROGRAM TEST...
under_valgrind() {
    local variable=$1 program=$2 name
    shift 2
    for name in "$@"; do
        env "$variable=$folder/$program" FRAMEGATE_SANITIZE=valgrind \
            FRAMEGATE_UNIT="$PWD/build/release/framegate.service" \
            /usr/bin/python3 -B "tests/${name/\//\/test_}.py" >"$folder/log" 2>&1 || {
            failures=$((failures + 1))
            echo "FAILED: $name with $program"
            tail -40 "$folder/log"
        }
    done
}

# Not the tests of tests/repo and tests/bundle, which run programs of their own, and no pushes:
# valgrind knows no pidfd_open, with which hg is watched.
run_valgrind() {
    if ! command -v valgrind >/dev/null; then
        echo "tests/slow.sh: valgrind is missing: apt-get install valgrind" >&2
        exit 2
    fi
    cmake --preset release
    cmake --build --preset release --parallel "$(nproc)"
    local folder=$PWD/build/release/valgrind failures=0 program corpus
    mkdir -p "$folder"
    for program in build/release/test_* build/release/fuzz_*; do
        [ "${program##*/}" != test_repo_process ] || continue
        corpus=build/release/corpus/${program##*/fuzz_}
        [ -e "$corpus" ] || corpus=
        wrap "$PWD/$program" "$folder/${program##*/}"
        # shellcheck disable=SC2086 # no corpus is no argument
        "$folder/${program##*/}" $corpus >"$folder/log" 2>&1 || {
            failures=$((failures + 1))
            echo "FAILED: ${program##*/}"
            tail -40 "$folder/log"
        }
    done
    for program in framegate framegate-fake; do
        wrap "$PWD/build/release/$program" "$folder/$program"
        under_valgrind FRAMEGATE_HTTP "$program" \
            http/{exchange,limits,peers,smuggling,state,stop,table,wire} admin/{access,schema}
    done
    under_valgrind FRAMEGATE_HTTP framegate http/{debug,real} \
        clone/{bundles,classic,clone,hgrc,stream}
    under_valgrind FRAMEGATE_HTTP framegate-fake access/{config,login,operation,tls} \
        admin/{events,framelog,inflight,metrics,tools}
    under_valgrind FRAMEGATE framegate cli/{decode,encode,readme,reflect,request,usage}
    echo "valgrind: $failures failed"
    [ "$failures" -eq 0 ]
}

run_proof() {
    local preset
    for preset in debug release fuzz; do
        cmake --preset "$preset"
        cmake --build --preset "$preset" --parallel "$(nproc)"
    done >&2
    /usr/bin/python3 -B tests/proof.py "$@"
}

run_pairs() {
    cmake --preset release
    cmake --build --preset release --parallel "$(nproc)"
    FGQUERY=$PWD/build/release/fgquery /usr/bin/python3 -B tests/bundle/test_pairs.py 1000 1000
}

[ $# -gt 0 ] || set -- proof
for what in "$@"; do
    case $what in
    proof) run_proof ;;
    quick) run_proof --quick ;;
    tsan) run_tsan ;;
    valgrind) run_valgrind ;;
    pairs) run_pairs ;;
    clones) run_clones ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
