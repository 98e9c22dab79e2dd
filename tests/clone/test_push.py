"""Pushes: Mercurial's own client, the gateway between, and Mercurial's own server behind it."""

import os
import subprocess
import tempfile
import threading
import time
import unittest

import common
from common import ENVIRONMENT, RepositoryTest, http

HOOKS = """[hooks]
changegroup.hello = echo hook says hello
pretxnchangegroup.check = sh %s
"""

# Refuses, dies or waits, as the first changeset's description says.
CHECK = """
case $(hg log -r $HG_NODE -T '{desc}') in
refused*) echo "hook says no"; exit 1 ;;
killed*) kill -KILL $(readlink .hg/store/lock | sed 's/.*://') ;;
waits*) echo $$ >.hg/waiting; sleep 600 ;;
esac
exit 0
"""


def runs(process):
    """True if it runs; one that nobody has waited for yet does not."""
    try:
        with open('/proc/%d/stat' % process) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


class PushTest(RepositoryTest):
    options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.make('linear')
        check = cls.workspace / 'check.sh'
        common.write(cls.workspace.path, 'check.sh', CHECK)
        common.write(cls.path, '.hg/hgrc', HOOKS % check)
        cls.server = http.Server('--hg', '/usr/bin/hg', *cls.options, repository=cls.path)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
        finally:
            super().tearDownClass()

    def setUp(self):
        self.client = self.workspace / self.id()
        self.hg('/', 'clone', '-U', '--pull', self.path, self.client)
        self.hg(self.client, 'update', '0')
        self.before = self.nodes()

    def nodes(self):
        return self.hg(self.path, 'log', '--hidden', '-T', '{node}\n').split()

    def commit(self, description):
        """A new head in the client; its node."""
        common.write(self.client, 'new', self.id() + description)
        self.hg(self.client, 'commit', '-A', '-m', description)
        return self.hg(self.client, 'log', '-r', '.', '-T', '{node}')

    def url(self, user='tester:' + http.TOKEN):
        return 'http://%s%s:%d/' % (user and user + '@', *self.server.address)

    def push(self, *options, user='tester:' + http.TOKEN):
        """Exit status, and all that the pusher sees."""
        status, output, errors = self.hg.run(self.client, 'push', '-f', *options, self.url(user))
        return status, (output + errors).decode()

    def bundle(self, kind='none-v1'):
        """The last changeset of the client as the bytes of a bundle."""
        path = self.client + '.hg'
        self.hg(self.client, 'bundle', '-t', kind, '-r', '.', '--base', '.^', path)
        with open(path, 'rb') as file:
            return file.read()

    def unbundle(self, data, heads=(b'force',), **options):
        return self.ask(self.server, 'unbundle', {b'heads': list(heads)}, data, permission='rw',
                        **options)

    def unchanged(self):
        self.assertEqual(self.nodes(), self.before)
        self.hg(self.path, 'verify')


class Pushing(PushTest):
    def test_a_changeset(self):
        node = self.commit('good')
        status, said = self.push()
        self.assertEqual(status, 0, said)
        self.assertIn('remote: added 1 changesets', said)
        self.assertIn('remote: hook says hello', said)
        self.assertEqual(self.nodes(), [node] + self.before)
        self.hg(self.path, 'verify')
        # published: the server publishes
        self.assertEqual(self.hg(self.client, 'log', '-r', '.', '-T', '{phase}'), b'public')
        self.assertEqual(self.push()[0], 1)  # nothing to push

    def test_by_the_old_format(self):
        node = self.commit('good')
        status, said = self.push('--config', 'devel.legacy.exchange=bundle1')
        self.assertEqual(status, 0, said)
        self.assertIn('remote: hook says hello', said)
        self.assertEqual(self.nodes(), [node] + self.before)

    def test_a_bookmark(self):
        self.hg(self.client, 'bookmark', '-r', '2', 'pushed')
        self.push('-r', '2', '-B', 'pushed')
        self.assertIn(b'pushed', self.hg(self.path, 'bookmarks'))
        self.hg(self.client, 'bookmark', '-d', 'pushed')
        self.push('-B', 'pushed')
        self.assertNotIn(b'pushed', self.hg(self.path, 'bookmarks'))

    def test_what_a_hook_refuses(self):
        self.commit('refused')
        status, said = self.push()
        self.assertEqual(status, 255)
        self.assertIn('remote: hook says no', said)
        self.assertIn('pretxnchangegroup.check hook exited with status 1', said)
        self.unchanged()
        # hgweb's answer to the old format has only what hooks said.
        status, said = self.push('--config', 'devel.legacy.exchange=bundle1')
        self.assertEqual(status, 1)
        self.assertIn('remote: hook says no', said)
        self.assertIn('unbundle: hg: abort: pretxnchangegroup.check hook exited with status 1',
                      self.server.stderr())
        self.unchanged()

    def test_hg_dies(self):
        self.commit('killed')
        status, said = self.push()
        self.assertEqual(status, 255)
        self.assertIn('hg failed with status 137', said)
        self.assertNotIn(self.path, said)
        self.assertIn('framegate: unbundle: hg failed with status 137 in %s\n'
                      % os.path.realpath(self.path), self.server.stderr())
        self.hg(self.path, 'recover')
        self.unchanged()
        self.hg(self.client, 'update', '0')
        node = self.commit('good after that')
        status, said = self.push('-r', '.')
        self.assertEqual(status, 0, said)
        self.assertEqual(self.nodes(), [node] + self.before)

    def test_a_traceback_is_for_the_operator(self):
        arguments = {b'namespace': b'obsolete', b'key': b'dump0', b'old': b'', b'new': b'w'}
        said = self.refusal(self.server, 'pushkey', arguments, permission='rw')
        self.assertRegex(said, '^pushkey: hg failed with status 1: struct.error: ')
        self.assertNotIn('Traceback', said)
        self.assertIn('framegate: pushkey: hg: Traceback (most recent call last):',
                      self.server.stderr())

    def test_over_frames(self):
        node = self.commit('good')
        said = self.unbundle(self.bundle())
        self.assertEqual(said[:2], b'2\n')  # a head more, and one
        self.assertIn(b'hook says hello\n', said)
        self.assertEqual(self.nodes(), [node] + self.before)

    def test_a_race(self):
        self.commit('good')
        said = self.unbundle(self.bundle(), (b'hashed', b'x' * 20))
        self.assertEqual(said, b'0\nrepository changed while preparing changes - please try again\n')
        said = self.unbundle(self.bundle(), (b'x' * 20,))
        self.assertTrue(said.startswith(b'0\nrepository changed while'), said)
        self.unchanged()

    def test_many_at_once(self):
        """hg takes one after another; each is answered, and each is there."""
        nodes, bundles, said = [], [], []
        for number in range(4):
            self.hg(self.client, 'update', '0')
            nodes.append(self.commit('good %d' % number))
            bundles.append(self.bundle())
        pushers = [threading.Thread(target=lambda data=data: said.append(self.unbundle(data)))
                   for data in bundles]
        for pusher in pushers:
            pusher.start()
        for pusher in pushers:
            pusher.join()
        self.assertEqual([one[:2] for one in said], [b'2\n'] * 4)
        self.assertEqual(sorted(self.nodes()), sorted(nodes + self.before))
        self.hg(self.path, 'verify')

    def test_damage(self):
        self.commit('good')
        data = self.bundle()
        for damaged in (b'', b'HG', b'nonsense', data[:-20], data[:200] + b'\xff' * 40):
            with self.subTest(size=len(damaged)):
                found = self.frames(self.server, 'unbundle', {b'heads': [b'force']}, damaged, 'rw')
                answer = b''.join(frame[5] for frame in found)
                self.assertTrue(found[0][3] == http.ERROR_RESPONSE or answer[:2] == b'0\n', answer)
                self.unchanged()

    def test_what_could_not_be_answered(self):
        """Mercurial takes a bundle2 that asks for no answer, and fails after that."""
        self.commit('good')
        for kind, words in (('none-v2', "has no part 'replycaps'"), ('gzip-v2', 'compressed')):
            (only,) = self.frames(self.server, 'unbundle', {b'heads': [b'force']},
                                  self.bundle(kind), 'rw')
            self.assertEqual(only[3:5], (http.ERROR_RESPONSE, http.APPLICATION))
            self.assertIn(words, only[5].decode())
            self.assertIn('nothing was changed', only[5].decode())
            self.unchanged()

    def test_without_a_bundle(self):
        arguments = {b'heads': [b'force']}
        self.assertEqual(self.refusal(self.server, 'unbundle', arguments, permission='rw'),
                         'unbundle: there is no bundle')

    def test_a_pusher_who_leaves(self):
        self.commit('good')
        data = self.bundle()
        body = http.request(b'unbundle', {b'heads': [b'force']}, flags=9) + common.data_frames(data)
        headers = [http.ACCEPT, http.CONTENT_TYPE, 'Authorization: Bearer ' + http.TOKEN]
        for part in (0.0, 0.3, 0.6, 0.99):
            with self.server.connect() as connection:
                connection.sendall(http.post_head(http.API + '/rw/unbundle', len(body), headers))
                connection.sendall(body[: int(part * len(body))])
            self.server.wait_until(lambda state: not state['exchanges'], 'the end')
            self.unchanged()

    def test_a_pusher_who_leaves_late_has_pushed(self):
        node = self.commit('good')
        body = http.request(b'unbundle', {b'heads': [b'force']}, flags=9)
        body += common.data_frames(self.bundle())
        headers = [http.ACCEPT, http.CONTENT_TYPE, 'Authorization: Bearer ' + http.TOKEN]
        with self.server.connect() as connection:
            connection.sendall(http.post_head(http.API + '/rw/unbundle', len(body), headers) + body)
        self.server.wait_until(lambda state: not state['exchanges'], 'the end')
        end = time.monotonic() + http.TIMEOUT
        while node not in self.nodes() and time.monotonic() < end:
            time.sleep(0.05)
        self.server.wait_until(lambda state: not state['exchanges'], 'the end')
        self.assertEqual(self.nodes(), [node] + self.before)


class Limits(PushTest):
    options = ('--max-bundle', '3000', '--push-time', '8')

    def test_bytes(self):
        common.write(self.client, 'noise', os.urandom(5000))
        self.commit('large')
        status, said = self.push()
        self.assertEqual(status, 255)
        self.assertIn('HTTP Error 413', said)
        body = http.request(b'unbundle', {b'heads': [b'force']}, flags=9)
        body += common.data_frames(self.bundle())
        answer = self.server.post(http.API + '/rw/unbundle', body)
        self.assertEqual(answer.status, 413)
        answer = self.server.post(http.API + '/rw/multirequest', body)
        (only,) = answer.frames()
        self.assertEqual(only[3:5], (http.ERROR_RESPONSE, http.APPLICATION))
        self.assertEqual(only[5], b'the bundle exceeds the limit of 3000 bytes')
        self.unchanged()

    def test_time(self):
        self.commit('waits')
        status, said = self.push()
        self.assertEqual(status, 255)
        self.assertIn('took longer than 8 seconds', said)
        self.assertEqual(self.server.state()['limits']['push-time']['hits'], 1)
        with open(os.path.join(self.path, '.hg/waiting')) as file:
            hook = int(file.read())
        end = time.monotonic() + http.TIMEOUT
        while runs(hook) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(runs(hook))
        if os.path.exists(os.path.join(self.path, '.hg/store/journal')):
            self.hg(self.path, 'recover')
        self.unchanged()


class Stopping(PushTest):
    options = ('--drain-time', '1')

    def test_while_hg_takes_a_push(self):
        self.commit('waits')
        pushing = subprocess.Popen(['hg', '-R', self.client, 'push', '-f', self.url()],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=ENVIRONMENT)
        waiting = os.path.join(self.path, '.hg/waiting')
        end = time.monotonic() + http.TIMEOUT
        while not (os.path.exists(waiting) and os.path.getsize(waiting)) and time.monotonic() < end:
            time.sleep(0.05)
        self.server.stop()
        self.assertNotEqual(pushing.wait(http.TIMEOUT), 0)
        if os.path.exists(os.path.join(self.path, '.hg/store/journal')):
            self.hg(self.path, 'recover')
        self.unchanged()

    @classmethod
    def tearDownClass(cls):
        RepositoryTest.tearDownClass.__func__(cls)


class Rights(PushTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp()
        path = os.path.join(folder, 'users')
        hashed = subprocess.run(['openssl', 'passwd', '-6', 'secret'], stdout=subprocess.PIPE,
                                check=True, env=ENVIRONMENT).stdout.decode()
        with open(path, 'w') as file:
            file.write('alice:%sbob:%s' % (hashed, hashed))
        cls.options = ('--password-file', path, '--allow-push', 'alice')
        super().setUpClass()

    def test_with_a_password(self):
        node = self.commit('good')
        status, said = self.push(user='alice:secret')
        self.assertEqual(status, 0, said)
        self.assertEqual(self.nodes(), [node] + self.before)

    def test_who_may_not(self):
        self.commit('good')
        for user, words in (('', 'authorization'), ('alice:wrong', 'authorization'),
                            ('bob:secret', 'remote error:\npermission denied: bob is not in '
                             'allow-push')):
            status, said = self.push(user=user)
            self.assertEqual(status, 255)
            self.assertIn(words, said)
            self.unchanged()
        body = http.request(b'unbundle', {b'heads': [b'force']}, flags=9)
        body += common.data_frames(self.bundle())
        self.assertEqual(self.server.run('unbundle', body).status, 403)
        state = self.server.wait_until(lambda state: not state['exchanges'])
        self.assertIn('permission denied: bob is not in allow-push',
                      [one['message'] for one in state['finished']])
        self.unchanged()


if __name__ == '__main__':
    unittest.main()
