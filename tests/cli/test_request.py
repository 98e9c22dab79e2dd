"""framegate request: the frames that ask for commands."""

import os
import tempfile
import unittest

from support import (
    COMMAND_DATA,
    COMMAND_REQUEST,
    ToolTest,
    frame,
    frames,
    peak_memory,
    run,
)

NEW, CONTINUATION, MORE, HAVE_DATA = 1, 2, 4, 8
DATA_CONTINUATION, DATA_EOS = 1, 2


class Request(ToolTest):
    def test_a_name_is_one_frame(self):
        self.assertEqual(
            self.good("request", "heads"), frame(1, 1, 1, COMMAND_REQUEST, NEW, b"\xa1DnameEheads")
        )

    def test_arguments_are_canonical_and_sorted(self):
        output = self.good(
            "request", "known", "--arg", "nodes=[b'\\x00', b'b']", "--arg=ab={b'x': None, 1: -2.5}"
        )
        self.assertEqual(
            output,
            frame(
                1, 1, 1, COMMAND_REQUEST, NEW,
                b"\xa2Dargs\xa2Bab\xa2\x01\xf9\xc1\x00Ax\xf6Enodes\x82A\x00AbDnameEknown",
            ),
        )

    def test_equals_sign_in_a_literal(self):
        self.assertIn(b"Ckey\x43a=b", self.good("request", "lookup", "--arg", "key=b'a=b'"))

    def test_name_may_be_any_bytes(self):
        self.assertIn(b"DnameC\xc3\xbc!", self.good("request", b"\xc3\xbc!"))
        self.assertIn(b"DnameB-x", self.good("request", "--", "-x"))

    def test_requests_follow_on_one_stream_with_odd_ids(self):
        output = self.good("request", "heads", "--then", "known", "--arg=nodes=[]", "--then=x")
        self.assertEqual(
            [(f[:5], f[5]) for f in frames(output)],
            [
                ((1, 1, 1, COMMAND_REQUEST, NEW), b"\xa1DnameEheads"),
                ((3, 1, 0, COMMAND_REQUEST, NEW), b"\xa2Dargs\xa1Enodes\x80DnameEknown"),
                ((5, 1, 0, COMMAND_REQUEST, NEW), b"\xa1DnameAx"),
            ],
        )

    def test_frame_size_cuts_all_requests(self):
        for args in (["a", "--max-frame-size=5", "--then", "b"],
                     ["a", "--then", "b", "--max-frame-size", "5"]):
            found = frames(self.good("request", *args))
            self.assertEqual([f[5] for f in found], [b"\xa1Dnam", b"eAa", b"\xa1Dnam", b"eAb"])
            self.assertEqual([f[4] for f in found], [NEW | MORE, CONTINUATION] * 2)
            self.assertEqual([f[0] for f in found], [1, 1, 3, 3])

    def test_data_of_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data")
            for size, lengths in (
                (0, [0]),
                (1, [1]),
                (32767, [32767]),
                (32768, [32768, 0]),
                (70000, [32768, 32768, 4464]),
            ):
                data = os.urandom(size)
                with open(path, "wb") as file:
                    file.write(data)
                request, *pieces = frames(self.good("request", "unbundle", "--data", path))
                self.assertEqual(request[4], NEW | HAVE_DATA)
                self.assertEqual([len(f[5]) for f in pieces], lengths)
                self.assertEqual(b"".join(f[5] for f in pieces), data)
                self.assertEqual({f[3] for f in pieces}, {COMMAND_DATA})
                self.assertEqual(
                    [f[4] for f in pieces],
                    [DATA_CONTINUATION] * (len(pieces) - 1) + [DATA_EOS],
                )

    def test_data_of_standard_input_belongs_to_its_request(self):
        found = frames(self.good("request", "a", "--then", "b", "--data=-", input=b"stuff"))
        self.assertEqual(
            [(f[0], f[3], f[4]) for f in found],
            [
                (1, COMMAND_REQUEST, NEW),
                (3, COMMAND_REQUEST, NEW | HAVE_DATA),
                (3, COMMAND_DATA, DATA_EOS),
            ],
        )
        self.assertEqual(found[2][5], b"stuff")

    def test_memory_does_not_grow_with_the_data(self):
        _, _, small = peak_memory("request", "x", "--data=-", chunks=[b"x"])
        status, written, large = peak_memory("request", "x", "--data=-", chunks=[b"x" * 2**20] * 64)
        self.assertEqual(status, 0)
        self.assertGreater(written, 2**26)
        self.assertLess(large - small, 4096)


class BadUsage(ToolTest):
    def test_nothing_is_written(self):
        for args, says in (
            ([], ["expected the NAME"]),
            (["--arg", "a=1"], ["NAME", "before"]),
            (["--then", "x"], ["NAME", "before"]),
            (["a", "b"], ["'b'", "--then"]),
            (["a", "--arg"], ["'--arg' needs an argument"]),
            (["a", "--arg", "x"], ["--arg", "KEY=LITERAL", "'x'"]),
            (["a", "--arg", "=1"], ["--arg", "KEY=LITERAL"]),
            (["a", "--arg", "k=tip"], ["--arg k", "column 1"]),
            (["a", "--arg", "k=[1,,]"], ["--arg k", "column 4"]),
            (["a", "--arg", "k=1", "--arg", "k=1"], ["twice", "'a'"]),
            (["a", "--data=/dev/null", "--data=/dev/null"], ["--data", "twice"]),
            (["a", "--data=-", "--then=b", "--data=-"], ["--data -", "once"]),
            (["a", "--max-frame-size=0"], ["--max-frame-size", "1 to 16777215", "'0'"]),
            (["a", "--max-frame-size=16777216"], ["'16777216'"]),
            (["a", "--max-frame-size=1x"], ["'1x'"]),
            (["a", "--what"], ["unknown", "'--what'"]),
            (["a", "-q"], ["unknown option '-q'"]),
            ([""], ["the NAME of a command is empty"]),
        ):
            self.assertEqual(self.bad(2, "request", *args, says=says), b"", args)

    def test_too_many_commands(self):
        args = ["request", "a"] + ["--then=a"] * 32767
        last = frames(self.good(*args))[-1]
        self.assertEqual(last[0], 65535)
        self.bad(2, *args, "--then=a", says=["at most 32768"])


class BadData(ToolTest):
    def test_missing_file_fails_before_anything_is_written(self):
        output = self.bad(1, "request", "a", "--then=b", "--data=/no/such/file",
                          says=["/no/such/file", "No such file"])
        self.assertEqual(output, b"")

    def test_unreadable_data_fails(self):
        self.bad(1, "request", "a", "--data=/", says=["cannot read /", "directory"])

    def test_result_status_is_failure_not_a_signal(self):
        self.assertEqual(run("request", "a", "--data=/").returncode, 1)


if __name__ == "__main__":
    unittest.main()
