"""Clones and pulls by Mercurial's own client: what comes is what comes from hg itself."""

import os
import socket
import threading
import unittest

import common
import generator
from common import RepositoryTest, http

KINDS = sorted(generator.MAKERS) if common.WHOLE else [
    'branches', 'empty', 'new_formats', 'obsolete', 'phases', 'shared_safe', 'unpublished']

EVOLVED = ['--config', 'experimental.evolution=all']


class CloneTest(RepositoryTest):
    def new(self):
        """A path where nothing is."""
        self.count = getattr(self, 'count', 0) + 1
        return self.workspace / ('%s-%d' % (self.id(), self.count))

    def url(self, server):
        return 'http://%s:%d/' % server.address

    def contents(self, path):
        """Every file of every head, as bytes."""
        heads = self.hg(path, 'log', '-r', 'head() and not hidden()', '-T', '{node} ').split()
        found = {}
        for head in heads:
            names = self.hg.run(path, 'manifest', '--debug', '-r', head)[1]
            found[head] = (names, self.hg.run(path, 'cat', '-r', head, 'glob:**')[1])
        return found

    def describe(self, path):
        """All that a clone has, whatever its order."""
        lines = lambda *command: sorted(self.hg.run(path, *command)[1].splitlines())
        return {
            'changesets': lines('log', '-T', '{node} {phase} {branch} {p1.node} {p2.node} '
                                '{extras}\n'),
            'bookmarks': lines('bookmarks', '-T', '{bookmark} {node}\n'),
            'heads': lines('heads', '-c', '-T', '{branch} {node}\n'),
            'branches': lines('branches', '-c', '-T', '{branch} {closed}\n'),
            'tags': [line for line in lines('tags', '-T', '{tag} {node}\n')
                     if not line.startswith(b'tip ')],
            'obsolete': lines('debugobsolete'),
            'contents': self.contents(path),
        }

    def clone(self, server, *options):
        path = self.new()
        self.hg('/', 'clone', '-U', *options, self.url(server), path)
        return path

    def verify(self, path):
        said = self.hg(path, 'verify')
        self.assertNotIn(b'warning', said)
        self.assertNotIn(b'error', said)

    def same(self, path, expected, what):
        self.verify(path)
        found = self.describe(path)
        for key, value in expected.items():
            self.assertEqual(found[key], value, '%s: %s' % (what, key))


class Kinds(CloneTest):
    """Each kind of repository, in every way."""

    def test_kinds(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                path = self.make(kind)
                # a clone by hg itself, through the same view and the same exchange
                local = self.new()
                self.hg('/', 'clone', '-U', '--pull', path, local)
                with http.Server(repository=path) as server:
                    self.check(server, path, local, self.describe(local))

    def check(self, server, path, local, expected):
        self.same(self.clone(server), expected, 'clone')
        self.same(self.clone(server, '--config', 'devel.legacy.exchange=bundle1'), expected,
                  'clone by a client of before bundle2')
        self.check_stream(server, path, expected)
        nodes = self.hg(local, 'log', '-T', '{node}\n').split()[::-1]
        self.check_steps(server, nodes, path)
        self.check_parts(server, path, local, nodes)
        self.check_identify(server, path, expected)

    def check_stream(self, server, path, expected):
        secret = b'\n2 ' in b'\n' + self.phaseroots(path)
        markers = self.hg(path, 'debugobsolete') != b''
        if markers and not secret:
            status, _, errors = self.hg.run('/', 'clone', '--stream', self.url(server), self.new())
            self.assertEqual(status, 255)
            self.assertIn(b'server has obsolescence markers', errors)
            clone = self.clone(server, '--stream', *EVOLVED)
            self.verify(clone)
            self.assertEqual(self.hg(clone, 'debugobsolete'), self.hg(path, 'debugobsolete'))
            return
        self.same(self.clone(server, '--stream'), expected, 'stream clone')
        # The form of before bundle2, where nothing but revlogs comes. Of many files hg's client reads
        # it wrong over HTTP, also from hg's own server.
        many = len(self.hg(path, 'manifest', '--all').splitlines()) > 100
        if not many and b'draft' not in b''.join(expected['changesets']):
            self.same(self.clone(server, '--stream', '--config', 'devel.legacy.exchange=bundle1'),
                      expected, 'stream clone of version 1')

    def phaseroots(self, path):
        for store in (path, path + '-source'):
            try:
                with open(os.path.join(store, '.hg/store/phaseroots'), 'rb') as file:
                    return file.read()
            except FileNotFoundError:
                pass
        return b''

    def pull_steps(self, nodes, source):
        """A clone by pulls one after the other, up to before the last."""
        clone = self.new()
        self.hg('/', 'init', clone)
        for node in nodes[:: max(1, len(nodes) // 4)]:
            self.hg(clone, 'pull', '-r', node, source)
        return clone

    def check_steps(self, server, nodes, path):
        """Pulls one after the other, then what is left. Which of two tags counts follows from the order
        in which changesets came."""
        expected = self.pull_steps(nodes, path)
        self.hg(expected, 'pull', path)
        clone = self.pull_steps(nodes, self.url(server))
        self.assertIn(self.hg.run(clone, 'incoming', '-q', self.url(server))[0], (0, 1))
        self.hg(clone, 'pull', self.url(server))
        self.same(clone, self.describe(expected), 'pulls')
        self.assertIn(b'no changes found', self.hg(clone, 'pull', self.url(server)))
        self.assertEqual(self.hg.run(clone, 'incoming', self.url(server))[0], 1)

    def check_parts(self, server, path, local, nodes):
        """Of one changeset, of one branch; and what is incoming for such a clone."""
        if not nodes:
            return
        ways = [('-r', nodes[len(nodes) // 2])]
        branch = self.hg(local, 'log', '-r', nodes[-1], '-T', '{branch}')
        if branch.isascii():
            ways.append(('-b', branch))
        for way in ways:
            ours = self.clone(server, *way)
            theirs = self.new()
            self.hg('/', 'clone', '-U', '--pull', *way, path, theirs)
            self.verify(ours)
            changesets = [sorted(self.hg(one, 'log', '-T', '{node}\n').split())
                          for one in (ours, theirs)]
            self.assertEqual(*changesets)
            incoming = [sorted(self.hg.run(ours, 'incoming', '-T', '{node}\n', '-q', source)[1]
                               .split()) for source in (self.url(server), path)]
            self.assertEqual(*incoming)
        updated = self.new()
        self.hg('/', 'clone', '-u', nodes[-1], self.url(server), updated)
        self.assertEqual(self.hg(updated, 'log', '-r', '.', '-T', '{node}'), nodes[-1])

    def check_identify(self, server, path, expected):
        """By number, bookmark, branch and tag."""
        names = ['tip', '0', '2']
        for key in ('bookmarks', 'branches', 'tags'):
            names += [line.rsplit(b' ', 2 if key == 'branches' else 1)[0]
                      for line in expected[key][:3]]
        for name in names:
            ours = self.hg.run('/', 'identify', '--id', '-r', name, self.url(server))
            theirs = self.hg.run('/', 'identify', '--id', '-r', name, path)
            if ours[0] == 0 or theirs[0] == 0 and b'+' not in theirs[1]:
                self.assertEqual(ours[1].strip(), theirs[1].strip().rstrip(b'+'), name)


class Changing(CloneTest):
    def test_another_commits(self):
        path = self.make('split', 'busy')
        done = threading.Event()

        def commit():
            hg = common.Hg()
            count = 0
            while not done.is_set():
                count += 1
                common.write(path, 'busy', 'x%d' % count * 500)
                hg(path, 'commit', '-A', '-m', 'busy %d' % count)
                if count % 5 == 0:
                    hg(path, 'phase', '-p', '-r', '.')
            hg.close()

        committing = threading.Thread(target=commit)
        with http.Server(repository=path) as server:
            committing.start()
            try:
                known = self.new()
                self.hg('/', 'init', known)
                for options in ((), ('--stream',)) * 3:
                    clone = self.clone(server, *options)
                    self.verify(clone)
                    self.hg(known, 'pull', self.url(server))
                    self.verify(known)
            finally:
                done.set()
                committing.join()
            self.hg(known, 'pull', self.url(server))
            nodes = [set(self.hg(one, 'log', '-T', '{node}\n').split()) for one in (path, known)]
            self.assertEqual(*nodes)


class Leaving(CloneTest):
    QUERIES = ('cmd=getbundle&bundlecaps=HG20%2Cbundle2%3DHG20%250Achangegroup%253D02',
               'cmd=getbundle', 'cmd=stream_out',
               'cmd=getbundle&stream=1&bundlecaps=HG20%2Cbundle2%3DHG20')

    def test_clients_that_die(self):
        path = self.make('split')
        with http.Server(repository=path) as server:
            for query in self.QUERIES:
                for size in (0, 1, 1000, 100000):
                    with socket.create_connection(server.address, http.TIMEOUT) as connection:
                        head = 'GET /?%s HTTP/1.1' % query
                        connection.sendall((head + '\r\nHost: test\r\n\r\n').encode())
                        while size > 0:
                            piece = connection.recv(min(size, 65536))
                            self.assertNotEqual(piece, b'')
                            size -= len(piece)
            server.wait_until(lambda state: not state['exchanges'], 'no exchange in flight')
            self.verify(self.clone(server))

    def test_stripped_while_it_is_sent(self):
        """The bundle is whole and right, or it is cut; no client takes something else."""
        source = self.new()
        self.hg('/', 'init', source)
        for i in range(3):
            for name in ('a', 'b'):
                common.write(source, name, os.urandom(4 << 20))
            self.hg(source, 'commit', '-A', '-m', 'noise %d' % i)
        with http.Server(repository=source) as server, socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.settimeout(http.TIMEOUT)
            connection.connect(server.address)
            head = 'GET /?cmd=getbundle HTTP/1.1\r\nHost: test\r\nX-HgProto-1: 0.1 0.2 comp=none'
            connection.sendall((head + '\r\n\r\n').encode())
            received = bytearray(connection.recv(65536))
            self.hg(source, 'debugstrip', '-r', 'tip')
            self.hg(source, 'update', 'tip')
            for name in ('a', 'b'):
                common.write(source, name, os.urandom(5 << 20))
            self.hg(source, 'commit', '-m', 'other noise')
            whole = b'\r\n0\r\n\r\n'  # the last chunk may come in pieces, or alone
            while not received.endswith(whole):
                try:
                    piece = connection.recv(1 << 20)
                except ConnectionResetError:
                    break
                if not piece:
                    break
                received += piece
            if received.endswith(whole):
                bundle = self.new()
                with open(bundle, 'wb') as file:
                    file.write(b'HG10UN' + self.body(received))
                clone = self.new()
                self.hg('/', 'init', clone)
                self.hg(clone, 'unbundle', bundle)
                self.verify(clone)
            self.verify(self.clone(server))

    def body(self, received):
        """Without chunks, and without the name of the compression."""
        place = received.index(b'\r\n\r\n') + 4
        joined = bytearray()
        while place < len(received):
            end = received.index(b'\r\n', place)
            size = int(received[place:end], 16)
            joined += received[end + 2 : end + 2 + size]
            place = end + 4 + size
        return bytes(joined[1 + joined[0] :])


if __name__ == '__main__':
    unittest.main()
