"""A repository of 100,000 changesets, 500 heads and 200 branches: every answer equals Mercurial's,
and heads takes the same time as on a small one."""

import json
import os
import random
import statistics
import subprocess
import sys
import time
import unittest

import generator
import large
from support import ENVIRONMENT, FGQUERY, Hg, Oracle, Query, Workspace

CHANGESETS = int(os.environ.get('FRAMEGATE_CHANGESETS', '100000'))


def setUpModule():
    global workspace, hg, path
    workspace = Workspace()
    hg = Hg()
    path = workspace / 'large'
    large.make(path, CHANGESETS, 500, 200)
    hg(path, 'phase', '-p', '-r', '0:%d' % (CHANGESETS // 2))
    hg(path, 'phase', '-s', '-f', '-r', str(CHANGESETS - 10))
    hg(path, 'bookmark', '-i', '-r', '77', 'mark')


def tearDownModule():
    hg.close()
    workspace.remove()


class LargeTest(unittest.TestCase):
    def test_answers_equal_mercurials(self):
        oracle = Oracle(path)
        noise = random.Random(3)
        nodes = noise.sample(oracle.nodes(), 1000) + [noise.randbytes(20) for _ in range(1000)]
        with Query(path) as query:
            self.assertEqual(query('heads').value, oracle.heads())
            self.assertGreater(len(query('heads').value), 400)
            self.assertEqual(query('heads', publiconly=True).value, oracle.public_heads())
            self.assertEqual(query('branchmap').value, oracle.branchmap())
            self.assertEqual(query('known', nodes=nodes).value, oracle.known(nodes))
            for namespace in (b'bookmarks', b'phases'):
                self.assertEqual(query('listkeys', namespace=namespace).value,
                                 oracle.listkeys(namespace))
            keys = [b'tip', b'mark', b'branch7', b'default', b'99', b'-1', b'%d' % (CHANGESETS - 5)]
            keys += [node.hex()[:size].encode() for node in nodes[:40] for size in (3, 4, 5, 6, 12)]
            # what begins like the null node, or like that of the working copy
            keys += [digit * size for digit in (b'0', b'f') for size in range(2, 12)]
            for key in keys:
                expected = oracle.lookup(key)
                answer = query('lookup', key=key)
                if isinstance(expected, bytes):
                    self.assertEqual(answer.value, expected, key)
                else:
                    self.assertIsNotNone(answer.error, key)

    def test_a_commit_is_seen_and_the_rest_stays(self):
        with Query(path) as query:
            query('branchmap')
            hg(path, 'update', '-C', 'null')
            for _ in range(3):
                generator.commit(hg, path, 'new')
                start = time.monotonic()
                heads = query('heads')
                took = time.monotonic() - start
                self.assertEqual(heads.value, Oracle(path).heads())
                print('heads after a commit: %.1f ms' % (took * 1e3), file=sys.stderr)
            self.assertEqual(query('branchmap').value, Oracle(path).branchmap())

    def measure(self, of):
        done = subprocess.run([FGQUERY, '--measure', of], stdout=subprocess.PIPE, check=True,
                              env=ENVIRONMENT)
        return json.loads(done.stdout)

    def test_heads_does_not_depend_on_the_size(self):
        small = workspace / 'small'
        large.make(small, 10, 5, 2)
        ratios = []
        for _ in range(5):
            few = self.measure(small)
            many = self.measure(path)
            ratios.append(many['heads'] / few['heads'])
        print('heads: %.2f times the time of 10 changesets; first snapshot: %.1f million '
              'changesets a second' % (statistics.median(ratios),
                                       many['changesets'] / many['open'] / 1e6), file=sys.stderr)
        # It would be some hundreds if each request looked at the history.
        self.assertLess(statistics.median(ratios), 3)


if __name__ == '__main__':
    if not FGQUERY:
        sys.exit('FGQUERY must name the program')
    unittest.main(warnings='ignore')
