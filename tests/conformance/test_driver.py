"""The conformance driver itself: it must fail when an expectation is wrong by one digit."""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

DRIVER = os.environ["CONFORMANCE"]
VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
FILES = ["human.jsonl", "makers.jsonl", "read.jsonl", "reactor.jsonl"]


def run(*files):
    done = subprocess.run([DRIVER, *files], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def flip(text, place):
    """The hex string with one digit changed."""
    digit = "{:x}".format(int(text[place], 16) ^ 1)
    return text[:place] + digit + text[place + 1:]


def expectations(value, path=()):
    """All hex strings that say what the answer must be, as (container, key)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from expectations_of(value, key, inner, path)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from expectations_of(value, place, inner, path)


def expectations_of(container, key, inner, path):
    inside = path + (key,)
    if isinstance(inner, str):
        name = next((p for p in reversed(inside) if isinstance(p, str)), None)
        is_reactor_input = "events" in inside and "expect" not in inside
        if inner and not is_reactor_input and (
            name in ("frame", "frames") or (name in ("args", "command", "data") and "expect" in inside)
        ):
            yield container, key
    else:
        yield from expectations(inner, inside)


class Driver(unittest.TestCase):
    def write(self, lines):
        handle = tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False)
        self.addCleanup(os.unlink, handle.name)
        handle.writelines(lines)
        handle.close()
        return handle.name

    def test_every_file_passes(self):
        code, out, _ = run(*[os.path.join(VECTORS, name) for name in FILES])
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"(?m)^737 passed, 0 failed$")

    def test_one_changed_digit_fails(self):
        """Each vector that has an expectation in hex, with one digit of one of them changed."""
        chance = random.Random(20180408)
        for name in FILES:
            changed = []
            with open(os.path.join(VECTORS, name), encoding="utf-8") as stream:
                for line in stream:
                    vector = json.loads(line)
                    places = list(expectations(vector))
                    if places:
                        container, key = chance.choice(places)
                        text = container[key]
                        container[key] = flip(text, chance.randrange(len(text)))
                        changed.append(json.dumps(vector) + "\n")
            if name == "read.jsonl":
                self.assertEqual(changed, [])
                continue
            with self.subTest(name):
                code, out, _ = run(self.write(changed))
                self.assertEqual(code, 1)
                self.assertRegex(out, r"(?m)^0 passed, %d failed$" % len(changed))

    def test_a_changed_header_field_fails(self):
        with open(os.path.join(VECTORS, "read.jsonl"), encoding="utf-8") as stream:
            vectors = [json.loads(line) for line in stream]
        changed = []
        for vector in vectors:
            if vector["frames"]:
                vector["frames"][-1]["flags"] ^= 1
                changed.append(json.dumps(vector) + "\n")
        code, out, _ = run(self.write(changed))
        self.assertEqual(code, 1)
        self.assertRegex(out, r"(?m)^0 passed, %d failed$" % len(changed))

    def test_differences_name_file_and_line(self):
        good = '{"kind": "human", "human": "1 1 0 1 0 ", "frame": "0000000100010010"}\n'
        bad = '{"kind": "human", "human": "1 1 0 1 0 ", "frame": "0000000100010011"}\n'
        path = self.write([good, bad, good])
        code, out, _ = run(path)
        self.assertEqual(code, 1)
        self.assertIn(path + ":2: frame differs at byte 7", out)
        self.assertIn("2 passed, 1 failed", out)

    def test_what_is_not_understood_fails(self):
        for line in (
            "not json\n",
            "[]\n",
            "\n",
            '{"kind": "new-kind"}\n',
            '{"kind": "human", "frame": null}\n',
            '{"kind": "human", "human": "1 1 0 1 0 ", "frame": "0"}\n',
            '{"kind": "reactor", "deferoutput": true, "events": [{"event": "jump", "expect": {}}]}\n',
        ):
            with self.subTest(line):
                code, out, _ = run(self.write([line]))
                self.assertEqual(code, 1)
                self.assertIn("0 passed, 1 failed", out)

    def test_missing_and_empty_files_fail(self):
        code, _, err = run("/nonexistent/vectors.jsonl")
        self.assertEqual(code, 1)
        self.assertIn("/nonexistent/vectors.jsonl", err)
        code, _, err = run(self.write([]))
        self.assertEqual(code, 1)
        self.assertIn("no vectors in it", err)

    def test_no_file_is_bad_usage(self):
        self.assertEqual(run()[0], 2)


if __name__ == "__main__":
    unittest.main()
