"""What a repository's own hgrc means to the gateway: followed, refused, or damaged."""

import os
import signal
import subprocess
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
    def readiness(self, server):
        try:
            with urllib.request.urlopen('http://%s:%d/readyz' % server.admin,
                                        timeout=http.TIMEOUT) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code

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
