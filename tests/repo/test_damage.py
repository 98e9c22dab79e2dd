"""Damaged repositories: each command either fails with one clear line or gives the right answer;
the program neither crashes nor takes more memory than its limits allow."""

import os
import random
import resource
import shutil
import struct
import sys
import unittest
import zlib

import generator
from support import FGQUERY, Hg, Workspace, ask_all, write

QUESTIONS = [
    ('heads', {}),
    ('heads', {b'publiconly': True}),
    ('branchmap', {}),
    ('listkeys', {b'namespace': b'bookmarks'}),
    ('listkeys', {b'namespace': b'phases'}),
    ('lookup', {b'key': b'tip'}),
    ('lookup', {b'key': b'conflict'}),
    ('lookup', {b'key': b'nothing'}),
    ('lookup', {b'key': b'default'}),
]

MEMORY_MAX_KB = 700 * 1024  # under AddressSanitizer, whose own share is some hundred MB


def setUpModule():
    global workspace, hg
    workspace = Workspace()
    hg = Hg()


def tearDownModule():
    hg.close()
    workspace.remove()


class DamageTest(unittest.TestCase):
    def make(self, name):
        path = workspace / ('%s-%s' % (self.id().split('.')[-1], name))
        if not os.path.exists(path):
            generator.MAKERS[name](hg, path)
        return path

    def answers(self, path, what):
        answers, process = ask_all(path, QUESTIONS)
        if answers is None:
            return None
        self.assertEqual(process.returncode, 0, '%s: %s' % (what, process.stderr.decode()[-2000:]))
        self.assertEqual(process.stderr, b'', what)
        self.assertEqual(len(answers), len(QUESTIONS), what)
        return answers

    def check(self, path, right, what):
        """Every answer is an error or the right one."""
        answers = self.answers(path, what)
        for answer, expected, question in zip(answers or [], right, QUESTIONS):
            if answer.error is None:
                self.assertEqual(answer.value, expected.value, '%s: %r' % (what, question))
            else:
                self.assertNotEqual(answer.error.strip(), '', what)

    def damage(self, path, name, contents, right, what):
        file = os.path.join(path, '.hg', name)
        original = open(file, 'rb').read()
        write(path, '.hg/' + name, contents)
        try:
            if right is None:
                self.answers(path, what)
            else:
                self.check(path, right, what)
        finally:
            write(path, '.hg/' + name, original)

    def places(self, size, noise):
        return sorted({0, 1, 3, 4, 31, 32, 63, 64, 65, size // 2, size - 65, size - 64, size - 1} |
                      {noise.randrange(size) for _ in range(6)} if size else set())

    def truncate(self, path, name, strict):
        noise = random.Random(name)
        right = self.answers(path, 'undamaged')
        original = open(os.path.join(path, '.hg', name), 'rb').read()
        for place in self.places(len(original), noise):
            if 0 <= place < len(original):
                self.damage(path, name, original[:place], right if strict else None,
                            '%s cut at %d of %d' % (name, place, len(original)))

    def flip(self, path, name, strict, times):
        noise = random.Random(name)
        right = self.answers(path, 'undamaged')
        original = open(os.path.join(path, '.hg', name), 'rb').read()
        for _ in range(times):
            place = noise.randrange(len(original) * 8)
            contents = bytearray(original)
            contents[place // 8] ^= 1 << place % 8
            self.damage(path, name, bytes(contents), right if strict else None,
                        '%s with bit %d flipped' % (name, place))

    def test_truncated(self):
        tags = self.make('tags')
        # a changelog's index that ends between two entries is one with fewer changesets
        self.truncate(tags, 'store/00changelog.i', False)
        self.truncate(tags, 'store/00manifest.i', True)
        self.truncate(tags, 'store/data/~2ehgtags.i', True)
        self.truncate(tags, 'localtags', False)
        split = self.make('split')
        self.truncate(split, 'store/00changelog.i', False)
        self.truncate(split, 'store/00changelog.d', True)
        self.truncate(split, 'store/00manifest.d', True)
        obsolete = self.make('obsolete')
        self.truncate(obsolete, 'store/obsstore', False)
        self.truncate(obsolete, 'store/phaseroots', False)
        self.truncate(obsolete, 'bookmarks', False)
        self.truncate(obsolete, 'dirstate', False)
        merge = self.make('unfinished_merge')
        self.truncate(merge, 'merge/state2', False)

    def test_bits_flipped(self):
        tags = self.make('tags')
        self.flip(tags, 'store/00changelog.i', True, 60)
        self.flip(tags, 'store/00manifest.i', True, 30)
        self.flip(tags, 'store/data/~2ehgtags.i', True, 30)
        self.flip(tags, 'localtags', False, 10)
        self.flip(tags, 'requires', True, 10)
        split = self.make('split')
        self.flip(split, 'store/00changelog.i', True, 30)
        self.flip(split, 'store/00changelog.d', True, 10)
        self.flip(split, 'store/00manifest.i', True, 20)
        self.flip(split, 'store/00manifest.d', True, 10)
        obsolete = self.make('obsolete')
        self.flip(obsolete, 'store/obsstore', False, 30)
        self.flip(obsolete, 'store/phaseroots', False, 20)
        self.flip(obsolete, 'bookmarks', False, 10)
        self.flip(self.make('unfinished_merge'), 'merge/state2', False, 10)

    def test_missing_files(self):
        path = self.make('tags')
        right = self.answers(path, 'undamaged')
        for name in ('store/00manifest.i', 'store/data/~2ehgtags.i'):
            file = os.path.join(path, '.hg', name)
            os.rename(file, file + '.away')
            self.check(path, right, name + ' missing')
            os.rename(file + '.away', file)

    def test_what_is_no_file(self):
        path = self.make('linear')
        for name in ('store/00changelog.i', 'store/phaseroots', 'store/obsstore', 'bookmarks',
                     'localtags', 'requires'):
            file = os.path.join(path, '.hg', name)
            if os.path.exists(file):
                os.rename(file, file + '.away')
            for make in (os.mkdir, os.mkfifo, lambda to: os.symlink(to, to),
                         lambda to: os.symlink('/dev/zero', to)):
                make(file)
                answers, process = ask_all(path, QUESTIONS)
                self.assertIn(process.returncode, (0, 1), name)
                self.assertLessEqual(process.stderr.count(b'\n'), 1, process.stderr)
                if os.path.isdir(file) and not os.path.islink(file):
                    os.rmdir(file)
                else:
                    os.unlink(file)
            if os.path.exists(file + '.away'):
                os.rename(file + '.away', file)

    # -- revlogs made to hurt ------------------------------------------------------------------

    def entry(self, offset, chunk, text_size, base, link, p1=-1, p2=-1, node=b'\1' * 20, flags=0):
        return struct.pack('>QIiiiii20s12x', offset << 16 | flags, len(chunk), text_size, base, link,
                           p1, p2, node)

    def revlog(self, path, name, entries, header=0x30001):
        """Writes an inline revlog of (chunk, text size, base) with wrong nodes."""
        data = b''
        offset = 0
        for rev, (chunk, text_size, base) in enumerate(entries):
            entry = self.entry(offset, chunk, text_size, base, rev, node=bytes([rev + 1]) * 20)
            if rev == 0:
                entry = struct.pack('>I', header) + entry[4:]
            data += entry + chunk
            offset += len(chunk)
        write(path, '.hg/store/' + name, data)

    def hostile(self, name, entries):
        path = workspace / name
        hg('/', 'init', path)
        self.revlog(path, '00changelog.i', entries)
        answers, process = ask_all(path, QUESTIONS)
        self.assertIsNone(answers, name)
        self.assertNotEqual(process.stderr, b'')
        return process.stderr.decode()

    def memory(self):
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    def test_zlib_bomb(self):
        packer = zlib.compressobj(9)
        bomb = b''.join(packer.compress(b'\0' * (1 << 20)) for _ in range(1024)) + packer.flush()
        self.assertIn('more than', self.hostile('zlib-bomb', [(bomb, 100, 0)]))
        self.assertLess(self.memory(), MEMORY_MAX_KB)
        self.hostile('zlib-bomb-delta', [(b'u', 0, 0), (bomb, 100, 0)])
        self.assertLess(self.memory(), MEMORY_MAX_KB)

    def test_zstd_bomb(self):
        # a frame of RLE blocks: 128 KiB out for 4 bytes in
        rle = (131072 << 3 | 1 << 1).to_bytes(3, 'little') + b'x'
        bomb = b'\x28\xb5\x2f\xfd\x00\x58' + rle * 20000 + (1).to_bytes(3, 'little')
        self.hostile('zstd-bomb', [(bomb, 100, 0)])
        announced = b'\x28\xb5\x2f\xfd\xe0' + struct.pack('<Q', 1 << 40) + rle
        self.hostile('zstd-announced', [(announced, 100, 0)])
        self.assertLess(self.memory(), MEMORY_MAX_KB)

    def test_chains_in_a_circle(self):
        self.assertIn('base does not come before', self.hostile('circle', [
            (b'u', 0, 1), (b'u', 0, 0)]))
        self.hostile('forward', [(b'u', 0, 0), (b'u', 0, 2), (b'u', 0, 1)])

    def test_deltas_that_do_not_fit(self):
        base = (b'uabc', 3, 0)
        for delta in (struct.pack('>III', 0, 4, 0), struct.pack('>III', 2, 1, 0),
                      struct.pack('>III', 0, 0, 0xffffffff), b'\0\0\0',
                      struct.pack('>III', 0, 3, 2) + b'a',
                      struct.pack('>III', 1, 2, 0) + struct.pack('>III', 0, 1, 0)):
            self.hostile('delta-%s' % delta.hex(), [base, (b'u' + delta, 3, 0)])

    def test_huge_numbers(self):
        path = workspace / 'huge'
        hg('/', 'init', path)
        for field in range(0, 64, 4):
            for value in (0xffffffff, 0x7fffffff, 0x80000000):
                entry = bytearray(struct.pack('>I', 0x30001) + self.entry(0, b'uabc', 3, 0, 0)[4:])
                entry[field:field + 4] = struct.pack('>I', value)
                write(path, '.hg/store/00changelog.i', bytes(entry) + b'uabc')
                answers, process = ask_all(path, QUESTIONS)
                self.assertIsNone(answers, (field, value))
        self.assertLess(self.memory(), MEMORY_MAX_KB)

    def test_other_versions_are_refused(self):
        for header in (0, 2, 0x20002, 0xdead, 0x00040001, 0xffff0001):
            path = workspace / ('version-%x' % header)
            hg('/', 'init', path)
            self.revlog(path, '00changelog.i', [(b'uabc', 3, 0)], header=header)
            answers, process = ask_all(path, QUESTIONS)
            self.assertIsNone(answers)
            self.assertIn(b'unknown format', process.stderr)

    def test_obsolescence_store_of_the_future(self):
        path = self.make('linear')
        write(path, '.hg/store/obsstore', b'\x02' + b'x' * 100)
        answers, process = ask_all(path, QUESTIONS)
        self.assertIsNone(answers)
        self.assertIn(b'unknown format (2)', process.stderr)

    def test_a_secret_root_that_cannot_be_read_is_no_public_one(self):
        path = self.make('phases')
        for line in (b'2 nonsense\n', b'x ' + b'1' * 40 + b'\n', b'7 ' + b'1' * 40 + b'\n', b'2\n'):
            write(path, '.hg/store/phaseroots', line)
            answers, process = ask_all(path, QUESTIONS)
            self.assertIsNone(answers, line)
            self.assertIn(b'phaseroots', process.stderr)

    def test_a_large_text_is_not_read_before_it_is_needed(self):
        """A connection's thread would have to: it is damaged here, and the heads are right."""
        path = workspace / 'large-text'
        generator.linear(hg, path)
        write(path, 'message', random.Random(1).randbytes(3 << 20).hex())
        hg(path, 'commit', '-l', 'message', '-A')
        right = self.answers(path, 'undamaged')
        file = os.path.join(path, '.hg/store/00changelog.d')
        with open(file, 'r+b') as data:
            data.seek(os.path.getsize(file) // 2)
            data.write(b'damage')
        answers = self.answers(path, 'damaged')
        self.assertIsNotNone(answers)
        for answer, expected, (command, _) in zip(answers, right, QUESTIONS):
            if command in ('heads', 'listkeys'):
                self.assertEqual(answer.value, expected.value)
            elif command == 'branchmap':
                self.assertIsNotNone(answer.error)

    def test_damage_while_running(self):
        """Noticed with the next request, and over when it is mended."""
        from support import Query
        path = self.make('linear')
        file = os.path.join(path, '.hg/store/00changelog.i')
        with Query(path) as query:
            before = query('heads').value
            shutil.copy(file, file + '.away')
            with open(file, 'r+b') as changelog:
                changelog.truncate(os.path.getsize(file) - 30)
            self.assertIsNotNone(query('heads').error)
            self.assertIsNotNone(query('branchmap').error)
            os.rename(file + '.away', file)
            self.assertEqual(query('heads').value, before)
            shutil.rmtree(path)
            self.assertIn('cannot be read', query('heads').error)


if __name__ == '__main__':
    if not FGQUERY:
        sys.exit('FGQUERY must name the program')
    unittest.main(warnings='ignore')
