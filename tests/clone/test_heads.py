"""A thousand heads, here and there: an hg client names them all, in header fields or a body."""

import hashlib
import itertools
import os
import struct
import tempfile
import time
import unittest

import support
from support import hg, http

HEADS = 1000
NULL = b"\0" * 20


def chunk(data):
    return struct.pack(">l", len(data) + 4) + data


def many_heads(count, words):
    """A bundle of one root, the same for all, and so many children of it, without files."""
    chunks, root, before = [b"HG10UN"], NULL, b""
    for number in range(count + 1):
        text = b"0" * 40 + b"\nt\n0 0\n\n" + (words + b" %d" % number if number > 0 else b"root")
        node = hashlib.sha1(NULL + root + text).digest()
        delta = struct.pack(">lll", 0, len(before), len(text)) + text
        chunks.append(chunk(node + root + NULL + node + delta))
        root = node if number == 0 else root
        before = text
    return b"".join(chunks) + struct.pack(">lll", 0, 0, 0)


def make(path, words):
    hg("init", path)
    bundle = path + ".hg"
    with open(bundle, "wb") as file:
        file.write(many_heads(HEADS, words))
    hg("-R", path, "unbundle", "-q", bundle)


def heads(path):
    return hg("-R", path, "heads", "-T", "{node}\n").split()


class FolderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)

    @classmethod
    def folder(cls, name):
        return os.path.join(cls.directory.name, name)


class Heads(FolderTest):
    """The program with and without credentials for reading and pushing, judged by hg."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make(cls.folder("few"), b"draft")
        make(cls.folder("many"), b"public")
        hg("-R", cls.folder("many"), "phase", "-q", "--public", "-r", "all()")

    def posts(self, server):
        """How many of the bundles that were asked for had their arguments in the body."""
        lines = [one for one in server.stderr().splitlines() if "cmd=getbundle" in one]
        return sum('"POST ' in one for one in lines), len(lines)

    def check(self, *options, posted, pushes):
        path = self.folder("server-" + self.id())
        hg("clone", "-q", "-U", "--pull", self.folder("many"), path)
        clone = self.folder("clone-" + self.id())
        drafts = self.folder("drafts-" + self.id())
        hg("clone", "-q", "-U", "--pull", self.folder("few"), drafts)
        with http.Server("--access-log=-", *options, repository=path) as server:
            url = "http://tester:%s@%s:%d/" % (http.TOKEN, *server.address)
            hg("clone", "-q", "-U", url, clone)
            self.assertEqual(sorted(heads(clone)), sorted(heads(path)))
            hg("-R", clone, "pull", "-q", url)
            hg("-R", drafts, "pull", "-q", url)
            self.assertEqual(len(heads(drafts)), 2 * HEADS)
            if pushes:
                hg("-R", drafts, "push", "-q", "-f", "-r", "1", url)
                support.commit(clone, "new", "new\n")
                hg("-R", clone, "push", "-q", "-f", url)
                self.assertEqual(len(heads(path)), HEADS + 2)
            of_these, all_of_them = self.posts(server)
            self.assertGreaterEqual(all_of_them, 3)
            self.assertEqual(of_these, all_of_them if posted else 0)

    def test_where_all_read_and_some_push(self):
        self.check(posted=False, pushes=True)

    def test_where_some_read_and_push(self):
        self.check("--allow-read", "tester", posted=True, pushes=True)

    def test_where_nobody_pushes(self):
        self.check("--allow-push=", posted=True, pushes=False)


class RoomTest(FolderTest):
    """Heads of megabytes without hg."""

    options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = cls.folder("server")
        make(path, b"public")
        cls.nodes = [one.decode() for one in heads(path)]
        cls.server = http.Server(*cls.options, repository=path)
        cls.addClassCleanup(cls.server.stop)

    def fields(self, nodes, name="X-HgArg"):
        """Arguments of known as hg sends them: in the order of the names, not of the numbers."""
        text = "nodes=" + "+".join(nodes)
        parts = [text[start : start + 1000] for start in range(0, len(text), 1000)]
        return sorted("%s-%d: %s" % (name, n + 1, part) for n, part in enumerate(parts))

    def request(self, nodes, command="known"):
        lines = ["GET /?cmd=%s HTTP/1.1" % command, "Host: a", *self.fields(nodes)]
        return "\r\n".join(lines + ["", ""]).encode()

    def open(self):
        return self.server.connect()

    def widen(self):
        """What tells the gateway that this host may need room."""
        with self.open() as connection:
            connection.sendall(self.request(self.nodes[:250]))
            answer = http.read_answer(connection)
        self.assertEqual(answer.body, b"1" * 250)
        self.assertEqual(answer.headers["connection"].lower(), "close")

    def known(self, nodes):
        with self.open() as connection:
            connection.sendall(self.request(nodes))
            return http.read_answer(connection)


class FewNodes(RoomTest):
    def test_they_leave_the_connection_as_it_is(self):
        with self.open() as connection:
            for _ in range(2):
                connection.sendall(self.request(self.nodes[:100]))
                answer = http.read_answer(connection)
                self.assertEqual(answer.body, b"1" * 100)
                self.assertNotIn("connection", answer.headers)


class ManyNodes(RoomTest):
    options = ("--header-time=2",)

    def test_as_many_nodes_as_a_request_may_have(self):
        self.widen()
        nodes = itertools.islice(itertools.cycle(self.nodes), 102000)
        answer = self.known(list(nodes))
        self.assertEqual((answer.status, answer.body), (200, b"1" * 102000))

    def test_more_is_refused_with_the_limit(self):
        self.widen()
        before = self.server.state()["limits"]["max-request"]["hits"]
        answer = self.known(self.nodes * 104)
        self.assertEqual(answer.status, 431)
        said = b"the arguments in the header exceed the limit of 4194304 bytes (--max-request)"
        self.assertIn(said, answer.body)
        self.assertEqual(self.server.state()["limits"]["max-request"]["hits"], before + 1)

    def test_other_fields_get_no_more_room(self):
        self.widen()
        lines = self.fields(self.nodes, "X-Other")
        with self.open() as connection:
            connection.sendall("\r\n".join(["GET / HTTP/1.1", "Host: a", *lines, "", ""]).encode())
            answer = http.read_answer(connection)
        self.assertEqual(answer.status, 431)

    def test_who_goes_on_sending_has_the_time(self):
        self.widen()
        data = self.request(list(itertools.islice(itertools.cycle(self.nodes), 20000)))
        with self.open() as connection:
            for start in range(0, len(data), 1 << 17):
                connection.sendall(data[start : start + (1 << 17)])
                time.sleep(0.5)
            self.assertEqual(http.read_answer(connection).body, b"1" * 20000)


class LittleMemory(RoomTest):
    options = ("--max-memory=8M",)

    def test_incomplete_heads_have_a_part_of_the_memory(self):
        self.widen()
        hits = lambda: self.server.state()["limits"]["max-memory"]["hits"]
        before = hits()
        head = self.request(list(itertools.islice(itertools.cycle(self.nodes), 40000)))[:-4]
        with self.open() as first, self.open() as second:
            for one in (first, second):
                one.sendall(head)
            self.server.wait_until(lambda _: hits() > before, "a connection cut")
        self.assertEqual(self.known(self.nodes).body, b"1" * HEADS)


if __name__ == "__main__":
    unittest.main()
