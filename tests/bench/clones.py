#!/usr/bin/python3
"""What clones cost a server: framegate beside Debian's hg serve, in one run. Prints one table.

Builds the release preset, makes a repository of 40,000 changesets once (build/bench/clones-N, a few
minutes), and measures the servers' own processor time, and their memory, from /proc. Every scenario
runs a few times on each side in turn; the table has the medians. The same requests go to both, as
hg's own client sends them, and the answers are read and dropped.

Usage: clones.py [--changesets N] [--rounds N] [--no-build] [--json | --readme] [SCENARIO...]

--rounds 1 is the short form. --readme puts the table of a run of all scenarios in
the README. Memory is what a server's processes have for themselves and their part of what they
share (Pss), looked at twenty times a second."""

import argparse
import json
import os
import random
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import summary

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, 'build', 'release')
DATA = os.path.join(ROOT, 'build', 'bench')
ENVIRONMENT = dict(os.environ, HGRCPATH='/dev/null', HGPLAIN='1', HGUSER='bench', NO_PROXY='*')
CAPS = ('HG20,bundle2=HG20%0Abookmarks%0Achangegroup%3D01%2C02%0Alistkeys%0Aphases%3Dheads%0A'
        'stream%3Dv2')
FILES = 2000
AT_ONCE = 20


# -- the repository ------------------------------------------------------------------------------


def make_repository(changesets):
    """Changesets that each change one or two of 2,000 files, in one transaction."""
    path = os.path.join(DATA, 'clones-%d' % changesets)
    if os.path.exists(path):
        return path
    print('making %s' % path, file=sys.stderr)
    os.makedirs(DATA, exist_ok=True)
    os.environ.update(ENVIRONMENT)
    from mercurial import context, hg, ui as uimod
    repo = hg.repository(uimod.ui.load(), os.fsencode(path + '.part'), create=True)
    noise = random.Random(7)
    names = [b'folder%d/part%d/file%d.c' % (i % 20, i % 7, i) for i in range(FILES)]
    texts = {}
    node, words = None, [b'word%d' % i for i in range(3000)]
    line = lambda: b' '.join(noise.choice(words) for _ in range(8))
    parent = repo[b'null'].node()
    with repo.wlock(), repo.lock(), repo.transaction(b'bench'):
        for rev in range(changesets):
            changed = [names[rev]] if rev < FILES else noise.sample(names, noise.choice((1, 1, 2)))
            for name in changed:
                lines = texts.setdefault(name, [line() for _ in range(60)])
                lines[noise.randrange(len(lines))] = line()
            take = lambda repo, ctx, name: context.memfilectx(
                repo, ctx, name, b'\n'.join(texts[name]) + b'\n')
            node = context.memctx(repo, (parent, repo[b'null'].node()), b'%d: %s' % (rev, line()),
                                  changed, take, b'bench', (rev, 0)).commit()
            parent = node
    subprocess.run(['hg', '-R', path + '.part', 'phase', '-p', '-r', 'tip'], check=True,
                   env=ENVIRONMENT)
    subprocess.run(['hg', '-R', path + '.part', 'debugupdatecaches'], check=True, env=ENVIRONMENT)
    os.rename(path + '.part', path)
    return path


# -- servers -------------------------------------------------------------------------------------


class Server:
    """One of the two, running; a context manager."""

    def __init__(self, command, pattern):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT,
                                        stderr=subprocess.DEVNULL)
        self.address = ('127.0.0.1', int(re.search(pattern, self.process.stdout.readline())[1]))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def children(self):
        with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)) as file:
            return [int(child) for child in file.read().split()]

    def cpu(self):
        """Seconds of processor time so far, of threads and children that have ended too."""
        end = time.monotonic() + 30
        while self.children() and time.monotonic() < end:
            time.sleep(0.1)
        with open('/proc/%d/stat' % self.process.pid) as file:
            user, system = file.read().rpartition(')')[2].split()[13:15]
        own = time.clock_gettime(~self.process.pid << 3 | 2)  # what clock_getcpuclockid answers
        return own + (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')

    def settle(self):
        """Waits until what it does by itself at its start is done."""
        before, now = -1, self.cpu()
        while now - before > 0.002:
            time.sleep(0.5)
            before, now = now, self.cpu()

    def memory(self):
        """Memory in use by it and its children, shared pages counted once, in MiB."""
        total = 0
        for process in [self.process.pid, *self.children()]:
            try:
                with open('/proc/%d/smaps_rollup' % process) as file:
                    total += int(re.search(r'\nPss:\s+(\d+) kB', file.read())[1])
            except (FileNotFoundError, ProcessLookupError, TypeError):
                pass  # ended
        return total / 1024


def framegate(path, *options):
    return Server([os.path.join(BUILD, 'framegate'), 'serve', '--repository', path, '--listen',
                   '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--access-log', 'off', *options],
                  rb'serving http://[^:]+:(\d+)')


def hg_serve(path):
    # Without -v, which has every file of a bundle written to a pipe that nobody reads.
    return Server(['hg', 'serve', '--print-url', '-R', path, '-a', '127.0.0.1', '-p', '0',
                   '-A', os.devnull], rb':(\d+)/')


# -- requests ------------------------------------------------------------------------------------


def fetch(server, command, arguments):
    """Sends a request as hg's client does; how many bytes came."""
    text = urllib.parse.urlencode(arguments)
    fields = ['X-HgArg-%d: %s' % (i // 1000 + 1, text[i : i + 1000])
              for i in range(0, len(text), 1000)]
    fields += ['X-HgProto-1: 0.1 0.2 comp=zstd,zlib,none,bzip2', 'Host: bench',
               'Accept: application/mercurial-0.1']
    head = 'GET /?cmd=%s HTTP/1.1\r\n%s\r\n\r\n' % (command, '\r\n'.join(fields))
    size, last, first = 0, b'', b''
    with socket.create_connection(server.address, 600) as connection:
        connection.sendall(head.encode())
        buffer = bytearray(1 << 20)
        while True:
            got = connection.recv_into(buffer)
            if got == 0:
                break
            first += bytes(buffer[:min(got, 1000 - len(first))])  # hg serve sends it in pieces
            size, last = size + got, (last + bytes(buffer[max(0, got - 7) : got]))[-7:]
            # The connection is kept: asked to close it, hg serve sends no end and does not close.
            if is_complete(first, size, last):
                break
    whole = is_complete(first, size, last)
    if not first.startswith(b'HTTP/1.1 200') or b'hg-error' in first or not whole:
        raise SystemExit('%s was not answered in whole: %r' % (command, first))
    return size


def clone(server, heads, stream=False):
    arguments = {'bundlecaps': CAPS, 'bookmarks': 1, 'cg': 0 if stream else 1, 'common': '0' * 40,
                 'heads': heads, 'phases': 1, 'listkeys': 'bookmarks'}
    if stream:
        arguments = {'bundlecaps': CAPS, 'cg': 0, 'stream': 1, 'common': '0' * 40, 'heads': heads}
    return fetch(server, 'getbundle', arguments)


def record(server, command):
    """What a client sends on its one connection, request by request: command is called with the
    address of a server between."""
    requests = []
    with socket.create_server(('127.0.0.1', 0)) as between:
        client = threading.Thread(target=command, args=(between.getsockname(),))
        client.start()
        near, _ = between.accept()
        far = socket.create_connection(server.address)
        with near, far:
            answered = True
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if ready is near and data:
                        requests += [b''] if answered else []
                        requests[-1] += data
                    answered = ready is far
                    (far if ready is near else near).sendall(data)
                    if not data:
                        client.join()
                        return requests


def replay(server, requests):
    """Sends them on a connection of its own, each when the one before was answered."""
    with socket.create_connection(server.address, 60) as connection:
        for request in requests:
            connection.sendall(request)
            answer = b''
            while not is_whole(answer):
                data = connection.recv(1 << 16)
                if not data:
                    raise SystemExit('%r was cut short: %r' % (request, answer))
                answer += data
            if not answer.startswith(b'HTTP/1.1 200'):
                raise SystemExit('%r was not answered: %r' % (request, answer))


def is_complete(first, size, last):
    """The same of an answer of size bytes that was not kept but for its first and last ones."""
    head, end, _ = first.partition(b'\r\n\r\n')
    length = re.search(rb'(?i)\r\ncontent-length: (\d+)', head)
    if length:
        return bool(end) and size == len(head) + len(end) + int(length[1])
    return last == b'\r\n0\r\n\r\n'


def is_whole(answer):
    """True if it has come to its end."""
    head, end, body = answer.partition(b'\r\n\r\n')
    if not end:
        return False
    size = re.search(rb'(?i)\r\ncontent-length: (\d+)', head)
    return len(body) >= int(size[1]) if size else body.endswith(b'0\r\n\r\n')


def together(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- scenarios -----------------------------------------------------------------------------------


class Bench:
    def __init__(self, path, cache):
        self.path = path
        self.cache = cache
        self.heads = subprocess.run(['hg', '-R', path, 'log', '-r', 'head()', '-T', '{node} '],
                                    stdout=subprocess.PIPE, env=ENVIRONMENT,
                                    check=True).stdout.decode().strip()

    def spent(self, server, function, count=1):
        server.settle()
        before = server.cpu()
        function(server)
        return (server.cpu() - before) / count

    def uncached(self):
        one = lambda server: clone(server, self.heads)
        with framegate(self.path, '--bundle-cache', 'off') as ours, hg_serve(self.path) as theirs:
            one(theirs)  # what it reads once
            return self.spent(ours, one), self.spent(theirs, one)

    def cached(self):
        one = lambda server: clone(server, self.heads)
        many = lambda server: [one(server) for _ in range(AT_ONCE)]
        with framegate(self.path, *self.cache) as ours, hg_serve(self.path) as theirs:
            one(ours)
            one(theirs)
            return self.spent(ours, many, AT_ONCE), self.spent(theirs, one)

    def at_once(self):
        one = lambda server: clone(server, self.heads)
        many = lambda server: together(AT_ONCE, lambda: one(server))
        with framegate(self.path, *self.cache) as ours, hg_serve(self.path) as theirs:
            one(theirs)
            return self.spent(ours, many, AT_ONCE), self.spent(theirs, one)

    def stream(self):
        one = lambda server: clone(server, self.heads, stream=True)
        with framegate(self.path) as ours, hg_serve(self.path) as theirs:
            one(ours)
            one(theirs)
            few = lambda server: [one(server) for _ in range(5)]
            return self.spent(ours, few, 5), self.spent(theirs, few, 5)

    def client(self):
        path = os.path.join(DATA, os.path.basename(self.path) + '-client')
        if not os.path.exists(path):
            subprocess.run(['hg', 'clone', '-q', '-U', self.path, path], env=ENVIRONMENT,
                           check=True)
        return path

    def pull(self, address):
        subprocess.run(['hg', '-R', self.client(), 'pull', '-q', 'http://%s:%d/' % address],
                       env=ENVIRONMENT, check=True)

    def nothing_new(self):
        """All that hg pull sends, as recorded from it, on a connection for each pull."""

        def pulls(server, requests, count):
            for _ in range(count):
                replay(server, requests)

        sides = []
        for serve, count in ((framegate, 1000), (hg_serve, 50)):
            with serve(self.path) as server:
                requests = record(server, self.pull)
                pulls(server, requests, 5)  # what it reads once
                sides.append(self.spent(server, lambda server: pulls(server, requests, count),
                                        count))
        return sides

    def nothing_new_hg(self):
        """The same by hg pull itself, with pauses as long as hg needs to start."""
        sides = []
        for serve in (framegate, hg_serve):
            with serve(self.path) as server:
                self.pull(server.address)
                sides.append(self.spent(server, lambda server: [self.pull(server.address)
                                                                for _ in range(20)], 20))
        return sides

    def memory(self):
        peaks = []
        for server in (framegate(self.path, *self.cache), hg_serve(self.path)):
            with server:
                peak, done = 0, threading.Event()
                clones = threading.Thread(target=lambda: (
                    together(AT_ONCE, lambda: clone(server, self.heads)), done.set()))
                clones.start()
                while not done.wait(0.05):
                    peak = max(peak, server.memory())
                clones.join()
                peaks.append(peak)
        return peaks


SCENARIOS = {
    'uncached': ('pull clone, same compression, not cached', 's', 4, 10),
    'cached': ('the same, cached', 's', 100, 500),
    'at_once': ('the same, 20 at once, nothing cached before', 's', 100, 500),
    'stream': ('stream clone', 's', 2, 5),
    'nothing_new': ('pull with nothing new, whole exchange', 's', 50, 200),
    'nothing_new_hg': ('the same, hg pull itself', 's', 50, 200),
    'memory': ('memory peak while 20 clones run', 'MiB', 10, 30),
}


def number(row, side):
    """A figure of the table: milliseconds, or MiB."""
    value = row[side] * (1000 if row['unit'] == 's' else 1)
    return '%.*f %s' % (3 if value < 1 else 1 if value < 100 else 0, value,
                        'ms' if row['unit'] == 's' else row['unit'])


def markdown(rows):
    """The table of the README."""
    lines = ['| for each | framegate | hg serve | ratio |', '| --- | --- | --- | --- |']
    lines += ['| %s | %s | %s | 1/%.3g |' % (row['scenario'], number(row, 'framegate'),
                                             number(row, 'hg'), row['ratio']) for row in rows]
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--changesets', type=int, default=40000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--no-build', action='store_true')
    output = parser.add_mutually_exclusive_group()
    output.add_argument('--json', action='store_true')
    output.add_argument('--readme', action='store_true')
    parser.add_argument('scenario', nargs='*', metavar='SCENARIO')
    options = parser.parse_args()
    options.scenario = options.scenario or list(SCENARIOS)
    for name in options.scenario:
        if name not in SCENARIOS:
            parser.error("no scenario '%s'; there are %s" % (name, ', '.join(SCENARIOS)))
    if options.readme and len(options.scenario) < len(SCENARIOS):
        parser.error('--readme is for all scenarios')
    if not options.no_build:
        for command in (['cmake', '--preset', 'release'], ['cmake', '--build', '--preset', 'release']):
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(make_repository(options.changesets), ('--bundle-cache', folder))
        for name in options.scenario:
            text, unit, must, aim = SCENARIOS[name]
            pairs = []
            for _ in range(1 if name == 'memory' else options.rounds):
                for entry in os.listdir(folder):
                    shutil.rmtree(os.path.join(folder, entry)) if os.path.isdir(
                        os.path.join(folder, entry)) else os.unlink(os.path.join(folder, entry))
                pairs.append(getattr(bench, name)())
            ours, theirs = (statistics.median(side) for side in zip(*pairs))
            ratio = theirs / ours if ours else float('inf')
            rows.append({'scenario': text, 'framegate': ours, 'hg': theirs, 'unit': unit,
                         'ratio': ratio, 'must': must, 'aim': aim})
            print('%-46s %10.6f %10.6f %-4s 1/%-7.1f must 1/%d, aim 1/%d: %s' %
                  (text, ours, theirs, unit, ratio, must, aim,
                   'aim' if ratio >= aim else 'met' if ratio >= must else 'MISSED'),
                  file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        json.dump(rows, sys.stdout, indent=2)
    if options.readme:
        summary.put_table('clones.py', markdown(rows))


if __name__ == '__main__':
    main()
