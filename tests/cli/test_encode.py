"""framegate encode: human strings to frames."""

import json
import os
import subprocess
import unittest

from support import FRAMEGATE, ROOT, TIMEOUT, ToolTest, frame, peak_memory, run


class Encode(ToolTest):
    def test_lines_become_frames_in_order(self):
        lines = (
            b"1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n"
            b"3 1 0 3 eos|continuation a\\x00b\n"
        )
        expected = frame(1, 1, 1, 1, 1, b"\xa1DnameEheads") + frame(3, 1, 0, 3, 3, b"a\0b")
        self.assertEqual(self.good("encode", input=lines), expected)

    def test_last_line_needs_no_line_break(self):
        self.assertEqual(self.good("encode", input=b"1 1 0 1 0 x"), frame(1, 1, 0, 1, 0, b"x"))

    def test_empty_payload_needs_only_its_blank(self):
        self.assertEqual(self.good("encode", input=b"1 1 0 1 0 \n"), frame(1, 1, 0, 1, 0))

    def test_empty_lines_blank_lines_and_comments_are_skipped(self):
        lines = b"\n# 1 1 0 1 0 no\n \t\n1 1 0 1 0 # not a comment\n#"
        self.assertEqual(
            self.good("encode", input=lines), frame(1, 1, 0, 1, 0, b"# not a comment")
        )

    def test_carriage_return_before_line_break_is_no_payload(self):
        lines = b"\r\n1 1 0 1 0 x\r\n1 1 0 1 0 y\\r\r\n"
        self.assertEqual(
            self.good("encode", input=lines),
            frame(1, 1, 0, 1, 0, b"x") + frame(1, 1, 0, 1, 0, b"y\r"),
        )

    def test_no_input_gives_no_frames(self):
        self.assertEqual(self.good("encode"), b"")

    def test_every_human_vector(self):
        with open(os.path.join(ROOT, "tests/vectors/human.jsonl"), encoding="utf-8") as file:
            vectors = [json.loads(line) for line in file]
        good = [v for v in vectors if v["frame"] is not None]
        lines = "".join(v["human"] + "\n" for v in good)
        self.assertEqual(
            self.good("encode", input=lines.encode()).hex(), "".join(v["frame"] for v in good)
        )
        # An empty line is a human string that must be refused, but in a file it is skipped.
        refused = [v["human"] for v in vectors if v["frame"] is None and v["human"].strip()]
        self.assertGreater(len(refused), 10)
        for human in refused:
            self.bad(1, "encode", input=human.encode(), says=["line 1, column "])

    def test_bad_line_says_line_column_and_field(self):
        lines = b"# fine\n1 1 0 1 0 first\n1 1 0 command-requst 0 x\n1 1 0 1 0 never\n"
        output = self.bad(
            1, "encode", input=lines, says=["encode: line 3, column 7: ", "type", "command-requst"]
        )
        self.assertEqual(output, frame(1, 1, 0, 1, 0, b"first"))

    def test_bad_literal_says_where_it_is(self):
        self.bad(1, "encode", input=b"1 1 0 1 0 cbor:[1, foo]", says=["line 1, column 20: "])

    def test_control_characters_do_not_reach_the_terminal(self):
        result = run("encode", input=b"1 1 0 \x1b[31m\x07 0 x")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.decode().removesuffix("\n").isprintable(), result.stderr)

    def test_largest_payload_fits_a_line_and_one_byte_more_does_not(self):
        size = 2**24 - 1
        output = self.good("encode", input=b"1 1 0 1 0 " + b"\\xff" * size)
        self.assertEqual(len(output), 8 + size)
        self.assertEqual(output[:9], b"\xff\xff\xff" + frame(1, 1, 0, 1, 0, b"\xff")[3:])
        self.bad(1, "encode", input=b"1 1 0 1 0 " + b"x" * (size + 1), says=["line 1", "payload"])

    def test_endless_line_is_refused(self):
        self.bad(1, "encode", input=b"#\n" + b"x" * 2**27, says=["line 2: expected a line of at most"])

    def test_memory_does_not_grow_with_the_input(self):
        line = b"1 1 0 command-data continuation " + b"x" * 32768 + b"\n"
        _, _, small = peak_memory("encode", chunks=[line])
        status, written, large = peak_memory("encode", chunks=[line * 32] * 64)
        self.assertEqual((status, written), (0, 2048 * (8 + 32768)))
        self.assertLess(large - small, 4096)

    def test_frames_are_written_before_more_input_is_awaited(self):
        with subprocess.Popen(
            [FRAMEGATE, "encode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdin.write(b"1 1 0 1 0 now\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(11), frame(1, 1, 0, 1, 0, b"now"))
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)


if __name__ == "__main__":
    unittest.main()
