"""The README says what is true: its examples run against the demo repository, word for word."""

import ast
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from support import FRAMEGATE, ROOT, TIMEOUT, run

SEPARATOR = "\x01"


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def examples():
    """The sh blocks in order, each with the text block that follows it at once, or None."""
    pattern = r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?"
    return re.findall(pattern, read("README.md"), re.MULTILINE | re.DOTALL)


class Examples(unittest.TestCase):
    """One shell runs all examples, since the later ones use what the earlier ones define."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        maker = os.path.join(ROOT, "tests/support/make_demo_repository.sh")
        cls.demo = os.path.join(cls.folder, "demo")
        subprocess.run([maker, cls.demo], check=True, timeout=TIMEOUT)
        os.mkdir(os.path.join(cls.folder, "build"))
        os.symlink(os.path.dirname(FRAMEGATE), os.path.join(cls.folder, "build/release"))
        cls.server = subprocess.Popen(
            [FRAMEGATE, "serve", "--repository", cls.demo, "--listen", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0", "--access-log", "off"],
            stdout=subprocess.PIPE, text=True,
        )
        cls.addClassCleanup(cls.stop_server)
        ready = cls.server.stdout.readline()
        cls.address = re.search(r"http://([0-9.:]+)/", ready)[1]

    @classmethod
    def stop_server(cls):
        cls.server.terminate()
        cls.server.communicate(timeout=TIMEOUT)

    def shell(self, script):
        script = script.replace("127.0.0.1:8080", self.address)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True,
            text=True, timeout=TIMEOUT, check=False, env=dict(os.environ, HGRCPATH="/dev/null"),
        )

    def test_every_example_prints_what_the_readme_shows(self):
        blocks = examples()
        self.assertGreater(len(blocks), 7)
        script = "".join(f"{block}\nprintf '{SEPARATOR}'\n" for block, _ in blocks)
        result = self.shell(script)
        printed = result.stdout.split(SEPARATOR)
        self.assertEqual(len(printed), len(blocks) + 1, result.stderr)
        for (block, expected), output in zip(blocks, printed):
            self.assertEqual(output, expected, block)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_first_request_shows_the_heads_of_hg(self):
        (setup, _), (pipeline, _) = examples()[:2]
        self.assertIn("framegate request heads | curl -s --data-binary @- -H ", pipeline)
        output = self.shell(setup + pipeline).stdout
        literal = output.split("cbor:")[1]
        revset = "reverse(heads(not secret()))"
        heads = subprocess.run(
            ["hg", "-R", self.demo, "log", "-r", revset, "-T", "{node}\n"], check=True,
            capture_output=True, text=True, timeout=TIMEOUT,
        ).stdout.split()
        self.assertGreater(len(heads), 1)
        self.assertEqual([node.hex() for node in ast.literal_eval(literal)], heads)


    def test_commands_are_those_of_the_server(self):
        """Each row of the table: the command, its arguments and its permission."""
        output = self.shell(
            examples()[0][0] + examples()[1][0].replace("heads", "capabilities").rstrip() + " --json"
        ).stdout
        commands = ast.literal_eval(json.loads(output)["literal"])[b"commands"]
        actual = {
            name.decode(): (sorted(key.decode() for key in command[b"args"]),
                            b"push" in command[b"permissions"])
            for name, command in commands.items()
        }
        rows = re.findall(r"^\| `(\w+)`( \(`rw`\))? \| (.*?) ?\| .+ \|$", read("README.md"),
                          re.MULTILINE)
        shown = {name: (sorted(re.findall(r"`(\w+)`", args)), bool(rw)) for name, rw, args in rows}
        self.assertEqual(shown, actual)


class Facts(unittest.TestCase):
    def test_limits_are_those_of_the_program(self):
        """Each row of the table: its option, with this default and this answer, and no row less."""
        table = re.findall(r"^\| (.+?) \| `--(\S+)` \| (.+?) \| (.+?) \|$", read("README.md"),
                           re.MULTILINE)
        shown = {option: (default, answer) for _, option, default, answer in table}
        text = run("help", "serve").stdout.decode()
        actual = {}
        for entry in re.split(r"\n(?=  --)", text)[1:]:
            words = " ".join(entry.split())
            found = re.search(r"^--(\S+).*\(default (\S+); otherwise: (.+?)\)\.", words)
            if found:
                actual[found[1]] = (found[2], found[3])
        self.assertGreater(len(actual), 10)
        self.assertEqual(shown, actual)

    def test_named_files_exist(self):
        names = re.findall(r"`((?:framing|handlers|gateway|tests|\.ci)/[\w./-]*|\./\w+\.sh)`",
                           read("README.md"))
        self.assertGreater(len(names), 10)
        for name in names:
            if name != "handlers/NAME.c":
                self.assertTrue(os.path.exists(os.path.join(ROOT, name)), name)


if __name__ == "__main__":
    unittest.main()
