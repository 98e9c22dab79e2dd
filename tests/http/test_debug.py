"""The debug commands: command data that is counted as it comes, and a reply made as it is sent."""

import unittest

import support
from support import (
    APPLICATION,
    BYTES_RESPONSE,
    COMMAND_DATA,
    ERROR_RESPONSE,
    Server,
    cbor,
    frame,
    request,
)

NEW, MORE, HAVE_DATA, CONTINUATION, EOS = 1, 4, 8, 1, 2


def data(requestid, payload, flags):
    return frame(requestid, 1, 0, COMMAND_DATA, flags, payload)


@unittest.skipIf(support.FAKE, "needs the program's own handlers")
class DebugCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--debugreflect", "--max-body=64M", "--max-data=1K")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def counts(self, body, *expected):
        answer = self.server.run("multirequest", body)
        self.assertEqual(answer.status, 200, answer)
        got = [(one[0], one[5]) for one in answer.frames()]
        self.assertEqual(got, [(requestid, cbor(count)) for requestid, count in expected])

    def test_data_is_counted_and_not_kept(self):
        body = request(b"debugcount", flags=NEW | HAVE_DATA)
        body += data(1, b"x" * 65535, CONTINUATION) * 300 + data(1, b"end", EOS)
        before = self.server.memory("VmHWM")
        answer = self.server.run("debugcount", body)
        self.assertEqual(answer.frames()[0][5], cbor(300 * 65535 + 3))
        self.assertLess(self.server.memory("VmHWM") - before, 4096)

    def test_interleaved_and_without_data(self):
        body = request(b"debugcount", requestid=1, flags=NEW | HAVE_DATA)
        body += request(b"debugcount", requestid=3, begin=False, flags=NEW | HAVE_DATA)
        body += data(1, b"one", CONTINUATION) + data(3, b"three", EOS)
        body += request(b"debugcount", requestid=5, begin=False)
        body += data(1, b"", EOS)
        self.counts(body, (3, 5), (5, 0), (1, 3))

    def test_data_before_the_request_is_complete(self):
        whole = request(b"debugcount", flags=NEW | HAVE_DATA | MORE)[8:]
        body = frame(1, 1, 1, 1, NEW | HAVE_DATA | MORE, whole[:4])
        body += data(1, b"early", CONTINUATION)
        body += frame(1, 1, 0, 1, 2 | HAVE_DATA, whole[4:]) + data(1, b"late", EOS)
        self.counts(body, (1, 9))
        body = body.replace(data(1, b"early", CONTINUATION), data(1, b"x" * 2000, CONTINUATION))
        answer = self.server.run("multirequest", body)
        (only,) = answer.frames()
        self.assertEqual(only[3:5], (ERROR_RESPONSE, APPLICATION))
        self.assertIn(b"exceeds the limit of 1024", only[5])

    def test_bad_arguments_are_answered_when_the_data_has_ended(self):
        body = request(b"debugcount", {b"x": 1}, flags=NEW | HAVE_DATA)
        answer = self.server.run("debugcount", body + data(1, b"data", EOS))
        (only,) = answer.frames()
        self.assertEqual(only[3:5], (ERROR_RESPONSE, APPLICATION))
        self.assertIn(b"unknown argument 'x'", only[5])

    def test_one_command_for_one_url(self):
        body = request(b"debugcount", requestid=1, flags=NEW | HAVE_DATA)
        body += request(b"debugcount", requestid=3, begin=False, flags=NEW | HAVE_DATA)
        body += data(1, b"one", EOS) + data(3, b"three", EOS)
        answer = self.server.run("debugcount", body)
        self.assertEqual(answer.status, 400, answer)
        self.assertIn(b"one command debugcount only", answer.frames()[-1][5])

    def test_cut_data_leaves_nothing(self):
        body = request(b"debugcount", flags=NEW | HAVE_DATA) + data(1, b"one", CONTINUATION)
        self.assertEqual(self.server.run("debugcount", body).status, 400)

    def test_bytes(self):
        for size in (0, 1, 32768, 32769, 3 << 20):
            answer = self.server.run("debugbytes", request(b"debugbytes", {b"size": size}))
            frames = answer.frames()
            self.assertEqual(b"".join(one[5] for one in frames), bytes(size))
            self.assertEqual({one[3] for one in frames}, {BYTES_RESPONSE})
        answer = self.server.run("debugbytes", request(b"debugbytes", {b"size": 1 << 40}))
        self.assertEqual(answer.frames()[0][3:5], (ERROR_RESPONSE, APPLICATION))

    def test_not_in_capabilities(self):
        answer = self.server.run("capabilities", request(b"capabilities"))
        self.assertNotIn(b"debug", answer.frames()[0][5])


@unittest.skipIf(support.FAKE, "needs the program's own handlers")
class SwitchedOff(unittest.TestCase):
    def test_they_do_not_exist(self):
        with Server() as server:
            for name in (b"debugcount", b"debugbytes"):
                body = request(name, {b"size": 1})
                self.assertEqual(server.run(name.decode(), body).status, 404)
                (only,) = server.run("multirequest", body).frames()
                self.assertIn(b"unknown wire protocol command: " + name, only[5])
                body = request(name, flags=NEW | HAVE_DATA) + data(1, b"x", EOS)
                (only,) = server.run("multirequest", body).frames()
                self.assertIn(b"unknown wire protocol command: " + name, only[5])


if __name__ == "__main__":
    unittest.main()
