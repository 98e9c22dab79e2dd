"""Peers that vanish, stall, close one half, flood, or speak TLS oddly: others are served, nothing is left."""

import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import support
from support import API, BYTES_RESPONSE, FAKE, Server, needs_fake, request, requests

HEADS = request(b"heads")
MULTI = API + "/ro/multirequest"


def vanish(connection, how):
    """The peer ends the connection: "close", "reset", or "half" (it goes on reading)."""
    if how == "half":
        connection.shutdown(socket.SHUT_WR)
        return
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Vanishing(support.ServerTest):
    options = ("--max-connections-per-address", "0", "--workers", "2")

    def tearDown(self):
        self.idle()
        state = self.server.wait_until(lambda state: state["connections"] == 0)
        self.assertEqual(state["memory_bytes"], 0)
        self.assertEqual(self.server.run("heads", HEADS).status, 200)

    def phase(self, name, count=1):
        self.server.wait_until(
            lambda state: [one["phase"] for one in state["exchanges"]] == [name] * count, name
        )

    @needs_fake
    def test_during_a_slow_command(self):
        """Nobody notices before the command has ended; then all is given back."""
        body = requests((b"sleep", {b"ms": 400}), b"heads")
        for how in ("close", "reset"):
            connections = [self.server.connect() for _ in range(4)]
            for connection in connections:
                connection.sendall(support.post_head(MULTI, len(body)) + body)
            self.phase("running", 4)
            for connection in connections:
                vanish(connection, how)
            self.idle()

    @needs_fake
    def test_half_closed_during_a_slow_command_it_gets_its_answer(self):
        body = requests((b"sleep", {b"ms": 700}), b"heads")
        with self.server.connect() as connection:
            connection.sendall(support.post_head(MULTI, len(body)) + body)
            self.phase("running")
            vanish(connection, "half")
            found = self.framed(support.read_answer(connection))
            self.assertEqual([one[3] for one in found], [BYTES_RESPONSE] * 2)

    @needs_fake
    def test_during_a_reply(self):
        body = request(b"stream", {b"bytes": 200 << 20})
        for how in ("close", "reset"):
            with self.server.connect() as connection:
                connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
                self.assertTrue(connection.recv(100000))
                vanish(connection, how)
            self.idle()

    @needs_fake
    def test_half_closed_during_a_reply_it_gets_the_rest(self):
        size = 20 << 20
        body = request(b"stream", {b"bytes": size})
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
            file = connection.makefile("rb")
            file.peek(1)
            vanish(connection, "half")
            answer = support.read_answer(file)
            self.assertEqual(sum(len(one[5]) for one in answer.frames()), size)

    def test_between_the_parts_of_a_request(self):
        head = support.post_head(API + "/ro/heads", len(HEADS))
        for how in ("close", "reset"):
            for sent in (b"", head[:9], head, head + HEADS[:8], head + HEADS[:-1], head + HEADS):
                with self.server.connect() as connection:
                    connection.sendall(sent)
                    vanish(connection, how)
        self.idle()

    def test_a_hundred_at_once_in_every_phase(self):
        """As many as come and go together, while an honest one asks."""
        body = requests(*[b"capabilities"] * 300)
        data = support.post_head(MULTI, len(body)) + body
        for turn in range(3):
            connections = [self.server.connect() for _ in range(100)]
            for place, connection in enumerate(connections):
                connection.sendall(data[: len(data) * (place + 1) // 100])
            self.assertEqual(self.server.run("heads", HEADS).status, 200)
            for place, connection in enumerate(connections):
                vanish(connection, ("close", "reset")[(place + turn) % 2])


class Heads(support.ServerTest):
    def test_a_hundred_thousand_fields_are_refused(self):
        for field in (b"X: y\r\n", b"a:\r\n", b"Content-Length: 0\r\n", b"X: y\r\n y\r\n"):
            with self.server.connect() as connection:
                try:
                    connection.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n" + 100000 * field + b"\r\n")
                    answer = support.read_answer(connection)
                except (BrokenPipeError, ConnectionResetError, AssertionError):
                    continue  # cut off without having taken all of it in
                self.assertIn(answer.status, (400, 413, 431), field)
        self.assertEqual(self.server.run("heads", HEADS).status, 200)

    def test_one_host_and_no_other(self):
        line = b"GET /api HTTP/1.1\r\n"
        cases = {
            b"": (400,),
            b"Host: a\r\nHost: b\r\n": (400,),
            b"Host: a\r\nHost: a\r\n": (400,),
            b"Host: a\r\nhost : b\r\n": (400,),
            b"Host: a\r\n": (200,),
            b"Host:\r\n": (200, 400),
        }
        for fields, statuses in cases.items():
            self.assertIn(self.server.raw(line + fields + b"\r\n").status, statuses, fields)

    def test_trailers_and_extensions_of_chunks_are_no_requests(self):
        data = support.make_head("POST", API + "/ro/heads", ["Transfer-Encoding: chunked"])
        for tail in (b"0\r\nX: y\r\n\r\n", b"5;a=b\r\nxxxxx\r\n0\r\n\r\n", b"ffffffffffffffff1\r\n"):
            with self.server.connect() as connection:
                connection.sendall(data + tail + support.make_head("GET", "/api", []))
                file = connection.makefile("rb")
                self.assertEqual(support.read_answer(file).status, 411)
                try:
                    self.assertNotIn(b"HTTP/1.", file.read())
                except ConnectionResetError:
                    pass


@needs_fake
class Admin(support.ServerTest):
    """The admin listener has 64 connections, and whoever reaches it may try to keep them."""

    options = ("--header-time", "1", "--body-time", "1", "--body-time-max", "2")

    def trickle(self, first, rest):
        with socket.create_connection(self.server.admin, support.TIMEOUT) as connection:
            connection.sendall(first)
            end = time.monotonic() + support.TIMEOUT
            while time.monotonic() < end:
                try:
                    connection.sendall(rest)
                    connection.settimeout(0.1)
                    if connection.recv(1000) == b"":
                        return
                except socket.timeout:
                    continue
                except OSError:
                    return
            self.fail("it lives")

    def test_a_trickle_is_cut(self):
        self.trickle(b"GET /", b"x")
        self.trickle(b"GET /state HTTP/1.1\r\n", b"X: y\r\n")
        self.trickle(b"POST /decode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n", b"x")

    def test_who_listens_to_events_stays(self):
        with socket.create_connection(self.server.admin, support.TIMEOUT) as connection:
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            end = time.monotonic() + 4
            while time.monotonic() < end:
                self.assertTrue(connection.recv(10000))


@unittest.skipIf(FAKE, "once is enough")
class Tls(unittest.TestCase):
    """What can be done to a TLS listener with a plain socket."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="framegate-peers-")
        cls.addClassCleanup(cls.folder.cleanup)
        certificate, key = (os.path.join(cls.folder.name, name) for name in ("c.pem", "k.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", certificate],
            check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        # An honest handshake has to fit in, however slowly the program runs.
        seconds = "15" if os.environ.get("FRAMEGATE_SANITIZE") in ("thread", "valgrind") else "3"
        options = ("--tls-certificate", certificate, "--tls-key", key, "--header-time", seconds,
                   "--body-time", seconds, "--max-connections-per-address", "0")  # fmt: skip
        cls.server = Server(*options)
        cls.addClassCleanup(cls.server.stop)
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        cls.context.check_hostname = False
        cls.context.verify_mode = ssl.CERT_NONE

    def tearDown(self):
        self.server.wait_until(lambda state: state["connections"] == 0)
        self.honest()

    def honest(self):
        with self.context.wrap_socket(self.server.connect()) as connection:
            connection.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
            self.assertEqual(support.read_answer(connection).status, 200)

    def hello(self):
        """The first bytes of a handshake, as a client would send them."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self.context.wrap_bio(incoming, outgoing).do_handshake()
        except ssl.SSLWantReadError:
            return outgoing.read()
        raise AssertionError("the handshake needs nobody else")

    def test_a_handshake_that_stalls_or_trickles_is_cut(self):
        before = self.server.state()["limits"]["header-time"]["hits"]
        hello = self.hello()
        connections = []
        for sent in (b"", hello[:1], hello[:5], hello[:-1], hello):
            connections.append(self.server.connect())
            connections[-1].sendall(sent)
        with self.server.connect() as slow:
            try:
                for place in range(len(hello)):
                    slow.sendall(hello[place : place + 1])
                    time.sleep(0.05)
                    self.assertLess(place, len(hello) - 1, "the trickle lived to its end")
            except OSError:
                pass
        for connection in connections:
            self.assertTrue(support.closes(connection))
            connection.close()
        hits = self.server.state()["limits"]["header-time"]["hits"]
        self.assertGreaterEqual(hits, before + len(connections))

    def test_what_is_no_handshake_is_cut(self):
        hello = bytearray(self.hello())
        broken = bytes(hello[:9]) + b"\xff" * 40 + bytes(hello[49:])
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(1000), b"\x16\x03\x01\xff\xff" * 5000,
                     b"\x15\x03\x01\0\2\1\0" * 1000, b"\x16\x03\x01\0\0" * 5000, broken):  # fmt: skip
            with self.server.connect() as connection:
                try:
                    connection.sendall(sent)
                except OSError:
                    continue
                self.assertTrue(support.closes(connection), sent[:20])

    def test_a_slow_request_inside_is_cut_without_408(self):
        with self.context.wrap_socket(self.server.connect()) as connection:
            connection.sendall(b"GET /api HTTP/1.1\r\n")
            try:
                self.assertEqual(connection.recv(1000), b"")
            except (ssl.SSLError, ConnectionResetError):
                pass

    def test_a_peer_that_vanishes_without_a_word_in_the_middle(self):
        data = support.post_head(API + "/ro/heads", len(HEADS)) + HEADS
        for how in ("close", "reset"):
            for cut in (0, 10, len(data) - 1, len(data)):
                plain = self.server.connect()
                connection = self.context.wrap_socket(plain)
                connection.sendall(data[:cut])
                vanish(connection, how)

    def test_many_handshakes_at_once(self):
        hello = self.hello()
        connections = [self.server.connect() for _ in range(200)]
        for connection in connections:
            connection.sendall(hello)
        self.honest()
        for connection in connections:
            vanish(connection, "reset")


class Crowd(support.ServerTest):
    """As many requests at one moment as the HTTP library takes in whole rounds, and then silence."""

    options = ("--threads", "1", "--max-connections-per-address", "0")

    def suspend(self):
        """Whatever is sent from here on is ready at one moment: when the process goes on."""
        self.server.process.send_signal(support.signal.SIGSTOP)
        os.waitid(os.P_PID, self.server.process.pid, os.WSTOPPED)

    def test_all_are_answered(self):
        connections = [self.server.connect() for _ in range(256)]
        try:
            for _ in range(3):
                self.suspend()
                for connection in connections:
                    connection.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
                self.server.process.send_signal(support.signal.SIGCONT)
                answers = [support.read_answer(connection) for connection in connections]
                self.assertEqual({answer.status for answer in answers}, {200})
        finally:
            for connection in connections:
                connection.close()


@needs_fake
class Storm(support.ServerTest):
    """SIGHUP as fast as it can be sent."""

    def test_honest_requests_are_answered_meanwhile(self):
        stopped = threading.Event()
        failures = []

        def ask():
            while not stopped.is_set():
                if self.server.run("heads", HEADS).status != 200:
                    failures.append(1)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        said = self.server.stderr().count("framegate: reloaded")
        for _ in range(300):
            self.server.process.send_signal(support.signal.SIGHUP)
            time.sleep(0.002)
        self.server.wait_until(
            lambda state: self.server.stderr().count("framegate: reloaded") > said
        )
        stopped.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main()
