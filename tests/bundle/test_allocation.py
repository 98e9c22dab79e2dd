"""Every allocation of making a bundle fails in turn."""

import os
import subprocess
import unittest

import judge
from support import ENVIRONMENT, Workspace


class AllocationTest(unittest.TestCase):
    def test_each_allocation_may_fail(self):
        workspace = Workspace()
        self.addCleanup(workspace.remove)
        # A seed with hidden and secret changesets, whose revisions others have, too.
        repo = judge.create(workspace / 'source', ('format.usegeneraldelta', 'no'),
                            ('format.sparse-revlog', 'no'))
        served = judge.Author(repo, 5).write(8)
        self.assertNotIn(3, list(served))
        done = subprocess.run([os.environ['FGFAIL'], '--bundles', workspace / 'source'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.assertEqual((done.returncode, done.stderr), (0, b''))
        self.assertGreater(int(done.stdout.split()[0]), 100)


if __name__ == '__main__':
    unittest.main(warnings='ignore')
