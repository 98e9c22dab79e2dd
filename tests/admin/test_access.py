"""Who may look, from where, and what a browser is told with each answer."""

import base64
import gzip
import hashlib
import os
import tempfile
import unittest

import support
from support import API, web

GETS = ("/", "/state", "/state/exchanges/1", "/metrics", "/vocabulary", "/chart.js", "/nothing")
POSTS = ("/decode", "/encode", "/send?path=/api")


class Open(support.AdminTest):
    def test_hosts(self):
        port = self.server.admin[1]
        ours = ("localhost", "LOCALHOST:%d" % port, "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:80",
                "[::ffff:127.0.0.1]:80")
        others = ("example.org", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1",
                  "localhostx", "[::2]", "", "1270.0.0.1", "127.0.0.1:80:80", "x" * 500)
        for host in ours:
            self.assertEqual(self.ask("/state", headers={"Host": host})[0], 200, host)
        for host in others:
            for path in GETS + ("/events",):
                self.assertEqual(self.ask(path, headers={"Host": host})[0], 421, (host, path))
        for path in POSTS:
            self.assertEqual(self.post(path, b"", {"Host": "example.org"})[0], 421, path)

    def test_other_origins_may_not_post(self):
        own = "http://%s:%d" % self.server.admin
        good = ({}, {"Origin": own}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
                {"Origin": own, "Sec-Fetch-Site": "same-origin"})
        bad = ({"Origin": "http://example.org"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
               {"Sec-Fetch-Site": "same-site"}, {"Origin": own.replace("http:", "https:")},
               {"Origin": own + "0"}, {"Origin": own, "Sec-Fetch-Site": "cross-site"})
        for headers in good:
            self.assertEqual(self.post("/decode", b"", headers)[0], 200, headers)
        for headers in bad:
            for path in POSTS:
                self.assertEqual(self.post(path, b"", headers)[0], 403, headers)

    def test_what_browsers_are_told(self):
        for path in GETS + ("/healthz", "/readyz"):
            self.check(self.ask(path)[1], path)
        self.check(self.post("/decode", b"")[1], "/decode")
        self.check(self.ask("/state", headers={"Host": "example.org"})[1], "421")
        self.check(self.ask("/state", "PUT")[1], "405")

    def check(self, fields, what):
        policy = fields["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy, what)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(fields["X-Content-Type-Options"], "nosniff", what)
        self.assertEqual(fields["X-Frame-Options"], "DENY")
        self.assertNotIn("Access-Control-Allow-Origin", fields)
        self.assertIn(fields["Cache-Control"], ("no-store", "no-cache"))
        self.assertEqual(fields["Cache-Control"] == "no-cache", "ETag" in fields)

    def test_methods(self):
        for path in GETS + ("/events", "/healthz"):
            for method in ("POST", "PUT", "DELETE"):
                status, fields, _ = self.ask(path, method)
                self.assertEqual((status, fields["Allow"]), (405, "GET, HEAD"), path)
        for path in POSTS:
            status, fields, _ = self.ask(path)
            self.assertEqual((status, fields["Allow"]), (405, "POST"), path)
        for path in ("/", "/state"):
            status, fields, body = self.ask(path, "HEAD")
            self.assertEqual((status, body), (200, b""))

    def test_files_are_asked_for_once(self):
        for path in ("/", "/chart.js", "/schema/common.json"):
            status, fields, body = self.ask(path)
            self.assertEqual(status, 200)
            again = self.ask(path, headers={"If-None-Match": fields["ETag"]})
            self.assertEqual((again[0], again[2], again[1]["ETag"]), (304, b"", fields["ETag"]))
            self.assertEqual(self.ask(path, headers={"If-None-Match": 'W/"0"'})[0], 200)
            packed = self.ask(path, headers={"Accept-Encoding": "br, gzip"})
            self.assertEqual(packed[1]["Content-Encoding"], "gzip")
            self.assertEqual(gzip.decompress(packed[2]), body)

    def test_paths_are_not_files_of_the_machine(self):
        for path in ("/../README.md", "/schema/README.md", "/schema/../index.html", "/schema/",
                     "/%2e%2e/README.md", "//", "/index.html/"):
            self.assertEqual(self.ask(path)[0], 404, path)

    def test_nothing_of_it_is_public(self):
        for path in GETS[1:] + ("/events", "/healthz", "/readyz", "/decode", "/send"):
            self.assertEqual(self.server.get(path).status, 404, path)

    def test_ready(self):
        self.assertEqual(self.ask("/readyz")[::2], (200, b"ready\n"))


class Token(unittest.TestCase):
    """With a token: from any host, and nothing without it but health."""

    token = "an-admin-token"

    def test_token(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "tokens")
            with open(path, "w") as file:
                file.write("operator:%s\n" % hashlib.sha256(self.token.encode()).hexdigest())

            class Guarded(support.AdminTest):
                options = ("--admin-token-file", path)

                def runTest(self):
                    pass

            Guarded.setUpClass()
            try:
                self.check(Guarded())
            finally:
                Guarded.tearDownClass()

    def check(self, test):
        for path in GETS + ("/events",):
            status, fields, _ = test.ask(path)
            self.assertEqual(status, 401, path)
            self.assertIn("Basic", fields["WWW-Authenticate"])
        for path in POSTS:
            self.assertEqual(test.post(path, b"")[0], 401, path)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(test.ask(path)[0], 200, path)
        basic = base64.b64encode(b"operator:" + self.token.encode()).decode()
        for value in ("Bearer " + self.token, "Basic " + basic):
            headers = {"Authorization": value, "Host": "gateway.example.org"}
            self.assertEqual(test.ask("/state", headers=headers)[0], 200, value)
            self.assertEqual(test.ask("/", headers=headers)[0], 200, value)
            self.assertEqual(test.post("/decode", b"", headers)[0], 200, value)
            crossed = dict(headers, Origin="http://example.org")
            self.assertEqual(test.post("/decode", b"", crossed)[0], 403, value)


class Readiness(unittest.TestCase):
    @unittest.skipIf(web.FAKE, "needs a repository")
    def test_a_repository_that_is_gone(self):
        server = web.Server()
        ask = lambda: support.AdminTest.ask(holder, "/readyz")
        holder = support.AdminTest()
        holder.server = server
        self.assertEqual(ask()[0], 200)
        path = os.path.join(server.directory, "repository")
        os.rename(path, path + ".away")
        server.wait_until(lambda state: ask()[0] == 503, "503 from /readyz")
        status, _, body = ask()
        self.assertEqual(status, 503)
        real = os.path.join(os.path.realpath(server.directory), "repository")
        self.assertTrue(
            body.decode().startswith("not ready: the repository %s cannot be read: " % real), body
        )
        self.assertIn("no repository at", server.state()["repository"]["error"])
        server.wait_until(lambda state: "cannot be read" in server.stderr(), "the line in the log")
        self.assertEqual(support.AdminTest.ask(holder, "/healthz")[0], 200)
        os.rename(path + ".away", path)
        server.wait_until(lambda state: ask()[0] == 200, "200 from /readyz")
        self.assertIsNone(server.state()["repository"]["error"])
        again = "framegate: the repository %s can be read again\n" % real
        server.wait_until(lambda state: again in server.stderr(), "the line that it can be read")
        said = server.stop()
        self.assertEqual(said.count("framegate: the repository %s cannot be read: " % real), 1, said)
        self.assertEqual(said.count(again), 1)

    @unittest.skipIf(web.FAKE, "needs a repository")
    def test_damage(self):
        server = web.Server()
        holder = support.AdminTest()
        holder.server = server
        path = os.path.join(server.directory, "repository")
        with open(os.path.join(path, ".hg/store/00changelog.i"), "r+b") as file:
            file.truncate(70)
        server.wait_until(
            lambda state: support.AdminTest.ask(holder, "/readyz")[0] == 503, "503 from /readyz"
        )
        (frame,) = server.run("heads", web.request(b"heads")).frames()
        self.assertEqual(frame[3:5], (web.ERROR_RESPONSE, web.APPLICATION))
        words = frame[5]
        self.assertIn(b"00changelog.i", words)
        self.assertNotIn(server.directory.encode(), words)
        answer = server.get("/?cmd=capabilities")
        self.assertEqual((answer.status, answer.body), (500, words + b"\n"))
        answer = server.get("/?cmd=heads")
        self.assertEqual(answer.body, words + b"\n")
        state = server.wait_until(lambda state: not state["exchanges"])
        self.assertIn("00changelog.i", state["repository"]["error"])
        messages = [one["message"] for one in state["finished"]]
        self.assertEqual(messages, [words.decode()] * 3)
        server.wait_until(lambda state: "cannot be read" in server.stderr(), "the line in the log")
        said = server.stop()
        self.assertEqual(said.count("cannot be read"), 1, said)
        self.assertRegex(said, "the repository /.*/repository cannot be read: .*00changelog.i")

    @web.needs_fake
    def test_draining(self):
        server = web.Server()
        holder = support.AdminTest()
        holder.server = server
        with server.connect() as connection:
            body = web.request(b"sleep", {b"ms": 3000})
            connection.sendall(web.post_head(API + "/ro/sleep", len(body)) + body)
            server.wait_until(lambda state: state["exchanges"])
            server.process.send_signal(web.signal.SIGTERM)
            server.wait_until(lambda state: state["draining"])
            status, _, text = support.AdminTest.ask(holder, "/readyz")
            self.assertEqual((status, text), (503, b"not ready: it was told to stop\n"))
            self.assertEqual(web.read_answer(connection).status, 200)
        server.process.wait(support.TIMEOUT)
        server.clear()


if __name__ == "__main__":
    unittest.main()
