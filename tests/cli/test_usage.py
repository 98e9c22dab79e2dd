"""Help, version, the man page, bad usage, and failures of standard input and output."""

import os
import re
import subprocess
import unittest

from support import FRAMEGATE, ROOT, TIMEOUT, ToolTest, frame, run

COMMANDS = ["serve", "request", "encode", "decode", "reflect", "help"]


class Help(ToolTest):
    def test_version_is_that_of_the_build(self):
        with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"project\(framegate VERSION (\S+)", file.read())[1]
        self.assertEqual(self.good("--version").decode(), f"framegate {version}\n")

    def test_every_command_has_help(self):
        overview = self.good("--help").decode()
        self.assertEqual(overview, self.good("help").decode())
        listed = re.findall(r"^  ([a-z]+)  +[A-Z]", overview, re.MULTILINE)
        self.assertEqual(listed, COMMANDS)
        for command in COMMANDS:
            text = self.good(command, "--help").decode()
            self.assertTrue(text.startswith(f"Usage: framegate {command} "), text)
            self.assertEqual(text, self.good("help", command).decode())
            self.assertEqual(text, self.good(command, "-h").decode())

    def test_no_line_is_too_wide(self):
        for command in COMMANDS:
            for line in self.good("help", command).decode().splitlines():
                self.assertLessEqual(len(line), 79, line)

    def test_help_wins_over_what_follows(self):
        self.good("decode", "--help", "--nonsense")


class ManPage(ToolTest):
    @classmethod
    def setUpClass(cls):
        cls.roff = run("help", "--man").stdout
        # -ww: all warnings; -rLL: wide enough that no line is broken.
        formatted = subprocess.run(
            ["groff", "-man", "-Tascii", "-P-cbou", "-ww", "-rLL=2000n", "-rHY=0"],
            input=cls.roff, capture_output=True, timeout=TIMEOUT, check=True,
        )
        cls.warnings = formatted.stderr
        cls.text = formatted.stdout.decode()

    def test_roff_is_clean(self):
        self.assertEqual(self.warnings, b"")

    def test_sections(self):
        found = re.findall(r"^[A-Z][A-Z ]+$", self.text, re.MULTILINE)
        self.assertEqual(
            found,
            ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"],
        )

    def test_says_all_that_help_says(self):
        """Each word of each --help is in the man page, in the same order."""
        page = " ".join(self.text.split())
        for command in COMMANDS:
            text = run("help", command).stdout.decode()
            text = text.removeprefix("Usage: ").replace("\nOptions:\n", "\n")
            for paragraph in re.split(r"\n\n+|\n(?=  -)", text):
                words = " ".join(paragraph.split())
                self.assertIn(words, page)

    def test_example_is_word_for_word(self):
        self.assertIn("-H 'Content-Type: application/mercurial-exp-framing-0003' \\", self.text)
        self.assertIn(r"b'\x00...'", self.text)


class BadUsage(ToolTest):
    def test_what_is_no_command(self):
        self.bad(2, says=["expected a command", "--help"])
        self.bad(2, "dcode", says=["unknown command 'dcode'"])
        self.bad(2, "--nope", says=["unknown option '--nope'"])
        self.bad(2, "", says=["unknown command ''"])
        self.bad(2, "--version", "x", says=["unexpected argument"])

    def test_operands_and_options(self):
        for command in ("encode", "decode", "reflect"):
            self.bad(2, command, "file", says=[command, "'file'", "standard input"])
            self.bad(2, command, "--", "-x", says=[command, "'-x'"])
            self.bad(2, command, "--nope", says=[command, "'--nope'", f"{command} --help"])
            self.bad(2, command, "-q", says=[command, "'-q'"])
        self.bad(2, "decode", "--json=1", says=["'--json=1' takes no argument"])
        self.bad(2, "decode", "--help=1", says=["takes no argument"])
        self.bad(2, "decode", "--json", "--repr", says=["--json", "--repr"])
        self.bad(2, "decode", "--request", says=["'--request' needs an argument"])
        self.bad(2, "decode", "--request=65536", says=["0 to 65535", "'65536'"])
        self.bad(2, "decode", "--re", says=["ambiguous", "'--re'"])
        self.bad(2, "help", "nope", says=["'nope'"])
        self.bad(2, "help", "encode", "decode", says=["one command"])


class Streams(ToolTest):
    """What happens when standard input or output fails."""

    LINE = b"1 1 0 1 0 x\n"
    FRAME = frame(1, 1, 1, 1, 1, b"\xa1DnameAx")
    RUNS = [
        (["encode"], LINE),
        (["decode"], FRAME),
        (["decode", "--json"], FRAME),
        (["reflect"], FRAME),
        (["request", "heads"], b""),
        (["help"], b""),
        (["help", "--man"], b""),
        (["decode", "--help"], b""),
        (["--version"], b""),
    ]

    def test_full_disk(self):
        for args, data in self.RUNS:
            with open("/dev/full", "wb") as full:
                self.bad(1, *args, input=data, stdout=full, says=["No space left on device"])

    def test_closed_pipe(self):
        for args, data in self.RUNS:
            reading, writing = os.pipe()
            os.close(reading)
            with open(writing, "wb") as pipe:
                self.bad(1, *args, input=data, stdout=pipe, says=["Broken pipe"])

    def test_closed_output(self):
        for args, data in self.RUNS:
            script = '"$0" "$@" >&-'
            result = subprocess.run(
                ["sh", "-c", script, FRAMEGATE, *args], input=data, capture_output=True,
                timeout=TIMEOUT, check=False,
            )
            self.assertEqual(result.returncode, 1, args)
            self.assertIn(b"standard output", result.stderr)

    def test_closed_or_unreadable_input(self):
        for args in (["encode"], ["decode"], ["reflect"]):
            descriptor = os.open("/", os.O_RDONLY)
            try:
                self.bad(1, *args, stdin=descriptor, says=["standard input", "directory"])
            finally:
                os.close(descriptor)
            result = subprocess.run(
                ["sh", "-c", '"$0" "$@" <&-', FRAMEGATE, *args], capture_output=True,
                timeout=TIMEOUT, check=False,
            )
            self.assertEqual(result.returncode, 1, args)

    def test_input_that_does_not_block(self):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        with subprocess.Popen(
            [FRAMEGATE, "decode"], stdin=reading, stdout=subprocess.PIPE
        ) as process:
            os.close(reading)
            os.write(writing, self.FRAME[:5])
            os.write(writing, self.FRAME[5:] + self.FRAME)
            self.assertIn(b"command-request", process.stdout.readline())
            os.close(writing)
            self.assertIn(b"command-request", process.stdout.readline())
            self.assertEqual(process.wait(TIMEOUT), 0)


if __name__ == "__main__":
    unittest.main()
