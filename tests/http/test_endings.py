"""
Requests that the HTTP library answers or gives up by itself, and connections on which there never
was one: each answer is whole and single, and everything is ended, counted, logged and shown.
"""

import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest

import support
from support import Server

HOST = b"Host: localhost\r\n"
LENGTH = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: "

# What is sent, and the status that the peer gets; None: the connection ends without an answer.
REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no host, with a body": (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400),
    "no host for HEAD": (b"HEAD / HTTP/1.1\r\n\r\n", 400),
    "a signed length": (LENGTH + b"+3\r\n\r\nabc", 400),
    "a negative length": (LENGTH + b"-1\r\n\r\nabc", 400),
    "an empty length": (LENGTH + b"\r\n\r\n", 400),
    "two lengths in one": (LENGTH + b"3, 3\r\n\r\nabc", 400),
    "a length of words": (LENGTH + b"three\r\nExpect: 100-continue\r\n\r\nabc", 400),
    "a length of GET": (b"GET /x HTTP/1.1\r\n" + HOST + b"Content-Length: +0\r\n\r\n", 400),
    "a length beyond 64 bits": (LENGTH + b"9" * 30 + b"\r\n\r\nabc", 413),
    "cookies": (b"GET /x HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b;" * 2000 + b"\r\n\r\n", 431),
    "cookies, no host": (b"GET /x HTTP/1.1\r\nCookie: " + b"a=b;" * 2000 + b"\r\n\r\n", 431),
    "cookies and a length": (LENGTH + b"+3\r\nCookie: " + b"a=b;" * 2000 + b"\r\n\r\n", 431),
    "arguments": (b"GET /?" + b"a&" * 600 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a NUL, arguments": (b"GET /\0?" + b"a&" * 600 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a NUL, a version": (b"GET /\0HTTP/1.1\0x?" + b"a&" * 600 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a header without an end": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200000, 431),
    "many fields": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 20000, 431),
    "long folded fields": (b"GET / HTTP/1.1\r\nX: a\r\n" + b" b\r\n" * 20000, 431),
    "no colon": (b"GET / HTTP/1.1\r\n" + HOST + b"nothing\r\n\r\n", 400),
    "no colon at first": (b"GET / HTTP/1.1\r\nnothing\r\n\r\n", 400),
    "a first line without an end": (b"GET /" + b"a" * 200000, 414),
    "no target": (b"GET \r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "no version of HTTP": (b"GET / FTP/1.1\r\n\r\n", 400),
    "an old version": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "a new version": (b"GET / HTTP/2.0\r\n\r\n", 505),
    "one word": (b"GARBAGE\r\n\r\n", None),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", None),
}  # fmt: skip

# Where version 1.0 of the library does otherwise than 0.9.75.
NEWER = {"cookies": 404, "cookies, no host": 400, "cookies and a length": 400,
         "a NUL, arguments": None, "a NUL, a version": None, "long folded fields": 400,
         "a blank in the target": 400}  # fmt: skip

ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n:]+: [^\r\n]*\r\n)*)\r\n")


def converse(connection, data):
    """Sends all, and reads until the end."""
    got = b""
    try:
        connection.sendall(data)
    except OSError:
        pass  # it was answered before it could take all of that
    try:
        connection.settimeout(support.TIMEOUT)
        for piece in iter(lambda: connection.recv(65536), b""):
            got += piece
    except (ConnectionResetError, ssl.SSLError):
        pass
    return got


def status_of(got, head):
    """The status of exactly one answer; its body is as long as it says, and there is none for HEAD."""
    if not got:
        return None
    found = ANSWER.match(got)
    assert found, got[:300]
    fields = dict(
        line.lower().split(b": ", 1) for line in found[2].decode().encode().split(b"\r\n")[:-1]
    )
    body = got[found.end() :]
    assert len(body) == (0 if head else int(fields[b"content-length"])), got[:300]
    return int(found[1])


class EndingsTest(unittest.TestCase):
    """A server whose counters are looked at; wrap makes a connection of a socket."""

    limit = "0"
    silent = False
    wrap = staticmethod(lambda connection: connection)

    @classmethod
    def make_options(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="framegate-endings-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.log = os.path.join(cls.folder.name, "access.log")
        return ["--access-log", cls.log, "--max-connections-per-address", cls.limit]

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.make_options())
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.before = self.totals()
        self.lines_before = len(self.all_lines())

    def totals(self):
        return self.server.wait_until(
            lambda state: not state["exchanges"] and state["connections"] == 0
        )["totals"]

    def go(self, data):
        with self.wrap(self.server.connect()) as connection:
            # Whoever keeps the connection is to be asked to close it.
            return converse(connection, data.replace(HOST, HOST + b"Connection: close\r\n", 1))

    def ended(self):
        """The counters' change; each is what the number of requests is."""
        after = self.totals()
        self.assertEqual(after["requests"], after["ended"])
        statuses = {
            int(key): value - self.before["status"].get(key, 0)
            for key, value in after["status"].items()
        }
        reasons = {
            key: value - self.before["aborted_by"][key]
            for key, value in after["aborted_by"].items()
        }
        count = after["requests"] - self.before["requests"]
        self.assertEqual(count, sum(statuses.values()) + sum(reasons.values()))
        return count, {**statuses, **reasons}

    def all_lines(self):
        """Those of the access log, once all are there."""
        def read(state=None):
            with open(self.log) as file:
                lines = file.read().splitlines()
            return lines if state is None else len(lines) >= state["totals"]["ended"]

        self.server.wait_until(read, "the lines of all that ended")
        return read()

    def lines(self):
        return self.all_lines()[self.lines_before :]

    def expected(self, name):
        version = self.server.state()["build"]["libraries"]["libmicrohttpd"]
        status = REFUSED[name][1]
        return status if version.startswith("0.9.") else NEWER.get(name, status)



class Endings:
    """What holds with and without TLS."""

    def test_each_gets_one_answer_and_is_counted_logged_and_shown(self):
        statuses = []
        for name, (data, _) in REFUSED.items():
            with self.subTest(name):
                self.before = self.totals()
                status = self.expected(name)
                statuses.append("%03d" % (status or 0))
                self.assertEqual(status_of(self.go(data), data.startswith(b"HEAD")), status)
                count, counts = self.ended()
                if status is None and self.silent:
                    self.assertEqual(count, 0)
                    statuses.pop()
                    continue
                self.assertEqual((count, counts[status or "malformed"]), (1, 1), counts)
                shown = self.server.state()["finished"][0]
                self.assertEqual(shown["status"], status or 0)
                self.assertTrue(shown["message"])
        lines = self.lines()
        logged = [re.search(r'" (\d{3}) \d+ "-" ', line)[1] for line in lines]
        self.assertEqual(sorted(logged), sorted(statuses))  # each thread writes lines of its own
        self.assertEqual(
            sum("aborted=malformed" in line for line in lines), statuses.count("000"))

    def test_a_second_request_is_refused_as_the_first_one_is(self):
        good = b"GET /api HTTP/1.1\r\n" + b"Host: x\r\n\r\n"
        for name in ("no host", "a signed length", "cookies", "no colon", "no version"):
            with self.subTest(name):
                self.before = self.totals()
                got = self.go(good + REFUSED[name][0])
                self.assertEqual(got.count(b"HTTP/1.1 "), 2, got)
                count, counts = self.ended()
                self.assertEqual((count, counts[200]), (2, 1))

    def test_a_peer_that_leaves_early(self):
        sent = (b"GET", b"GET /api HTTP/1.1\r\n", b"GET /api HTTP/1.1\r\nHo", b"POST /api HTTP/1.1\r\n"
                + HOST + b"Content-Length: 9\r\n\r\nabc")  # fmt: skip
        for how in ("close", "reset"):
            for data in sent:
                connection = self.wrap(self.server.connect())
                connection.sendall(data)
                if how == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        self.ended()

    def test_thousands_leave_nothing(self):
        """
        They are ended, and the memory that they took is used again: it grows by less than 2 MiB,
        also with FRAMEGATE_ENDINGS=200000 and a program without sanitizers.
        """
        kinds = [data for name, (data, _) in REFUSED.items() if len(data) < 20000]
        self.storm(kinds, 300)
        before = self.server.memory("VmRSS")
        count = self.storm(kinds, self.many)
        self.assertEqual(self.server.state()["memory_bytes"], 0)
        if not self.server.state()["build"]["sanitizers"]:
            # Each exchange that is left would be 2 KiB and more.
            self.assertLess(self.server.memory("VmRSS") - before, min(2048, count * 3 // 4))
        self.ended()

    def storm(self, kinds, count):
        for number in range(count):
            with self.wrap(self.server.connect()) as connection:
                try:
                    connection.sendall(kinds[number % len(kinds)])
                    connection.settimeout(0.02)
                    connection.recv(100)
                except OSError:
                    pass
        self.totals()
        return count


class Plain(Endings, EndingsTest):
    many = int(os.environ.get("FRAMEGATE_ENDINGS", "1000"))

    def test_who_says_nothing_is_not_counted(self):
        self.server.connect().close()
        self.assertEqual(self.ended()[0], 0)

    def test_the_admin_listener_gives_one_answer_too(self):
        for name, (data, _) in REFUSED.items():
            with self.subTest(name), socket.create_connection(self.server.admin) as connection:
                data = data.replace(HOST, HOST + b"Connection: close\r\n", 1)
                status = status_of(converse(connection, data), data.startswith(b"HEAD"))
                if name != "arguments" and not data.startswith(LENGTH[:4]):
                    self.assertEqual(status, self.expected(name))


class Crowded(EndingsTest):
    limit = "1"

    def test_who_has_too_many_is_counted_by_that(self):
        with self.server.connect() as one:
            one.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(support.read_answer(one).status, 200)
            with self.server.connect() as other:
                self.assertTrue(support.closes(other))
        count, counts = self.ended()
        self.assertEqual((count, counts["address"]), (2, 1))
        self.assertIn("aborted=address", "".join(self.lines()))


class Tls(Endings, EndingsTest):
    silent = True  # whoever gets no request out of a handshake is not told from who asks nothing
    many = int(os.environ.get("FRAMEGATE_ENDINGS", "200"))

    @classmethod
    def make_options(cls):
        options = super().make_options()
        certificate, key = (os.path.join(cls.folder.name, name) for name in ("c.pem", "k.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", certificate],
            check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        cls.context.check_hostname = False
        cls.context.verify_mode = ssl.CERT_NONE
        return [*options, "--tls-certificate", certificate, "--tls-key", key]

    def wrap(self, connection):
        return self.context.wrap_socket(connection)

    def test_a_handshake_that_fails_is_counted(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16"):
            self.before = self.totals()
            with self.server.connect() as connection:
                connection.sendall(data)
                try:
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it was cut off already
                self.assertTrue(support.closes(connection))
            count, counts = self.ended()
            self.assertEqual((count, counts["tls"]), (1, 1), data)
            self.assertIn("aborted=tls", self.lines()[-1])

    def test_a_client_that_does_not_believe_the_certificate_is_counted(self):
        with self.assertRaises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(self.server.connect(), server_hostname="x")
        self.ended()

    def test_who_asks_nothing_after_the_handshake_is_not_counted(self):
        self.wrap(self.server.connect()).close()
        self.assertEqual(self.ended()[0], 0)


if __name__ == "__main__":
    unittest.main()
