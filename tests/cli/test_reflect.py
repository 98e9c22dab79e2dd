"""framegate reflect: the log of what a server's reactor makes of frames."""

import json
import os
import unittest

from support import (
    BYTES_RESPONSE,
    COMMAND_DATA,
    COMMAND_REQUEST,
    ROOT,
    ToolTest,
    frame,
)

NEW, CONTINUATION, MORE, HAVE_DATA = 1, 2, 4, 8


def request(requestid, payload, flags=NEW, streamflags=1):
    return frame(requestid, 1, streamflags, COMMAND_REQUEST, flags, payload)


class Reflect(ToolTest):
    def log(self, data, *args):
        """The log as (received line, parsed JSON) pairs, for payloads without line breaks."""
        lines = self.good("reflect", *args, input=data).decode().removesuffix("\n").split("\n")
        return [(lines[i], json.loads(lines[i + 1])) for i in range(0, len(lines), 2)]

    def test_a_command_word_for_word(self):
        payload = b"\xa2Dargs\xa2CfooDval1Dbar1CvalDnameHcommand1"
        self.assertEqual(
            self.good("reflect", input=request(1, payload)).decode(),
            "received: 1 1 1 \\xa2Dargs\\xa2CfooDval1Dbar1CvalDnameHcommand1\n"
            '["runcommand", {"args": {"bar1": "val", "foo": "val1"}, "command": "command1", '
            '"data": null, "requestid": 1}]\n'
            "received: <no frame>\n"
            '{"action": "noop"}\n',
        )

    def test_no_frames(self):
        self.assertEqual(self.log(b""), [("received: <no frame>", {"action": "noop"})])

    def test_deferred_mode_makes_no_difference_without_responses(self):
        data = request(1, b"\xa1DnameAx") + request(3, b"\xa1Dname", NEW | MORE)
        self.assertEqual(self.log(data, "--deferred"), self.log(data))

    def test_pieces_data_and_incomplete_requests(self):
        data = (
            request(5, b"", NEW | MORE)
            + request(1, b"\xa1Dna", NEW | MORE | HAVE_DATA, 0)
            + request(1, b"meAx", CONTINUATION | HAVE_DATA, 0)
            + frame(1, 1, 0, COMMAND_DATA, 1, b"\xc3\xbc\xff")
            + frame(1, 1, 0, COMMAND_DATA, 2, b"!")
            + request(3, b"", NEW | MORE, 0)
        )
        want = ["wantframe", {"state": "command-receiving"}]
        self.assertEqual(
            self.log(data),
            [
                ("received: 1 5 5 ", want),
                ("received: 1 13 1 \\xa1Dna", want),
                ("received: 1 10 1 meAx", want),
                ("received: 3 1 1 ü\\xff", want),
                (
                    "received: 3 2 1 !",
                    ["runcommand", {"args": {}, "command": "x", "data": "ü\\xff!", "requestid": 1}],
                ),
                ("received: 1 5 3 ", want),
                ("received: <no frame>", {"action": "noop", "incomplete": [3, 5]}),
            ],
        )

    def test_protocol_errors_are_results(self):
        data = frame(1, 1, 1, BYTES_RESPONSE, 0) + request(3, b"\xa1DnameAx", NEW, 0)
        (_, first), (_, second), _ = self.log(data)
        self.assertEqual(first, ["error", {"message": "expected command request frame; got 4"}])
        self.assertEqual(second, ["error", {"message": "server already errored"}])

    def test_what_json_cannot_say_is_a_literal(self):
        args = (
            b"\xab"
            b"\x01\xf6"  # 1: None
            b"Aa\x1b\xff\xff\xff\xff\xff\xff\xff\xff"  # b'a': 2**64 - 1
            b"Ab\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"  # b'b': -2**63
            b"Ac\xf9\x7c\x00"  # b'c': inf
            b"Ad\xf9\xc1\x00"  # b'd': -2.5
            b"Ae\x82\xf4\xf5"  # b'e': [False, True]
            b"Af\xf7"  # b'f': undefined
            b"Ag\xa0"  # b'g': {}
            b"Ah\x42\x00\xfe"  # b'h': bytes
            b"aa\x20"  # 'a': -1, the same string as b'a'
            b"Ai\xc1\x00"  # b'i': tag 1
        )
        (_, (_, meta)), _ = self.log(request(1, b"\xa2Dargs" + args + b"DnameAx"))
        self.assertEqual(meta["args"].pop("f")[0], "<")
        self.assertEqual(meta["args"].pop("i")[0], "<")
        infinite = meta["args"].pop("c")
        self.assertIsInstance(infinite, str)
        self.assertEqual(
            meta["args"],
            {
                "1": None,
                "a": "18446744073709551615",
                "b": -(2**63),
                "d": -2.5,
                "e": [False, True],
                "g": {},
                "h": "\0\\xfe",
                "u'a'": -1,
            },
        )

    def test_keys_are_sorted_at_every_depth(self):
        payload = b"\xa2Dargs\xa2Abe\xc3\xa9abcAa\xa2Az\x01Ay\x02DnameAx"
        output = self.good("reflect", input=request(1, payload)).decode()
        self.assertIn('"args": {"a": {"y": 2, "z": 1}, "b": "\\u00E9abc"}', output)

    def test_reactor_vectors_that_only_receive(self):
        """The actions are those that the conformance vectors expect."""
        checked = 0
        with open(os.path.join(ROOT, "tests/vectors/reactor.jsonl"), encoding="utf-8") as file:
            vectors = [json.loads(line) for line in file]
        for vector in vectors:
            events = [e for e in vector["events"] if e["event"] != "makeoutputstream"]
            if any(e["event"] not in ("recv", "inputeof") for e in events):
                continue
            data = b"".join(bytes.fromhex(e["frame"]) for e in events if e["event"] == "recv")
            expected = [e["expect"]["action"] for e in events if e["event"] == "recv"]
            args = ["--deferred"] if vector["deferoutput"] else []
            output = self.good("reflect", *args, input=data).decode()
            # Payloads may have line breaks, and more lines that look like these.
            actions = [
                line.split('"')[1]
                for line in output.split("\n")
                if line.startswith(tuple(f'["{a}", {{' for a in ("wantframe", "runcommand", "error")))
            ]
            self.assertEqual(actions[: len(expected)], expected)
            checked += 1
        self.assertGreater(checked, 20)

    def test_cut_frame_fails_after_the_log_of_the_others(self):
        data = request(1, b"\xa1DnameAx")
        output = self.bad(1, "reflect", input=data + data[:9], says=["reflect: frame 2 at byte 16"])
        self.assertEqual(output.count(b"\n"), 2)
        self.assertNotIn(b"<no frame>", output)

    def test_limits_of_the_server_apply(self):
        big = frame(1, 1, 1, COMMAND_REQUEST, NEW, b"x" * 65536)
        self.bad(1, "reflect", input=big, says=["frame 1 at byte 0", "65535"])
        self.bad(1, "reflect", input=b"502 Bad Gateway\n", says=["not frames but text"])


if __name__ == "__main__":
    unittest.main()
