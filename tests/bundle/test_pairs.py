"""Random pairs: a client that has some of a repository wants some of it. The bundle applied gives
exactly the missing changesets, and hg verify finds nothing.

    test_pairs.py [COUNT [FIRST]]

tries that many repositories, each with several pairs, the seeds beginning with FIRST. One that fails is
named by its seed."""

import os
import random
import sys
import unittest

import judge
from support import Query, Workspace

COUNT = 12
PAIRS = 5

FORMATS = [
    (),
    (('format.usegeneraldelta', 'no'), ('format.sparse-revlog', 'no')),
    (('format.revlog-compression', 'zlib'),),
    (('format.maxchainlen', '3'),),
    (('format.dotencode', 'no'),),
]

PARTS = '%0Aphases%3Dheads%0Abookmarks%0Alistkeys%0Aobsmarkers%3DV0%2CV1'
CAPS = {'10': []}
for version, versions in (('01', '%3D01'), ('02', '%3D01%2C02'), ('03', '%3D02%2C03'), ('old', '')):
    CAPS[version] = [b'HG20', ('bundle2=HG20%0Achangegroup' + versions + PARTS).encode()]


def some(random_, items):
    """A few of them, in any order; none at times."""
    items = sorted(items)
    return random_.sample(items, min(len(items), random_.choice([0, 1, 1, 2, 3])))


class Pairs:
    """The pairs of one seed."""

    def __init__(self, workspace, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.workspace = workspace
        path = workspace / ('source%d' % seed)
        settings = self.random.choice(FORMATS)
        source = judge.create(path, *settings)
        self.source = judge.Author(source, seed).write(self.random.choice([3, 12, 30]))
        self.served = judge.ancestors(self.source, self.source.heads())
        self.served.discard(judge.nullid)

    def ask(self, query, version, common, heads):
        arguments = {'bundlecaps': CAPS[version], 'common': common}
        if heads is not None:
            arguments['heads'] = heads
        if version != '10':
            arguments.update((name, self.random.random() < 0.8)
                             for name in ('phases', 'bookmarks', 'obsmarkers', 'cg'))
            arguments['listkeys'] = self.random.choice([[], [b'bookmarks', b'phases', b'nothing']])
        answer = query('getbundle', **arguments)
        if answer.error is not None:
            raise AssertionError('getbundle failed: ' + answer.error)
        if version != '10':
            self.compare(answer.value, arguments)
        return answer.value, arguments.get('cg', True)

    def compare(self, bundle, arguments):
        """The parts but the changegroup are those that Mercurial makes."""
        arguments = dict(arguments, heads=arguments.get('heads'))
        wanted = judge.other_parts(self.source, judge.own_bundle(self.source, **arguments))
        got = judge.other_parts(self.source, bundle)
        for parts in wanted, got:
            for part in parts:
                if part[2].get(b'version') == b'03':  # which Mercurial does not offer by itself
                    part[2][b'version'] = b'02'
        if got != wanted:
            raise AssertionError('other parts than Mercurial makes: %r, not %r' % (got, wanted))

    def step(self, query, client, version, heads):
        """One pull, judged."""
        had = judge.nodes(client)
        common = sorted(client.unfiltered().heads())
        if self.random.random() < 0.3:
            common.append(b'\xaa' * 20)
        bundle, changesets = self.ask(query, version, common, heads)
        if not changesets:
            return client
        judge.take(client, bundle)
        client = judge.reopen(client)
        wanted = judge.ancestors(self.source, self.source.heads() if heads is None else heads)
        got = judge.nodes(client)
        if got != had | (wanted & self.served):
            raise AssertionError('other changesets than those that were missing')
        complaint = judge.complaints(client)
        if complaint:
            raise AssertionError('hg verify: ' + complaint.decode('utf-8', 'replace'))
        return client

    def pair(self, query, number):
        version = self.random.choice(sorted(CAPS))
        client = judge.create(self.workspace / ('client%d-%d' % (self.seed, number)),
                              *self.random.choice(FORMATS))
        for _ in range(2):
            heads = some(self.random, self.served)
            client = self.step(query, client, version, heads or [judge.nullid])
        heads = None if self.random.random() < 0.3 else some(self.random, self.served) or None
        self.step(query, client, version, heads)

    def run(self):
        with Query(os.fsdecode(self.source.root)) as query:
            for number in range(PAIRS):
                self.pair(query, number)


class PairsTest(unittest.TestCase):
    count, first = COUNT, 1

    def test_bundles_bring_what_is_missing(self):
        for seed in range(self.first, self.first + self.count):
            workspace = Workspace()
            self.addCleanup(workspace.remove)
            with self.subTest(seed=seed):
                Pairs(workspace, seed).run()
            workspace.remove()


if __name__ == '__main__':
    numbers = [int(argument) for argument in sys.argv[1:]]
    PairsTest.count, PairsTest.first = (numbers + [COUNT, 1][len(numbers):])[:2]
    unittest.main(argv=sys.argv[:1])
