#!/bin/bash
# Makes a small Mercurial repository with all that the gateway has to tell apart: named branches
# (one closed), two heads on one branch, merges, bookmarks, tags, public and draft changesets, and a
# secret one. Users and dates are fixed and nobody's hgrc is read, so the nodes are always the same.
# No branch ends in a merge into another, so the heads that the protocol means (changesets without
# children) are those that `hg heads` shows in a clone.
#
# Usage: make_demo_repository.sh DIRECTORY (which must not exist)
set -euo pipefail

if [ $# -ne 1 ] || [ -e "$1" ]; then
    echo "usage: $(basename "$0") DIRECTORY, which must not exist" >&2
    exit 2
fi

target=$1
mkdir -p "$(dirname "$target")"
# Made beside its place and moved there, so that an interrupted run leaves nothing half done.
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT

export HGRCPATH=/dev/null HGPLAIN=1 HGENCODING=UTF-8 TZ=UTC LC_ALL=C
unset HG HGUSER HGMERGE EMAIL

clock=1523145600
run() {
    hg --quiet --cwd "$work" --config ui.username='Demo <demo@example.org>' \
        --config ui.merge=:local "$@"
}

# commit MESSAGE [OPTION...]: every commit is an hour after the one before.
commit() {
    clock=$((clock + 3600))
    run commit --date "$clock 0" --message "$@"
}

# add FILE TEXT: one more line in a file.
add() {
    printf '%s\n' "$2" >>"$work/$1"
    run add "$1" 2>/dev/null || true
}

tag() {
    clock=$((clock + 3600))
    run tag --date "$clock 0" "$@"
}

hg --quiet init "$work"
# Else whoever clones it would make all drafts public.
printf '[phases]\npublish = False\n' >"$work/.hg/hgrc"
add README 'A small repository for trying framegate.'
commit 'Begin'
add src.c 'int main(void) { return 0; }'
commit 'Add a program'
tag v0.1
run bookmark --inactive --rev v0.1 first-release

run branch stable
add src.c '/* stable */'
commit 'Open the stable branch'
run update default
add src.c '/* default */'
commit 'Go on with default'
run update stable
add README 'Known problems: none.'
commit 'Say what is known'
tag v0.1.1

run update default
run merge --rev stable --tool :local
commit 'Merge stable into default'
run bookmark --inactive --rev . merged

run update v0.1
run branch experiment
add idea.txt 'What if?'
commit 'Try something'
add idea.txt 'It did not work.'
commit 'Give up' --close-branch

run update default
run merge --rev experiment --tool :local
commit 'Keep the notes of the experiment'
run update stable
add README 'Known problems: one.'
commit 'Say what else is known'

run update default
add README 'Left.'
commit 'One head of default'
run bookmark --inactive --rev . left
# By name, the bookmark would follow the next commit.
run update 'max(merged)'
add README 'Right.'
commit 'Another head of default'
run bookmark --inactive --rev . 'right/übung'

run phase --public v0.1.1
run update 'max(left)'
add secret.txt 'Nobody outside may see this.'
commit 'A secret' --secret
run update --clean default

mv "$work" "$target"
trap - EXIT
