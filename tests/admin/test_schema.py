"""Every JSON answer is what its schema says, and the schemas describe every field of it."""

import json
import os
import unittest

import jsonschema
import support
from support import API, COMMAND_REQUEST, MEDIA_TYPE, validate, web


class Schemas(unittest.TestCase):
    def test_they_are_schemas_and_describe_each_field(self):
        for file in sorted(os.listdir(support.SCHEMAS)):
            if not file.endswith(".json"):
                continue
            document = support.schema(file[: -len(".json")])
            jsonschema.Draft202012Validator.check_schema(document)
            self.check(document, file)

    def check(self, node, place):
        if isinstance(node, list):
            for item in node:
                self.check(item, place)
        if not isinstance(node, dict):
            return
        if node.get("type") == "object" and "properties" in node and "oneOf" not in node:
            self.assertIs(node.get("additionalProperties"), False, place)
        for name, value in node.get("properties", {}).items():
            described = "description" in value or "$ref" in value or "const" in value
            self.assertTrue(described, "%s: %s" % (place, name))
        for name, value in node.items():
            self.check(value, place + "/" + name)

    def test_a_field_too_many_or_too_few_fails(self):
        good = {"exchanges": 3}
        validate("skipped", good)
        for bad in ({}, {"exchanges": 3, "more": 1}, {"exchanges": 0}):
            with self.assertRaises(AssertionError):
                validate("skipped", bad)


class Answers(support.AdminTest):
    def test_state(self):
        name = web.cbor({b"name": b"heads"})
        body = web.frame(1, 1, 1, COMMAND_REQUEST, 1, name)
        body += web.frame(3, 1, 0, COMMAND_REQUEST, 1 | 4, name[:7])
        self.server.run("heads", web.request(b"heads"))
        self.server.run("heads", b"\0" * 9)
        self.server.get("/")
        with self.server.connect() as connection:
            connection.sendall(web.post_head(API + "/ro/multirequest", len(body) + 1) + body)
            self.server.wait_until(
                lambda state: [one for one in state["exchanges"] if one["frames_in"] == 2]
            )
            state = self.get("/state", "state")
            (one,) = state["exchanges"]
            self.assertEqual((one["waits_for"], one["reactor"]["streams"]), ("body", [1]))
            live = self.exchange(one["id"])
            self.assertTrue(live["live"])
            self.assertEqual(live["exchange"]["id"], one["id"])
            self.assertEqual(
                [entry["event"] for entry in live["log"]["entries"]], ["frame-in", "frame-in"]
            )
        self.idle()
        over = self.exchange(one["id"])
        self.assertEqual((over["live"], over["exchange"]), (False, None))
        self.assertTrue(over["finished"]["aborted"])

    def test_what_the_state_says_of_the_program(self):
        state = self.get("/state", "state")
        public, admin = state["listeners"]
        self.assertEqual(public["address"], "%s:%d" % self.server.address)
        self.assertEqual(admin["address"], "%s:%d" % self.server.admin)
        self.assertGreaterEqual(admin["connections"], 1)
        self.assertEqual(state["configuration"]["max-body"], 16 << 20)
        self.assertEqual(state["configuration"]["allow-push"], ["tester"])
        self.assertIs(state["configuration"]["push-ssl"], False)
        self.assertEqual(state["threads"]["workers"], 4)
        self.assertGreater(state["memory"]["resident_bytes"], 1 << 20)
        self.assertNotIn(web.TOKEN, json.dumps(state))

    def test_frames_by_type_and_commands_add_up(self):
        before = self.get("/state", "state")
        body = web.requests(b"heads", b"heads", b"nope")
        self.server.run("multirequest", body)
        state = self.server.wait_until(
            lambda state: state["totals"]["commands"] == before["totals"]["commands"] + 3
            and not state["exchanges"]
        )
        totals = validate("state", state)["totals"]
        for way in ("in", "out"):
            by_type = totals["frames_%s_by_type" % way]
            self.assertEqual(sum(by_type.values()), totals["frames_%s" % way])
        heads, old = state["commands"]["heads"], before["commands"]["heads"]
        self.assertEqual(heads["runs"] - old["runs"], 2)
        self.assertEqual(heads["bytes_in"] - old["bytes_in"], 2 * len(web.cbor({b"name": b"heads"})))
        latency = heads["latency"]
        self.assertEqual(latency["count"], heads["runs"])
        self.assertEqual(sum(one["count"] for one in latency["buckets"]), heads["runs"])
        self.assertLessEqual(latency["p50_seconds"], latency["p90_seconds"])
        self.assertLessEqual(latency["p90_seconds"], latency["p99_seconds"])
        for one in latency["buckets"]:
            self.assertLess(one["from_seconds"], one["below_seconds"])

    @web.needs_fake
    def test_latency_is_what_it_took(self):
        self.server.run("sleep", web.request(b"sleep", {b"ms": 100}))
        command = self.server.wait_until(
            lambda state: state["commands"]["sleep"]["runs"] > 0 and not state["exchanges"]
        )["commands"]["sleep"]
        tick = 0.01  # the clock that commands are timed by moves in steps, on some kernels so large
        self.assertGreaterEqual(command["latency"]["sum_seconds"], 0.1 - tick)
        self.assertGreaterEqual(command["latency"]["p50_seconds"], 0.1 * 7 / 8)

    @web.needs_fake
    def test_a_reply_of_unknown_size_counts_as_it_is_sent(self):
        answer = self.server.run("stream", web.request(b"stream", {b"bytes": 300000}))
        sent = sum(len(one[5]) for one in answer.frames())
        command = self.server.wait_until(lambda state: not state["exchanges"])["commands"]["stream"]
        self.assertEqual((sent, command["bytes_out"]), (300000, 300000))

    def test_vocabulary(self):
        document = self.get("/vocabulary", "vocabulary")
        self.assertEqual((document["media_type"], document["api"]), (MEDIA_TYPE, API))
        types = {one["name"]: one for one in document["frame_types"]}
        self.assertEqual(
            [one["name"] for one in types["command-request"]["flags"]],
            ["new", "continuation", "more", "have-data"],
        )
        commands = {one["name"]: one for one in document["commands"]}
        self.assertEqual(commands["pushkey"]["path"], API + "/rw/pushkey")
        for example in document["examples"]:
            done = support.tool("encode", data=example["text"].encode())
            self.assertEqual((done.returncode, done.stderr), (0, b""), example["title"])

    def test_unknown_exchanges(self):
        for ident in ("0", "999999999", "1x", "", "-1", "99999999999999999999999", "1/2"):
            status, fields, _ = self.ask("/state/exchanges/" + ident)
            self.assertEqual(status, 404, ident)
            self.assertTrue(fields["Content-Type"].startswith("text/plain"))

    def test_the_schemas_are_served(self):
        status, fields, body = self.ask("/schema/state.json")
        self.assertEqual((status, fields["Content-Type"]), (200, "application/json"))
        self.assertEqual(json.loads(body), support.schema("state"))


if __name__ == "__main__":
    unittest.main()
