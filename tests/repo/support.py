"""What the tests of the repository side share: running hg, asking fgquery, and Mercurial's own
answers as the oracle."""

import ast
import os
import shutil
import struct
import subprocess
import tempfile

FGQUERY = os.environ.get('FGQUERY', '')

# hg without anybody's configuration, with one user and one date.
ENVIRONMENT = {
    'PATH': os.environ['PATH'],
    'HOME': '/nonexistent',
    'HGRCPATH': '',
    'HGPLAIN': '1',
    'HGENCODING': 'UTF-8',
    'HGUSER': 'Test User <test@example.com>',
    'LC_ALL': 'C.UTF-8',
    'TZ': 'UTC',
}
SETTINGS = [
    'devel.default-date=0 0',
    'ui.merge=internal:local',
    'ui.timeout=60',
    'phases.new-commit=draft',
    'extensions.share=',
    'extensions.strip=',
    'extensions.rebase=',
    'storage.revlog.persistent-nodemap.slow-path=allow',
    'storage.dirstate-v2.slow-path=allow',
]


class HgError(Exception):
    pass


class Hg:
    """hg as a command server: starting the program costs more than most commands."""

    def __init__(self):
        command = ['hg', 'serve', '--cmdserver', 'pipe']
        for setting in SETTINGS:
            command += ['--config', setting]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=ENVIRONMENT, cwd='/')
        self._read()

    def _read(self):
        channel, size = struct.unpack('>cI', self.process.stdout.read(5))
        if channel in (b'I', b'L'):
            return channel, size
        return channel, self.process.stdout.read(size)

    def run(self, repository, *arguments):
        """The exit status and the output."""
        data = [b'--cwd', os.fsencode(repository)]
        data += [a if isinstance(a, bytes) else os.fsencode(a) for a in arguments]
        text = b'\0'.join(data)
        self.process.stdin.write(b'runcommand\n' + struct.pack('>I', len(text)) + text)
        self.process.stdin.flush()
        output = b''
        errors = b''
        while True:
            channel, data = self._read()
            if channel == b'r':
                return struct.unpack('>i', data)[0], output, errors
            if channel == b'o':
                output += data
            elif channel == b'e':
                errors += data
            elif channel in (b'I', b'L'):
                self.process.stdin.write(struct.pack('>I', 0))
                self.process.stdin.flush()

    def __call__(self, repository, *arguments):
        """The output of a command that must succeed."""
        status, output, errors = self.run(repository, *arguments)
        if status != 0:
            raise HgError('hg %r in %s: %d %r %r' % (arguments, repository, status, output, errors))
        return output

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Answer:
    """What fgquery said: value, or error."""

    def __init__(self, line):
        kind, _, rest = line.rstrip(b'\n').partition(b' ')
        self.error = None
        self.value = None
        if kind == b'ok':
            self.value = ast.literal_eval(rest.decode('ascii'))
        else:
            self.status, _, self.error = rest.decode('utf-8', 'replace').partition(' ')

    def __repr__(self):
        return 'error %s' % self.error if self.error is not None else repr(self.value)


class Query:
    """A running fgquery."""

    def __init__(self, repository, *options):
        self.process = subprocess.Popen([FGQUERY, *options, repository], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=ENVIRONMENT)

    def __call__(self, command, **arguments):
        arguments = {name.encode('ascii'): value for name, value in arguments.items()}
        line = '%s %r\n' % (command, arguments)
        try:
            self.process.stdin.write(line.encode('ascii'))
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b''
        if not answer:
            raise EOFError(self.process.stderr.read().decode('utf-8', 'replace'))
        return Answer(answer)

    def close(self):
        """The exit status and what it wrote on standard error."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(), errors

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def ask_all(repository, questions):
    """Answers to a list of (command, arguments) from one run; None where it would not open."""
    lines = ''.join('%s %r\n' % (command, arguments) for command, arguments in questions)
    process = subprocess.run([FGQUERY, repository], input=lines.encode('ascii'),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    if process.returncode == 1 and process.stderr.count(b'\n') == 1 and not process.stdout:
        return None, process
    return [Answer(line) for line in process.stdout.splitlines()], process


class Oracle:
    """Mercurial's own answers, of the view that a server shows."""

    def __init__(self, path):
        os.environ.update(ENVIRONMENT)
        from mercurial import encoding, extensions, hg, ui
        encoding.encoding = b'UTF-8'
        self.ui = ui.ui.load()
        self.ui.ferr = open(os.devnull, 'wb')
        for setting in SETTINGS:
            name, _, value = setting.encode().partition(b'=')
            section, _, name = name.partition(b'.')
            if section in (b'extensions', b'storage'):
                self.ui.setconfig(section, name, value)
        extensions.loadall(self.ui)
        self.whole = hg.repository(self.ui, os.fsencode(path))
        self.repo = self.whole.filtered(b'served')

    def heads(self):
        return self.repo.heads()

    def public_heads(self):
        return self.repo.filtered(b'immutable').heads()

    def branchmap(self):
        return {name: heads for name, heads in self.repo.branchmap().items()}

    def listkeys(self, namespace):
        return dict(self.repo.listkeys(namespace))

    def known(self, nodes):
        return b''.join(b'1' if known else b'0' for known in self.repo.known(nodes))

    def lookup(self, key):
        """The node; None: unknown (or Mercurial fails on a malformed tag); "ambiguous"."""
        from mercurial import error
        try:
            return self.repo.lookup(key)
        except error.AmbiguousPrefixLookupError:
            return 'ambiguous'
        except (error.RepoLookupError, error.LookupError, ValueError):
            return None

    def nodes(self):
        """All nodes, also hidden and secret ones."""
        changelog = self.whole.unfiltered().changelog
        return [changelog.node(rev) for rev in range(len(changelog))]

    def names(self):
        names = set(self.whole.unfiltered()._bookmarks.keys())
        names.update(self.whole.unfiltered()._tagscache.tags.keys())
        names.update(self.repo._tagscache.tags.keys())
        names.update(name for name, _ in self.whole.unfiltered().branchmap().items())
        return sorted(names)


class Workspace:
    """A temporary folder that goes away."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='framegate-repo-')

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def write(repository, name, text):
    path = os.path.join(repository, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(text if isinstance(text, bytes) else text.encode('utf-8'))
