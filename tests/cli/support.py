"""What the tests of the command-line tool share: running it, and frames made by hand."""

import os
import struct
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FRAMEGATE = os.environ.get("FRAMEGATE", os.path.join(ROOT, "build/release/framegate"))

# No test waits for longer; a hang is a failure.
TIMEOUT = 600  # ends what hangs; a busy machine takes minutes for the demo repository alone

COMMAND_REQUEST, COMMAND_DATA, BYTES_RESPONSE, ERROR_RESPONSE, TEXT_OUTPUT = 1, 3, 4, 5, 6


def frame(requestid, streamid, streamflags, typeid, flags, payload=b""):
    """A frame, from nothing but the protocol's description."""
    length = struct.pack("<I", len(payload))[:3]
    rest = struct.pack("<HBBB", requestid, streamid, streamflags, typeid << 4 | flags)
    return length + rest + payload


def frames(data):
    """Cuts bytes into (requestid, streamid, streamflags, typeid, flags, payload)."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "little")
        requestid, streamid, streamflags, last = struct.unpack("<HBBB", data[3:8])
        assert len(data) >= 8 + size, "cut frame"
        found.append((requestid, streamid, streamflags, last >> 4, last & 15, data[8 : 8 + size]))
        data = data[8 + size :]
    return found


def run(*args, input=b"", **options):
    """Runs framegate; the result has returncode, stdout and stderr (bytes)."""
    if "stdin" not in options:
        options["input"] = input
    for name in ("stdout", "stderr"):
        options.setdefault(name, subprocess.PIPE)
    return subprocess.run([FRAMEGATE, *args], timeout=TIMEOUT, **options)


def peak_memory(*args, chunks):
    """Runs framegate with chunks as its input; (exit status, output bytes, peak KiB resident)."""
    # The sanitizer's own quarantine of freed memory is not the program's.
    environment = dict(os.environ)
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    output_read, output_write = os.pipe()
    process = subprocess.Popen(
        [FRAMEGATE, *args], stdin=subprocess.PIPE, stdout=output_write, env=environment
    )
    os.close(output_write)
    counter = subprocess.Popen(["wc", "-c"], stdin=output_read, stdout=subprocess.PIPE)
    os.close(output_read)
    for chunk in chunks:
        process.stdin.write(chunk)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    written = int(counter.communicate()[0])
    return process.returncode, written, usage.ru_maxrss


class ToolTest(unittest.TestCase):
    """Checks that hold for every run of the tool."""

    def good(self, *args, input=b""):
        """Runs framegate, which must succeed silently; returns its output."""
        result = run(*args, input=input)
        self.assertEqual((result.returncode, result.stderr), (0, b""), (args, result.stdout[:500]))
        return result.stdout

    def bad(self, status, *args, says, input=b"", **options):
        """Runs framegate, which must fail with one line that has all of says; returns stdout."""
        result = run(*args, input=input, **options)
        message = result.stderr.decode()
        self.assertEqual(result.returncode, status, message)
        self.assertEqual(message.count("\n"), 1, message)
        self.assertTrue(message.startswith("framegate"), message)
        for part in says:
            self.assertIn(part, message)
        return result.stdout
