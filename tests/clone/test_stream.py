"""Stream clones: the files and their bytes are those that hg sends."""

import os
import socket
import subprocess
import threading
import time
import unittest

import common
import generator
from common import RepositoryTest, hg_stdio, http

KINDS = sorted(generator.MAKERS) if common.WHOLE else [
    'empty', 'many_heads', 'new_formats', 'obsolete', 'shared_safe', 'split', 'without_dotencode',
    'without_fncache', 'without_store']


def parse(stream):
    """The files of a stream_out answer, or its error."""
    line, _, rest = stream.partition(b'\n')
    if line != b'0':
        return line
    numbers, _, rest = rest.partition(b'\n')
    files_count, bytes_count = map(int, numbers.split())
    files = {}
    for _ in range(files_count):
        header, _, rest = rest.partition(b'\n')
        name, _, size = header.partition(b'\0')
        assert name not in files
        files[name], rest = rest[: int(size)], rest[int(size) :]
        assert len(files[name]) == int(size)
    assert not rest and sum(map(len, files.values())) == bytes_count
    return files


def without_nodemap(files):
    """The nodemap is a cache, and replaced at any moment: it is left out."""
    if isinstance(files, bytes):
        return files
    return {name: data for name, data in files.items() if not name.endswith((b'.n', b'.nd'))}


class Same(RepositoryTest):
    def test_every_kind(self):
        for kind in KINDS:
            if kind == 'internal_phase':
                continue  # below
            with self.subTest(kind=kind):
                path = self.make(kind)
                with http.Server(repository=path) as server:
                    ours = parse(self.ask(server, 'stream_out'))
                self.assertEqual(ours, without_nodemap(parse(hg_stdio(path, b'stream_out\n'))))
                self.assertFalse(os.path.lexists(os.path.join(path, '.hg/store/lock')))

    def test_shelved_changes_are_not_shown(self):
        # hg itself would send them
        path = self.make('internal_phase')
        with http.Server(repository=path) as server:
            self.assertEqual(self.ask(server, 'stream_out'), b'1\n')

    def test_folders_that_end_like_a_revlog(self):
        for name, options in (('folders', ()), ('folders2', ('format.usefncache=no',)),
                              ('folders3', ('format.usestore=no',))):
            path = self.workspace / name
            self.hg('/', 'init', path, *(word for o in options for word in ('--config', o)))
            for file in ('a.i/b', 'a.d/c', 'x.hg/y.hg/Z', '.i/u_V', 'aux', '~u', 'ü', 'q_hg/W'):
                common.write(path, file, file)
            self.hg(path, 'commit', '-A', '-m', 'folders')
            with http.Server(repository=path) as server:
                ours = parse(self.ask(server, 'stream_out'))
            self.assertEqual(ours, parse(hg_stdio(path, b'stream_out\n')))
            # From 6.5 on, hg keeps the data of a small changelog in a file of its own.
            self.assertEqual(len(set(ours) - {b'00changelog.d'}), 10)

    def test_a_list_that_names_files_twice_or_that_are_gone(self):
        path = self.make('linear', 'twice')
        with open(os.path.join(path, '.hg/store/fncache'), 'r+b') as file:
            lines = file.read()
            file.write(lines + b'data/gone.i\n')
        with http.Server(repository=path) as server:
            ours = parse(self.ask(server, 'stream_out'))
        self.assertEqual(ours, parse(hg_stdio(path, b'stream_out\n')))

    def test_a_name_that_leaves_the_store(self):
        path = self.workspace / 'climbing'
        secret = self.workspace / 'secret.i'
        common.write(self.workspace.path, 'secret.i', 'not of the repository')
        self.hg('/', 'init', path, '--config', 'format.usefncache=no')
        common.write(path, 'a', 'a')
        self.hg(path, 'commit', '-A', '-m', 'a')
        # In a store without a list that is how the folder ".." is called.
        common.write(path, '.hg/store/data/' + 4 * '~2e~2e/' + 'secret.i', '')
        climbing = os.path.join(path, '.hg/store/data/../../../../secret.i')
        self.assertTrue(os.path.samefile(climbing, secret))
        with http.Server(repository=path) as server:
            self.assertEqual(self.refusal(server, 'stream_out'),
                             'a file of the store is called data/../../../../secret.i')
            caps = [b'HG20', b'bundle2=HG20%0Astream%3Dv2']
            arguments = {b'bundlecaps': caps, b'stream': True}
            self.assertIn('a file of the store is called',
                          self.refusal(server, 'getbundle', arguments))


class Locking(RepositoryTest):
    def test_a_lock_is_waited_for(self):
        path = self.make('linear', 'held')
        lock = os.path.join(path, '.hg/store/lock')
        os.symlink('elsewhere:1', lock)
        with http.Server(repository=path) as server:
            asking = threading.Thread(target=lambda: answers.append(self.ask(server, 'stream_out')))
            answers = []
            asking.start()
            time.sleep(0.3)
            self.assertEqual(answers, [])
            os.unlink(lock)
            asking.join()
        self.assertEqual(parse(answers[0]), parse(hg_stdio(path, b'stream_out\n')))

    def test_a_lock_that_stays_is_an_error_of_the_format(self):
        path = self.make('linear', 'stays')
        os.symlink('elsewhere:1', os.path.join(path, '.hg/store/lock'))
        with http.Server(repository=path) as server:
            self.assertEqual(self.ask(server, 'stream_out'), b'2\n')
        self.assertEqual(os.readlink(os.path.join(path, '.hg/store/lock')), 'elsewhere:1')

    def test_a_dead_process_lock_is_broken(self):
        path = self.make('linear', 'dead')
        process = subprocess.Popen(['true'])
        process.wait()
        namespace = os.stat('/proc/self/ns/pid').st_ino
        name = '%s/%x:%d' % (os.uname().nodename, namespace, process.pid)
        os.symlink(name, os.path.join(path, '.hg/store/lock'))
        with http.Server(repository=path) as server:
            self.assertIsInstance(parse(self.ask(server, 'stream_out')), dict)
        for left in ('lock', 'lock.break'):
            self.assertFalse(os.path.lexists(os.path.join(path, '.hg/store', left)))


class Rewritten(RepositoryTest):
    """The repository changes between the list and the bytes: the client reads slowly."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.workspace / 'large'
        cls.hg('/', 'init', cls.path)
        noise = os.urandom
        # more than all buffers on the way, so that sending waits for the reader
        for i in range(2):
            for name in ('a', 'b', 'c'):
                common.write(cls.path, name, noise(4 << 20))
            cls.hg(cls.path, 'commit', '-A', '-m', 'noise %d' % i)

    def slowly(self, change):
        """Asks, lets change(path) happen once the answer has begun, and reads the rest."""
        path = self.workspace / self.id()
        self.hg('/', 'clone', '--pull', '-U', self.path, path)
        with http.Server(repository=path) as server, socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.settimeout(http.TIMEOUT)
            connection.connect(server.address)
            body = http.request(b'stream_out')
            connection.sendall(http.post_head(http.API + '/ro/stream_out', len(body)) + body)
            first = connection.recv(65536)
            self.assertIn(b'200 OK', first)
            change(path)
            received = bytearray(first)
            while not received.endswith(b'\r\n0\r\n\r\n'):
                try:
                    piece = connection.recv(1 << 20)
                except ConnectionResetError:
                    piece = b''
                if not piece:
                    break
                received += piece
            self.assertFalse(os.path.lexists(os.path.join(path, '.hg/store/lock')))
        return received.endswith(b'\r\n0\r\n\r\n'), self.payload(received)

    def payload(self, received):
        """As much of the response as there is whole: chunks of HTTP, then frames."""
        place = received.index(b'\r\n\r\n') + 4
        joined = bytearray()
        while place < len(received):
            end = received.find(b'\r\n', place)
            size = int(received[place:end], 16) if end > place else 0
            joined += received[end + 2 : end + 2 + size]
            place = end + 4 + size if end >= 0 else len(received)
        data, place = bytearray(), 0
        while place + 8 <= len(joined):
            size = int.from_bytes(joined[place : place + 3], 'little')
            data += joined[place + 8 : place + 8 + size]
            place += 8 + size
        return bytes(data)

    def test_appended(self):
        def commit(path):
            common.write(path, 'new', 'new')
            self.hg(path, 'update', 'tip')
            common.write(path, 'c', 'short')
            self.hg(path, 'commit', '-A', '-m', 'new')

        whole, data = self.slowly(commit)
        self.assertTrue(whole)
        self.assertEqual(parse(data), parse(hg_stdio(self.path, b'stream_out\n')))

    def test_stripped(self):
        whole, data = self.slowly(lambda path: self.hg(path, 'debugstrip', '-r', 'tip'))
        self.assertFalse(whole)
        self.is_beginning(data)

    def test_stripped_and_grown_again(self):
        def rewrite(path):
            self.hg(path, 'debugstrip', '-r', 'tip')
            self.hg(path, 'update', 'tip')
            for name in ('a', 'b', 'c'):
                common.write(path, name, os.urandom(7 << 20))
            self.hg(path, 'commit', '-m', 'other noise ' + 'x' * 900)

        whole, data = self.slowly(rewrite)
        self.assertFalse(whole)
        self.is_beginning(data)

    def is_beginning(self, data):
        """No byte is another than that of the state of which the list was taken."""
        files = parse(hg_stdio(self.path, b'stream_out\n'))
        header, _, rest = data.partition(b'\n')[2].partition(b'\n')
        self.assertEqual(header, b'%d %d' % (len(files), sum(map(len, files.values()))))
        while rest:
            line, _, rest = rest.partition(b'\n')
            name = line.partition(b'\0')[0]
            if name not in files:
                break  # cut in a header
            self.assertEqual(rest[: len(files[name])], files[name][: len(rest)])
            rest = rest[len(files[name]) :]


@unittest.skipUnless(os.geteuid() == 0, 'gives up its rights')
class ReadOnly(RepositoryTest):
    def test_without_the_right_to_lock(self):
        path = self.make('linear', 'readonly')
        os.chmod(self.workspace.path, 0o755)
        options = ('--user', 'nobody', '--access-log', 'off')
        with http.Server(*options, repository=path) as server:
            self.assertIsInstance(parse(self.ask(server, 'stream_out')), dict)
            os.symlink('elsewhere:1', os.path.join(path, '.hg/store/lock'))
            self.assertEqual(self.ask(server, 'stream_out'), b'2\n')


class Bundles(RepositoryTest):
    def test_the_manifest(self):
        path = self.make('linear', 'bundles')
        with http.Server(repository=path) as server:
            self.assertEqual(self.ask(server, 'clonebundles'), b'')
            text = 'https://example.com/a.hg BUNDLESPEC=zstd-v2\n'
            common.write(path, '.hg/clonebundles.manifest', text)
            self.assertEqual(self.ask(server, 'clonebundles'), text.encode())
            self.assertEqual(self.ask(server, 'clonebundles_manifest'), text.encode())
            common.write(path, '.hg/clonebundles.manifest', 'x' * (2 << 20))
            self.assertIn('more than', self.refusal(server, 'clonebundles'))

    def test_bundles_that_the_server_has(self):
        path = self.make('linear', 'inline')
        os.makedirs(os.path.join(path, '.hg/bundle-cache/below'))
        self.hg(path, 'bundle', '-q', '-a', '-t', 'gzip-v2', '.hg/bundle-cache/below/full.hg')
        with open(os.path.join(path, '.hg/bundle-cache/below/full.hg'), 'rb') as file:
            bundle = file.read()
        inline = 'peer-bundle-cache://below/full.hg BUNDLESPEC=gzip-v2'
        other = 'https://example.com/a.hg'
        common.write(path, '.hg/clonebundles.manifest', '%s\n%s\r\n%s' % (inline, other, inline))
        with http.Server(repository=path) as server:
            self.assertEqual(self.ask(server, 'clonebundles'), other.encode() + b'\r\n')
            self.assertEqual(self.ask(server, 'clonebundles_manifest'),
                             ('%s\n%s\r\n%s' % (inline, other, inline)).encode())
            size = bytes([len(bundle) & 127 | 128, len(bundle) >> 7])
            self.assertLess(len(bundle), 1 << 14)
            get = 'get_cached_bundle_inline'
            for name in (b'below/full.hg', b'below/full.hg'):
                self.assertEqual(self.ask(server, get, {b'path': name}), size + bundle)
            # hg 6.3 does not know of such bundles, and clones as if there were none
            common.write(path, '.hg/clonebundles.manifest', inline + '\n')
            url = 'http://%s:%d/' % server.address
            self.hg('/', 'clone', '-U', url, self.workspace / 'inlined')

    def test_nothing_else_is_sent_as_a_bundle(self):
        path = self.make('linear', 'beside')
        folder = os.path.join(path, '.hg/bundle-cache')
        os.makedirs(os.path.join(folder, 'below'))
        common.write(folder, 'full.hg', 'a bundle')
        os.symlink('full.hg', os.path.join(folder, 'link'))
        os.symlink('/etc', os.path.join(folder, 'etc'))
        os.mkfifo(os.path.join(folder, 'pipe'))
        names = (b'', b'.', b'below', b'below/', b'below/../full.hg', b'../hgrc', b'../requires',
                 b'/etc/passwd', b'link', b'etc/passwd', b'pipe', b'no', b'full.hg\0', b'./full.hg',
                 b'full.hg/', b'x' * 5000, b'a/' * 400)
        with http.Server(repository=path) as server:
            for name in names:
                self.assertIn('does not exist', self.refusal(server, 'get_cached_bundle_inline',
                                                             {b'path': name}), name)
            os.rename(folder, folder + '-elsewhere')
            os.symlink(folder + '-elsewhere', folder)
            self.refusal(server, 'get_cached_bundle_inline', {b'path': b'full.hg'})


if __name__ == '__main__':
    unittest.main()
