"""The program on a real repository: what it answers is what hg says."""

import ast
import os
import subprocess
import tempfile
import unittest

import support
from support import API, BYTES_RESPONSE, ERROR_RESPONSE, MEDIA_TYPE, PROGRAM, Server
from support import cbor, needs_pidfd, request, requests


class Repository(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.directory.name, "repository")
        cls.hg("init", cls.path)
        for number in range(5):
            cls.commit(number)
        for number in range(3):
            cls.hg("-R", cls.path, "update", "-q", str(number))
            cls.commit(100 + number)
        cls.server = Server("--hg", "/usr/bin/hg", repository=cls.path)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
        finally:
            cls.directory.cleanup()

    @classmethod
    def hg(cls, *args):
        environment = dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test")
        result = subprocess.run(
            ["/usr/bin/hg", *args], check=True, env=environment, stdout=subprocess.PIPE
        )
        return result.stdout.decode()

    @classmethod
    def commit(cls, number):
        with open(os.path.join(cls.path, "file"), "w") as file:
            file.write(str(number))
        cls.hg("-R", cls.path, "commit", "-q", "-A", "-d", "0 0", "-m", str(number))

    def heads(self):
        lines = self.hg("-R", self.path, "heads", "-T", "{node}\n").split()
        return [bytes.fromhex(line) for line in lines]

    def answer(self, name, *args):
        answer = self.server.run(name, request(name.encode(), *args))
        self.assertEqual(answer.status, 200, answer)
        (only,) = answer.frames()
        self.assertEqual(only[3:5], (BYTES_RESPONSE, 2 | 4))
        return only[5]

    def test_heads_and_known(self):
        heads = self.heads()
        self.assertEqual(len(heads), 4)
        self.assertEqual(self.answer("heads"), cbor(heads))
        nodes = [heads[0], b"\xab" * 20, heads[3]]
        self.assertEqual(self.answer("known", {b"nodes": nodes}), cbor(b"101"))

    def test_the_next_request_sees_a_commit(self):
        self.commit("more")
        self.assertEqual(self.answer("heads"), cbor(self.heads()))

    @needs_pidfd
    def test_pushkey_through_rw_and_what_it_changed(self):
        node = self.heads()[0].hex().encode()
        args = {b"namespace": b"bookmarks", b"key": b"mark", b"old": b"", b"new": node}
        push = request(b"pushkey", args)
        self.assertEqual(self.server.run("pushkey", push).status, 403)
        answer = self.server.post(API + "/rw/pushkey", push)
        self.assertEqual([one[5] for one in answer.frames()], [cbor(True)], answer)
        marks = self.hg("-R", self.path, "bookmarks", "-T", "{bookmark} {node}\n")
        self.assertIn("mark %s\n" % node.decode(), marks)
        listed = self.answer("listkeys", {b"namespace": b"bookmarks"})
        self.assertIn(cbor(b"mark") + cbor(node), listed)

    @needs_pidfd
    def test_a_later_command_of_the_same_request_sees_a_push(self):
        node = self.heads()[1].hex().encode()
        args = {b"namespace": b"bookmarks", b"key": b"seen", b"old": b"", b"new": node}
        body = requests(
            (b"listkeys", {b"namespace": b"bookmarks"}),
            (b"pushkey", args),
            (b"listkeys", {b"namespace": b"bookmarks"}),
        )
        answer = self.server.post(API + "/rw/multirequest", body)
        before, pushed, after = [one[5] for one in answer.frames()]
        self.assertNotIn(b"seen", before)
        self.assertEqual(pushed, cbor(True))
        self.assertIn(b"Dseen" + cbor(node), after)

    def test_the_handshake_has_the_descriptor(self):
        fields = ["X-HgUpgrade-1: exp-http-v2-0001", "X-HgProto-1: cbor"]
        answer = self.server.get("/?cmd=capabilities", headers=fields)
        self.assertIn(b"Pexp-http-v2-0001" + self.answer("capabilities"), answer.body)

    def test_the_pipeline_of_the_readme(self):
        frames = subprocess.run([PROGRAM, "request", "heads"], stdout=subprocess.PIPE, check=True)
        url = "http://%s:%d" % self.server.address + API + "/ro/heads"
        fields = ["-H", "Content-Type: " + MEDIA_TYPE, "-H", "Accept: " + MEDIA_TYPE]
        reply = subprocess.run(
            ["curl", "-s", "--data-binary", "@-", *fields, url],
            input=frames.stdout,
            stdout=subprocess.PIPE,
            check=True,
        )
        line = subprocess.run([PROGRAM, "decode"], input=reply.stdout, stdout=subprocess.PIPE)
        prefix, _, listed = line.stdout.decode().strip().partition("cbor:")
        self.assertEqual(prefix, "1 2 stream-begin bytes-response eos|cbor ")
        self.assertEqual(ast.literal_eval(listed), self.heads())


class Ceiling(unittest.TestCase):
    """What a bundle takes is more than the requests in progress may hold together."""

    def test_a_bundle_is_refused_and_gives_all_back(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "repository")
            subprocess.run(["/usr/bin/hg", "init", path], check=True)
            with open(os.path.join(path, "file"), "w") as file:
                file.write("content")
            environment = dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test")
            subprocess.run(
                ["/usr/bin/hg", "-R", path, "commit", "-q", "-A", "-m", "one"],
                check=True,
                env=environment,
            )
            # Its sets alone are too much; or they are not, and then what it reads is.
            for ceiling in ("100", "1K"):
                with Server("--max-memory", ceiling, repository=path) as server:
                    self.refuse(server, ceiling == "100")
            with Server("--max-memory", "1M", "--bundle-cache", "off", repository=path) as server:
                self.refuse_to_compress(server)

    def refuse(self, server, at_once):
        body = request(b"getbundle")
        if at_once:
            answer = server.run("getbundle", body)
            (only,) = answer.frames()
            self.assertEqual((answer.status, only[3:5]), (200, (ERROR_RESPONSE, 2)))
            self.assertIn(b"hold too much memory", only[5])
        else:
            with self.assertRaises((ValueError, AssertionError)):
                server.run("getbundle", body)
        state = server.wait_until(lambda state: state["memory_bytes"] == 0)
        self.assertGreater(state["limits"]["max-memory"]["hits"], 0)
        self.assertEqual(server.run("heads", request(b"heads")).status, 200)

    def refuse_to_compress(self, server):
        """zstd alone needs more; whoever is told hears what was short, and no other bound is counted."""
        answer = server.get("/?cmd=getbundle", headers=["X-HgProto-1: 0.1 0.2 comp=zstd"])
        self.assertEqual(answer.headers["content-type"], "application/hg-error")
        self.assertIn(b"hold too much memory", answer.body)
        limits = server.state()["limits"]
        self.assertEqual((limits["max-memory"]["hits"], limits["max-reply"]["hits"]), (1, 0))


if __name__ == "__main__":
    unittest.main()
