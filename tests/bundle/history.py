"""Makes a repository with a history like a real one's, for measuring: history.py PATH CHANGESETS FILES. Each
changeset edits a few lines of a few files; files come as time goes by."""

import random
import sys

from judge import create, context


def words(random_, count):
    return b' '.join(b'%x' % random_.randrange(1 << 20) for _ in range(count))


class History:
    def __init__(self, repo, files, changesets):
        self.repo = repo
        self.random = random.Random(7)
        self.names = [b'src/%s/part%d/file%d.c' % (self.random.choice([b'core', b'net', b'ui']),
                                                   i % 40, i) for i in range(files)]
        self.per_file = max(1, changesets * 3 // (4 * files))
        self.texts = {}
        self.heads = []

    def edit(self, name):
        lines = self.texts.get(name)
        if lines is None:
            lines = [words(self.random, 8) + b'\n' for _ in range(self.random.randrange(20, 300))]
        at = self.random.randrange(len(lines))
        self.texts[name] = lines[:at] + [words(self.random, 8) + b'\n'] + lines[at + 1:]

    def commit(self, number, parent):
        known = min(len(self.names), 5 + number // self.per_file)
        changed = {self.names[int(known * self.random.random() ** 2)]
                   for _ in range(self.random.randrange(1, 5))}
        for name in changed:
            self.edit(name)

        def file(repo, memctx, path):
            return context.memfilectx(repo, memctx, path, b''.join(self.texts[path]))

        message = b'change %d: %s' % (number, words(self.random, 10))
        changeset = context.memctx(self.repo, (parent, self.repo.nullid), message, sorted(changed),
                                   file, user=b'user%d <user@example.com>' % (number % 30),
                                   date=(number * 1000, 0))
        return changeset.commit()


def make(path, changesets, files):
    repo = create(path)
    history = History(repo, files, changesets)
    with repo.wlock(), repo.lock(), repo.transaction(b'history'):
        node = repo.nullid
        for number in range(changesets):
            node = history.commit(number, node)
    repo.close()


if __name__ == '__main__':
    make(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
