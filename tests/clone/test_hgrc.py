"""What Mercurial's configuration means to the gateway: followed, refused, or damaged."""

import os
import signal
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

from common import RepositoryTest, hg_stdio, http, write

TOKENS = 'alice:%s\n' % ('0' * 64)


class HgrcTest(RepositoryTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.make('new_formats')
        cls.tokens = os.path.join(cls.path, 'tokens')
        write(cls.path, 'tokens', TOKENS)

    def tearDown(self):
        self.hgrc('')

    def hgrc(self, text):
        write(self.path, '.hg/hgrc', text)

    def run_it(self, *options):
        """The exit status and the message of a start that should fail, or of --check-config."""
        command = [http.PROGRAM, 'serve', '--repository', self.path, '--listen', '127.0.0.1:0',
                   '--admin-listen', '127.0.0.1:0', '--token-file', self.tokens, *options]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=http.TIMEOUT)
        return result.returncode, result.stderr

    def readiness(self, server):
        try:
            with urllib.request.urlopen('http://%s:%d/readyz' % server.admin,
                                        timeout=http.TIMEOUT) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            with answer:
                self.reason = answer.read().decode()
                return answer.code

    def line(self, number):
        return '%s/.hg/hgrc:%d: ' % (self.path, number)


class Access(HgrcTest):
    def test_options_of_access_are_refused_with_their_line(self):
        for option, key in (('deny_read = *', 'deny-read'), ('allow_read = alice', 'allow-read'),
                            ('allow-push = *', 'allow-push'), ('deny_push = *', 'deny-push'),
                            ('push_ssl = false', 'push-ssl'), ('allow-pull = no', 'deny-read')):
            with self.subTest(option):
                self.hgrc('[web]\n%s\n' % option)
                status, said = self.run_it()
                self.assertEqual(status, 1)
                self.assertIn(self.line(2) + '[web] %s is not followed' % option.split()[0], said)
                self.assertIn('--' + key, said)

    def test_what_is_said_to_the_gateway_itself_replaces_them(self):
        self.hgrc('[web]\ndeny_read = *\n')
        config = os.path.join(self.path, 'config')
        write(self.path, 'config', '[web]\ndeny_read =\n')
        for options in (['--deny-read', 'mallory'], ['--config', config]):
            with http.Server(*options, '--token-file', self.tokens, repository=self.path):
                pass

    def test_a_reload_refuses_them_too(self):
        with http.Server(repository=self.path) as server:
            self.hgrc('[web]\ndeny_read = *\n')
            server.process.send_signal(signal.SIGHUP)
            says = 'not reloaded, all stays as it was: ' + self.line(2)
            server.wait_until(lambda state: says in server.stderr(), says)


class Restricting(HgrcTest):
    def test_it_is_refused_at_the_start_with_its_line(self):
        for section, line in (('server', 'view = immutable'),
                              ('experimental', 'extra-filter-revs = draft()'),
                              ('hooks', 'preoutgoing = false'), ('narrowacl', 'default.includes ='),
                              ('extensions', 'mine = mine.py')):
            with self.subTest(line):
                self.hgrc('[%s]\n%s\n' % (section, line))
                says = self.line(2 if section != 'narrowacl' else 1)
                for options in ((), ('--check-config',)):
                    status, said = self.run_it(*options)
                    self.assertEqual(status, 1)
                    self.assertIn(says + section, said)
                    self.assertIn('is not followed', said)

    def test_nobody_reads_once_it_is_there(self):
        with http.Server(repository=self.path) as server:
            self.assertEqual(self.readiness(server), 200)
            self.hgrc('[server]\nview = immutable\n')
            self.assertEqual(self.readiness(server), 503)
            self.assertIn(self.line(2) + 'server.view', self.reason)
            refused = []

            def read():
                for _ in range(20):
                    refused.append(self.refusal(server, 'heads'))

            readers = [threading.Thread(target=read) for _ in range(4)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            self.assertEqual(refused, ['the repository cannot be read'] * 80)
            self.hgrc('')
            self.assertEqual(self.readiness(server), 200)
            self.ask(server, 'heads')

    def test_options_of_access_stop_readers_too(self):
        with http.Server(repository=self.path) as server:
            self.hgrc('[web]\nallow_push = x\n')
            self.assertEqual(self.readiness(server), 200)  # it has --allow-push
            self.hgrc('[web]\nallow_read = x\n')
            self.assertEqual(self.readiness(server), 503)
            self.assertIn(self.line(2) + 'web.allow_read', self.reason)

    def test_the_accounts_own_file_counts(self):
        write(self.path, 'account.rc', '[phases]\npublish = no\n')
        account = os.path.join(self.path, 'account.rc')
        phases = {b'namespace': b'phases'}
        with http.Server(repository=self.path, environment={'HGRCPATH': account}) as server:
            self.assertNotIn(b'publishing', self.ask(server, 'listkeys', phases))
            self.hgrc('[phases]\npublish = yes\n')
            self.assertIn(b'publishing', self.ask(server, 'listkeys', phases))
            write(self.path, 'account.rc', '\n[hooks]\noutgoing.log = true\n')
            server.wait_until(lambda state: self.readiness(server) == 503, 'refused')
            self.assertIn(account + ':3: hooks.outgoing.log', self.reason)

    def test_what_costs_more_is_told(self):
        self.hgrc('[server]\nzliblevel = 9\n')
        with http.Server(repository=self.path) as server:
            self.assertIn(self.line(2) + 'server.zliblevel is not followed', server.stderr())

    def test_includes_that_multiply_hold_nobody_up(self):
        with http.Server(repository=self.path) as server:
            for i in range(14):
                write(self.path, '.hg/more%d' % i, ('%%include more%d\n' % (i + 1)) * 8)
            self.hgrc('%include more0\n')
            self.assertEqual(self.readiness(server), 503)
            self.assertIn('more than 256 configuration files', self.reason)
            self.assertEqual(self.refusal(server, 'heads'), 'the repository cannot be read')


class Bundles(HgrcTest):
    CAPS = [b'HG20', b'bundle2=HG20%0Achangegroup%3D02']

    def test_whole_ones_are_not_given(self):
        self.hgrc('[server]\ndisablefullbundle = yes\n')
        with http.Server(repository=self.path) as server:
            for arguments in ({}, {b'heads': self.heads(), b'common': [b'\0' * 20]}):
                arguments[b'bundlecaps'] = self.CAPS
                self.assertIn('pull-based clones disabled',
                              self.refusal(server, 'getbundle', arguments))
            arguments[b'common'] = [bytes.fromhex(self.log('-r', '0'))]
            self.assertTrue(self.ask(server, 'getbundle', arguments).startswith(b'HG20'))
            client = os.path.join(self.path, 'client')
            status, _, said = self.hg.run('/', 'clone', '-U', '--pull', 'http://%s:%d/' % server.address, client)
            self.assertEqual(status, 255)
            self.assertIn(b'pull-based clones disabled', said)

    def heads(self):
        return [bytes.fromhex(node) for node in self.log('-r', 'head() and not secret()').split()]

    def log(self, *options):
        return self.hg(self.path, 'log', '-T', '{node} ', *options).decode().strip()

    def test_old_ones_are_not_given(self):
        self.hgrc('[server]\nbundle1.pull = no\n')
        with http.Server(repository=self.path) as server:
            self.assertIn('bundle2 required', self.refusal(server, 'getbundle'))
            self.ask(server, 'getbundle', {b'bundlecaps': self.CAPS})

    def test_what_is_announced_follows(self):
        for setting, token in (('[server]\nbundle2.stream = no', b'stream%3Dv2'),
                               ('[server]\nconcurrent-push-mode = strict', b'checkheads%3Drelated')):
            for text, there in (('', True), (setting + '\n', False)):
                self.hgrc(text)
                with http.Server(repository=self.path) as server:
                    with urllib.request.urlopen('http://%s:%d/?cmd=capabilities' % server.address,
                                                timeout=http.TIMEOUT) as answer:
                        self.assertEqual(token in answer.read(), there, setting)


class Markers(HgrcTest):
    """Those of obsolescence go where the configuration says so, also the first one."""

    def push_and_amend(self, server, client):
        url = 'http://tester:%s@%s:%d/' % (http.TOKEN, *server.address)
        on = ('--config', 'experimental.evolution=all', '--config', 'extensions.amend=')
        self.hg('/', 'clone', '-U', url, client)
        for command in (('commit', '-A', '-m', 'one'), ('amend', '-m', 'two')):
            write(client, 'a', command[0])
            self.hg(client, *command, *on)
            self.hg(client, 'push', '-f', url, *on)

    def test_the_first_marker_is_taken(self):
        for evolution, heads, markers in (('all', b'two', 1), ('createmarkers', b'twoone', 0)):
            path = self.workspace / evolution
            self.hg('/', 'init', path)
            write(path, '.hg/hgrc', '[phases]\npublish = no\n[experimental]\nevolution = %s\n' % evolution)
            with http.Server(repository=path) as server:
                self.push_and_amend(server, path + '.client')
                names = self.ask(server, 'listkeys', {b'namespace': b'namespaces'})
            self.assertEqual(b'obsolete' in names, markers == 1)
            self.assertEqual(self.hg(path, 'log', '-T', '{desc}'), heads)
            found = self.hg(path, 'debugobsolete', '--config', 'experimental.evolution=all')
            self.assertEqual(found.count(b'\n'), markers)


class Uncompressed(HgrcTest):
    def test_stream_clones_are_refused_as_hg_does(self):
        for value, allowed in (('no', False), ('yes', True)):
            self.hgrc('[server]\nuncompressed = %s\n' % value)
            with http.Server(repository=self.path) as server:
                with urllib.request.urlopen('http://%s:%d/?cmd=capabilities' % server.address,
                                            timeout=http.TIMEOUT) as answer:
                    capabilities = answer.read()
                start = self.ask(server, 'stream_out')[:2]
                caps = [b'HG20', b'bundle2=HG20%0Astream%3Dv2']
                arguments = {b'bundlecaps': caps, b'stream': True}
                if not allowed:
                    self.assertIn('does not allow stream clones',
                                  self.refusal(server, 'getbundle', arguments))
            self.assertEqual(b' stream' in capabilities, allowed)
            self.assertEqual(b'stream%3Dv2' in capabilities, allowed)
            self.assertEqual(start, hg_stdio(self.path, b'stream_out\n')[:2])
            self.assertEqual(start, b'0\n' if allowed else b'1\n')


class Damaged(HgrcTest):
    def test_it_does_not_start(self):
        self.hgrc('rubbish\n')
        self.assertEqual(self.run_it(),
                         (1, 'framegate serve: %scannot be parsed\n' % self.line(1)))

    def test_clients_hear_no_path_and_the_operator_does(self):
        with http.Server(repository=self.path) as server:
            self.assertEqual(self.readiness(server), 200)
            self.hgrc('\nrubbish\n')
            self.assertEqual(self.readiness(server), 503)
            for command in ('getbundle', 'heads', 'listkeys'):
                arguments = {b'namespace': b'phases'} if command == 'listkeys' else None
                said = self.refusal(server, command, arguments)
                self.assertIn('cannot be read', said)
                self.assertNotIn('/', said)
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen('http://%s:%d/?cmd=capabilities' % server.address)
            with caught.exception as answer:
                self.assertNotIn(b'/', answer.read())
            says = 'cannot be read: %scannot be parsed\n' % self.line(2)
            server.wait_until(lambda state: says in server.stderr(), says)
            self.hgrc('')
            self.assertEqual(self.readiness(server), 200)
            says = ' can be read again\n'
            server.wait_until(lambda state: says in server.stderr(), says)

    def test_a_moved_repository_is_no_path_either(self):
        with http.Server(repository=self.path) as server:
            os.rename(self.path, self.path + '.away')
            try:
                said = self.refusal(server, 'heads')
                self.assertEqual(self.readiness(server), 503)
            finally:
                os.rename(self.path + '.away', self.path)
            self.assertNotIn('/', said)


if __name__ == '__main__':
    unittest.main()
