"""Replies of few bytes or none, on every way by which they go out, beside those of hg serve."""

import itertools
import os
import tempfile
import unittest
import zlib
from urllib.parse import quote

from mercurial import zstd

import support
from support import HgServe, ask, hg, http

CAPS = [b"HG20", b"bundle2=HG20%0Achangegroup%3D02%0Aobsmarkers%3DV1%0Aphases%3Dheads%0Abookmarks"]
PROTOCOLS = ({}, *({"X-HgProto-1": "0.1 0.2 comp=" + name} for name in ("zstd", "zlib", "none")))
FLAGS = ("bookmarks", "cg", "obsmarkers", "phases")


def unpacked(reply):
    """A bundle without the way it came."""
    if reply.kind == "application/mercurial-0.1":
        return zlib.decompress(reply.body)
    assert reply.kind == "application/mercurial-0.2", reply
    name, body = reply.body[1 : 1 + reply.body[0]], reply.body[1 + reply.body[0] :]
    if name == b"zstd":
        return zstd.ZstdDecompressor().decompressobj().decompress(body)
    return zlib.decompress(body) if name == b"zlib" else body


class Small(unittest.TestCase):
    """One commit, or none, and markers that concern neither."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.paths = [os.path.join(cls.directory.name, name) for name in ("empty", "marked")]
        for path in cls.paths:
            hg("init", path)
        evolution = ("--config", "experimental.evolution=all")
        support.commit(cls.paths[1], "a", "a\n")
        hg("-R", cls.paths[1], "debugobsolete", "1" * 40, "2" * 40, *evolution)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def questions(self, path):
        """The arguments of getbundle for who has all, as frames have them."""
        tip = hg("-R", path, "log", "-r", "tip", "-T", "{node}").decode() or "0" * 40
        for flags in itertools.product((False, True), repeat=len(FLAGS)):
            for listkeys in ([], [b"bookmarks"]):
                yield dict(zip(FLAGS, flags), listkeys=listkeys, bundlecaps=CAPS,
                           common=[bytes.fromhex(tip)], heads=[bytes.fromhex(tip)])
        # a changegroup alone
        yield {"common": [bytes.fromhex(tip)], "heads": [bytes.fromhex(tip)]}

    @staticmethod
    def query(arguments):
        def text(name, value):
            if isinstance(value, bool):
                return str(int(value))
            separator, strings = (",", [one.decode() for one in value]) if name in (
                "listkeys", "bundlecaps") else (" ", [one.hex() for one in value])
            return quote(separator.join(strings))

        return "cmd=getbundle&" + "&".join(
            name + "=" + text(name, value) for name, value in arguments.items() if value != [])

    def by_frames(self, server, arguments):
        encoded = {name.encode(): value for name, value in arguments.items()}
        frames = server.run("getbundle", http.request(b"getbundle", encoded)).frames()
        self.assertEqual({frame[3] for frame in frames}, {http.BYTES_RESPONSE}, frames)
        return b"".join(frame[5] for frame in frames)

    def test_bundles_without_news(self):
        for path in self.paths:
            with HgServe(path, "experimental.evolution=all") as theirs:
                expected = [(arguments, unpacked(ask(theirs.port, self.query(arguments))))
                            for arguments in self.questions(path)]
            for options in ((), ("--bundle-cache", "off"), ("--max-bundle-cache", "1")):
                with http.Server(*options, repository=path) as server:
                    for arguments, bundle in expected:
                        for headers in PROTOCOLS * 2:
                            reply = ask(server.address[1], self.query(arguments), headers)
                            self.assertEqual(unpacked(reply), bundle, (arguments, headers))
                        for _ in range(2):
                            self.assertEqual(self.by_frames(server, arguments), bundle, arguments)

    def test_answers_without_bytes(self):
        queries = ("cmd=clonebundles", "cmd=known&nodes=", "cmd=listkeys&namespace=bookmarks",
                   "cmd=listkeys&namespace=nonsense", "cmd=branchmap", "cmd=heads",
                   "cmd=batch&cmds=known+nodes%3D",
                   "cmd=batch&cmds=known+nodes%3D%3Blistkeys+namespace%3Dnonsense")
        frames = ((b"clonebundles", {}), (b"known", {b"nodes": []}), (b"branchmap", {}),
                  (b"listkeys", {b"namespace": b"nonsense"}), (b"heads", {b"publiconly": True}))
        for path in self.paths:
            with HgServe(path) as theirs, http.Server(repository=path) as server:
                for query in queries:
                    for headers in PROTOCOLS:
                        self.assertEqual(ask(server.address[1], query, headers),
                                         ask(theirs.port, query, headers), query)
                for name, arguments in frames:
                    answer = server.run(name.decode(), http.request(name, arguments))
                    (frame,) = answer.frames()
                    self.assertEqual(frame[3], http.BYTES_RESPONSE, frame)


if __name__ == "__main__":
    unittest.main()
