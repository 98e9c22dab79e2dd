"""Makes a large repository quickly: large.py PATH CHANGESETS HEADS BRANCHES. Writes through
Mercurial's own classes in one transaction; each changeset adds nothing but itself."""

import os
import random
import sys

from support import ENVIRONMENT


def make(path, changesets, heads, branches):
    os.environ.update(ENVIRONMENT)
    from mercurial import hg, metadata, ui as uimod
    from mercurial.node import nullid
    ui = uimod.ui.load()
    repo = hg.repository(ui, os.fsencode(path), create=True)
    noise = random.Random(5)
    names = [b'default'] + [b'branch%d' % i for i in range(1, branches)]
    tips = []
    with repo.lock(), repo.transaction(b'large') as transaction:
        changelog = repo.changelog
        for rev in range(changesets):
            if len(tips) < heads:
                parents = (tips[0] if tips else (nullid, 0))[0], nullid
                branch = len(tips) % branches
                tips.append(None)
                slot = len(tips) - 1
            else:
                slot = noise.randrange(heads)
                parents = tips[slot][0], nullid
                branch = tips[slot][1]
                if rev % 50 == 0:  # a merge, which another changeset soon follows on both sides
                    parents = tips[slot][0], tips[noise.randrange(heads)][0]
                    if parents[0] == parents[1]:
                        parents = parents[0], nullid
            extra = {b'branch': names[branch]} if branch else {}
            if noise.random() < 0.0005:
                extra[b'close'] = b'1'
            node = changelog.add(nullid, metadata.ChangingFiles(), b'changeset %d\nwith a message of some length, as they '
                                 b'have' % rev, transaction, parents[0], parents[1],
                                 b'Test User <test@example.com>', (rev, 0), extra)
            tips[slot] = node, branch
    repo.close()


if __name__ == '__main__':
    make(sys.argv[1], *map(int, sys.argv[2:]))
