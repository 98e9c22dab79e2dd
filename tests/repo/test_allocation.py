"""Every allocation of opening a repository and asking it everything fails in turn."""

import os
import subprocess
import sys
import unittest

import generator
from support import ENVIRONMENT, Hg, Workspace, write

FGFAIL = os.environ.get('FGFAIL', '')


class AllocationTest(unittest.TestCase):
    def test_each_allocation_may_fail(self):
        workspace = Workspace()
        self.addCleanup(workspace.remove)
        hg = Hg()
        self.addCleanup(hg.close)
        write(workspace.path, 'included.rc', '[trusted]\nusers = a, "b c"\n  d\n[hooks]\nx = y\n  z\n')
        write(workspace.path, 'account.rc', '%include $HGUSER\n%include ./included.rc\n'
              '[experimental]\nevolution = createmarkers exchange\n[server]\nzliblevel = 3\n')
        # An hg that takes no time: pushkey runs it for each allocation.
        write(workspace.path, 'bin/hg', '#!/bin/sh\nprintf "Status: 200 fine\\r\\n\\r\\n1\\nsaid"\n')
        os.chmod(workspace / 'bin/hg', 0o755)
        environment = dict(ENVIRONMENT, HGRCPATH=workspace / 'account.rc',
                           PATH='%s:%s' % (workspace / 'bin', ENVIRONMENT['PATH']))
        for name in ('tags', 'obsolete', 'shared_safe', 'zlib'):
            path = workspace / name
            generator.MAKERS[name](hg, path)
            done = subprocess.run([FGFAIL, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=environment)
            self.assertEqual((done.returncode, done.stderr), (0, b''), name)
            self.assertGreater(int(done.stdout.split()[0]), 100, name)


if __name__ == '__main__':
    if not FGFAIL:
        sys.exit('FGFAIL must name the program')
    unittest.main(warnings='ignore')
