# shellcheck shell=bash
# What run.sh and test.sh share. Sourced, not run; the caller has set -euo pipefail and stands in
# the project's folder.

say() {
    printf '== %s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Runs a command as root, by sudo where that is needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "installing packages needs root: install sudo, or run as root: $*"
    fi
}

# Also true if another package brings it: some nodejs packages have npm in them.
is_installed() {
    local provided
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] && return
    provided=$(dpkg-query -W -f='${db:Status-Status}, ${Provides},\n' | grep '^installed,')
    grep -qE " $1( \([^)]*\))?," <<<"$provided"
}

# install_packages LIST...: installs what the lists name and is not there yet. Asks the network only
# if something is missing.
install_packages() {
    local package log missing=()
    command -v dpkg-query >/dev/null ||
        fail "this needs Debian 12 or 13 (dpkg and apt-get); elsewhere, install what $* name and build with cmake --preset release"
    while read -r package; do
        is_installed "$package" || missing+=("$package")
    done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        say "All packages are installed"
        return
    fi
    say "Installing ${missing[*]}"
    mkdir -p build
    log=build/packages.log
    as_root apt-get update >"$log" 2>&1 || { cat "$log" >&2 && fail "apt-get update failed"; }
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1 ||
        { tail -n 20 "$log" >&2 && fail "apt-get could not install the packages, see $log"; }
}

# build PRESET [OPTION...]: configures with these options of cmake and builds, quietly unless something
# is wrong.
build() {
    local preset=$1 log
    shift
    log=build/$preset.log
    mkdir -p build
    say "Building the $preset preset"
    if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
        cat "$log" >&2
        fail "cmake could not configure the $preset preset"
    fi
    if ! cmake --build --preset "$preset" >>"$log" 2>&1; then
        grep -v '^\[' "$log" >&2 || true
        fail "the $preset preset does not build"
    fi
}
