"""The admin listener, and the access log."""

import base64
import json
import os
import re
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import support
from support import API, COMMAND_REQUEST, Server, cbor, frame, request, requests

CLOCK_REALTIME_COARSE = 5  # Python has no name for it

LINE = re.compile(
    r'(?P<peer>127\.0\.0\.1) - (?P<user>\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
    r'"(?P<method>\S+) (?P<target>\S+) (?P<version>\S+)" (?P<status>\d{3}) (?P<size>\d+) "-" '
    r'"(?P<agent>[^"]*)" id=(?P<id>\d+) commands=(?P<commands>\S+) '
    r"frames=(?P<frames_in>\d+)/(?P<frames_out>\d+) bytes=(?P<bytes_in>\d+)/(?P<bytes_out>\d+) "
    r"us=(?P<us>\d+) port=(?P<port>\d+)(?P<denied> denied)?(?P<aborted> aborted=\w+)?"
)

# All that a stop says; a request may still be on its way out.
STOPPING = r"^framegate: stopping: \d+ requests are running\n$"


class State(support.ServerTest):
    def admin(self, path, method="GET"):
        url = "http://%s:%d%s" % (*self.server.admin, path)
        try:
            return urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60)
        except urllib.error.HTTPError as error:
            return error

    def test_healthz(self):
        with self.admin("/healthz") as answer:
            self.assertEqual((answer.status, answer.read()), (200, b"ok\n"))

    def test_other_paths_and_methods(self):
        with self.admin("/nothing") as answer:
            self.assertEqual(answer.status, 404)
        for method in ("POST", "PUT", "DELETE"):
            with self.admin("/state", method) as answer:
                self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))

    def test_state_is_json_and_not_kept(self):
        with self.admin("/state") as answer:
            self.assertEqual(answer.headers["Content-Type"], "application/json")
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            state = json.load(answer)
        self.assertRegex(state["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(state["limits"]["max-body"]["value"], 16 << 20)
        self.assertGreater(state["uptime_seconds"], 0)

    def test_the_public_listener_has_no_admin_data(self):
        for path in ("/state", "/healthz"):
            self.assertEqual(self.server.get(path).status, 404)

    def test_an_exchange_in_flight_shows_its_reactor(self):
        name = cbor({b"name": b"heads"})
        body = frame(9, 1, 1, COMMAND_REQUEST, 1, name)
        body += frame(3, 1, 0, COMMAND_REQUEST, 1 | 8, name)
        body += frame(5, 1, 0, COMMAND_REQUEST, 1 | 4, name[:7])
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body) + 1) + body)
            state = self.server.wait_until(
                lambda state: [one for one in state["exchanges"] if one["frames_in"] == 3]
            )
            (one,) = state["exchanges"]
            self.assertEqual((one["method"], one["target"]), ("POST", API + "/ro/multirequest"))
            self.assertEqual(one["peer"], "%s:%d" % connection.getsockname())
            self.assertEqual((one["phase"], one["body_size"]), ("body", len(body) + 1))
            self.assertEqual((one["bytes_in"], one["commands"]), (len(body), "heads"))
            reactor = one["reactor"]
            self.assertEqual(reactor["state"], "command-receiving")
            self.assertEqual((reactor["active"], reactor["active_count"]), ([9], 1))
            self.assertEqual(
                [
                    (each["requestid"], each["request_bytes"], each["requestdone"])
                    for each in reactor["receiving"]
                ],
                [(3, len(name), True), (5, 7, False)],
            )
            self.assertEqual(reactor["buffered_bytes"], len(name) + 7)
        self.idle()

    def test_totals_are_what_was_sent(self):
        before = self.server.state()["totals"]
        body = requests(b"heads", b"nonexistent")
        sent = [self.server.run("multirequest", body), self.server.run("heads", b"\0" * 9)]
        sent.append(self.server.get("/api"))
        after = self.server.wait_until(
            lambda state: state["totals"]["status"].get("200", 0)
            == before["status"].get("200", 0) + 2
            and not state["exchanges"]
        )["totals"]
        change = {
            key: after[key] - before[key] for key in after if isinstance(after[key], int)
        }
        self.assertEqual(
            change,
            {
                "requests": 3,
                "ended": 3,
                "aborted": 0,
                "commands": 2,
                "command_errors": 1,
                "protocol_errors": 1,
                "streams_reopened": 0,
                "log_lines_lost": 0,
                "frames_in": 3,
                "frames_out": 3,
                "bytes_in": len(body) + 9,
                "bytes_out": sum(len(answer.body) for answer in sent),
            },
        )
        self.assertEqual(after["status"]["400"], before["status"].get("400", 0) + 1)

    def test_the_last_64_finished_newest_first(self):
        for number in range(70):
            self.server.get("/x%d" % number)
        finished = self.server.wait_until(
            lambda state: "/x69" in [one["target"] for one in state["finished"]]
            and not state["exchanges"]
        )["finished"]
        self.assertEqual(len(finished), 64)
        # Two that end at the same moment on two threads may be in either order.
        targets = {one["target"] for one in finished}
        self.assertLessEqual({"/x%d" % number for number in range(10, 70)}, targets)
        self.assertLessEqual(targets, {"/x%d" % number for number in range(70)})
        # The start is of the coarse clock, which stands still for a tick of the kernel.
        tick = time.clock_getres(CLOCK_REALTIME_COARSE)
        ends = [one["start"] + one["microseconds"] / 1e6 for one in finished]
        for newer, older in zip(ends, ends[1:]):
            self.assertGreater(newer, older - tick - 0.001)
        self.assertEqual({one["status"] for one in finished}, {404})
        self.assertEqual(len({one["id"] for one in finished}), 64)

    def test_a_failed_exchange_keeps_its_message(self):
        self.server.run("heads", frame(1, 2, 1, COMMAND_REQUEST, 1))
        finished = self.server.wait_until(
            lambda state: state["finished"] and not state["exchanges"]
        )["finished"][0]
        self.assertEqual(finished["status"], 400)
        self.assertIn("even numbered stream", finished["message"])

    def test_hostile_bytes_in_the_target_are_plain_text(self):
        self.server.get('/\x80"<b>\x01')
        finished = self.server.wait_until(
            lambda state: state["finished"] and "<b>" in state["finished"][0]["target"]
        )["finished"][0]
        self.assertEqual(finished["target"], "/\\x80\\x22<b>\\x01")


class AccessLog(unittest.TestCase):
    def test_a_line_for_each_request(self):
        server = Server()
        server.run("multirequest", requests(b"heads", b"heads", b"nope"))
        server.get('/"\x01', headers=["User-Agent: a\"b\x01c"])
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", 100) + request(b"heads"))
            server.wait_until(lambda state: state["totals"]["frames_in"] == 4)
        server.wait_until(lambda state: not state["exchanges"])
        said = server.stop().splitlines()
        lines = [line for line in said if not line.startswith("framegate: ")]
        found = sorted(
            (LINE.fullmatch(line) for line in lines), key=lambda line: line["target"] + line["status"]
        )
        self.assertEqual(len(found), 3, lines)
        quote, heads, multi = found
        self.assertEqual({line["version"] for line in found}, {"HTTP/1.1"})
        self.assertEqual((quote["target"], quote["status"]), ("/\\x22\\x01", "404"))
        self.assertEqual(quote["agent"], "a?b?c")
        self.assertEqual((heads["status"], heads["aborted"]), ("000", " aborted=peer"))
        self.assertEqual((multi["status"], multi["commands"]), ("200", "heads*2,?*1"))
        self.assertEqual((multi["frames_in"], multi["frames_out"]), ("3", "3"))

    @unittest.skipIf(support.FAKE, "needs a repository")
    def test_who_asked_and_for_what(self):
        server = Server()
        names = (b"branchmap", b"capabilities", b"clonebundles", b"heads", b"known", b"nope")
        server.run("multirequest", requests(*names))
        server.get("/?cmd=capabilities")
        secret = base64.b64encode(b'ma llory":secret').decode()
        fields = [support.ACCEPT, support.CONTENT_TYPE, "Authorization: Basic " + secret]
        server.post(API + "/rw/heads", request(b"heads"), fields)
        state = server.wait_until(lambda state: not state["exchanges"])
        self.assertEqual(state["commands"]["capabilities"]["runs"], 2)
        said = server.stop()
        found = [LINE.fullmatch(line) for line in said.splitlines()
                 if not line.startswith("framegate: ")]
        self.assertEqual(len(found), 3, said)
        by_status = sorted(found, key=lambda line: line["status"] + line["commands"])
        self.assertEqual(
            [(line["status"], line["user"], line["commands"]) for line in by_status],
            [("200", "-", "branchmap,capabilities,clonebundles,heads,known,?*1"),
             ("200", "-", "capabilities"), ("401", "ma?llory?", "-")],
        )
        self.assertNotIn("secret", said)

    def test_off(self):
        server = Server("--access-log", "off")
        server.run("heads", request(b"heads"))
        self.assertRegex(server.stop(), STOPPING)

    def test_a_file_is_appended_to(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "log")
            for _ in range(2):
                server = Server("--access-log", path)
                for _ in range(300):
                    server.get("/api")
                self.assertRegex(server.stop(), STOPPING)
            with open(path) as file:
                lines = file.read().splitlines()
            self.assertEqual(len(lines), 600)
            for line in lines:
                self.assertTrue(LINE.fullmatch(line), line)


if __name__ == "__main__":
    unittest.main()
