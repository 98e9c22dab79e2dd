#!/usr/bin/python3
"""The benchmark: builds the release preset, measures every scenario beside its baseline, and prints
one table, or JSON with --json.

Ours and the baseline run alternately, A B A B ..., at least five pairs; the table has the medians
and the smallest and largest ratio of a pair. The server runs on one core and the load generator on
another. Repositories are made once, in build/bench. A whole run takes seven minutes.

Usage: bench.py [--json | --markdown | --readme] [--runs N] [--pairs N] [--seconds N] [--no-build]
                [SCENARIO...]

--readme puts the table of the (last) run in the README."""

import argparse
import json
import os
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "release")
DATA = os.path.join(ROOT, "build", "bench")
PYTHON = "/usr/bin/python3"
sys.path.insert(0, os.path.join(ROOT, "tests", "http"))

import budgets  # noqa: E402
import summary  # noqa: E402
from support import API, MEDIA_TYPE, cbor, frame, frames, read_answer, request, requests  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
CONNECTIONS = 32
MIB = 1 << 20

options = None  # of the command line


def report(text):
    print(text, file=sys.stderr, flush=True)


# -- processes ----------------------------------------------------------------------------------


def pinned(core, command, **more):
    """A process on one core."""
    return subprocess.Popen(["taskset", "-c", str(core), *command], **more)


def load(command, **more):
    """Runs a load generator to its end; what it printed."""
    process = pinned(LOAD_CORE, command, stdout=subprocess.PIPE, text=True, **more)
    output = process.communicate()[0]
    if process.returncode != 0:
        raise SystemExit("%s failed: %s" % (command, output))
    return output


class Server:
    """A server on the server's core. Ends with the with block."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def cpu(self):
        """Nanoseconds of processor time so far, of threads that have ended too."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            user, system = file.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) * 1e9 / os.sysconf("SC_CLK_TCK")

    def threads(self):
        """Nanoseconds of processor time so far, by thread."""
        folder = "/proc/%d/task" % self.process.pid
        times = {}
        for thread in os.listdir(folder):
            with open("%s/%s/schedstat" % (folder, thread)) as file:
                times[thread] = int(file.read().split()[0])
        return times

    def memory(self):
        """Resident memory that is the process's own, in KiB."""
        with open("/proc/%d/smaps_rollup" % self.process.pid) as file:
            return int(re.search(r"Anonymous:\s+(\d+) kB", file.read())[1])

    def peak(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])

    def reset_peak(self):
        with open("/proc/%d/clear_refs" % self.process.pid, "w") as file:
            file.write("5")


class Ours(Server):
    def __init__(self, threads=1, changesets=100000, settle=True):
        command = [os.path.join(BUILD, "framegate"), "serve"]
        command += ["--repository", repository(changesets), "--threads", str(threads)]
        command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        command += ["--access-log", "off", "--debugreflect", "--max-body", "1G"]
        command += ["--max-connections-per-address", "0"]
        self.process = pinned(SERVER_CORE, command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port, self.admin = map(int, re.findall(r":(\d+)/", line))
        if settle:
            # The answer needs all that is read ahead after the start: that is no request's work.
            check(self.port, "branchmap", request(b"branchmap"))
            self.wait_until_idle()

    def wait_until_idle(self):
        """What it does by itself at its start takes memory and time that are no request's."""
        before, now = -1, self.cpu()
        while now > before:
            time.sleep(0.3)
            before, now = now, self.cpu()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Bare(Server):
    def __init__(self, mode, size, threads=1):
        command = [os.path.join(BUILD, "bench_bare"), mode, str(threads), str(size)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = pinned(SERVER_CORE, command, text=True, **pipes)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.communicate()


class Mercurial(Server):
    def __init__(self, changesets=100000):
        # Its access log would go to a pipe that nobody reads.
        command = ["hg", "serve", "-R", repository(changesets), "-p", "0", "-a", "127.0.0.1"]
        command += ["-A", os.devnull]
        environment = dict(os.environ, HGPLAIN="1", HGRCPATH="")
        self.process = pinned(
            SERVER_CORE,
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.port = int(re.search(r":(\d+)/", self.process.stdout.readline())[1])

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


# -- repositories -------------------------------------------------------------------------------


def repository(changesets):
    path = os.path.join(DATA, "repo-%d" % changesets)
    if not os.path.exists(path):
        report("making a repository of %d changesets" % changesets)
        os.makedirs(DATA, exist_ok=True)
        large = os.path.join(ROOT, "tests", "repo", "large.py")
        work = path + ".part"
        subprocess.run(["rm", "-rf", work], check=True)
        subprocess.run([PYTHON, "-B", large, work, str(changesets), "3", "2"], check=True)
        os.rename(work, path)
    return path


def index_file(changesets):
    return os.path.join(repository(changesets), ".hg", "store", "00changelog.i")


def all_nodes(changesets):
    """Every node, out of the index: entries of 64 bytes, the node at 32."""
    with open(index_file(changesets), "rb") as file:
        index = file.read()
    return [index[at + 32 : at + 52] for at in range(0, len(index), 64)]


# -- requests -----------------------------------------------------------------------------------


def post(name, body, connection="keep-alive", size=None):
    head = "POST %s/ro/%s HTTP/1.1\r\nHost: bench\r\nAccept: %s\r\nContent-Type: %s\r\n"
    head = head % (API, name, MEDIA_TYPE, MEDIA_TYPE)
    head += "Connection: %s\r\nContent-Length: %d\r\n\r\n" % (connection, size or len(body))
    return head.encode() + body


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        return read_answer(connection)


def check(port, name, body):
    """The answer to a request that must succeed."""
    answer = ask(port, post(name, body))
    if answer.status != 200 or any(one[3] == 5 for one in answer.frames()):
        raise SystemExit("%s: %r" % (name, answer))
    return answer


LUA = """
local file = io.open("%s", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.path = "%s/ro/%s"
wrk.headers["Accept"] = "%s"
wrk.headers["Content-Type"] = "%s"
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    print(string.format("RESULT %%d %%d %%d %%d", summary.requests, summary.duration, failed,
                        latency:percentile(99.9)))
end
"""

LUA_GET = LUA[LUA.index("function") :]


class Wrk:
    """A load of wrk: POSTs of one body, or GETs of a path."""

    def __init__(self, directory, name, body=None):
        self.script = os.path.join(directory, name.replace("/", "_") + ".lua")
        self.path = name if body is None else "/"
        with open(self.script, "w") as file:
            if body is None:
                file.write(LUA_GET % ())
            else:
                path = self.script + ".body"
                with open(path, "wb") as data:
                    data.write(body)
                file.write(LUA % (path, API, name, MEDIA_TYPE, MEDIA_TYPE))

    def command(self, port, connections=CONNECTIONS, seconds=None):
        seconds = "%ds" % (seconds or options.seconds)
        url = "http://127.0.0.1:%d%s" % (port, self.path)
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", seconds]
        return command + ["--timeout", "30s", "-s", self.script, url]

    def run(self, port, connections=CONNECTIONS, seconds=None, may_fail=False):
        """Requests per second, and the wait in microseconds that 99.9 % do not exceed."""
        output = load(self.command(port, connections, seconds))
        found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", output)
        count, microseconds, failed, wait = map(int, found.groups())
        if failed and not may_fail:
            raise SystemExit("%d requests failed:\n%s" % (failed, output))
        return (count - failed) / microseconds * 1e6, wait


# -- measuring ----------------------------------------------------------------------------------


class Row:
    """A line of the table. A ratio, where more is better, unless limit_is_most."""

    def __init__(self, scenario, ours, baseline, must, aim, unit, limit_is_most=False, cpu=None):
        self.scenario, self.must, self.aim, self.unit = scenario, must, aim, unit
        self.ours, self.baseline = statistics.median(ours), statistics.median(baseline)
        if limit_is_most and unit == "KiB":
            ratios = [a - b for a, b in zip(ours, baseline)]
        else:
            ratios = [a / b if b else 0 for a, b in zip(ours, baseline)]
        self.ratio, self.spread = statistics.median(ratios), (min(ratios), max(ratios))
        self.limit_is_most = limit_is_most
        # The same ratio by the processor time of both servers, which other programs disturb less.
        self.cpu = cpu and statistics.median(b / a if a else 0 for a, b in zip(*cpu))
        report("%s: %.4g %s" % (scenario, self.ratio, "(cpu %.3f)" % self.cpu if cpu else ""))

    def reaches(self, bound):
        return self.ratio <= bound if self.limit_is_most else self.ratio >= bound

    def verdict(self):
        if self.must is None:
            return ""
        return "aim" if self.reaches(self.aim) else "must" if self.reaches(self.must) else "MISSED"

    def as_json(self):
        return dict(vars(self), verdict=self.verdict())


def pairs(ours, baseline, count=None):
    """Calls both alternately; two lists of what they gave."""
    results = [], []
    for _ in range(max(count or options.pairs, 5)):
        results[0].append(ours())
        results[1].append(baseline())
    return results


class Costs:
    """What a piece of work costs two servers in processor time."""

    def __init__(self):
        self.lists = {}

    def of(self, server, work, name=None):
        """Does work, which gives how much it did each second; that. name: if not the server."""
        start, began = server.cpu(), time.monotonic()
        rate = work()
        done = max(rate * (time.monotonic() - began), 1)
        self.lists.setdefault(name or server, []).append((server.cpu() - start) / done)
        return rate

    def result(self):
        return list(self.lists.values())


# -- scenarios ----------------------------------------------------------------------------------

HEADS = request(b"heads")


def one_heads(directory, threads, name):
    with Ours(threads) as ours:
        size = len(check(ours.port, "heads", HEADS).body)
        with Bare("constant", size, threads) as bare:
            wrk = Wrk(directory, "heads", HEADS)
            wrk.run(ours.port)
            wrk.run(bare.port)
            costs = Costs()
            a, b = pairs(
                lambda: costs.of(ours, lambda: wrk.run(ours.port)[0]),
                lambda: costs.of(bare, lambda: wrk.run(bare.port)[0]),
            )
    return [Row(name, a, b, 0.85, 0.95, "requests/s", cpu=costs.result())]


def heads(directory):
    return one_heads(directory, 1, "heads, 32 connections, one thread")


def heads2(directory):
    return one_heads(directory, 2, "heads, 32 connections, two threads")


class Onlookers:
    """Who watches a server: a program that asks for the state ten times a second, and an open page,
    which listens to the events and asks for the state at each digest. They share the load's core."""

    RATE = 10

    def __init__(self, server):
        self.address = ("127.0.0.1", server.admin)
        self.over = threading.Event()
        self.polls = 0

    def __enter__(self):
        self.start = time.monotonic()
        self.threads = [threading.Thread(target=work) for work in (self.poll, self.page)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        seconds = time.monotonic() - self.start
        self.over.set()
        for thread in self.threads:
            thread.join()
        if self.polls < 0.9 * self.RATE * seconds:
            raise SystemExit("only %d polls in %.1f s: nobody watched so often" % (self.polls, seconds))

    @staticmethod
    def get(connection, path):
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)

    def state(self, connection, file):
        self.get(connection, b"/state")
        if read_answer(file).status != 200:
            raise SystemExit("/state is refused")

    def poll(self):
        os.sched_setaffinity(0, {LOAD_CORE})
        with socket.create_connection(self.address) as connection:
            file = connection.makefile("rb")
            while not self.over.wait(max(0, self.start + self.polls / self.RATE - time.monotonic())):
                self.state(connection, file)
                self.polls += 1

    def page(self):
        os.sched_setaffinity(0, {LOAD_CORE})
        with socket.create_connection(self.address) as events:
            self.get(events, b"/events")
            with socket.create_connection(self.address) as connection:
                file = connection.makefile("rb")
                for line in events.makefile("rb"):
                    if self.over.is_set():
                        break
                    if line.startswith(b"event: digest"):
                        self.state(connection, file)


def watched(directory):
    seconds = max(options.seconds, 4)
    wrk = Wrk(directory, "heads", HEADS)
    costs = Costs()
    shares = []
    with Ours() as ours:
        wrk.run(ours.port)

        def alone(name="alone"):
            return costs.of(ours, lambda: wrk.run(ours.port, seconds=seconds)[0], name)

        def looked_at():
            with Onlookers(ours):
                start, before = time.monotonic(), ours.threads()
                rate = alone("watched")
                spent = sorted(now - before.get(thread, 0) for thread, now in ours.threads().items())
                # The busiest thread serves.
                shares.append(sum(spent[:-1]) / 1e9 / (time.monotonic() - start))
                return rate

        a, b = pairs(looked_at, alone, max(options.pairs, 7))
    for name, each in costs.lists.items():
        cpu = statistics.median(each) * 1000 / 1e9
        report("%s: %.5f CPU seconds of the server per 1,000 requests" % (name, cpu))
    report("whoever watches takes %.2f %% of a core" % (100 * statistics.median(shares)))
    # No ratio by processor time: watching costs by the second, not by the request, so that would say
    # how much of its core the server got.
    name = "heads while /state is polled and a page is open"
    return [Row(name, a, b, 0.97, 0.99, "requests/s")]


def mercurial(directory):
    wrk, get = Wrk(directory, "heads", HEADS), Wrk(directory, "/?cmd=heads")
    with Ours() as ours, Mercurial() as hg:
        # Its first answers read the repository, and some fail when many ask for that at once.
        get.run(hg.port, 1, may_fail=True)
        get.run(hg.port, may_fail=True)
        costs = Costs()
        a, b = pairs(
            lambda: costs.of(ours, lambda: wrk.run(ours.port)[0]),
            lambda: costs.of(hg, lambda: get.run(hg.port, may_fail=True)[0]),
        )
        size = len(check(ours.port, "heads", HEADS).body)
    with Bare("constant", size) as bare:
        limit = [wrk.run(bare.port)[0] for _ in a]
    rows = [Row("heads against hg serve", a, b, 100, 300, "requests/s", cpu=costs.result())]
    # What the library would reach without a gateway.
    rows.append(Row("the bare program against hg serve", limit, b, None, None, "requests/s"))
    return rows


def known_args(nodes):
    return b"known", {b"nodes": nodes}


def multirequest(directory):
    nodes = all_nodes(100000)
    random.Random(1).shuffle(nodes)
    body = requests(*[known_args([node]) for node in nodes[:1000]])
    wrk, single = Wrk(directory, "multirequest", body), Wrk(directory, "heads", HEADS)
    with Ours() as ours:
        assert len(check(ours.port, "multirequest", body).frames()) == 1000
        costs = Costs()
        a, b = pairs(
            lambda: costs.of(ours, lambda: 1000 * wrk.run(ours.port)[0], "many"),
            lambda: costs.of(ours, lambda: single.run(ours.port)[0], "one"),
        )
    name = "multirequest of 1,000 known against heads"
    return [Row(name, a, b, 12, 25, "commands/s", cpu=costs.result())]


def known(directory):
    nodes = all_nodes(100000)
    files = [os.path.join(directory, name) for name in ("sorted", "wanted")]
    wanted = random.Random(1).sample(nodes, 10000)
    for path, some in zip(files, (sorted(nodes), wanted)):
        with open(path, "wb") as file:
            file.write(b"".join(some))
    encoded = cbor({b"name": b"known", b"args": {b"nodes": wanted}})
    pieces = [encoded[at : at + 32768] for at in range(0, len(encoded), 32768)]
    body = b""
    for place, piece in enumerate(pieces):
        flags = (1 if place == 0 else 2) | (4 if place + 1 < len(pieces) else 0)
        body += frame(1, 1, 1 if place == 0 else 0, 1, flags, piece)
    wrk = Wrk(directory, "known", body)
    search = [os.path.join(BUILD, "bench_search"), *files, str(options.seconds)]

    def searched():
        process = pinned(SERVER_CORE, search, stdout=subprocess.PIPE, text=True)
        return float(process.communicate()[0].split()[0])

    with Ours() as ours:
        assert check(ours.port, "known", body).body.count(b"1") >= 10000
        a, b = pairs(lambda: 10000 * wrk.run(ours.port)[0], searched)
    return [Row("known, 10,000 of 100,000 nodes, against a binary search", a, b, 0.3, 0.7, "nodes/s")]


class Transfer:
    """One transfer on a connection of its own; bytes per second."""

    def __init__(self, directory, name, head, repeated=b"", times=0, tail=b""):
        self.files = []
        for part, data in (("head", head), ("repeated", repeated), ("tail", tail)):
            self.files.append(os.path.join(directory, name + "." + part))
            with open(self.files[-1], "wb") as file:
                file.write(data)
        self.times = times

    def run(self, port, size):
        head, repeated, tail = self.files
        command = [os.path.join(BUILD, "bench_transfer"), str(port), head, repeated]
        status, received, nanoseconds = load(command + [str(self.times), tail]).split()
        if status != "200" or (self.times == 0 and int(received) < size):
            raise SystemExit("transfer: %s, %s bytes" % (status, received))
        return size / int(nanoseconds) * 1e9

    def compare(self, name, ours, bare, size):
        costs = Costs()
        a, b = pairs(
            lambda: costs.of(ours, lambda: self.run(ours.port, size)),
            lambda: costs.of(bare, lambda: self.run(bare.port, size)),
        )
        return [Row(name, a, b, 0.85, 0.97, "bytes/s", cpu=costs.result())]


def upload(directory):
    size = 256 * MIB
    # Frames of 32 KiB, 8 MiB at a time, since a client that sends a little at a time is the limit.
    one = frame(1, 1, 0, 3, 1, bytes(32768)) * 256
    begin = request(b"debugcount", flags=1 | 8)
    end = frame(1, 1, 0, 3, 2)
    times = size // (256 * 32768)
    whole = len(begin) + times * len(one) + len(end)
    head = post("debugcount", b"", "close", whole) + begin
    transfer = Transfer(directory, "upload", head, one, times, end)
    with Ours() as ours, Bare("constant", 16) as bare:
        return transfer.compare("256 MiB of command data", ours, bare, size)


def download(directory):
    size = 1024 * MIB
    body = request(b"debugbytes", {b"size": size})
    transfer = Transfer(directory, "download", post("debugbytes", body, "close"))
    with Ours() as ours, Bare("reader", size) as bare:
        return transfer.compare("1 GiB response from a source", ours, bare, size)


def parsing(directory):
    program = os.path.join(BUILD, "bench_parsing")
    if not os.path.exists(program):
        report("libnghttp2-dev is not installed: parsing is not measured")
        return []
    rows = []
    for size, cut in ((16, False), (512, False), (32768, False), (32768, True)):

        def run(kind):
            extra = ["cut"] if cut else []
            return float(load([program, kind, str(size), str(options.seconds / 2), *extra]))

        a, b = pairs(lambda: run("framegate"), lambda: run("nghttp2"))
        name = "parsing frames of %s bytes" % format(size, ",")
        bounds = (None, None) if cut else (2, 5)
        name += ", cut into pieces of 64 KiB" if cut else ""
        rows.append(Row(name, a, b, *bounds, "bytes/s"))
    return rows


def instructions(directory):
    counted = budgets.count_all(os.path.join(BUILD, "bench_instructions"))
    bounds = {
        "command of a body with 100": (3000, 1500),
        "command that is the whole body": (3000, 1500),
    }
    rows = []
    for name, count in counted.items():
        bound = bounds.get(name, (None, None))
        rows.append(Row("instructions: " + name, [count], [1], *bound, "instructions", True))
    return rows


def first_answer(changesets):
    """Nanoseconds from the start of the program to its first answer, and of processor time."""
    start = time.monotonic_ns()
    with Ours(1, changesets, settle=False) as ours:
        answer = ask(ours.port, post("heads", HEADS))
        end = time.monotonic_ns()
        cpu = ours.cpu()
    assert answer.status == 200
    return end - start, cpu


def cat(changesets):
    start = time.monotonic_ns()
    process = pinned(SERVER_CORE, ["cat", index_file(changesets)], stdout=subprocess.DEVNULL)
    used = os.wait4(process.pid, 0)[2]
    process.returncode = 0
    return time.monotonic_ns() - start, 1e9 * (used.ru_utime + used.ru_stime)


def forget(changesets):
    """Has the kernel drop the repository's files from its cache."""
    os.sync()
    for folder, _, names in os.walk(repository(changesets)):
        for name in names:
            file = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def start(directory):
    rows = []
    for changesets in (100000, 1000000):
        index_file(changesets)
        for cold in (False, True):

            cpu = [], []

            def run(function):
                if cold:
                    forget(changesets)
                nanoseconds, used = function(changesets)
                cpu[function is cat].append(used)
                return 1e9 / nanoseconds

            run(first_answer), run(cat)
            a, b = pairs(lambda: run(first_answer), lambda: run(cat))
            name = "start to first answer, %s changesets, %s"
            name = name % (format(changesets, ","), "cold" if cold else "warm")
            rows.append(Row(name, a, b, 0.2, 0.5, "starts/s", cpu=cpu))
    return rows


def held(server, data, count=200):
    """KiB that each of count connections costs that have sent data."""
    # What the first connections leave behind is no connection's.
    for _ in range(count):
        ask(server.port, post("heads", HEADS))
    before = server.memory()
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
    for connection in connections:
        connection.sendall(data)
        if not data.endswith(HALF):
            read_answer(connection)
    time.sleep(0.3)
    result = (server.memory() - before) / count
    for connection in connections:
        connection.close()
    time.sleep(0.2)
    return result


HALF = bytes(20000)


def memory(directory):
    def once(make, data):
        with make() as server:
            return held(server, data)

    bare = lambda: Bare("constant", 64)
    idle = post("heads", HEADS)
    body = frame(1, 1, 0, 3, 1, bytes(32768))
    half = post("debugcount", request(b"debugcount", flags=1 | 8) + body[:8] + HALF, size=32768)
    rows = []
    a, b = pairs(lambda: once(Ours, idle), lambda: once(bare, idle))
    rows.append(Row("memory of an idle connection", a, b, 4, 1, "KiB", True))
    a, b = pairs(lambda: once(Ours, half), lambda: once(bare, half))
    rows.append(Row("memory of a connection in a body", a, b, 40, 16, "KiB", True))

    size = 1024 * MIB
    request_body = request(b"debugbytes", {b"size": size})
    transfer = Transfer(directory, "memory", post("debugbytes", request_body, "close"))
    small = Transfer(directory, "small", post("heads", HEADS, "close"))

    def grown(make):
        with make() as server:
            small.run(server.port, 1)
            server.reset_peak()
            before = server.peak()
            transfer.run(server.port, size)
            return server.peak() - before

    a, b = pairs(lambda: grown(Ours), lambda: grown(lambda: Bare("reader", size)))
    rows.append(Row("memory of a 1 GiB reply", a, b, 128, 64, "KiB", True))
    return rows


def wait(directory):
    nodes = all_nodes(100000)
    noise = random.Random(1)
    # As many commands as are allowed, with as many nodes as 16 MiB hold.
    body = requests(*[known_args(noise.sample(nodes, 780)) for _ in range(1000)])
    assert len(body) <= 16 * MIB
    large, small = Wrk(directory, "multirequest", body), Wrk(directory, "heads", HEADS)
    with Ours() as ours:
        check(ours.port, "multirequest", body)

        def loaded():
            command = large.command(ours.port, 1, options.seconds + 2)
            other = pinned(LOAD_CORE, command, stdout=subprocess.PIPE)
            time.sleep(0.5)
            result = small.run(ours.port)[1]
            other.communicate()
            return result

        a, b = pairs(loaded, lambda: small.run(ours.port)[1])
    name = "p99.9 of heads beside the largest multirequests"
    return [Row(name, a, b, 10, 3, "microseconds", True)]


def scaling(directory):
    wrk = Wrk(directory, "heads", HEADS)
    counts = (1, 8, 64, 512)

    def measure(server):
        results = {count: [] for count in counts}
        for _ in range(max(options.pairs, 5)):
            for count in counts:
                results[count].append(wrk.run(server.port, count)[0])
        return results

    def rows(name, results, musts=None, shown=counts[1:]):
        """Each count against the best of those below it."""
        best = results[counts[0]]
        table = []
        for place, count in enumerate(counts[1:]):
            if count in shown:
                title = "%s, %d connections against fewer" % (name, count)
                must = musts and musts[place]
                table.append(Row(title, results[count], best, must, must, "requests/s"))
            best = [max(pair) for pair in zip(best, results[count])]
        return table

    with Ours() as ours:
        size = len(check(ours.port, "heads", HEADS).body)
        results = measure(ours)
    # How the library itself gets on: driven as ours is, and by its own thread.
    with Bare("constant", size, 0) as bare:
        limits = rows("the bare program, driven alike", measure(bare))
    with Bare("constant", size, 1) as bare:
        limits += rows("the bare program", measure(bare), None, counts[-1:])
    # Noise apart, more connections never give less than fewer, or than the library then gives.
    musts = [0.95 * min(1, row.ratio) for row in limits]
    return rows("heads", results, musts) + limits


SCENARIOS = [heads, heads2, watched, mercurial, multirequest, upload, download, parsing, instructions]
SCENARIOS += [known, start, memory, wait, scaling]


# -- the table ----------------------------------------------------------------------------------


def number(value):
    for bound, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound:
            return "%.4g%s" % (value / (1e3 if suffix == "k" else bound), suffix)
    return "%.4g" % value


def print_table(rows):
    line = "| %-58s | %9s | %9s | %-12s | %7s | %-15s | %6s | %6s | %6s | %-6s |"
    print(line % ("scenario", "ours", "baseline", "unit", "ratio", "spread", "by CPU", "must", "aim", ""))
    print("|" + " --- |" * 10)
    for row in rows:
        sign = ("≤ " if row.limit_is_most else "") if row.must is not None else ""
        bounds = ["" if row.must is None else sign + number(bound) for bound in (row.must, row.aim or 0)]
        spread = "%s to %s" % tuple(map(number, row.spread))
        cells = row.scenario, number(row.ours), number(row.baseline), row.unit, number(row.ratio)
        cpu = "" if row.cpu is None else "%.3f" % row.cpu
        print(line % (*cells, spread, cpu, *bounds, row.verdict()))


def markdown(rows):
    """The table of the README."""
    lines = ["| scenario | ours | baseline | unit | ratio | spread | must |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        must = ""
        if row.must is not None:
            must = "%s %s" % ("≤" if row.limit_is_most else "≥", number(row.must))
        spread = "%s to %s" % tuple(map(number, row.spread))
        if row.unit == "instructions":
            cells = row.scenario, number(row.ours), "", row.unit, "", "", must
        else:
            ratio = "%+.3g" % row.ratio if row.unit == "KiB" else number(row.ratio)
            cells = row.scenario, number(row.ours), number(row.baseline), row.unit, ratio, spread, must
        missed = " (missed)" if row.verdict() == "MISSED" else ""
        lines.append("| %s | %s | %s | %s | %s | %s | %s%s |" % (*cells, missed))
    return "\n".join(lines)


def main():
    global options
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--markdown", action="store_true", help="print the table of the README")
    parser.add_argument("--readme", action="store_true", help="put the table in the README")
    parser.add_argument("--runs", type=int, default=1, help="how often to measure everything")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs, at least 5")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run")
    parser.add_argument("--no-build", action="store_true", help="measure what is built")
    parser.add_argument("scenario", nargs="*", help=", ".join(s.__name__ for s in SCENARIOS))
    options = parser.parse_args()
    known_names = {scenario.__name__ for scenario in SCENARIOS}
    if not set(options.scenario) <= known_names:
        parser.error("the scenarios are " + ", ".join(sorted(known_names)))
    if not options.no_build:
        for command in (["--preset", "release"], ["--build", "--preset", "release"]):
            subprocess.run(["cmake", *command], check=True, cwd=ROOT, stdout=sys.stderr)
    if len(CORES) < 2:
        report("only one core: the load generator shares it with the server")
    missed = False
    for _ in range(options.runs):
        rows = measure()
        missed |= any(row.verdict() == "MISSED" for row in rows)
        show(rows)
    return 1 if missed else 0


def measure():
    rows = []
    with tempfile.TemporaryDirectory(prefix="framegate-bench-") as directory:
        for scenario in SCENARIOS:
            if not options.scenario or scenario.__name__ in options.scenario:
                rows += scenario(directory)
    return rows


def show(rows):
    if options.json:
        print(json.dumps({"machine": summary.machine(), "rows": [row.as_json() for row in rows]}, indent=2))
        return
    print(summary.where() + "\n")
    if options.markdown:
        print(markdown(rows))
    else:
        print_table(rows)
    if options.readme:
        summary.put_table("bench.py", markdown(rows))


if __name__ == "__main__":
    sys.exit(main())
