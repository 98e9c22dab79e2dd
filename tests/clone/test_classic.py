"""The classic transport: each command's answer is byte for byte the one of hg serve."""

import os
import re
import struct
import tempfile
import unittest
import urllib.parse
import urllib.request
import zlib

import support
from support import HgServe, ask, hg

quote = urllib.parse.quote_plus
TYPE = "application/mercurial-0.1"
ERROR = "application/hg-error"


class Classic(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.directory.name, "repository")
        support.make_repository(cls.path)
        cls.server = support.http.Server("--debugreflect", repository=cls.path)
        cls.port = cls.server.address[1]
        cls.nodes = hg("-R", cls.path, "log", "-r", "all()", "-T", "{node} ").decode().split()

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
        finally:
            cls.directory.cleanup()

    def fails(self, query, words, **options):
        answer = ask(self.port, query, **options)
        self.assertEqual((answer.status, answer.kind), (200, ERROR), answer)
        self.assertIn(words, answer.body.decode())
        self.assertTrue(answer.body.endswith(b"\n"))

    # -- against Mercurial ---------------------------------------------------------------------

    def batch(self, *commands):
        return "cmd=batch&cmds=" + quote(";".join(commands))

    def heads(self, count):
        """A batch of so many in a body."""
        data = self.batch(*["heads "] * count)[len("cmd=batch&") :].encode()
        return {
            "headers": {"X-HgArgs-Post": str(len(data)), "Content-Type": TYPE},
            "data": data,
        }

    def queries(self):
        nodes = "+".join(self.nodes + ["1" * 40])
        yield from ("cmd=heads", "cmd=protocaps&caps=x", "cmd=listkeys&namespace=nonsense")
        yield from ("cmd=listkeys&namespace=" + name for name in ("phases", "bookmarks"))
        yield "cmd=listkeys&namespace=namespaces"
        yield "cmd=known&nodes=" + nodes
        yield "cmd=known&nodes="
        yield "cmd=known&nodes=%s&nodes=%s&unknown=1" % (self.nodes[0], "2" * 40)
        for key in ("tip", "0", "mark", "null", self.nodes[1], self.nodes[1][:7], "no such", "a:b"):
            yield "cmd=lookup&key=" + quote(key)
        yield self.batch("heads ", "known nodes=" + " ".join(self.nodes))
        yield self.batch("lookup key=a:cb:oc:sd:ee")
        yield self.batch("heads ", "lookup key=nope", "listkeys namespace=bookmarks")
        yield self.batch("known nodes=,unknown=1")

    def test_answers_are_those_of_hg_serve(self):
        with HgServe(self.path) as theirs:
            for query in self.queries():
                self.assertEqual(ask(self.port, query), ask(theirs.port, query), query)
            # Mercurial's order is that of a dictionary.
            a, b = (ask(port, "cmd=branchmap") for port in (self.port, theirs.port))
            self.assertEqual(sorted(a.body.split(b"\n")), sorted(b.body.split(b"\n")))

    def test_what_is_secret_does_not_exist(self):
        # Mercurial says that it is there, but filtered.
        answer = ask(self.port, "cmd=lookup&key=" + self.nodes[5])
        self.assertEqual(answer.body, b"0 unknown revision '%s'\n" % self.nodes[5].encode())

    def test_names_are_utf_8(self):
        # Mercurial 6.3 answers 500.
        answer = ask(self.port, "cmd=lookup&key=" + quote("an odd \u00e9 one"))
        self.assertEqual(answer.body, b"1 " + self.nodes[0].encode() + b"\n")

    def test_tokens_are_a_part_of_those_of_hg_serve(self):
        with HgServe(self.path, "experimental.httppostargs=yes") as theirs:
            a, b = (ask(port, "cmd=capabilities") for port in (self.port, theirs.port))
            self.assertEqual((a.status, a.kind), (b.status, b.kind))
            ours, whole = a.body.split(b" "), b.body.split(b" ")
            # where there are pushers, arguments stay in the header
            self.assertNotIn(b"httppostargs", ours)
            self.assertEqual(ours, sorted(ours))
            self.assertLessEqual(
                set(ours) - {one for one in ours if one.startswith(b"bundle2=")}, set(whole)
            )
            self.assertEqual(
                ask(self.port, "cmd=hello").body, b"capabilities: " + b" ".join(ours) + b"\n"
            )

    def test_files_are_not_offered_where_something_is_secret(self):
        tokens = lambda: ask(self.port, "cmd=capabilities").body.decode()
        self.assertNotIn("stream", tokens())
        hg("-R", self.path, "phase", "--draft", "-r", self.nodes[5])
        try:
            self.assertIn(" streamreqs=generaldelta,", tokens())
            self.assertIn(urllib.parse.quote("\nstream=v2"), tokens())
        finally:
            hg("-R", self.path, "phase", "--secret", "--force", "-r", self.nodes[5])

    # -- arguments ------------------------------------------------------------------------------

    def test_arguments_come_three_ways(self):
        args = "nodes=" + self.nodes[0] + "+" + "3" * 40
        expected = ask(self.port, "cmd=known&" + args)
        self.assertEqual(expected.body, b"10")
        headers = {"X-HgArg-1": args[:30], "X-HgArg-2": args[30:31], "X-HgArg-3": args[31:]}
        self.assertEqual(ask(self.port, "cmd=known", headers), expected)
        headers = {"X-HgArgs-Post": str(len(args)), "Content-Type": TYPE}
        for rest in (b"", b"what follows is data"):
            data = args.encode() + rest
            self.assertEqual(ask(self.port, "cmd=known", headers, data), expected)

    def test_fields_go_before_the_query(self):
        headers = {"X-HgArg-1": "key=0"}
        answer = ask(self.port, "cmd=lookup&key=tip", headers)
        self.assertEqual(answer.body, b"1 " + self.nodes[0].encode() + b"\n")

    def test_many_nodes_fit_in_a_body(self):
        nodes = [self.nodes[0]] + ["%040x" % number for number in range(1, 50000)]
        data = ("nodes=" + "+".join(nodes)).encode()
        headers = {"X-HgArgs-Post": str(len(data)), "Content-Type": TYPE}
        answer = ask(self.port, "cmd=known", headers, data)
        self.assertEqual(answer.body, b"1" + b"0" * 49999)

    def test_bad_arguments_are_named(self):
        self.fails("cmd=known", "argument 'nodes' is missing")
        self.fails("cmd=known&nodes=abc", "'abc' is not a node in hex")
        self.fails("cmd=known&nodes=" + "g" * 40, "is not a node in hex")
        self.fails("cmd=known&nodes=%zz", "'nodes=%zz' is badly encoded")
        self.fails("cmd=known&nodes=%4", "badly encoded")
        self.fails("cmd=lookup&" + "&".join("a%d=1" % n for n in range(33)), "more than 32")
        self.fails("cmd=debugbytes&size=x", "argument 'size' is not a number")

    def test_bad_post_arguments_are_refused(self):
        for size, status in (("x", 400), ("7", 400), ("-1", 400), ("", 400), ("9" * 30, 400)):
            headers = {"X-HgArgs-Post": size, "Content-Type": TYPE}
            answer = ask(self.port, "cmd=known", headers, b"nodes=")
            self.assertEqual(answer.status, status, size)
            self.assertIn(b"X-HgArgs-Post", answer.body)
        data = b"nodes=" + b"+" * (5 << 20)
        headers = {"X-HgArgs-Post": str(len(data)), "Content-Type": TYPE}
        answer = ask(self.port, "cmd=known", headers, data)
        self.assertEqual(answer.status, 413)
        self.assertIn(b"the arguments exceed the limit of 4194304 bytes", answer.body)

    def test_bad_batches_are_named(self):
        self.fails(self.batch("heads"), "no blank after the command 'heads'")
        self.fails(self.batch("heads ", "nonsense "), "no command 'nonsense'")
        self.fails(self.batch("heads ", "batch cmds=heads "), "no command 'batch'")
        self.fails(self.batch("known nodes"), "'nodes' has no value")
        self.fails(self.batch("heads ", "known "), "argument 'nodes' is missing")
        self.fails("cmd=batch", "argument 'cmds' is missing")
        self.fails("cmd=batch", "more than 1000 commands", **self.heads(1001))
        answer = ask(self.port, "cmd=batch", **self.heads(1000))
        self.assertEqual(answer.body.count(b";"), 999)

    # -- rights ---------------------------------------------------------------------------------

    def logins(self):
        """How many logins were missing, and how many wrong."""
        with urllib.request.urlopen("http://%s:%d/metrics" % self.server.admin) as answer:
            page = answer.read().decode()
        counts = re.findall(r'^framegate_login_failures_total\{reason="(\w+)"\} (\d+)$', page, re.M)
        self.assertEqual([reason for reason, _ in counts], ["missing", "wrong"])
        return [int(count) for _, count in counts]

    def test_writing_needs_rights_in_a_batch_too(self):
        push = "pushkey namespace=bookmarks,key=new,old=,new=" + self.nodes[0]
        key = quote("Bearer " + support.http.TOKEN)
        for query in ("cmd=pushkey&" + push[8:].replace(",", "&"), self.batch("heads ", push)):
            self.assertEqual(ask(self.port, query).status, 401, query)
        self.assertEqual(ask(self.port, "cmd=listkeys&namespace=bookmarks").body.count(b"new"), 0)
        headers = {"Authorization": "Bearer " + support.http.TOKEN}
        answer = ask(self.port, "cmd=pushkey", headers)
        self.assertEqual((answer.status, answer.body), (405, b"push requires POST request\n"), key)
        answer = ask(self.port, "cmd=pushkey", headers, b"")
        self.assertEqual(answer.status, 415)
        # What a page of somebody else's could have a browser send.
        form = dict(headers, **{"Content-Type": "application/x-www-form-urlencoded"})
        for batch in (self.batch("heads ", push), self.batch(push), self.batch(push, "heads ")):
            self.assertEqual(ask(self.port, batch, headers).status, 405, batch)
            self.assertEqual(ask(self.port, batch, form, b"").status, 415, batch)
        self.assertEqual(ask(self.port, "cmd=listkeys&namespace=bookmarks").body.count(b"new"), 0)

    def test_the_type_of_a_push_may_be_said_twice(self):
        """git-cinnabar sends both where the arguments of unbundle come in the body."""
        arguments = b"namespace=bookmarks&key=no&old=&new=" + b"1" * 40
        for first, second, status in ((TYPE, TYPE, 200), (TYPE, "text/plain", 415), ("text/plain", TYPE, 415)):
            headers = ["X-HgArgs-Post: %d" % len(arguments), "Authorization: Bearer " + support.http.TOKEN]
            headers += ["Content-Type: " + first, "Content-Type: " + second]
            answer = self.server.post("/?cmd=pushkey", arguments, headers)
            self.assertEqual(answer.status, status, (first, second, answer.body))

    def test_a_batch_that_needs_a_login_counts_as_one(self):
        batch = self.batch("heads ", "pushkey namespace=bookmarks,key=new,old=,new=" + self.nodes[0])
        headers = {"Content-Type": TYPE}
        missing, wrong = self.logins()
        self.assertEqual(ask(self.port, batch, headers, b"").status, 401)
        headers["Authorization"] = "Bearer nobody-has-this"
        self.assertEqual(ask(self.port, batch, headers, b"").status, 401)
        self.assertEqual(self.logins(), [missing + 1, wrong + 1])

    @support.http.needs_pidfd
    def test_pushkey_answers_as_hg_does(self):
        headers = {"Authorization": "Bearer " + support.http.TOKEN, "Content-Type": TYPE}
        args = "cmd=pushkey&namespace=bookmarks&key=pushed&old=&new=" + self.nodes[0]
        answer = ask(self.port, args, headers, b"")
        self.assertEqual((answer.status, answer.kind, answer.body), (200, TYPE, b"1\n"))
        stale = args.replace("&old=", "&old=" + self.nodes[3]).replace(self.nodes[0], self.nodes[1])
        self.assertEqual(ask(self.port, stale, headers, b"").body, b"0\n")
        push = "pushkey namespace=bookmarks,key=pushed,old=%s,new=" % self.nodes[0]
        batch = self.batch("listkeys namespace=bookmarks", push, "listkeys namespace=bookmarks")
        before, pushed, after = ask(self.port, batch, headers, b"").body.split(b";")
        self.assertIn(b"pushed", before)
        self.assertEqual(pushed, b"1\n")
        self.assertNotIn(b"pushed", after)

    # -- streams --------------------------------------------------------------------------------

    def check_stream(self, proto, kind, prefix, inflate, size=3000000, slow=0):
        headers = {"X-HgProto-1": proto} if proto else {}
        answer = ask(self.port, "cmd=debugbytes&size=%d&slow=%d" % (size, slow), headers)
        self.assertEqual((answer.status, answer.kind), (200, kind), proto)
        self.assertTrue(answer.body.startswith(prefix), answer)
        self.assertEqual(inflate(answer.body[len(prefix) :]), b"\0" * size)

    def test_streams_are_compressed_as_the_client_likes(self):
        two = "application/mercurial-0.2"
        name = lambda text: struct.pack("B", len(text)) + text
        whole = lambda data: data
        self.check_stream("", TYPE, b"", zlib.decompress)
        self.check_stream("0.1", TYPE, b"", zlib.decompress)
        self.check_stream("0.1 0.2", two, name(b"zlib"), zlib.decompress)
        self.check_stream("0.1 0.2 comp=zlib,zstd", two, name(b"zstd"), unzstd)
        self.check_stream("0.1 0.2 comp=bzip2,zlib", two, name(b"zlib"), zlib.decompress)
        self.check_stream("0.1 0.2 comp=none", two, name(b"none"), whole)
        self.check_stream("0.1 0.2 comp=bzip2", TYPE, b"", zlib.decompress)
        for size in (0, 1, 65536, 1 << 20):
            for proto in ("0.2 comp=zstd", "0.2 comp=zlib"):
                inflate = unzstd if "zstd" in proto else zlib.decompress
                self.check_stream(proto, two, name(proto[-4:].encode()), inflate, size)
            self.check_stream("0.2 comp=none", two, name(b"none"), whole, size, slow=1)

    def test_what_brings_nothing_comes_as_it_lies(self):
        caps = quote("HG20,bundle2=" + quote("HG20\nbookmarks\nlistkeys\nphases=heads"))
        some = "&heads=%s&common=%s" % (self.nodes[4], self.nodes[4])
        every = "&heads=%s&common=%s" % ("+".join(self.nodes[3:5]), "0" * 40)
        extras = ("", "&phases=1", "&bookmarks=1&listkeys=bookmarks&phases=1")
        ask_for = lambda port, query, proto: ask(port, query, {"X-HgProto-1": proto})
        with HgServe(self.path) as theirs:
            for nodes in (some, every):
                for extra in extras:
                    query = "cmd=getbundle&bundlecaps=%s&cg=0%s%s" % (caps, nodes, extra)
                    ours = ask_for(self.port, query, "0.1 0.2 comp=zstd,zlib")
                    plain = ask_for(theirs.port, query, "0.1 0.2 comp=zlib")
                    self.assertEqual((ours.status, ours.kind), (200, "application/mercurial-0.2"))
                    self.assertEqual(ours.body[:5], b"\4none")
                    self.assertEqual(ours.body[5:], zlib.decompress(plain.body[5:]), query)
                    old = ask_for(self.port, query, "0.1")
                    self.assertEqual(old.kind, TYPE)
                    self.assertEqual(zlib.decompress(old.body), ours.body[5:])
        self.assertEqual(self.server.state()["bundles"]["misses"], 0)

    # -- the real client ------------------------------------------------------------------------

    def test_hg_identifies(self):
        url = "http://127.0.0.1:%d/" % self.port
        self.assertEqual(hg("--config", "ui.debug=no", "id", "--id", url).decode().split(), [self.nodes[4][:12]])
        found = hg("id", "--id", "-r", "mark", url).decode().strip()
        self.assertEqual(found, self.nodes[2][:12])
        self.assertIn(b"mark", hg("id", "-B", "-r", "mark", url))
        result = hg("id", "-r", "nope", url, check=False)
        self.assertIn(b"unknown revision 'nope'", result.stderr)


def unzstd(data):
    """With the library that Mercurial brings along."""
    from mercurial import zstd

    return zstd.ZstdDecompressor().decompressobj().decompress(data)


if __name__ == "__main__":
    unittest.main()
