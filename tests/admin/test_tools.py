"""POST /decode, /encode and /send: the same as the command-line tools, with bounds and errors."""

import importlib.util
import json
import os
import random
import signal
import tempfile
import unittest

import support
from support import API, MEDIA_TYPE, validate, web

_spec = importlib.util.spec_from_file_location(
    "access", os.path.join(support.HERE, "../access/support.py")
)
access = importlib.util.module_from_spec(_spec)  # tests/access/support.py
_spec.loader.exec_module(access)

TEXT = {"Content-Type": "text/plain"}
LINES = b"""# what a client may send
1 1 stream-begin command-request new cbor:{b'name': b'heads'}

3 1 0 command-request new|have-data cbor:{b'args': {b'key': [1, -5, 2.5, None, True]}, b'name': b'x'}\r
3 1 0 command-data eos some \\x00 bytes
5 2 stream-begin|stream-end 15 9 \\xff
1 2 0 error-response application no, \\xe2\\x82\\xac and \\xff
1 2 0 text-output 0 cbor:[{b'msg': b'%s changes', b'args': [b'3']}]
"""


class Tools(support.AdminTest):
    def decode(self, body, status=200):
        found, fields, answer = self.post("/decode", body)
        self.assertEqual((found, fields["Content-Type"]), (status, "application/json"))
        return validate("decode", json.loads(answer))

    def error(self, path, body, headers=None):
        status, _, answer = self.post(path, body, headers)
        self.assertEqual(status, 400, answer)
        return validate("error", json.loads(answer))["error"]

    # -- encode and decode

    def test_encode_equals_the_tool(self):
        status, fields, body = self.post("/encode", LINES)
        self.assertEqual((status, fields["Content-Type"]), (200, MEDIA_TYPE))
        self.assertEqual(body, support.tool("encode", data=LINES).stdout)
        self.assertEqual(self.post("/encode", b"")[2], b"")
        self.assertEqual(self.post("/encode", LINES.rstrip())[2], body)

    def test_decode_equals_the_tool(self):
        frames = support.tool("encode", data=LINES).stdout
        document = self.decode(frames)
        self.assertIsNone(document["error"])
        lines = support.tool("decode", data=frames).stdout.decode().splitlines()
        self.assertEqual([one.pop("human") for one in document["frames"]], lines)
        trees = [one.pop("tree", None) for one in document["frames"]]
        objects = support.tool("decode", "--json", data=frames).stdout.splitlines()
        self.assertEqual(document["frames"], [json.loads(line) for line in objects])
        self.assertEqual([tree is not None for tree in trees],
                         [True, True, False, False, False, True])
        ((_, args), _) = [(one["key"]["text"], one["value"]) for one in trees[1]["entries"]]
        kinds = [one["kind"] for one in args["entries"][0]["value"]["items"]]
        self.assertEqual(kinds, ["integer", "integer", "float", "null", "bool"])

    def test_a_malformed_line(self):
        error = self.error("/encode", b"# fine\n1 1 0 command-request new \n1 1 bad 1 1 x\n")
        self.assertEqual((error["line"], error["column"]), (3, 5))
        self.assertIn("bad", error["message"])

    def test_malformed_frames(self):
        good = web.request(b"heads")
        for bad, number in ((good[:5], 2), (good[:12], 2)):
            document = self.decode(good + bad, 400)
            self.assertEqual(len(document["frames"]), 1)
            self.assertEqual(document["error"]["frame"], number)
            self.assertEqual(document["error"]["offset"], len(good))
        self.assertEqual(self.decode(b"")["frames"], [])

    def test_random_bytes(self):
        source = random.Random(4)
        for _ in range(200):
            body = source.randbytes(source.randrange(200))
            status, _, answer = self.post("/decode", body)
            document = validate("decode", json.loads(answer))
            self.assertEqual(status, 400 if document["error"] else 200)

    def test_many_frames_and_items(self):
        frame = web.frame(1, 1, 0, 1, 1)
        # Validating so much would take ten seconds.
        document = json.loads(self.post("/decode", frame * 10001)[2])
        self.assertEqual(len(document["frames"]), 10000)
        self.assertIn("10000", document["error"]["message"])
        items = web.request(b"x", {b"a": list(range(20)) * 1000})
        document = json.loads(self.post("/decode", items * 4)[2])
        self.assertEqual(["tree" in one for one in document["frames"]], [True, True, False, False])

    def test_bodies_are_bounded(self):
        before = self.server.state()["limits"]["max-admin-body"]["hits"]
        for path in ("/decode", "/encode"):
            with self.server_connection() as connection:
                connection.sendall(
                    b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n"
                    % path.encode()
                )
                self.assertEqual(web.read_answer(connection).status, 413)
        with self.server_connection() as connection:
            connection.sendall(
                b"POST /decode HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for _ in range(5):
                connection.sendall(b"40000\r\n" + b"\0" * 0x40000 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            self.assertEqual(web.read_answer(connection).status, 413)
        after = self.server.state()["limits"]["max-admin-body"]["hits"]
        self.assertEqual(after - before, 3)

    def server_connection(self):
        return web.socket.create_connection(self.server.admin, support.TIMEOUT)

    # -- send

    def send(self, path, body, headers=None):
        status, fields, answer = self.post("/send?path=" + path, body, headers)
        self.assertEqual((status, fields["Content-Type"]), (200, "application/json"), answer)
        return validate("send", json.loads(answer))

    def test_send_frames_and_human_strings(self):
        frames = self.send(API + "/ro/heads", web.request(b"heads"))
        text = self.send(API + "/ro/heads",
                         b"1 1 stream-begin command-request new cbor:{b'name': b'heads'}", TEXT)
        for answer in (frames, text):
            self.assertEqual((answer["status"], answer["error"], answer["cut"]), (200, None, False))
            self.assertEqual([one["type"] for one in answer["frames"]], ["bytes-response"])
            names = [one["name"].lower() for one in answer["headers"]]
            self.assertIn("content-type", names)
        state = self.server.wait_until(lambda state: not state["exchanges"])
        self.assertIn(text["local"], [one["peer"] for one in state["finished"]])

    def test_send_shows_errors(self):
        answer = self.send(API + "/ro/heads", web.frame(1, 2, 1, 1, 1))
        self.assertEqual(answer["status"], 400)
        self.assertIn("even numbered stream", answer["frames"][0]["message"])
        answer = self.send("/nothing", b"")
        self.assertEqual((answer["status"], answer["frames"]), (404, None))
        self.assertTrue(answer["text"])

    def test_send_refuses_what_it_cannot_send(self):
        for path in ("", "api", "@example.org/", "http://example.org/", "/a%20b", "/a%0d%0ab",
                     "/a%23b", "/%e4"):
            self.error("/send?path=" + path, b"")
        self.error("/send", b"")
        error = self.error("/send?path=/api", b"nonsense", TEXT)
        self.assertEqual(error["line"], 1)

    def test_send_passes_credentials_on(self):
        body = web.request(b"pushkey", {b"namespace": b"bookmarks", b"key": b"a", b"old": b"",
                                        b"new": b"b"})
        self.assertEqual(self.send(API + "/rw/pushkey", body)["status"], 401)
        answer = self.send(API + "/rw/pushkey", body,
                           {"X-Framegate-Authorization": "Bearer " + web.TOKEN})
        self.assertEqual(answer["status"], 200)

    @web.needs_fake
    def test_send_cuts_long_answers(self):
        answer = self.send(API + "/ro/stream", web.request(b"stream", {b"bytes": 3 << 20}))
        self.assertEqual((answer["cut"], answer["received_bytes"]), (True, 1 << 20))
        self.assertIn("message", answer["error"])
        self.server.wait_until(lambda state: not state["exchanges"])

    @web.needs_fake
    def test_the_end_does_not_wait_for_what_is_sent(self):
        server = web.Server("--drain-time", "0")
        connection = web.socket.create_connection(server.admin, support.TIMEOUT)
        body = web.request(b"sleep", {b"ms": 2000})
        connection.sendall(
            b"POST /send?path=%s/ro/sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            % (API.encode(), len(body)) + body
        )
        server.wait_until(lambda state: state["exchanges"])
        server.stop()
        connection.close()


class Own(unittest.TestCase):
    """POST /send finds the public listener wherever it is."""

    def check(self, *options):
        server = web.Server(*options)
        holder = support.AdminTest()
        holder.server = server
        status, _, body = holder.post("/send?path=" + API + "/ro/heads", web.request(b"heads"))
        self.assertEqual(status, 200, body)
        self.assertEqual(validate("send", json.loads(body))["status"], 200)
        server.stop()

    def test_all_addresses(self):
        self.check("--listen", "0.0.0.0:0")
        self.check("--listen", "[::]:0")

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = access.make_certificate(folder, "gateway")
            self.check("--tls-certificate", certificate, "--tls-key", key)

    def test_nobody_listens(self):
        server = web.Server("--drain-time", "60")
        holder = support.AdminTest()
        holder.server = server
        with server.connect() as connection:
            # Keeps it from ending once it no longer listens.
            connection.sendall(web.post_head(API + "/ro/heads", 100))
            server.wait_until(lambda state: state["exchanges"])
            server.process.send_signal(signal.SIGTERM)
            server.wait_until(lambda state: state["draining"])
            status, _, body = holder.post("/send?path=/api", b"")
            self.assertEqual(status, 502)
            self.assertIn(b"the public listener gave no answer", body)
        server.process.wait(support.TIMEOUT)
        server.clear()


if __name__ == "__main__":
    unittest.main()
