"""While hg commits, strips, amends, moves bookmarks and rolls back, clients on many threads see only
states that existed."""

import ast
import os
import random
import subprocess
import sys
import threading
import unittest

import generator
from support import ENVIRONMENT, FGQUERY, Hg, Oracle, Query, Workspace, write

SECONDS = int(os.environ.get('FRAMEGATE_HAMMER_SECONDS', '20'))
EVOLUTION = generator.EVOLUTION


def setUpModule():
    global workspace
    workspace = Workspace()


def tearDownModule():
    workspace.remove()


class State:
    """What fgquery --hammer asks, from Mercurial."""

    def __init__(self, path):
        oracle = Oracle(path)
        self.answers = (oracle.heads(), oracle.public_heads(), oracle.branchmap(),
                        oracle.listkeys(b'bookmarks'), oracle.listkeys(b'phases'),
                        oracle.lookup(b'tip'), oracle.lookup(b'moving'))


class HammerTest(unittest.TestCase):
    maxDiff = None
    history = 0  # changesets before those of the test

    def setUp(self):
        self.hg = Hg()
        self.addCleanup(self.hg.close)
        self.path = workspace / self.id()
        self.hg('/', 'init', self.path)
        if self.history > 0:
            self.hg(self.path, 'debugbuilddag', '-q', '+%d' % self.history)
            self.hg(self.path, 'update', '-q', 'tip')
        for _ in range(3):
            self.commit()
        self.hg(self.path, 'bookmark', '-i', '-r', '0', 'moving')
        self.noise = random.Random(11)

    def commit(self):
        count = getattr(self, 'count', 0)
        self.count = count + 1
        write(self.path, 'file', '%d\n' % count)
        self.hg(self.path, 'commit', '-A', '-m', 'number %d' % count)

    def record(self):
        self.states.append(State(self.path).answers)

    def strip(self):
        """Two states lie between: without the stripped ones, and with what was put back."""
        self.hg.run(self.path, 'debugstrip', '--no-backup', '-r', 'tip')

    def change(self):
        """One transaction."""
        action = self.noise.choice(['commit', 'commit', 'commit', 'branch', 'amend', 'strip',
                                    'bookmark', 'rollback', 'secret', 'publish', 'prune'])
        run = self.hg.run
        if action == 'commit':
            self.commit()
        elif action == 'branch':
            run(self.path, 'update', '-C', str(self.noise.randrange(3)))
            self.record()
            self.commit()
        elif action == 'amend':
            run(self.path, 'commit', '--amend', '-m', 'amended %d' % self.noise.randrange(1 << 30),
                *EVOLUTION)
        elif action == 'strip':
            self.strip()
        elif action == 'bookmark':
            revs = self.hg(self.path, 'log', '-T', '{rev} ').split()
            run(self.path, 'bookmark', '-i', '-f', '-r', self.noise.choice(revs), 'moving')
        elif action == 'rollback':
            run(self.path, 'rollback')
        elif action == 'secret':
            run(self.path, 'phase', '-s', '-f', '-r', 'tip')
            self.record()
            if self.noise.random() < 0.7:
                run(self.path, 'phase', '-d', '-r', 'tip')
        elif action == 'publish' and self.noise.random() < 0.2:
            run(self.path, 'phase', '-p', '-r', 'tip')
        elif action == 'prune':
            node = self.hg(self.path, 'log', '-r', '.', '-T', '{node}').decode()
            run(self.path, 'update', '-C', '.~1')
            self.record()
            run(self.path, 'debugobsolete', node, *EVOLUTION)
        self.record()

    def check_line(self, line):
        fields = line.rstrip('\n').split('\t')
        self.assertEqual(len(fields), 8, line)
        for field in fields:
            self.assertFalse(field.startswith('error') and 'unknown revision' not in field, line)
        answers = tuple(None if field.startswith('error') else ast.literal_eval(field)
                        for field in fields[:7])
        self.assertIn(answers, self.states)

    def test_only_states_that_existed_are_seen(self):
        self.states = []
        self.record()
        process = subprocess.Popen([FGQUERY, '--hammer', str(SECONDS), '4', self.path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        changes = 0
        while process.poll() is None:
            self.change()
            changes += 1
        reader.join()
        errors = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual((process.returncode, errors), (0, ''))
        self.assertTrue(lines[-1].startswith(b'asked '), lines[-1])
        for line in lines[:-1]:
            self.check_line(line.decode())
        print('%d changes, %d states seen, %s' % (changes, len(lines) - 1, lines[-1].decode()),
              end='', file=sys.stderr)
        self.assertGreater(len(lines) - 1, changes // 10)

    def test_next_request_sees_the_change(self):
        """After hg has ended, at once."""
        with Query(self.path) as query:
            for _ in range(15):
                self.commit()
                oracle = Oracle(self.path)
                self.assertEqual(query('heads').value, oracle.heads())
                self.assertEqual(query('branchmap').value, oracle.branchmap())
                self.strip()
                self.assertEqual(query('heads').value, Oracle(self.path).heads())

    def test_locked_repository_keeps_its_state(self):
        with Query(self.path) as query:
            before = query('heads').value
            lock = os.path.join(self.path, '.hg/store/lock')
            write(self.path, '.hg/store/journal', '')
            os.symlink('elsewhere:1', lock)
            # half of a transaction
            changelog = os.path.join(self.path, '.hg/store/00changelog.i')
            contents = open(changelog, 'rb').read()
            with open(changelog, 'r+b') as file:
                file.truncate(len(contents) // 2)
            self.assertEqual(query('heads').value, before)
            self.assertEqual(query('listkeys', namespace=b'bookmarks').error, None)
            write(self.path, '.hg/store/00changelog.i', contents)
            os.unlink(lock)
            self.assertEqual(query('heads').value, before)

    def test_lock_of_a_process_that_ended_is_none(self):
        import socket
        namespace = os.stat('/proc/self/ns/pid').st_ino
        ended = subprocess.Popen(['true'])
        ended.wait()
        with Query(self.path) as query:
            query('heads')
            self.commit()
            os.symlink('%s/%x:%d' % (socket.gethostname(), namespace, ended.pid),
                       os.path.join(self.path, '.hg/store/lock'))
            self.assertEqual(query('heads').value, Oracle(self.path).heads())


class MappedHammerTest(HammerTest):
    """With so many changesets that their index is mapped, not copied."""
    history = 2100


if __name__ == '__main__':
    if not FGQUERY:
        sys.exit('FGQUERY must name the program')
    unittest.main(warnings='ignore')
