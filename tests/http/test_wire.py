"""HTTP as bytes on a socket: odd methods, huge heads, Expect, HEAD, 1.0, half-closed and lost peers."""

import random
import socket
import struct
import unittest

import support
from support import API, COMMAND_DATA, MEDIA_TYPE, cbor, frame, request, requests

HEADS = request(b"heads")
PATH = API + "/ro/heads"


def post(fields=(), body=HEADS, version="HTTP/1.1"):
    head = ["POST %s %s" % (PATH, version), "Host: test"]
    head += ["Accept: " + MEDIA_TYPE, "Content-Type: " + MEDIA_TYPE]
    head += ["Content-Length: %d" % len(body), *fields, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


class Wire(support.ServerTest):
    options = ("--max-connections-per-address", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.server.run("heads", HEADS)
        assert cls.good.status == 200

    def tearDown(self):
        """Whatever was done to it, the server goes on, and keeps nothing."""
        self.idle()
        self.assertEqual(self.server.run("heads", HEADS).body, self.good.body)
        self.assertEqual(self.server.state()["memory_bytes"], 0)

    def alone(self, data, statuses, method="GET"):
        """One answer, and then the end: nothing that follows is read as a request."""
        with self.server.connect() as connection:
            connection.sendall(data)
            file = connection.makefile("rb")
            answer = support.read_answer(file, method)
            self.assertIn(answer.status, statuses, (data[:60], answer))
            try:
                self.assertNotIn(b"HTTP/1.", file.read())
            except ConnectionResetError:
                pass
            return answer

    # -- methods ---------------------------------------------------------------------------------

    def test_unusual_methods_get_405_or_400_and_nothing_after_them_is_read(self):
        follow = support.make_head("GET", "/api", [])
        for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND", "PRI",
                       "get", "Post", "X", "M" * 60, "G\x01T", "POST\tX"):  # fmt: skip
            for path in ("/api", PATH):
                head = support.make_head(method, path, ["Content-Length: 5"])
                self.alone(head + b"12345" + follow, (400, 405, 501))

    def test_head_is_get_without_a_body(self):
        whole = self.server.get("/api")
        with self.server.connect() as connection:
            connection.sendall(support.make_head("HEAD", "/api", []))
            connection.sendall(support.make_head("GET", "/api", []))
            file = connection.makefile("rb")
            first = support.read_answer(file, "HEAD")
            second = support.read_answer(file)
        self.assertEqual((first.status, first.body), (200, b""))
        self.assertEqual(first.headers["content-length"], str(len(whole.body)))
        self.assertEqual((second.status, second.body), (200, whole.body))

    def test_head_of_a_command_is_405_with_post(self):
        with self.server.connect() as connection:
            connection.sendall(support.make_head("HEAD", PATH, []))
            answer = support.read_answer(connection, "HEAD")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))

    # -- heads -----------------------------------------------------------------------------------

    def test_a_huge_header_is_431_or_closed(self):
        for size in (33 << 10, 100 << 10, 1 << 20, 20 << 20):
            with self.server.connect() as connection:
                try:
                    connection.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\nX: ")
                    connection.sendall(b"y" * size + b"\r\n\r\n")
                    answer = support.read_answer(connection)
                except (BrokenPipeError, ConnectionResetError, AssertionError):
                    continue  # more than the connection's memory: it need not take that in
                self.assertIn(answer.status, (413, 431))

    def test_a_huge_first_line_is_414_or_closed(self):
        for size in (9 << 10, 100 << 10, 1 << 20):
            with self.server.connect() as connection:
                try:
                    connection.sendall(b"GET /" + b"y" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                    answer = support.read_answer(connection)
                except (BrokenPipeError, ConnectionResetError, AssertionError):
                    continue
                self.assertIn(answer.status, (414, 431))

    def test_a_nul_in_a_field_is_refused(self):
        for field in ("X\0Y: z", "Accept\0: x", "X: y\0", "X: \0", "X: y\0z", "X:\0 y"):
            self.alone(post([field, "Y: z"]), (400,))
        for name in ("Content-Type", "Accept"):
            data = post().replace(name.encode() + b": ", name.encode() + b": %s\0" % MEDIA_TYPE.encode())
            self.alone(data, (400,))

    def test_a_nul_in_a_length_is_refused(self):
        size = len(HEADS)
        for length in ("%d\0" % size, "\0%d" % size, "%d\x001" % size, "%d\0\0\0\0" % size):
            data = post(["X: y"]).replace(b"Length: %d" % size, b"Length: " + length.encode(), 1)
            self.alone(data, (400, 411))
        data = post().replace(b"Length: %d" % size, b"Length: %d\x001" % size, 1)
        self.alone(data, (400, 411))

    def test_a_folded_field_is_refused(self):
        self.alone(post(["X: a\r\n\tb\r\n   c"]), (400,))
        self.alone(post(["X: a\r\n\tb", "Y: z"]), (400,))
        size = b"Content-Length: %d" % len(HEADS)
        for other in (b"Content-Length:\r\n 20", b"Content-Length: 2\r\n 0"):
            self.alone(post().replace(size, other, 1), (400, 411))

    def test_blanks_around_a_value_are_no_part_of_it(self):
        data = post(["X:y", "X:  \ty  ", "X:", "X:  "])
        self.assertEqual(self.server.raw(data).body, self.good.body)

    # -- versions, Expect, pipelining ---------------------------------------------------------------

    def test_http_1_0_gets_an_answer_that_ends_with_the_connection(self):
        answer = self.alone(post(version="HTTP/1.0"), (200,))
        self.assertEqual(answer.body, self.good.body)
        self.assertNotIn("transfer-encoding", answer.headers)

    def test_http_1_0_may_ask_for_keep_alive(self):
        with self.server.connect() as connection:
            file = connection.makefile("rb")
            for _ in range(2):
                connection.sendall(post(["Connection: keep-alive"], version="HTTP/1.0"))
                answer = support.read_answer(file)
                self.assertEqual((answer.status, answer.body), (200, self.good.body))
                if answer.headers.get("connection", "").lower() != "keep-alive":
                    break

    def test_other_versions_are_refused(self):
        for version in ("HTTP/0.9", "HTTP/2.0", "HTTP/1", "HTTX/1.1", "http/1.1", "HTTP/1.1 x", ""):
            with self.server.connect() as connection:
                connection.sendall(post(version=version))
                connection.shutdown(socket.SHUT_WR)
                got = connection.makefile("rb").read()
            # Nothing but a refusal, and never a command that ran.
            self.assertTrue(not got or int(got.split()[1]) >= 400, (version, got[:80]))

    def test_connection_close_is_done(self):
        answer = self.alone(post(["Connection: close"]) + support.make_head("GET", "/api", []), (200,))
        self.assertEqual(answer.body, self.good.body)

    def test_expect_100_continue(self):
        head = post(["Expect: 100-continue"], HEADS)[: -len(HEADS)]
        with self.server.connect() as connection:
            connection.sendall(head)
            file = connection.makefile("rb")
            self.assertEqual(support.read_head(file)[0], 100)
            connection.sendall(HEADS)
            self.assertEqual(support.read_answer(file).body, self.good.body)

    def test_expect_is_answered_at_once_where_the_body_is_refused(self):
        big = support.post_head(PATH, 1 << 30)[:-2] + b"Expect: 100-continue\r\n\r\n"
        self.alone(big, (413,))
        other = big.replace(b"/ro/heads", b"/ro/nothing").replace(b"%d" % (1 << 30), b"5")
        self.alone(other, (404,))

    def test_an_unknown_expectation_does_not_hang(self):
        with self.server.connect() as connection:
            connection.sendall(post(["Expect: the-unexpected"]))
            self.assertIn(support.read_answer(connection).status, (200, 417))

    def test_fifty_pipelined_requests_get_fifty_answers_in_their_order(self):
        paths = ["/api" if number % 3 else "/nothing%d" % number for number in range(50)]
        data = b""
        for number, path in enumerate(paths):
            data += support.make_head("GET", path, []) + post()
        with self.server.connect() as connection:
            connection.sendall(data)
            file = connection.makefile("rb")
            for path in paths:
                answer = support.read_answer(file)
                self.assertEqual(answer.status, 200 if path == "/api" else 404)
                answer = support.read_answer(file)
                self.assertEqual((answer.status, answer.body), (200, self.good.body))

    def test_empty_lines_before_a_request(self):
        self.assertEqual(self.server.raw(b"\r\n" + post()).body, self.good.body)
        two = b"\r\n\r\n" + post()
        if self.server.is_library_1():
            # It skips one empty line, as RFC 9112 asks for, and takes two for no request.
            with self.server.connect() as connection:
                connection.sendall(two)
                self.assertEqual(connection.makefile("rb").read(), b"")
        else:
            self.assertEqual(self.server.raw(two).body, self.good.body)

    # -- peers that leave ------------------------------------------------------------------------

    def test_a_half_closed_socket_gets_its_answer(self):
        with self.server.connect() as connection:
            connection.sendall(post())
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(support.read_answer(connection).body, self.good.body)

    def test_half_closed_in_the_middle_is_the_end(self):
        data = post()
        for cut in (5, 40, len(data) - len(HEADS), len(data) - 1):
            with self.server.connect() as connection:
                connection.sendall(data[:cut])
                connection.shutdown(socket.SHUT_WR)
                got = connection.makefile("rb").read()
                self.assertNotIn(b"200 OK", got)

    def test_a_peer_that_leaves_with_its_last_bytes_is_noticed_before_any_deadline(self):
        before = self.server.state()["limits"]
        for body in (HEADS, bytes(1000)):
            with self.server.connect() as connection:
                connection.sendall(support.post_head(PATH, 100000) + body)
        self.idle()
        after = self.server.state()["limits"]
        for name in ("header-time", "body-time", "idle-time"):
            self.assertEqual(after[name]["hits"], before[name]["hits"], name)

    def test_a_disconnect_after_every_byte(self):
        data = post()
        for cut in range(1, len(data) + 1):
            for reset in (False, True):
                with self.server.connect() as connection:
                    if reset:
                        linger = struct.pack("ii", 1, 0)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.sendall(data[:cut])

    def test_a_disconnect_after_every_byte_of_a_pipelined_request(self):
        data = post()
        for cut in range(1, len(data)):
            with self.server.connect() as connection:
                connection.sendall(data + data[:cut])
                self.assertEqual(support.read_answer(connection).body, self.good.body)

    # -- slicings --------------------------------------------------------------------------------

    def test_any_body_in_any_random_slicing_gives_the_same_answer(self):
        choose = random.Random(1)
        node = b"\xab" * 20
        for number in range(150):
            body = random_body(choose, node)
            whole = self.server.run("multirequest", body)
            for _ in range(2):
                with self.server.connect() as connection:
                    data = support.post_head(API + "/ro/multirequest", len(body)) + body
                    for piece in slices(choose, data):
                        connection.sendall(piece)
                    cut = support.read_answer(connection)
                self.assertEqual((cut.status, cut.body), (whole.status, whole.body), body)


def random_body(choose, node):
    """Requests that are right, interleaved or wrong."""
    body = b""
    kind = choose.randrange(4)
    for place in range(choose.randrange(1, 6)):
        requestid, begin = 2 * place + 1, int(place == 0)
        name = choose.choice([b"heads", b"known", b"nonexistent", b"listkeys"])
        args = {b"nodes": [node] * choose.randrange(50)} if name == b"known" else {}
        payload = cbor({b"name": name, b"args": args} if args else {b"name": name})
        data = choose.random() < 0.4
        cut = choose.randrange(len(payload) + 1)
        body += frame(requestid, 1, begin, 1, 1 | 4 | 8 * data, payload[:cut])
        body += frame(requestid, 1, 0, 1, 2 | 8 * data, payload[cut:])
        if data:
            body += frame(requestid, 1, 0, COMMAND_DATA, 2, choose.randbytes(choose.randrange(3000)))
    if kind == 0:
        body = body[: choose.randrange(len(body))]
    elif kind == 1:
        body = bytearray(body)
        body[choose.randrange(len(body))] ^= 1 << choose.randrange(8)
    return bytes(body)


def slices(choose, data):
    """The data in pieces of any size, most of them small or most of them large."""
    largest = choose.choice((3, 40, 1000, 100000))
    if largest * 300 < len(data):
        largest = len(data)  # not thousands of writes
    while data:
        size = choose.randrange(1, largest + 1)
        yield data[:size]
        data = data[size:]


if __name__ == "__main__":
    unittest.main()
