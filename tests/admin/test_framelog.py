"""The frame log of an exchange: order, what the reactor said, bounds, and secrets."""

import unittest

import support
from support import API, COMMAND_REQUEST, web

HEADS = web.cbor({b"name": b"heads"})
KEPT = 64  # of finished exchanges, for each thread that serves
KEPT_FAILED = 32  # of those before


def entries(document):
    return document["log"]["entries"]


class Log(support.AdminTest):
    options = ("--threads", "1")

    def test_a_request_and_its_reply(self):
        self.server.run("heads", web.request(b"heads"))
        log = entries(self.last(API + "/ro/heads"))
        self.assertEqual(
            [(one["number"], one["event"], one["action"], one["state"]) for one in log],
            [
                (1, "frame-in", "runcommand", "idle"),
                (2, "input-end", "sendframes", "idle"),
                (3, "frame-out", None, "idle"),
            ],
        )
        self.assertEqual(
            log[0]["frame"]["human"],
            "1 1 stream-begin command-request new cbor:{b'name': b'heads'}",
        )
        self.assertEqual(log[0]["frame"]["tree"]["kind"], "map")
        self.assertEqual(log[2]["frame"]["type"], "bytes-response")
        times = [one["at_microseconds"] for one in log]
        self.assertEqual(times, sorted(times))
        self.assertEqual([one["message"] for one in log], [None] * 3)

    def test_what_the_reactor_refuses(self):
        self.server.run("multirequest", web.frame(1, 2, 1, COMMAND_REQUEST, 1, HEADS))
        first, end, error = entries(self.last(API + "/ro/multirequest"))
        self.assertEqual((first["action"], first["state"]), ("error", "errored"))
        self.assertIn("even numbered stream", first["message"])
        self.assertEqual((end["event"], end["message"]), ("input-end", None))
        self.assertEqual(error["frame"]["message"], first["message"])

    def test_what_the_gateway_refuses(self):
        self.server.run("known", web.request(b"heads"))
        first = entries(self.last(API + "/ro/known"))[0]
        self.assertEqual(first["action"], "runcommand")
        self.assertIn("the URL names the command known", first["message"])

    def test_bytes_that_cannot_be_a_frame(self):
        self.server.run("branchmap" if not web.FAKE else "fail", b"\xff" * 8)
        log = entries(self.last(API + "/ro/" + ("branchmap" if not web.FAKE else "fail")))
        self.assertEqual([one["event"] for one in log][0], "input-error")
        self.assertIsNone(log[0]["frame"])
        self.assertIn("too large", log[0]["message"])

    def test_input_that_ends_too_early(self):
        self.server.run("pushkey", web.frame(1, 1, 1, COMMAND_REQUEST, 1 | 4, HEADS[:4]))
        # ro refuses pushkey before its body, so another one:
        self.server.run("capabilities", web.frame(1, 1, 1, COMMAND_REQUEST, 1 | 4, HEADS[:4]))
        log = entries(self.last(API + "/ro/capabilities"))
        self.assertEqual([one["event"] for one in log], ["frame-in", "input-end", "frame-out"])
        self.assertEqual(log[0]["state"], "command-receiving")
        self.assertIn("the input ended before request 1", log[1]["message"])

    def test_a_payload_is_cut(self):
        nodes = [b"%020d" % number for number in range(100)]
        body = web.request(b"known", {b"nodes": nodes})
        self.server.run("known", body)
        document = self.last(API + "/ro/known")
        first = entries(document)[0]
        self.assertEqual(document["log"]["payload_max"], 256)
        self.assertEqual(first["frame"]["length"], len(body) - 8)
        self.assertEqual(first["frame"]["payload"], body[8 : 8 + 256].hex())
        self.assertEqual((first["payload_cut"], first["payload_withheld"]), (True, False))
        self.assertNotIn("literal", first["frame"])

    def test_the_log_is_bounded_and_keeps_the_failure(self):
        # Many frames, then one that breaks the protocol.
        count = 900
        body = b"".join(
            web.request(b"heads", requestid=2 * number + 1, begin=number == 0)
            for number in range(count)
        )
        body += web.frame(5001, 2, 1, COMMAND_REQUEST, 1, HEADS)
        self.server.run("multirequest", body)
        document = self.last(API + "/ro/multirequest")
        log = entries(document)
        numbers = [one["number"] for one in log]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(log), count)
        self.assertGreater(document["log"]["entries_count"], count)
        refused = [one for one in log if one["message"]]
        self.assertEqual([one["number"] for one in refused], [count + 1])
        self.assertEqual(refused[0]["frame"]["requestid"], 5001)
        size = sum(32 + len(one["frame"]["payload"]) // 2 for one in log if one["frame"])
        self.assertLessEqual(size, document["log"]["bytes_max"])
        self.assertEqual(log[-1]["frame"]["type"], "error-response")

    def test_the_ring_is_bounded(self):
        first = self.server.run("heads", web.request(b"heads"))
        self.assertEqual(first.status, 200)
        oldest = self.last(API + "/ro/heads")["finished"]["id"]
        for _ in range(KEPT - 1):
            self.server.run("heads", web.request(b"heads"))
        self.server.wait_until(lambda state: not state["exchanges"])
        self.exchange(oldest)
        self.server.run("heads", web.request(b"heads"))
        self.server.wait_until(lambda state: not state["exchanges"])
        self.assertEqual(self.ask("/state/exchanges/%d" % oldest)[0], 404)

    def test_a_failure_outlives_the_ring(self):
        self.server.run("heads", web.frame(1, 2, 1, COMMAND_REQUEST, 1, HEADS))
        broken = self.last(API + "/ro/heads")["finished"]
        self.server.run("multirequest", web.request(b"nope"))
        refused = self.last(API + "/ro/multirequest")["finished"]
        self.assertEqual((refused["status"], refused["command_errors"]), (200, 1))
        self.assertIn("nope", refused["message"])
        for _ in range(3 * KEPT):
            self.server.run("heads", web.request(b"heads"))
        self.server.wait_until(lambda state: not state["exchanges"])
        state = self.get("/state", "state")
        self.assertEqual([one for one in state["finished"] if one["status"] != 200], [])
        self.assertEqual(state["failed"][:2], [refused, broken])
        found = self.exchange(broken["id"])
        self.assertEqual(found["finished"], broken)
        self.assertIn("even numbered stream", entries(found)[0]["message"])

    def test_those_turned_away_do_not_push_out_failures(self):
        self.server.run("heads", web.frame(1, 2, 1, COMMAND_REQUEST, 1, HEADS))
        broken = self.last(API + "/ro/heads")["finished"]
        for number in range(KEPT + 2 * KEPT_FAILED):
            self.server.get(("/fails", API + "/ro/heads", "/" + 9000 * "x")[number % 3])
        self.server.wait_until(lambda state: not state["exchanges"])
        state = self.get("/state", "state")
        turned_away = [one["status"] for one in state["failed"] if one["status"] in (404, 405, 414)]
        self.assertEqual((len(turned_away), len(set(turned_away))), (KEPT_FAILED, 3))
        self.assertIn(broken["id"], [one["id"] for one in state["failed"]])
        self.assertEqual(self.exchange(broken["id"])["finished"], broken)

    def test_failures_are_bounded_too(self):
        count = KEPT + KEPT_FAILED
        for number in range(count + 1):
            self.server.get("/fails%d" % number)
        self.server.wait_until(lambda state: not state["exchanges"])
        state = self.get("/state", "state")
        self.assertEqual(
            [one["target"] for one in state["finished"] + state["failed"] if one["status"] == 404],
            ["/fails%d" % number for number in range(count, 0, -1)],
        )
        oldest = [one["id"] for one in state["failed"] if one["status"] == 404][-1]
        self.assertEqual(self.exchange(oldest)["finished"]["target"], "/fails1")
        self.assertEqual(self.ask("/state/exchanges/%d" % (oldest - 1))[0], 404)


class Secrets(support.AdminTest):
    options = ("--threads", "1")
    secret = b"hunter2-hunter2"

    def test_a_complete_request(self):
        arguments = {b"key": b"x", b"api_Token": self.secret}
        self.server.run("multirequest", web.request(b"lookup", arguments))
        document = self.last(API + "/ro/multirequest")
        self.check(document, [True])

    def test_in_several_frames(self):
        body = web.cbor({b"name": b"heads", b"args": {b"x-password": self.secret}})
        for cut in range(1, len(body) - 1, 3):
            with self.subTest(cut=cut):
                # Complete, and cut short by the end of the input.
                first = web.frame(1, 1, 1, COMMAND_REQUEST, 1 | 4, body[:cut])
                for flags in (2, 2 | 4):
                    second = web.frame(1, 1, 0, COMMAND_REQUEST, flags, body[cut:])
                    self.server.run("multirequest", first + second)
                    self.check(self.last(API + "/ro/multirequest"), [True, True])

    def test_a_word_that_was_cut_away(self):
        # The name of the secret is beyond what is kept of the first frame.
        body = web.cbor({b"name": b"heads", b"args": {b"a": b"-" * 300, b"passphrase": self.secret}})
        at = body.index(self.secret)
        frames = web.frame(1, 1, 1, COMMAND_REQUEST, 1 | 4, body[:at])
        frames += web.frame(1, 1, 0, COMMAND_REQUEST, 2 | 4, body[at:])
        self.server.run("multirequest", frames)
        self.check(self.last(API + "/ro/multirequest"), [False, True])

    def test_others_of_the_same_body_are_shown(self):
        body = web.request(b"heads", {b"cookie": self.secret})
        body += web.request(b"heads", requestid=3, begin=False)
        self.server.run("multirequest", body)
        self.check(self.last(API + "/ro/multirequest"), [True, False])

    def check(self, document, withheld):
        frames = [one for one in entries(document) if one["event"] == "frame-in"]
        self.assertEqual([one["payload_withheld"] for one in frames], withheld)
        for one in frames:
            self.assertNotIn(self.secret.hex()[:12], one["frame"]["payload"])
            self.assertNotIn("hunter2", str(one))
            if one["payload_withheld"]:
                self.assertEqual(one["frame"]["payload"], "")


class Options(unittest.TestCase):
    def log_of(self, *options):
        class One(support.AdminTest):
            def runTest(self):
                self.server.run("heads", web.request(b"heads", {b"password": b"abcd"}))
                self.document = self.last(API + "/ro/heads")

        One.options = options
        test = One()
        One.setUpClass()
        try:
            test.runTest()
        finally:
            One.tearDownClass()
        return test.document["log"]

    def test_off(self):
        log = self.log_of("--frame-log", "0")
        self.assertEqual((log["entries"], log["entries_count"], log["bytes_max"]), ([], 0, 0))

    def test_secrets_are_kept_where_that_is_wanted(self):
        (first, *_) = self.log_of("--frame-log-secrets")["entries"]
        self.assertIn("abcd", first["frame"]["human"])

    def test_payload(self):
        log = self.log_of("--frame-log-secrets", "--frame-log-payload", "3")
        self.assertEqual(len(log["entries"][0]["frame"]["payload"]), 6)


if __name__ == "__main__":
    unittest.main()
