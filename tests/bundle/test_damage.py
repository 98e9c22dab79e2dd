"""Repositories that are damaged, or change while a bundle is made of them: there is an error or a bundle,
but no crash, and no bundle that misses something without saying so."""

import os
import random
import subprocess
import unittest

import judge
from support import ENVIRONMENT, FGQUERY, Query, Workspace

CAPS = [[], [b'HG20', b'bundle2=changegroup%3D02'], [b'HG20', b'bundle2=changegroup%3D03']]


class Base(unittest.TestCase):
    def setUp(self):
        self.workspace = Workspace()
        self.addCleanup(self.workspace.remove)
        self.path = self.workspace / 'source'

    def make(self, *settings, count=12, seed=5):
        repo = judge.create(self.path, *settings)
        judge.Author(repo, seed).write(count)
        return judge.reopen(repo)

    def store(self, name):
        return os.path.join(self.path, '.hg', 'store', name)


class DamageTest(Base):
    def ask(self, what):
        """Three bundles, or errors that say something."""
        answers = []
        with Query(self.path) as query:
            for caps in CAPS:
                try:
                    answer = query('getbundle', bundlecaps=caps)
                except EOFError as error:
                    # The repository does not open: one line, no crash.
                    self.assertEqual(query.process.wait(), 1, what)
                    self.assertEqual(str(error).count('\n'), 1, what)
                    return []
                if answer.error is not None:
                    self.assertNotEqual(answer.error.strip(), '', what)
                answers.append(answer)
        return answers

    def damage(self, name, contents, what):
        with open(self.store(name), 'rb') as file:
            original = file.read()
        with open(self.store(name), 'wb') as file:
            file.write(contents)
        answers = self.ask('%s %s' % (name, what))
        with open(self.store(name), 'wb') as file:
            file.write(original)
        return answers

    def damage_all(self, names):
        noise = random.Random(4)
        for name in names:
            with open(self.store(name), 'rb') as file:
                original = file.read()
            for place in {0, 1, 63, 64, len(original) // 2, len(original) - 1}:
                self.damage(name, original[:place], 'cut at %d' % place)
            for _ in range(25):
                contents = bytearray(original)
                place = noise.randrange(len(original) * 8)
                contents[place // 8] ^= 1 << place % 8
                self.damage(name, contents, 'with bit %d flipped' % place)

    def test_inline(self):
        self.make()
        self.damage_all(['00changelog.i', '00manifest.i', 'data/a.i', 'obsstore'])

    def test_old_format(self):
        self.make(('format.usegeneraldelta', 'no'), ('format.sparse-revlog', 'no'))
        self.damage_all(['00changelog.i', '00manifest.i', 'data/a.i'])

    def test_what_is_missing_is_an_error(self):
        self.make()
        for name, count in (('00manifest.i', 3), ('data/a.i', 1)):
            os.rename(self.store(name), self.store('away'))
            answers = self.ask(name + ' missing')
            os.rename(self.store('away'), self.store(name))
            self.assertEqual([answer.error is not None for answer in answers], [True] * 3, name)

    def test_manifests_that_end_too_early_are_an_error(self):
        """Cut between two revisions, a revlog is whole; only the changesets tell."""
        repo = self.make()
        manifests = repo.manifestlog.getstorage(b'')._revlog
        served = repo.filtered(b'served')
        rev = manifests.rev(served[max(served)].manifestnode())
        entry = manifests.start(rev) + 64 * rev
        with open(self.store('00manifest.i'), 'rb') as file:
            original = file.read()
        answers = self.damage('00manifest.i', original[:entry], 'cut before what the last changeset needs')
        self.assertEqual([answer.error is not None for answer in answers], [True] * 3)


class StripTest(Base):
    """The repository changes while a bundle is made of it."""

    def slowly(self, size, *command):
        """What a reader gets that stops after so many bytes while hg runs."""
        program = os.path.join(os.path.dirname(FGQUERY), 'fgslow')
        reader = subprocess.Popen([program, self.path, str(size)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.assertEqual(reader.stdout.readline(), b'waiting\n')
        subprocess.run(['hg', '-R', self.path, *command], check=True, env=ENVIRONMENT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        output, errors = reader.communicate(b'\n')
        self.assertEqual((reader.returncode, errors), (0, b''))
        return output.split()

    def test_stripped_meanwhile(self):
        """All of what is left keeps other numbers than the bundle has begun with."""
        self.make(seed=1, count=80)
        answer = self.slowly(5000, '--config', 'extensions.strip=', 'strip', '--no-backup',
                             '--config', 'phases.publish=no', '3', '--force')
        self.assertEqual(answer[0], b'error')

    def test_committed_meanwhile(self):
        repo = self.make(seed=1, count=80)
        before = self.slowly(0, 'id')
        answer = self.slowly(5000, 'branches')
        self.assertEqual(answer, before)
        script = ['--cwd', self.path, 'commit', '--config', 'ui.username=test', '-A', '-m', 'more']
        with open(os.path.join(self.path, 'new'), 'w') as file:
            file.write('new')
        count = len(repo.unfiltered())
        self.assertEqual(self.slowly(5000, *script), before)
        self.assertEqual(len(judge.reopen(repo).unfiltered()), count + 1)


if __name__ == '__main__':
    unittest.main(warnings='ignore')
