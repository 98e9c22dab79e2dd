"""What the tests of clones and pushes share: generated repositories, the gateway over them, hg."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(FOLDER), 'repo'))

import generator  # noqa: E402
from support import ENVIRONMENT, SETTINGS, Hg, Workspace, write  # noqa: E402, F401

_spec = importlib.util.spec_from_file_location('http_support',
                                               os.path.join(FOLDER, '../http/support.py'))
http = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(http)

# Whoever wants all kinds of repositories instead of a few sets this.
WHOLE = os.environ.get('FRAMEGATE_CLONE') == 'whole'


class RepositoryTest(unittest.TestCase):
    """A folder for repositories, and hg to make them."""

    @classmethod
    def setUpClass(cls):
        cls.workspace = Workspace()
        cls.hg = Hg()

    @classmethod
    def tearDownClass(cls):
        cls.hg.close()
        cls.workspace.remove()

    @classmethod
    def make(cls, kind, name=None):
        """A generated repository's path."""
        path = cls.workspace / (name or kind)
        if not os.path.exists(path):
            generator.MAKERS[kind](cls.hg, path)
        return path

    def frames(self, server, command, arguments=None, data=None, permission='ro'):
        """The frames that answer a command; the connection is one of its own."""
        body = http.request(command.encode(), arguments, flags=1 if data is None else 9)
        if data is not None:
            body += data_frames(data)
        answer = server.post('%s/%s/%s' % (http.API, permission, command), body)
        self.assertEqual(answer.status, 200, answer)
        return answer.frames()

    def ask(self, server, command, arguments=None, data=None, permission='ro'):
        """The bytes that a command answers."""
        found = self.frames(server, command, arguments, data, permission)
        for frame in found:
            self.assertEqual(frame[3], http.BYTES_RESPONSE, frame)
        self.assertTrue(found[-1][4] & 2, 'the end is missing')
        return b''.join(frame[5] for frame in found)

    def refusal(self, server, command, arguments=None, data=None, permission='ro'):
        """The message of the error that a command answers."""
        (only,) = self.frames(server, command, arguments, data, permission)
        self.assertEqual(only[3:5], (http.ERROR_RESPONSE, http.APPLICATION), only)
        return only[5].decode()


def data_frames(data, size=60000):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b''.join(http.frame(1, 1, 0, http.COMMAND_DATA, 1, piece)
                    for piece in pieces) + http.frame(1, 1, 0, http.COMMAND_DATA, 2)


def hg_stdio(path, conversation):
    """What hg itself answers to bytes sent to its server, which takes no other arguments."""
    with tempfile.NamedTemporaryFile('w', suffix='.rc') as rc:
        for setting in SETTINGS:
            name, _, value = setting.partition('=')
            section, _, name = name.partition('.')
            rc.write('[%s]\n%s = %s\n' % (section, name, value))
        rc.flush()
        return subprocess.run(['hg', '-R', path, 'serve', '--stdio'], input=conversation,
                              stdout=subprocess.PIPE, check=True,
                              env=dict(ENVIRONMENT, HGRCPATH=rc.name)).stdout
