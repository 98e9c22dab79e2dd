"""Honest and hostile traffic together, on a repository that is committed to: load.py [--seconds N]

Nine of ten requests are honest, and each of their answers is checked; the others are malformed, cut
short, stalled or reset. At the end it prints what the server's memory did, and fails if an honest
answer was wrong, if memory grew, or if a descriptor, thread, exchange or accounted byte is left.
The program is build/release/framegate, or what FRAMEGATE_HTTP names.
"""

import argparse
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("FRAMEGATE_HTTP", os.path.join(ROOT, "build/release/framegate"))
sys.path.insert(0, os.path.join(ROOT, "tests/http"))

import support
import test_wire
from support import API, Server, cbor, request, requests

HEADS = request(b"heads")
WORKERS = 6
HOSTILE = 0.1
SLOPE_FROM_SECONDS = 120  # shorter runs say nothing about a slope
SLOPE_MAX = 256  # KiB a minute; each commit adds its index entry and its names
COMMIT_EVERY = 1.5


class Repository:
    """A repository whose states are known: what `heads` was after each commit."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "repository")
        self.choose = random.Random(7)
        self.hg("init", self.path, where=())
        self.states = []
        self.commit()

    def hg(self, *args, where=None):
        environment = dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test")
        command = ["/usr/bin/hg", *(("-R", self.path) if where is None else where), *args]
        return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout

    def commit(self):
        """On the last one, or on an old one, so that heads come and go."""
        if self.states and self.choose.random() < 0.2:
            self.hg("update", "-q", str(self.choose.randrange(len(self.states))))
        with open(os.path.join(self.path, "file"), "w") as file:
            file.write(str(len(self.states)))
        self.hg("commit", "-q", "-A", "-m", str(len(self.states)))
        lines = self.hg("heads", "-T", "{node}\n").decode().split()
        self.states.append(cbor([bytes.fromhex(line) for line in lines]))

    def work(self, stopped, failures):
        try:
            while not stopped.wait(COMMIT_EVERY):
                self.commit()
        except Exception as problem:
            failures.append("committing: %r" % problem)


class Traffic:
    """One thread's requests."""

    def __init__(self, number, server, repository, stopped):
        self.choose = random.Random(number)
        self.server, self.repository, self.stopped = server, repository, stopped
        self.seen = set()  # (answer to heads, states that were there when it was asked)
        self.failures = []
        self.honest = self.hostile = 0
        self.connection = None

    def work(self):
        while not self.stopped.is_set():
            if self.choose.random() < HOSTILE:
                self.hostile += 1
                try:
                    self.be_hostile()
                except (OSError, AssertionError, ValueError, struct.error):
                    pass  # it may be cut off
            else:
                self.honest += 1
                try:
                    self.be_honest()
                except Exception as problem:
                    self.failures.append(repr(problem)[:500])
        if self.connection is not None:
            self.connection[0].close()
            self.connection[1].close()

    # -- honest ----------------------------------------------------------------------------------

    def ask(self, data):
        """On a connection that is kept for a while."""
        if self.connection is None:
            connection = self.server.connect()
            self.connection = (connection, connection.makefile("rb"))
        connection, file = self.connection
        pieces = test_wire.slices(self.choose, data) if self.choose.random() < 0.2 else [data]
        for piece in pieces:
            connection.sendall(piece)
        answer = support.read_answer(file)
        if self.choose.random() < 0.05:
            file.close()
            connection.close()
            self.connection = None
        return answer

    def run(self, name, body):
        answer = self.ask(support.post_head(API + "/ro/" + name, len(body)) + body)
        if answer.status != 200:
            raise ValueError(answer)
        return [one[3:] for one in answer.frames()]

    def see_heads(self, found, asked):
        if found[0] != support.BYTES_RESPONSE:
            raise ValueError(found)
        self.seen.add((found[2], asked))

    def be_honest(self):
        kind = self.choose.randrange(4)
        asked = len(self.repository.states)
        if kind == 0:
            self.see_heads(self.run("heads", HEADS)[0], asked)
        elif kind == 1:
            state = self.repository.states[self.choose.randrange(asked)]
            count = self.choose.randrange(1, 200)
            nodes = [state[-20:] if place % 2 else b"\xee" * 20 for place in range(count)]
            right = cbor(bytes(b"01"[place % 2] for place in range(count)))
            found = self.run("known", request(b"known", {b"nodes": nodes}))
            if found != [(support.BYTES_RESPONSE, 6, right)]:
                raise ValueError(found)
        elif kind == 2:
            body = requests(b"heads", b"capabilities", b"heads", b"nonexistent", b"heads")
            found = self.run("multirequest", body)
            self.see_heads(found[0], asked)
            if found[0] != found[2] or found[0] != found[4] or found[3][0] != support.ERROR_RESPONSE:
                raise ValueError(found)
        else:
            answer = self.ask(support.make_head("GET", "/api", []))
            if answer.status != 200 or b"exp-http-v2-0001" not in answer.body:
                raise ValueError(answer)

    # -- hostile ---------------------------------------------------------------------------------

    def be_hostile(self):
        choose = self.choose
        body = test_wire.random_body(choose, b"\xab" * 20)
        data = support.post_head(API + "/ro/multirequest", len(body)) + body
        kind = choose.randrange(6)
        with self.server.connect() as connection:
            if kind == 0:  # leaves in the middle
                connection.sendall(data[: choose.randrange(len(data))])
            elif kind == 1:  # the same, with a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(data[: choose.randrange(len(data))])
            elif kind == 2:  # does not take the answer
                many = requests(*[b"capabilities"] * 500)
                connection.sendall(support.post_head(API + "/ro/multirequest", len(many)) + many)
                connection.recv(choose.randrange(1, 2000))
            elif kind == 3:  # random bytes for a body
                junk = choose.randbytes(choose.randrange(1, 100000))
                connection.sendall(support.post_head(API + "/ro/heads", len(junk)) + junk)
                support.read_answer(connection)
            elif kind == 4:  # random bytes for a head
                connection.sendall(choose.randbytes(choose.randrange(1, 3000)))
            else:  # odd bytes in a good request
                odd = bytearray(data)
                for _ in range(3):
                    odd[choose.randrange(len(odd))] = choose.randrange(256)
                connection.sendall(odd)


class Watch:
    """Memory, descriptors and threads of the server over time."""

    def __init__(self, server):
        self.server = server
        self.samples = []
        self.start = time.monotonic()

    def look(self):
        self.samples.append((time.monotonic() - self.start, self.server.memory("VmRSS")))

    def things(self):
        process = "/proc/%d/" % self.server.process.pid
        return len(os.listdir(process + "fd")), len(os.listdir(process + "task"))

    def left_over(self, before):
        """Whether there are more than before: then, a connection may not have been closed yet."""
        return any(now > then for now, then in zip(self.things(), before))

    def slope(self):
        """KiB a minute, by least squares, over the last two thirds."""
        samples = self.samples[len(self.samples) // 3 :]
        middle_x = sum(x for x, _ in samples) / len(samples)
        middle_y = sum(y for _, y in samples) / len(samples)
        spread = sum((x - middle_x) ** 2 for x, _ in samples)
        return 60 * sum((x - middle_x) * (y - middle_y) for x, y in samples) / spread


def wrong_heads(traffic, states):
    """Answers that no state was, or one that was over when it was asked for."""
    last = {}
    for place, state in enumerate(states):
        last[state] = place
    return [
        "heads of no state since %d: %s" % (asked, found.hex())
        for one in traffic
        for found, asked in one.seen
        if last.get(found, -1) < asked - 1
    ]


def run_traffic(server, repository, seconds, watch):
    """Runs it all for that long; the traffic, and what failed."""
    stopped = threading.Event()
    failures = []
    traffic = [Traffic(number, server, repository, stopped) for number in range(WORKERS)]
    threads = [threading.Thread(target=one.work) for one in traffic]
    threads.append(threading.Thread(target=repository.work, args=(stopped, failures)))
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1, seconds / 20))
        watch.look()
    stopped.set()
    for thread in threads:
        thread.join()
    return traffic, failures


def settled(server, watch, before):
    """What is left once everybody has gone."""
    state = server.wait_until(
        lambda state: not state["exchanges"] and state["connections"] == 0, "no connection"
    )
    failures = []
    if state["memory_bytes"] != 0:
        failures.append("%d bytes are still accounted" % state["memory_bytes"])
    end = time.monotonic() + 5
    while watch.left_over(before) and time.monotonic() < end:
        time.sleep(0.1)
    if watch.left_over(before):
        failures.append("descriptors and threads: %s, before: %s" % (watch.things(), before))
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=900, help="how long (default: 900)")
    seconds = parser.parse_args().seconds
    directory = tempfile.mkdtemp(prefix="framegate-load-")
    try:
        repository = Repository(directory)
        options = ("--access-log", "off", "--max-connections-per-address", "0")
        with Server(*options, repository=repository.path) as server:
            watch = Watch(server)
            for _ in range(50):
                server.run("heads", HEADS)
            server.wait_until(lambda state: state["connections"] == 0)
            before = watch.things()
            traffic, failures = run_traffic(server, repository, seconds, watch)
            failures += settled(server, watch, before)
            totals = server.state()["totals"]
            slope = watch.slope()
        for one in traffic:
            failures += one.failures
        failures += wrong_heads(traffic, repository.states)
        if seconds >= SLOPE_FROM_SECONDS and slope > SLOPE_MAX:
            failures.append("memory grows by %.0f KiB a minute" % slope)
        print("%d honest requests, %d hostile ones, %d commits, %d answers of 5xx" % (
            sum(one.honest for one in traffic), sum(one.hostile for one in traffic),
            len(repository.states),
            sum(count for status, count in totals["status"].items() if status >= "500")))  # fmt: skip
        print("memory: %d KiB at first, %d KiB at last, slope %.1f KiB a minute" % (
            watch.samples[0][1], watch.samples[-1][1], slope))  # fmt: skip
        print("descriptors and threads: %d, %d before" % before)
    finally:
        shutil.rmtree(directory)
    for failure in failures[:20]:
        print("FAILED:", failure)
    print("%d failures" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
