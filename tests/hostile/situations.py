"""The hostile cases that are situations rather than bodies: 19, 21, 22, 23, 25."""

import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import support
from cases import HEADS, Peak, case, check
from support import API, Server, request, requests

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(support.ROOT, "tests/http"))


def own(*options, **more):
    """A server of the case's own; the shared options of all cases come first."""
    return Server("--access-log", "off", *options, environment=ENVIRONMENT, **more)


# Little quarantine, so that peaks are the program's own.
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
}


def reader(server, body):
    """A connection that sent a request and takes in next to nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(support.TIMEOUT)
    connection.connect(server.address)
    connection.sendall(support.post_head(API + "/ro/multirequest", len(body)) + body)
    return connection


# 36,000 replies of 790 bytes wait, each in 1,024 bytes.
@case(19, "large replies, reader stalls", "cut after reply-time, memory given back", 80 << 10, "own")
def stalled_readers(measure):
    body = b"".join(
        request(b"capabilities", requestid=number, begin=number == 1) for number in range(1, 9000)
    )
    with own("--reply-time", "1", "--max-commands", "10000") as server:
        measure(server)
        readers = [reader(server, body) for _ in range(4)]
        server.wait_until(lambda state: state["limits"]["reply-time"]["hits"] == 4)
        state = server.wait_until(lambda state: not state["exchanges"])
        check(state["memory_bytes"] == 0, state["memory_bytes"], "bytes are still accounted")
        check(server.run("heads", HEADS).status == 200, "an honest request is not answered")
        for connection in readers:
            connection.close()
        return "4 of 4 cut, 0 bytes held"


@case(21, "any slicing", "the same answer", 4096, "own")
def any_slicing(measure):
    import test_wire

    choose = random.Random(21)
    with own() as server:
        measure(server)
        for _ in range(100):
            body = test_wire.random_body(choose, b"\xab" * 20)
            whole = server.run("multirequest", body)
            with server.connect() as connection:
                data = support.post_head(API + "/ro/multirequest", len(body)) + body
                for piece in test_wire.slices(choose, data):
                    connection.sendall(piece)
                cut = support.read_answer(connection)
            check((cut.status, cut.body) == (whole.status, whole.body), body)
    return "100 bodies, the same"


def flood(server):
    """500 connections of one address; how many live."""
    kept = []
    for _ in range(500):
        connection = socket.create_connection(server.address, support.TIMEOUT, ("127.0.0.3", 0))
        kept.append(connection)
    server.wait_until(lambda state: state["limits"]["max-connections-per-address"]["hits"] >= 400)
    server.wait_until(lambda state: state["connections"] <= 100)
    return kept


def slow_clients(server):
    """Header, body and reader that trickle or stall; returns their connections."""
    body = requests(*[b"capabilities"] * 900)
    head = support.post_head(API + "/ro/heads", 100000)
    slow = [(b"GET /", b"x"), (b"GET /api HTTP/1.1\r\n", b"X: y\r\n"), (head, b"\0")]
    connections = []
    for first, rest in slow:
        connection = server.connect()
        connection.sendall(first)
        connections.append((connection, rest))
    return connections, reader(server, body)


@case(22, "slow peers, 1,000 idle connections, one address flooding", "cut; honest ones served",
      64 << 10, "own")  # fmt: skip
def slow_and_many(measure):
    wanted = 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    times = ["--header-time", "3", "--body-time", "3", "--body-time-max", "3", "--reply-time", "3"]
    with own(*times, "--body-rate", "1M", "--max-connections", "2000") as server:
        measure(server)
        idle = []
        for number in range(1000):
            address = ("127.0.1.%d" % (number % 10 + 1), 0)
            idle.append(socket.create_connection(server.address, support.TIMEOUT, address))
        server.wait_until(lambda state: state["connections"] >= 1000)
        check(server.run("heads", HEADS).status == 200, "not answered beside 1,000 idle ones")
        flooding = flood(server)
        check(server.run("heads", HEADS).status == 200, "not answered beside a flood")
        slow, stalled = slow_clients(server)
        deadline = time.monotonic() + support.TIMEOUT
        while slow and time.monotonic() < deadline:
            time.sleep(0.1)
            check(server.run("heads", HEADS).status == 200, "not answered beside slow ones")
            slow = [one for one in slow if alive(*one)]
        check(not slow, len(slow), "slow peers live")
        state = server.wait_until(lambda state: state["connections"] <= 1)
        for connection in [*idle, *flooding, stalled]:
            connection.close()
        hits = {name: state["limits"][name]["hits"] for name in ("header-time", "body-time")}
        check(hits["header-time"] >= 1000 and hits["body-time"] == 1, hits)
        return "all cut, header-time counted %(header-time)d" % hits


def alive(connection, rest):
    try:
        connection.sendall(rest)
        connection.settimeout(0.001)
        return connection.recv(1) != b""
    except socket.timeout:
        return True
    except OSError:
        return False


@case(23, "failing allocations and system calls", "each in turn: right, 5xx or cut; no leak",
      32 << 10, "own")  # fmt: skip
def faults(measure):
    import faults as all_faults

    return all_faults.run(measure)


@case(25, "SIGTERM in transfers, SIGHUP under load, SIGKILL and restart", "finished; survives; starts",
      16 << 10, "own")  # fmt: skip
def signals(measure):
    body = requests(b"heads", b"capabilities", b"heads")
    repository = None
    server = own()
    try:
        measure(server)
        expected = server.run("multirequest", body).body
        repository = os.path.join(server.directory, "repository")
        sighup_under_load(server, body, expected)
        with server.connect() as upload, server.connect() as download:
            head = support.post_head(API + "/ro/multirequest", len(body))
            upload.sendall(head + body[:20])
            download.sendall(head + body)
            server.wait_until(lambda state: len(state["exchanges"]) >= 1)
            server.process.send_signal(signal.SIGTERM)
            server.wait_until(lambda state: state["draining"])
            upload.sendall(body[20:])
            check(support.read_answer(upload).body == expected, "the upload was not finished")
            check(support.read_answer(download).body == expected, "the download was not finished")
    finally:
        kept = repository and keep(repository)
        server.stop()
    try:
        kill_and_restart(measure, kept, body, expected)
    finally:
        support.shutil.rmtree(os.path.dirname(kept))
    return "finished, survived, started again"


def keep(repository):
    directory = support.tempfile.mkdtemp(prefix="framegate-hostile-")
    return support.shutil.copytree(repository, os.path.join(directory, "repository"))


def sighup_under_load(server, body, expected):
    failures = []

    def work():
        for _ in range(30):
            if server.run("multirequest", body).body != expected:
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    check(server.process.poll() is None, "SIGHUP ended it")
    check(not failures, len(failures), "wrong answers")


def kill_and_restart(measure, repository, body, expected):
    server = own(repository=repository)
    with server.connect() as upload:
        upload.sendall(support.post_head(API + "/ro/multirequest", len(body)) + body[:20])
        server.wait_until(lambda state: state["exchanges"])
        address = "%s:%d" % server.address
        server.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    with own("--listen", address, repository=repository) as again:
        measure(again)
        check(again.run("multirequest", body).body == expected, "a wrong answer after the restart")
