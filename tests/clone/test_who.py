"""Who pushes, as hooks and extensions of the site and of the repository see it, and what becomes of
hooks whose hg or gateway is killed."""

import hashlib
import os
import signal
import subprocess
import time
import unittest
import urllib.parse

import common
from common import RepositoryTest, http

SAY = 'env | grep -E "^(HG_URL|HTTPS|REMOTE_(ADDR|HOST|USER)|SERVER_(NAME|PORT))=" | sort'
TEXT_OUTPUT = 6
HGRC = """[extensions]
acl =
[acl]
sources = serve
[acl.deny]
** = mallory
[hooks]
pretxnchangegroup.acl = python:hgext.acl.hook
pretxnchangegroup.say = sh %s
"""
ODD = "o!n%41&=@$(x)"


class WhoTest(RepositoryTest):
    options = ()
    hgrc = ''

    def setUp(self):
        self.path = self.workspace / (self.id() + '.served')
        self.client = self.workspace / (self.id() + '.client')
        self.hg('/', 'init', self.path)
        self.commit(self.path)
        self.hg('/', 'clone', '--pull', self.path, self.client)
        self.commit(self.client)
        common.write(self.path, '.hg/hgrc', self.hgrc)

    def commit(self, path):
        common.write(path, 'file', os.urandom(10).hex())
        self.hg(path, 'commit', '-A', '-m', 'one more')

    def count(self):
        return len(self.hg(self.path, 'log', '-T', 'x'))

    def serve(self, *options, **more):
        tokens = self.workspace / (self.id() + '.tokens')
        with open(tokens, 'w') as file:
            for user in ('tester', 'alice', 'mallory', ODD):
                file.write('%s:%s\n' % (user, hashlib.sha256(user.encode()).hexdigest()))
        return http.Server('--hg', '/usr/bin/hg', '--token-file', tokens, '--allow-push', '*',
                           *options, repository=self.path, **more)

    def push(self, server, user='alice', *options):
        """Status, and what the pusher sees, of hg itself."""
        url = 'http://%s:%s@%s:%d/' % (user, urllib.parse.quote(user), *server.address)
        status, output, errors = self.hg.run(self.client, 'push', '-f', *options, url)
        return status, (output + errors).decode()

    def post(self, server, command, arguments, data=None, user='alice', *fields):
        body = http.request(command, arguments, flags=1 if data is None else 9)
        if data is not None:
            body += common.data_frames(data)
        headers = [http.ACCEPT, http.CONTENT_TYPE, 'Authorization: Bearer ' + user, *fields]
        return server.post('%s/rw/%s' % (http.API, command.decode()), body, headers).frames()

    def bundle(self):
        path = self.client + '.hg'
        self.hg(self.client, 'bundle', '-t', 'none-v1', '-r', '.', '--base', '.^', path)
        with open(path, 'rb') as file:
            return file.read()

    def said(self, server, user, *fields):
        """What the hook says of a push over frames, as a map."""
        frames = self.post(server, b'unbundle', {b'heads': [b'force']}, self.bundle(), user, *fields)
        lines = b''.join(frame[5] for frame in frames).decode('utf-8', 'surrogateescape').split('\n')
        return dict(line.split('=', 1) for line in lines if '=' in line)


class Who(WhoTest):
    def setUp(self):
        common.write(self.workspace.path, 'say.sh', SAY)
        self.hgrc = HGRC % (self.workspace / 'say.sh')
        super().setUp()

    def test_acl_judges_the_pusher(self):
        with self.serve() as server:
            for options in ((), ('--config', 'devel.legacy.exchange=bundle1')):
                status, said = self.push(server, 'mallory', *options)
                self.assertNotEqual(status, 0)
                self.assertIn('acl: user "mallory" denied on "file"', said)
            self.assertEqual(self.count(), 1)
            for count, options in enumerate(((), ('--config', 'devel.legacy.exchange=bundle1'))):
                status, said = self.push(server, 'alice', *options)
                self.assertEqual(status, 0, said)
                self.assertIn('remote: HG_URL=remote:http:127.0.0.1:alice\n', said)
                self.assertEqual(self.count(), 2 + count)
                self.commit(self.client)

    def test_what_hooks_see(self):
        with self.serve() as server:
            right = {'HG_URL': 'remote:http:127.0.0.1:' + urllib.parse.quote(ODD),
                     'REMOTE_USER': ODD, 'REMOTE_ADDR': '127.0.0.1', 'REMOTE_HOST': '127.0.0.1',
                     'SERVER_NAME': '127.0.0.1', 'SERVER_PORT': str(server.address[1])}
            self.assertEqual(self.said(server, ODD), right)

    def test_whom_a_trusted_proxy_names(self):
        fields = ('X-Forwarded-For: 192.0.2.1, 2001:db8::7', 'X-Forwarded-Proto: https')
        with self.serve('--trusted-proxies', '127.0.0.1', '--push-ssl=on') as server:
            said = self.said(server, 'alice', *fields)
            self.assertEqual((said['HG_URL'], said['REMOTE_ADDR'], said['HTTPS']),
                             ('remote:https:2001%3Adb8%3A%3A7:alice', '2001:db8::7', 'on'))
        with self.serve() as server:
            self.commit(self.client)
            said = self.said(server, 'alice', *fields)
            self.assertEqual((said['HG_URL'], said.get('HTTPS')),
                             ('remote:http:127.0.0.1:alice', None))

    def test_over_tls_hooks_are_heard_too(self):
        key, certificate = self.workspace / 'key', self.workspace / 'certificate'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate,
                        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
                       check=True, stderr=subprocess.DEVNULL)
        with self.serve('--tls-certificate', certificate, '--tls-key', key) as server:
            url = 'https://alice:alice@localhost:%d/' % server.address[1]
            status, output, errors = self.hg.run(self.client, '--config', 'web.cacerts=' + certificate,
                                                 'push', url)
            self.assertEqual(status, 0, errors)
            self.assertIn(b'remote: HG_URL=remote:https:127.0.0.1:alice\n', output + errors)
            self.assertIn(b'remote: HTTPS=on\n', output + errors)


class Site(WhoTest):
    """The configuration of the site, beside the repository's."""

    def site(self, text):
        common.write(self.workspace.path, 'site.rc', text)
        return {'SITE': self.workspace.path, 'HGRCPATH': '$SITE/site.rc'}

    def test_hooks_of_the_site(self):
        site = self.site('[hooks]\npretxnchangegroup.site = echo the site says no; false\n')
        with self.serve(environment=site) as server:
            status, said = self.push(server)
            self.assertEqual(status, 255)
            self.assertIn('remote: the site says no\n', said)
        self.assertEqual(self.count(), 1)

    @unittest.skipIf(os.geteuid() != 0, 'needs another owner')
    def test_hooks_of_an_owner_who_is_not_trusted_do_not_run(self):
        trap = self.workspace / 'trap'
        common.write(self.path, '.hg/hgrc', '[hooks]\nchangegroup.trap = touch %s\n' % trap)
        os.chown(os.path.join(self.path, '.hg/hgrc'), 65534, 65534)
        for site, trusted in (('', False), ('[trusted]\nusers = *\n', True)):
            with self.serve(environment=self.site(site)) as server:
                self.assertEqual(self.push(server)[0], 0)
                self.assertEqual(os.path.exists(trap), trusted)
            self.commit(self.client)
        self.assertEqual(self.count(), 3)

    def test_rights_are_the_gateways(self):
        """hgweb's own rules are followed by neither, since the gateway was told its own."""
        rules = 'allow_read = nobody\ndeny_read = *\nallow-push =\ndeny_push = *\npush_ssl = yes\n'
        common.write(self.path, '.hg/hgrc', '[web]\n' + rules)
        with self.serve('--allow-read', '*', '--deny-read', '', '--deny-push', '') as server:
            self.assertEqual(self.push(server)[0], 0)
        self.assertEqual(self.count(), 2)

    def test_a_wrapper_around_hg(self):
        program = self.workspace / 'hg'
        common.write('/', program[1:], '#!/bin/sh\n/usr/bin/hg "$@"\nexit $?\n')
        os.chmod(program, 0o755)
        with self.serve('--hg', program) as server:
            self.assertEqual(self.push(server)[0], 0)
        self.assertEqual(self.count(), 2)

    def test_what_is_not_hg(self):
        with self.serve('--hg', '/bin/true') as server:
            status, said = self.push(server)
            self.assertEqual(status, 255)
            self.assertIn('unbundle: hg failed with status 0', said)


class Pushkey(WhoTest):
    hgrc = '[hooks]\nprepushkey = echo "they are frozen"; test "$HG_KEY" != no\n'

    def ask(self, server, key):
        return self.post(server, b'pushkey', {b'namespace': b'bookmarks', b'key': key, b'old': b'',
                                              b'new': self.hg(self.path, 'id', '-i', '--debug').strip()})

    def classic(self, server, key):
        node = self.hg(self.path, 'id', '-i', '--debug').strip().decode()
        head = http.post_head('/?cmd=pushkey&namespace=bookmarks&key=%s&old=&new=%s' % (key, node), 0,
                              ['Content-Type: application/mercurial-0.1',
                               'Authorization: Bearer alice'])
        return server.raw(head).body

    def test_of_hooks_the_pusher_hears(self):
        with self.serve() as server:
            self.assertEqual(self.classic(server, 'yes'), b'1\nthey are frozen\n')
            self.assertEqual(self.classic(server, 'no'),
                             b'0\nthey are frozen\npushkey-abort: prepushkey hook exited with status 1\n')
            self.assertEqual(self.hg(self.path, 'bookmarks', '-T', '{bookmark}\n'), b'yes\n')

    def test_over_frames_it_is_text_before_the_answer(self):
        with self.serve() as server:
            for key, words, answer in ((b'yes', '', b'\xf5'),
                                       (b'no', 'pushkey-abort: prepushkey hook exited with status 1\n',
                                        b'\xf4')):
                text, last = self.ask(server, key)
                self.assertEqual((text[1:4:2], last[1:4:2]), ((2, TEXT_OUTPUT), (2, http.BYTES_RESPONSE)))
                self.assertIn(('they are frozen\n' + words).encode(), text[5])
                self.assertEqual(last[5], answer)

    def test_much_text_is_many_frames(self):
        common.write(self.path, '.hg/hgrc',
                     '[hooks]\nprepushkey = head -c 50000 /dev/zero | tr "\\000" x | fold -w 50\n')
        with self.serve() as server:
            *texts, last = self.ask(server, b'yes')
            self.assertEqual(len(texts), 6)
            self.assertEqual({frame[3] for frame in texts}, {TEXT_OUTPUT})
            self.assertEqual(b''.join(frame[5] for frame in texts).count(b'x'), 50000)
            self.assertEqual(last[5], b'\xf5')

    def test_what_is_not_ascii(self):
        with self.serve() as server:
            self.assertEqual(self.ask(server, 'zażółć'.encode())[-1][5], b'\xf5')
            self.assertIn('zażółć'.encode(), self.hg(self.path, 'bookmarks'))


# Says who runs it and what it is; a hook.
WAIT = """echo $$ >%(there)s.new
mv %(there)s.new %(there)s
%(then)s
trap '' TERM
while :; do sleep 1; done
"""


def runs(process):
    """True if it runs; one that nobody has waited for yet does not."""
    try:
        with open('/proc/%d/stat' % process) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@http.needs_pidfd
class Killed(WhoTest):
    """A hook does not outlive who runs it, though it does not listen to SIGTERM."""

    def hook(self, then=''):
        there = self.workspace / (self.id() + '.there')
        script = self.workspace / (self.id() + '.sh')
        common.write('/', script[1:], WAIT % {'there': there, 'then': then})
        common.write(self.path, '.hg/hgrc', '[hooks]\npretxnchangegroup.wait = sh %s\n' % script)
        return there

    def begin(self, server):
        url = 'http://alice:alice@%s:%d/' % server.address
        return subprocess.Popen(['hg', '-R', self.client, 'push', url], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=common.ENVIRONMENT)

    def wait(self, condition):
        end = time.monotonic() + http.TIMEOUT
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        self.assertTrue(condition())

    def number(self, there):
        self.wait(lambda: os.path.exists(there))
        with open(there) as file:
            return int(file.read())

    def test_hg(self):
        there = self.hook('kill -KILL $(readlink .hg/store/lock | sed "s/.*://")')
        with self.serve() as server, self.begin(server) as pushing:
            self.assertIn(b'hg failed with status 137', pushing.communicate()[0])
            self.wait(lambda: not runs(self.number(there)))

    def test_the_gateway(self):
        there = self.hook()
        server = self.serve()
        with self.begin(server) as pushing:
            process = self.number(there)
            server.process.send_signal(signal.SIGKILL)
            self.wait(lambda: not runs(process))
            pushing.communicate()
        server.clear()
        self.assertEqual(self.count(), 1)
        # It was rolled back in good order.
        self.assertFalse(os.path.exists(os.path.join(self.path, '.hg/store/journal')))
        self.assertFalse(os.path.lexists(os.path.join(self.path, '.hg/store/lock')))


if __name__ == '__main__':
    unittest.main()
