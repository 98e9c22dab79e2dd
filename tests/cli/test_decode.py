"""framegate decode: frames to human strings, JSON, the seed's form, and payloads."""

import ast
import json
import os
import random
import subprocess
import unittest

from support import (
    BYTES_RESPONSE,
    COMMAND_REQUEST,
    ERROR_RESPONSE,
    FRAMEGATE,
    ROOT,
    TEXT_OUTPUT,
    TIMEOUT,
    ToolTest,
    frame,
    peak_memory,
)

CONTINUATION, EOS, CBOR = 1, 2, 4
HEADS = frame(1, 1, 1, COMMAND_REQUEST, 1, b"\xa1DnameEheads")


def vector_frames():
    """Every frame of every vector file."""
    for name in ("human", "makers", "reactor"):
        with open(os.path.join(ROOT, "tests/vectors", name + ".jsonl"), encoding="utf-8") as file:
            for line in file:
                vector = json.loads(line)
                if isinstance(vector.get("frame"), str):
                    yield bytes.fromhex(vector["frame"])
                for found in vector.get("frames") or []:
                    yield bytes.fromhex(found)
                for event in vector.get("events", []):
                    if "frame" in event:
                        yield bytes.fromhex(event["frame"])
                    for found in event["expect"].get("frames", []):
                        yield bytes.fromhex(found)


class HumanStrings(ToolTest):
    def test_known_names_are_shown(self):
        self.assertEqual(
            self.good("decode", input=HEADS + frame(1, 2, 0, BYTES_RESPONSE, EOS, b"hi\n")),
            b"1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n"
            b"1 2 0 bytes-response eos hi\\n\n",
        )

    def test_no_input_is_no_frames(self):
        self.assertEqual(self.good("decode"), b"")

    def test_error_responses_are_shown_and_no_failure(self):
        output = self.good("decode", input=frame(1, 2, 1, ERROR_RESPONSE, 2, b"unknown revision"))
        self.assertEqual(output, b"1 2 stream-begin error-response application unknown revision\n")

    def test_every_frame_of_the_vectors_comes_back(self):
        data = b"".join(vector_frames())
        self.assertGreater(len(data), 1000000)
        self.assertEqual(self.good("encode", input=self.good("decode", input=data)), data)

    def test_random_frames_come_back(self):
        source = random.Random(5)
        data = b""
        for _ in range(3000):
            payload = source.choice(
                [
                    source.randbytes(source.randrange(40)),
                    bytes(source.choices(b"\\x'\"\n\r#cbor: ", k=12)),
                    b"cbor:" + source.randbytes(3),
                    bytes([source.randrange(256)]),
                ]
            )
            data += frame(*(source.randrange(n) for n in (65536, 256, 256, 16, 16)), payload)
        lines = self.good("decode", input=data)
        self.assertEqual(lines.count(b"\n"), 3000)
        self.assertTrue(lines.replace(b"\n", b"").decode("ascii").isprintable())
        self.assertEqual(self.good("encode", input=lines), data)

    def test_only_frames_of_one_request(self):
        data = HEADS + frame(7, 2, 0, BYTES_RESPONSE, EOS, b"x")
        self.assertEqual(
            self.good("decode", "--request", "7", input=data), b"7 2 0 bytes-response eos x\n"
        )

    def test_repr_is_the_form_of_the_seed(self):
        self.assertEqual(
            self.good("decode", "--repr", input=HEADS + frame(1, 2, 0x48, 2, 1)),
            b"frame(size=12; request=1; stream=1; streamflags=stream-begin; "
            b"type=command-request; flags=new)\n"
            b"frame(size=0; request=1; stream=2; streamflags=<unknown 0x48>; "
            b"type=<unknown 0x02>; flags=<unknown 0x01>)\n",
        )


class Json(ToolTest):
    def objects(self, data):
        return [json.loads(line) for line in self.good("decode", "--json", input=data).splitlines()]

    def test_one_object_for_each_frame(self):
        self.assertEqual(
            self.objects(HEADS + frame(3, 2, 0, BYTES_RESPONSE, CONTINUATION, b"\xff")),
            [
                {
                    "requestid": 1,
                    "streamid": 1,
                    "streamflags": ["stream-begin"],
                    "type": "command-request",
                    "flags": ["new"],
                    "length": 12,
                    "payload": "a1446e616d65456865616473",
                    "literal": "{b'name': b'heads'}",
                },
                {
                    "requestid": 3,
                    "streamid": 2,
                    "streamflags": [],
                    "type": "bytes-response",
                    "flags": ["continuation"],
                    "length": 1,
                    "payload": "ff",
                },
            ],
        )

    def test_what_has_no_name_is_a_number(self):
        (found,) = self.objects(frame(1, 1, 0x41, 2, 9))
        self.assertEqual(found["type"], 2)
        self.assertEqual(found["flags"], [1, 8])
        self.assertEqual(found["streamflags"], ["stream-begin", 64])

    def test_literal_is_python(self):
        (found,) = self.objects(frame(1, 2, 1, BYTES_RESPONSE, EOS | CBOR, b"\x82D\0\xff'\\\xf5"))
        self.assertEqual(ast.literal_eval(found["literal"]), [b"\0\xff'\\", True])

    def test_error_message_is_repaired_text(self):
        (found,) = self.objects(frame(1, 2, 1, ERROR_RESPONSE, 2, b"\xc3\xbc\0\xff\x1b"))
        self.assertEqual(found["message"], "ü\0\ufffd\x1b")
        self.assertEqual(found["flags"], ["application"])

    def test_text_output_is_rendered(self):
        payload = b"\x81\xa2\x43msg\x45%s %%\x44args\x81\x42hi"
        (found,) = self.objects(frame(1, 2, 1, TEXT_OUTPUT, 0, payload))
        self.assertEqual(found["text"], "hi %")
        (broken,) = self.objects(frame(1, 2, 1, TEXT_OUTPUT, 0, b"\x01"))
        self.assertNotIn("text", broken)

    def test_output_is_ascii(self):
        output = self.good("decode", "--json", input=frame(1, 2, 1, ERROR_RESPONSE, 1, "ü".encode()))
        self.assertTrue(output.isascii())


class Payload(ToolTest):
    def test_a_response_is_put_together(self):
        data = (
            frame(1, 2, 1, BYTES_RESPONSE, CONTINUATION, b"one ")
            + frame(1, 2, 0, TEXT_OUTPUT, 0, b"\x80")
            + frame(1, 2, 0, BYTES_RESPONSE, CONTINUATION, b"\0two")
            + frame(1, 2, 0, BYTES_RESPONSE, EOS | CBOR)
        )
        self.assertEqual(self.good("decode", "--payload", input=data), b"one \0two")

    def test_several_responses_follow_each_other(self):
        data = frame(1, 2, 1, BYTES_RESPONSE, EOS, b"a") + frame(3, 2, 0, BYTES_RESPONSE, EOS, b"b")
        self.assertEqual(self.good("decode", "--payload", input=data), b"ab")
        self.assertEqual(self.good("decode", "--payload", "--request=3", input=data), b"b")

    def test_mixed_responses_need_a_choice(self):
        data = (
            frame(1, 2, 1, BYTES_RESPONSE, CONTINUATION, b"a")
            + frame(3, 2, 0, BYTES_RESPONSE, EOS, b"b")
            + frame(1, 2, 0, BYTES_RESPONSE, EOS, b"c")
        )
        self.bad(1, "decode", "--payload", input=data, says=["frame 2", "--request"])
        self.assertEqual(self.good("decode", "--payload", "--request", "1", input=data), b"ac")

    def test_error_response_fails(self):
        self.bad(
            1,
            "decode",
            "--payload",
            input=frame(1, 2, 1, ERROR_RESPONSE, 2, b"unknown revision\n\x1b'x'"),
            says=["request 1", "error: unknown revision?"],
        )

    def test_missing_end_fails(self):
        data = frame(1, 2, 1, BYTES_RESPONSE, CONTINUATION, b"a")
        self.bad(1, "decode", "--payload", input=data, says=["ends inside the response", "1"])

    def test_missing_response_fails(self):
        self.bad(1, "decode", "--payload", input=b"", says=["no response"])
        self.bad(1, "decode", "--payload", "--request=5", input=HEADS, says=["request 5"])

    def test_encoded_or_flagless_response_fails(self):
        self.bad(1, "decode", "--payload", input=frame(1, 2, 5, BYTES_RESPONSE, EOS, b"a"),
                 says=["frame 1: stream flags"])
        self.bad(1, "decode", "--payload", input=frame(1, 2, 1, BYTES_RESPONSE, CBOR, b"a"),
                 says=["frame 1: flags"])


class BadInput(ToolTest):
    def test_cut_header_says_frame_and_place(self):
        output = self.bad(1, "decode", input=HEADS + b"\x01\0\0",
                          says=["decode: frame 2 at byte 20: ", "got 3 bytes"])
        self.assertEqual(output.count(b"\n"), 1)

    def test_cut_payload_says_frame_and_place(self):
        self.bad(1, "decode", input=HEADS + HEADS[:-1],
                 says=["frame 2 at byte 20: ", "expected 12; got 11"])

    def test_text_is_said_to_be_text(self):
        for text in (
            b"<!DOCTYPE html>\n<html><body>502 Bad Gateway\x1b</body></html>",
            b"permission denied",
            b"no",
            b"Unknown API: foo\nKnown: exp-http-v2-0001\n",
        ):
            output = self.bad(1, "decode", input=text, says=["not frames but text", "curl -i"])
            self.assertEqual(output, b"")

    def test_http_header_is_said_to_be_in_the_way(self):
        self.bad(1, "decode", input=b"HTTP/1.1 200 OK\r\n\r\n" + HEADS, says=["leave out curl's -i"])

    def test_frame_whose_header_is_text_is_still_read(self):
        data = frame(0x2020, 0x20, 0x20, 4, 1, b"y" * 0x202020)
        self.assertEqual(len(self.good("decode", "--repr", input=data).splitlines()), 1)


class Resources(ToolTest):
    @unittest.skipIf(os.environ.get("FRAMEGATE_SANITIZE") == "valgrind", "it has memory of its own")
    def test_memory_does_not_grow_with_the_input(self):
        one = frame(1, 2, 0, BYTES_RESPONSE, CONTINUATION, b"x" * 32768)
        for form, size in (("--payload", 32768), ("--repr", None), ("--json", None)):
            _, _, small = peak_memory("decode", "--request=1", form, chunks=[one, one])
            status, written, large = peak_memory("decode", form, chunks=[one * 32] * 64)
            self.assertEqual(status, 1 if form == "--payload" else 0)
            if size is not None:
                self.assertEqual(written, 2048 * size)
            self.assertLess(large - small, 4096, form)

    def test_lines_are_written_before_more_input_is_awaited(self):
        with subprocess.Popen(
            [FRAMEGATE, "decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdin.write(HEADS + HEADS[:9])
            process.stdin.flush()
            self.assertEqual(
                process.stdout.readline(),
                b"1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n",
            )
            process.stdin.write(HEADS[9:])
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)


if __name__ == "__main__":
    unittest.main()
