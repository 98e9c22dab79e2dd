"""A file of the store that cannot be read: the operator hears of it once, with its name and why,
and sees it in the state until it is another; clients hear that something is wrong, and what does
not need the file goes on."""

import os
import shutil
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import support
from support import hg, http


def get(address, path):
    """Status and text of an answer of the admin listener."""
    try:
        with urllib.request.urlopen("http://%s:%d%s" % (*address, path)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def url(server):
    return "http://%s:%d/" % server.address


class DamageTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="framegate-damage-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "repository")
        hg("init", self.path)
        for name in ("one", "two"):
            for number in range(3):
                support.commit(self.path, name, "%s %d\n" % (name, number))

    def clone(self, server, *options):
        """Exit status of a clone, which leaves nothing behind."""
        to = os.path.join(self.folder, "clone")
        done = hg("clone", "-q", "-U", *options, url(server), to, check=False)
        shutil.rmtree(to, ignore_errors=True)
        return done.returncode

    def lines(self, server):
        return [line for line in server.stderr().splitlines() if self.path + " is damaged: " in line]

    def damaged(self, server):
        return [one["file"] for one in server.state()["repository"]["damaged"]]

    def told_once(self, name, change, ready, reason):
        """Clones twice with a file of the store changed, and once with it mended."""
        file = os.path.join(self.path, ".hg/store", name)
        with http.Server("--bundle-cache=off", repository=self.path) as server:
            self.assertEqual(self.clone(server), 0)
            self.assertEqual(self.damaged(server), [])
            shutil.copy(file, file + ".away")
            change(file)
            for _ in range(2):
                self.assertNotEqual(self.clone(server), 0)
            lines = self.lines(server)
            self.assertEqual(len(lines), 1, lines)
            for words in (self.path, name, reason):
                self.assertIn(words, lines[0])
            self.assertEqual(self.damaged(server), [name])
            self.assertIn(reason, server.state()["repository"]["damaged"][0]["reason"])
            status, text = get(server.admin, "/readyz")
            self.assertEqual(status, 200 if ready else 503, text)
            self.assertIn("framegate_repository_damaged_files 1\n", get(server.admin, "/metrics")[1])
            self.assertEqual(hg("id", url(server), "-r", "0"), hg("id", self.path, "-r", "0"))
            os.rename(file + ".away", file)
            self.assertEqual(self.clone(server), 0)
            self.assertEqual(self.damaged(server), [])
            self.assertEqual(get(server.admin, "/readyz")[0], 200)
            # Another damage is told again.
            shutil.copy(file, file + ".away")
            change(file)
            self.assertNotEqual(self.clone(server), 0)
            self.assertEqual(len(self.lines(server)), 2)
            os.rename(file + ".away", file)

    def test_a_missing_file(self):
        self.told_once("data/one.i", os.unlink, True, "missing")

    def test_a_file_that_was_cut(self):
        self.told_once("data/two.i", lambda file: os.truncate(file, 100), True, "cut short")

    def test_a_damaged_chunk(self):
        def change(file):
            with open(file, "r+b") as revlog:
                revlog.seek(64)
                revlog.write(b"x!")

        self.told_once("data/one.i", change, True, "zlib")

    def test_the_manifest(self):
        self.told_once("00manifest.i", lambda file: os.truncate(file, 100), False, "cut short")

    def test_a_strip_is_no_damage(self):
        with http.Server("--bundle-cache=off", repository=self.path) as server:
            strip = ["--config", "extensions.strip=", "strip", "-q", "--no-backup", "-r", "3"]
            hg("-R", self.path, *strip)
            self.assertEqual(self.clone(server), 0)
            self.assertEqual(self.lines(server), [])


if __name__ == "__main__":
    if not http.PROGRAM:
        sys.exit("FRAMEGATE_HTTP must name the program")
    unittest.main()
