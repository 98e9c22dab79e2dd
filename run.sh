#!/bin/bash
# Builds framegate and serves a Mercurial repository, from nothing but a Debian 12 or 13 machine.
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./run.sh [REPOSITORY [OPTION]...]

Installs what is needed (with apt, only what is missing), builds the release
preset and serves REPOSITORY. Without it, a small demo repository is served,
which the first run makes in demo/. OPTIONs go to 'framegate serve'; see
'framegate serve --help'.

Environment: FRAMEGATE_LISTEN (127.0.0.1:8080) and FRAMEGATE_ADMIN_LISTEN
(127.0.0.1:8081) are the addresses of the two listeners.
END
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
-*)
    printf 'run.sh: the first argument is a repository, not an option: %s\n\n' "$1" >&2
    usage >&2
    exit 2
    ;;
esac

# The caller's idea of a relative path, before we go to the project's folder.
repository=
if [ $# -gt 0 ]; then
    repository=$(realpath -m -- "$1")
    shift
fi
cd "$(dirname "$(realpath "$0")")"
# shellcheck source=.ci/setup.sh
. .ci/setup.sh

listen=${FRAMEGATE_LISTEN:-127.0.0.1:8080}
admin_listen=${FRAMEGATE_ADMIN_LISTEN:-127.0.0.1:8081}

if [ -n "$repository" ] && [ ! -d "$repository/.hg" ]; then
    fail "'$repository' is not a Mercurial repository: it has no .hg folder"
fi

install_packages .ci/packages-build
# The tests need packages that running does not.
build release -DBUILD_TESTING=OFF

if [ -z "$repository" ]; then
    repository=$PWD/demo
    if [ ! -d "$repository" ]; then
        say "Making a demo repository in $repository"
        tests/support/make_demo_repository.sh "$repository" ||
            fail "could not make the demo repository"
    fi
fi

media_type=application/mercurial-exp-framing-0003
say "Serving $repository; Ctrl-C stops it"
cat <<END

Once it runs:

    commands   http://$listen/api/exp-http-v2-0001/ro/COMMAND
    status     http://$admin_listen/ (as JSON: http://$admin_listen/state)
    clone      hg clone http://$listen/

Try, in another terminal in $PWD:

    build/release/framegate request heads |
        curl -s --data-binary @- -H 'Content-Type: $media_type' \\
            -H 'Accept: $media_type' http://$listen/api/exp-http-v2-0001/ro/heads |
        build/release/framegate decode

END
exec build/release/framegate serve --repository "$repository" --listen "$listen" \
    --admin-listen "$admin_listen" "$@"
