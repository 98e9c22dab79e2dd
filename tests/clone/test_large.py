"""Files that are larger than what the gateway may hold in memory; damage in them is said."""

import os
import random
import shutil
import tempfile
import unittest

import support
from support import http, hg

MIB = 1 << 20
# Twice that may be held, which is less than any of the texts.
LITTLE = ("--max-memory", "4M")


def noise(size, seed=0):
    """Bytes that no compression makes fewer."""
    return random.Random(seed).randbytes(size)


def lines(size):
    line = b"a line of a large file, again and again\n"
    return line * (size // len(line))


class Large(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def commit(self, path, **files):
        for name, content in files.items():
            with open(os.path.join(path, name), "wb") as file:
                file.write(content)
        hg("-R", path, "commit", "-q", "-A", "-d", "0 0", "-m", "change")

    def make(self, name, *options):
        path = self.path(name)
        hg("init", path, *options)
        return path

    def clone(self, server, name, *options):
        """What a clone has, whose texts hg has looked through."""
        path = self.path(name)
        hg("clone", "-q", "-U", *options, "http://127.0.0.1:%d/" % server.address[1], path)
        hg("-R", path, "verify", "-q")
        nodes = hg("-R", path, "log", "-T", "{node}\n")
        shutil.rmtree(path)
        return nodes

    def same(self, path, *options):
        with http.Server(*LITTLE, *options, repository=path) as server:
            self.assertEqual(self.clone(server, "copy", "--pull"),
                             hg("-R", path, "log", "-T", "{node}\n"))
            return server.stderr()

    def test_texts_and_deltas_of_each_kind(self):
        for engine, options in (("zstd", ()), ("zlib", ("--bundle-cache", "off"))):
            path = self.make(engine, "--config", "format.revlog-compression=" + engine)
            text, dense = lines(24 * MIB), noise(12 * MIB)
            self.commit(path, text=text, dense=dense)
            # A small delta of a large text, and a large one.
            self.commit(path, text=text[:-1] + b"!\n", dense=dense[: 3 * MIB] + noise(9 * MIB, 1))
            self.assertNotIn("cut", self.same(path, *options))

    def test_old_clients_get_large_texts_too(self):
        path = self.make("old")
        self.commit(path, dense=noise(12 * MIB))
        self.commit(path, dense=noise(10 * MIB) + b"more\n")
        with http.Server(*LITTLE, repository=path) as server:
            body = support.ask(server.address[1], "cmd=getbundle").body
            bundle = self.path("old.hg")
            with open(bundle, "wb") as file:
                file.write(b"HG10GZ" + body)
        copy = self.make("old-copy")
        hg("-R", copy, "unbundle", "-q", bundle)
        hg("-R", copy, "verify", "-q")

    def test_texts_are_rebuilt_for_who_has_not_what_they_are_stored_against(self):
        path = self.make("rebuilt", "--config", "format.usegeneraldelta=no",
                         "--config", "format.sparse-revlog=no")
        dense, text = noise(9 * MIB), lines(10 * MIB)
        odd = b"".join(line if n % 2 else b"an odd one\n"
                       for n, line in enumerate(text.splitlines(True)))
        self.commit(path, dense=dense, text=text)
        # Another root; each text is stored as a delta against the one before, whatever its parents.
        hg("-R", path, "update", "-q", "null")
        self.commit(path, dense=b"root\n" + dense, text=odd)
        hg("-R", path, "update", "-q", "0")
        self.commit(path, dense=dense + b"more\n", text=b"first\n" + text)
        hg("-R", path, "update", "-q", "0")
        self.commit(path, dense=noise(9 * MIB, 1), text=odd[: 9 * MIB])
        with http.Server(*LITTLE, repository=path) as server:
            for rev in ("1", "2", "3"):
                expected = hg("-R", path, "log", "-r", "sort(::%s, -rev)" % rev, "-T", "{node}\n")
                self.assertEqual(self.clone(server, "part", "--pull", "-r", rev), expected)
            bundle = self.path("rebuilt.hg")
            with open(bundle, "wb") as file:
                file.write(b"HG10GZ" + support.ask(server.address[1], "cmd=getbundle").body)
            copy = self.make("rebuilt-copy")
            hg("-R", copy, "unbundle", "-q", bundle)
            hg("-R", copy, "verify", "-q")
            self.assertNotIn("cut", server.stderr())

    def test_descriptions_of_changesets(self):
        path = self.make("described")
        words = self.path("words")
        with open(words, "w") as file:
            file.write(noise(5 * MIB).hex())
        hg("-R", path, "commit", "-q", "--config", "ui.allowemptycommit=yes", "-d", "0 0",
           "-l", words)
        # The start reads it once; a bundle held it three times.
        with http.Server("--max-memory", "12M", repository=path) as server:
            self.assertEqual(self.clone(server, "copy", "--pull"),
                             hg("-R", path, "log", "-T", "{node}\n"))
            self.assertNotIn("cut", server.stderr())

    def test_damage_is_said_to_the_client_and_to_the_operator(self):
        path = self.make("damaged")
        self.commit(path, dense=noise(12 * MIB))
        data = os.path.join(path, ".hg/store/data/dense.d")
        with open(data, "r+b") as file:
            file.seek(11 * MIB)
            right = file.read(6)
            file.seek(11 * MIB)
            file.write(b"damage")
        url = "http://127.0.0.1:%d/"
        said = "data/dense.i is damaged: revision 0 does not match its node"
        for options in ((), ("--bundle-cache", "off")):
            with http.Server(*options, repository=path) as server:
                result = hg("clone", "--pull", url % server.address[1], self.path("never"),
                            check=False)
                self.assertEqual(result.returncode, 255)
                self.assertIn("remote: abort: " + said, result.stderr.decode())
                self.assertIn("getbundle: the answer was cut: " + said, server.stderr())
                self.assertEqual(server.state()["bundles"]["entries"], 0)
                server.wait_until(lambda state: not state["exchanges"], "the end")
        with open(data, "r+b") as file:
            file.seek(11 * MIB)
            file.write(right)
        self.same(path)


if __name__ == "__main__":
    unittest.main()
