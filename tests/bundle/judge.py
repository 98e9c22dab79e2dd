"""Mercurial in this process: makes repositories fast, takes bundles in, and judges the result."""

import io
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'repo'))

from support import ENVIRONMENT  # noqa: E402

os.environ.update(ENVIRONMENT)

from mercurial import (  # noqa: E402
    bundle2, context, exchange, extensions, hg, obsolete, phases, ui as uimod, verify)
from mercurial.node import nullid, nullrev  # noqa: E402


def make_ui(*settings):
    ui = uimod.ui.load()
    for name, value in (('experimental.evolution', 'all'), ('ui.quiet', 'yes'), ('devel.default-date', '0 0'), *settings):
        section, _, name = name.encode().partition(b'.')
        ui.setconfig(section, name, value.encode())
    extensions.loadall(ui)
    return ui


def create(path, *settings):
    return hg.repository(make_ui(*settings), os.fsencode(path), create=True)


def reopen(repo):
    return hg.repository(repo.baseui, repo.root)


def take(repo, bundle):
    """What hg pull does with a bundle. Raises what it would complain of."""
    if not bundle.startswith(b'HG2'):
        bundle = b'HG10UN' + bundle
    repo.ui.pushbuffer(error=True)
    with repo.lock(), repo.transaction(b'take') as transaction:
        unbundler = exchange.readbundle(repo.ui, io.BytesIO(bundle), b'', None)
        if not isinstance(unbundler, bundle2.unbundle20):
            bundle2.applybundle(repo, unbundler, transaction, b'pull', url=b'bundle')
        else:
            operation = bundle2.bundleoperation(repo, lambda: transaction, source=b'pull')
            operation.modes[b'bookmarks'] = b'records'
            bundle2.processbundle(repo, unbundler, op=operation)
    repo.ui.popbuffer()


def complaints(repo):
    """What hg verify says that it would not say of a good repository."""
    repo = reopen(repo)
    repo.ui.pushbuffer(error=True)
    errors = verify.verify(repo)
    output = repo.ui.popbuffer()
    return output if errors or b'warning' in output else b''


def other_parts(repo, bundle):
    """The parts of a bundle2 but the changegroup: name, parameters, contents in an order of their own."""
    parts = []
    for part in bundle2.getunbundler(repo.ui, io.BytesIO(bundle)).iterparts():
        data = part.read()
        if part.type == b'changegroup':
            data = None
        elif part.type == b'listkeys':
            data = sorted(data.split(b'\n'))
        elif part.type == b'obsmarkers':
            data = sorted(obsolete._readmarkers(data)[1])
        parts.append((part.type, part.mandatory, dict(part.params), data))
    return parts


def own_bundle(repo, **arguments):
    """Mercurial's own answer to getbundle."""
    _, chunks = exchange.getbundlechunks(repo, b'serve', **arguments)
    return b''.join(chunks)


def nodes(repo):
    changelog = repo.unfiltered().changelog
    return {changelog.node(rev) for rev in changelog}


class Author:
    """Makes a random repository, in which the same texts are committed again and again."""

    NAMES = [b'a', b'b', b'dir/c', b'dir/d', b'Upper', b'long' * 40, b'x.i/y']

    def __init__(self, repo, seed):
        self.repo = repo
        self.random = random.Random(seed)
        # Few texts, so that files get the same revisions in several changesets; some are large.
        size = self.random.choice([2, 40, 40, 3000])
        self.texts = [b''.join(b'line %d\n' % self.random.randrange(30) for _ in range(size))
                      for _ in range(self.random.choice([2, 4, 12]))]
        self.texts += [self.random.randbytes(300), b'', b'no line feed']

    def edited(self, text):
        lines = text.splitlines(True)
        if not lines or self.random.random() < 0.5:
            return self.random.choice(self.texts)
        lines[self.random.randrange(len(lines))] = b'edit %d\n' % self.random.randrange(3)
        return b''.join(lines)

    def changes(self, p1, p2):
        """What becomes of some files: a text, flags and a copy source; or None: removed."""
        result = {}
        for name in self.random.sample(self.NAMES, self.random.choice([0, 1, 1, 2, 4])):
            if name in p1 and self.random.random() < 0.15:
                result[name] = None
                continue
            old = p1[name].data() if name in p1 else b''
            flags = self.random.choice([b''] * 6 + [b'x', b'l'])
            source = self.random.choice(sorted(p1.manifest()) or [None])
            copied = source if self.random.random() < 0.15 and source != name else None
            result[name] = (self.edited(old), flags, copied)
        for name in p2.manifest() if p2.rev() != nullrev else ():
            if name not in result and self.random.random() < 0.6:
                result[name] = (p2[name].data(), p2[name].flags(), None)
        return result

    def commit(self, number):
        repo = self.repo.unfiltered()
        revs = list(repo.changelog.revs())
        recent = revs[-4:] if self.random.random() < 0.7 else revs
        p1 = repo[self.random.choice(recent)] if recent and self.random.random() < 0.97 else repo[-1]
        p2 = repo[-1]
        if len(revs) > 2 and self.random.random() < 0.25:
            p2 = repo[self.random.choice(revs)]
            if p2.rev() in repo.changelog.ancestors([p1.rev()], inclusive=True) or \
                    p1.rev() in repo.changelog.ancestors([p2.rev()], inclusive=True):
                p2 = repo[-1]
        changes = self.changes(p1, p2)

        def file(repo, memctx, path):
            if changes[path] is None:
                return None
            text, flags, copied = changes[path]
            return context.memfilectx(repo, memctx, path, text, b'l' in flags, b'x' in flags, copied)

        extra = {b'branch': self.random.choice([b'default'] * 4 + [b'stable'])}
        changeset = context.memctx(repo, (p1.node(), p2.node()), b'change %d' % number,
                                   sorted(changes), file, user=b'test', date=(number, 0),
                                   extra=extra)
        return changeset.commit()

    def hide(self):
        """Some changesets become public, some secret, some obsolete."""
        repo = self.repo.unfiltered()
        revs = list(repo.changelog.revs())
        kind = self.random.randrange(4)
        repo.ui.pushbuffer(error=True)
        with repo.lock(), repo.transaction(b'hide') as transaction:
            if kind in (1, 3):
                chosen = [repo[rev].node() for rev in self.random.sample(revs, len(revs) // 5)]
                phases.advanceboundary(repo, transaction, phases.public, chosen[:len(chosen) // 2])
                secret = [node for node in chosen if repo[node].phase() == phases.draft]
                phases.retractboundary(repo, transaction, phases.secret, secret[:2])
            if kind in (2, 3):
                drafts = [rev for rev in revs if repo[rev].mutable()]
                for rev in self.random.sample(drafts, len(drafts) // 4):
                    later = [other for other in drafts if other > rev]
                    successors = self.random.sample(later, min(len(later), self.random.randrange(3)))
                    obsolete.createmarkers(repo, [((repo[rev],), tuple(repo[other]
                                                                      for other in successors))])
        repo.ui.popbuffer()

    def mark(self):
        """Some bookmarks, on served changesets and others."""
        repo = self.repo.unfiltered()
        with repo.wlock(), repo.lock(), repo.transaction(b'mark') as transaction:
            changes = [(name, repo[self.random.choice(list(repo))].node())
                       for name in (b'one', b'two', 'drei\u00df'.encode(), b'one@elsewhere')]
            repo._bookmarks.applychanges(repo, transaction, changes)

    def write(self, count):
        for number in range(count):
            self.commit(number)
        self.hide()
        self.mark()
        if self.random.random() < 0.5:
            self.repo.vfs.append(b'hgrc', b'[phases]\npublish = no\n')
        self.repo = reopen(self.repo)
        return self.repo.filtered(b'served')


def ancestors(repo, heads):
    """The nodes of heads and all their ancestors."""
    changelog = repo.changelog
    revs = changelog.ancestors([changelog.rev(node) for node in heads], inclusive=True)
    return {changelog.node(rev) for rev in revs if rev != nullrev} if heads else set()
