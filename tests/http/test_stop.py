"""Starting and stopping: bad usage, what SIGTERM lets finish, deadlines of connections."""

import io
import os
import signal
import socket
import subprocess
import threading
import unittest

import support
from support import API, PROGRAM, Server, needs_fake, request, requests

HEADS = request(b"heads")


class Stopping(unittest.TestCase):
    def refuses(self, server):
        """No new connection is accepted."""
        try:
            server.connect().close()
            return False
        except ConnectionRefusedError:
            return True

    def wait_until_draining(self, server):
        server.process.send_signal(signal.SIGTERM)
        server.wait_until(lambda state: state["draining"])

    def test_sigterm_and_sigint_end_an_idle_server(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            self.assertIn("framegate: stopping: 0 requests are running\n", Server().stop(sig))

    def test_a_start_says_what_it_serves_to_whom(self):
        with Server("--bundle-cache", "off") as server:
            said = b"".join(server.process.stdout.readline() for _ in range(3)).decode()
        self.assertRegex(said, "^framegate: version [0-9.]+, repository /.*\nframegate: pushing: "
                         "tester\nframegate: bundle cache: none\n$")

    def test_an_idle_keep_alive_connection_does_not_hold_it_up(self):
        server = Server("--drain-time", "60")
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
            support.read_answer(connection)
            server.stop()

    def test_an_upload_in_the_middle_finishes(self):
        server = Server("--drain-time", "60")
        body = requests(b"heads", b"heads")
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body)))
            connection.sendall(body[:30])
            server.wait_until(lambda state: state["totals"]["frames_in"] == 1)
            self.wait_until_draining(server)
            # Each thread closes its copy of the listening socket when it next looks.
            server.wait_until(lambda _: self.refuses(server))
            connection.sendall(body[30:])
            answer = support.read_answer(connection)
            self.assertEqual((answer.status, len(answer.frames())), (200, 2))
            self.assertEqual(answer.headers["connection"].lower(), "close")
        server.stop()

    @needs_fake
    def test_a_slow_command_finishes(self):
        server = Server("--drain-time", "60")
        answers = []
        body = requests((b"sleep", {b"ms": 1000}), (b"sleep", {b"ms": 10}))
        client = threading.Thread(
            target=lambda: answers.append(server.run("multirequest", body))
        )
        client.start()
        server.wait_until(
            lambda state: [one for one in state["exchanges"] if one["phase"] == "running"]
        )
        server.stop()
        client.join()
        self.assertEqual((answers[0].status, len(answers[0].frames())), (200, 2))

    @needs_fake
    def test_a_download_in_the_middle_finishes(self):
        server = Server("--drain-time", "60")
        size = 30 << 20
        body = request(b"stream", {b"bytes": size})
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
            file = connection.makefile("rb")
            self.assertEqual(support.read_head(file)[0], 200)
            self.wait_until_draining(server)
            got = 0
            while True:
                chunk = int(file.readline(), 16)
                got += len(file.read(chunk))
                file.readline()
                if chunk == 0:
                    break
            self.assertEqual(got, size + 8 * -(-size // (31 << 10)))
        server.stop()

    def test_what_does_not_end_in_time_is_cut(self):
        server = Server("--drain-time", "0")
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", 20) + HEADS[:5])
            server.wait_until(lambda state: state["exchanges"])
            self.assertIn("stopping with 1 requests unfinished", server.stop())
            self.assertTrue(support.closes(connection))

    @needs_fake
    def test_a_suspended_connection_does_not_abort_the_stop(self):
        server = Server("--drain-time", "0")
        connections = []
        body = requests(*[(b"sleep", {b"ms": 700})] * 3)
        for _ in range(8):
            connection = server.connect()
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body)) + body)
            connections.append(connection)
        server.wait_until(
            lambda state: len([one for one in state["exchanges"] if one["phase"] == "running"]) == 8
        )
        server.stop()
        for connection in connections:
            connection.close()

    @needs_fake
    def test_a_command_that_takes_long_ends_with_the_drain_time(self):
        server = Server("--drain-time", "0", "--command-time", "600")
        body = request(b"sleep", {b"ms": 600000})
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/sleep", len(body)) + body)
            server.wait_until(lambda state: state["threads"]["workers_busy"] == 1)
            self.assertIn("1 requests unfinished", server.stop())

    def test_a_second_signal_ends_the_waiting(self):
        server = Server("--drain-time", "600")
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", 20) + HEADS[:5])
            server.wait_until(lambda state: state["exchanges"])
            self.wait_until_draining(server)
            self.assertIn("1 requests unfinished", server.stop())

    def test_it_starts_again_on_the_same_port_at_once(self):
        server = Server()
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
            support.read_answer(connection)
            address = "%s:%d" % server.address
            server.stop()
        Server("--listen", address).stop()


class Starting(unittest.TestCase):
    def bad(self, status, *options, says):
        result = subprocess.run(
            [PROGRAM, "serve", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=support.TIMEOUT,
        )
        message = result.stderr.decode()
        self.assertEqual((result.returncode, result.stdout), (status, b""), message)
        self.assertEqual(message.count("\n"), 1, message)
        self.assertTrue(message.startswith("framegate serve: "), message)
        self.assertIn(says, message)

    def test_bad_usage_is_one_line_and_status_2(self):
        good = ("--repository", "/nonexistent")
        self.bad(2, says="--repository DIR is missing")
        self.bad(2, "here", says="'here'")
        self.bad(2, "--frob", says="--frob")
        self.bad(2, "--repository", says="needs a value")
        self.bad(2, *good, "--listen", "8080", says="127.0.0.1:8080")
        self.bad(2, *good, "--listen", "::1:8080", says="[::1]:8080")
        self.bad(2, *good, "--listen", "localhost:80", says="localhost:80")
        self.bad(2, *good, "--listen", "127.0.0.1:65536", says="65536")
        self.bad(2, *good, "--max-body", "16X", says="16X")
        self.bad(2, *good, "--max-body", "99999999999G", says="max-body")
        self.bad(2, *good, "--threads=-1", says="threads")
        self.bad(2, *good, "--idle-time", "0", says="from 1 to")
        self.bad(2, *good, "--allow-push", "me", says="nobody has credentials")
        self.bad(2, *good, "--debugreflect=maybe", says="off, on")
        self.bad(2, *good, "--admin-listen", "0.0.0.0:0", says="loopback")

    def test_what_cannot_start_is_one_line_and_status_1(self):
        free = ("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        self.bad(1, "--repository", "/nonexistent", *free, says="/nonexistent")

    def test_a_start_that_fails_accepts_nobody(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = probe.getsockname()
        accepted = []
        ended = threading.Event()

        def knock():
            while not ended.is_set():
                try:
                    # From another address, so that the socket does not connect to itself.
                    socket.create_connection(address, source_address=("127.0.0.2", 0)).close()
                    accepted.append(address)
                except OSError:
                    pass

        knocker = threading.Thread(target=knock)
        knocker.start()
        try:
            free = ("--listen", "%s:%d" % address, "--admin-listen", "127.0.0.1:0")
            for _ in range(5):
                self.bad(1, "--repository", "/nonexistent", *free, says="/nonexistent")
        finally:
            ended.set()
            knocker.join()
        self.assertEqual(accepted, [])

    def test_a_port_in_use_is_one_line_and_status_1(self):
        with Server() as server, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            repository = server.directory if support.FAKE else server.directory + "/repository"
            self.bad(1, "--repository", repository, "--listen", address, says=address)

    def test_help_names_every_option(self):
        result = subprocess.run([PROGRAM, "serve", "--help"], stdout=subprocess.PIPE, check=True)
        for word in (b"--repository", b"--max-body", b"default 16M", b"--drain-time"):
            self.assertIn(word, result.stdout)

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 on this machine")
        with Server("--listen", "[::1]:0", "--admin-listen", "[::1]:0") as server:
            self.assertEqual(server.address[0], "[::1]")
            server.address = ("::1", server.address[1])
            self.assertEqual(server.run("heads", HEADS).status, 200)
            state = server.wait_until(lambda state: state["finished"])
            self.assertEqual(state["finished"][0]["peer"][:6], "[::1]:")


LATE_HEADER = b""  # its status line says so: who asks with HEAD gets no body
LATE_BODY = b"the body of the request did not come in time\n"


def read_all(connection):
    """What comes until the connection ends, in whatever way it ends."""
    got = b""
    try:
        for piece in iter(lambda: connection.recv(65536), b""):
            got += piece
    except ConnectionResetError:
        pass
    return got


class Deadlines(support.ServerTest):
    options = ("--header-time", "1", "--body-time", "1", "--body-time-max", "2", "--body-rate", "5K")

    def trickle(self, first, rest, limit, says=None):
        """
        Bytes that come slowly for ever: the server ends the connection, and says 408 where it knows
        that a request has begun.
        """
        before = self.server.state()["limits"][limit]["hits"]
        stopped = threading.Event()
        with self.server.connect() as connection:
            connection.sendall(first)

            def send():
                try:
                    while not stopped.wait(0.1):
                        connection.sendall(rest)
                except OSError:
                    pass

            sender = threading.Thread(target=send)
            sender.start()
            try:
                got = read_all(connection)
            finally:
                stopped.set()
                sender.join()
        if says is not None:
            answer = support.read_answer(io.BytesIO(got))
            self.assertEqual((answer.status, answer.body), (408, says), got)
            self.assertEqual(answer.headers["connection"], "close")
        else:
            self.assertEqual(got, b"")
        self.assertEqual(self.server.state()["limits"][limit]["hits"], before + 1)
        self.idle()

    def test_a_slow_first_line(self):
        self.trickle(b"GET /", b"x", "header-time")

    def test_a_slow_header(self):
        self.trickle(b"GET /api HTTP/1.1\r\n", b"X: y\r\n", "header-time", LATE_HEADER)
        finished = self.server.state()["finished"][0]
        self.assertEqual((finished["status"], finished["aborted"]), (408, False))

    def test_a_slow_header_of_a_second_request(self):
        with self.server.connect() as connection:
            connection.sendall(support.make_head("GET", "/api", []))
            file = connection.makefile("rb")
            self.assertEqual(support.read_answer(file).status, 200)
            connection.sendall(b"GET /api HTTP/1.1\r\n")
            answer = support.read_answer(file)
            self.assertEqual((answer.status, answer.body), (408, LATE_HEADER))
            self.assertEqual(file.read(), b"")

    def test_a_slow_body(self):
        head = support.post_head(API + "/ro/heads", 4000)
        self.trickle(head + HEADS[:3], b"x", "body-time", LATE_BODY)

    def test_a_slow_large_body(self):
        head = support.post_head(API + "/ro/heads", 1 << 20)
        self.trickle(head + HEADS[:3], b"x", "body-time-max", LATE_BODY)

    @needs_fake
    def test_a_slow_command_has_no_deadline_of_the_body(self):
        body = requests((b"sleep", {b"ms": 2500}), b"heads")
        answer = self.server.run("multirequest", body)
        self.assertEqual((answer.status, len(answer.frames())), (200, 2))

    @needs_fake
    def test_a_slow_body_after_a_slow_command(self):
        first = request(b"sleep", {b"ms": 1500})
        head = support.post_head(API + "/ro/multirequest", 4000)
        self.trickle(head + first, b"\xff", "body-time", LATE_BODY)

    @needs_fake
    def test_a_long_answer_has_no_deadline_of_the_body(self):
        body = request(b"stream", {b"bytes": 20 << 20})
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
            threading.Event().wait(2)
            self.assertEqual(support.read_answer(connection).status, 200)

    def test_silence_has_a_deadline_too(self):
        with self.server.connect() as connection:
            self.assertTrue(support.closes(connection))


if __name__ == "__main__":
    unittest.main()
