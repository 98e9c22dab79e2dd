"""The bundle cache: one bundle for many, whatever happens to its files."""

import glob
import hashlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support
from support import ask, hg, http

PROTO = {"X-HgProto-1": "0.1 0.2 comp=zstd,zlib,none"}
CAPS = "HG20%2Cbundle2%3DHG20%250Achangegroup%253D01%252C02"
FRAMES = http.request(b"getbundle", {b"bundlecaps": [b"HG20", b"bundle2=HG20%0Achangegroup%3D02"]})


class Bundles(unittest.TestCase):
    """A repository of some megabytes that compress badly, and a server for each test."""

    size = 3 << 20

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.directory.name, "repository")
        hg("init", cls.path)
        noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(cls.size // 32))
        for number in range(3):
            with open(os.path.join(cls.path, "file%d" % number), "wb") as file:
                file.write(noise[number * 1000 :])
            hg("-R", cls.path, "commit", "-q", "-A", "-d", "0 0", "-m", "change %d" % number)
        cls.head = hg("-R", cls.path, "log", "-r", "tip", "-T", "{node}").decode()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        self.cache = tempfile.mkdtemp(prefix="framegate-cache-")
        self.addCleanup(shutil.rmtree, self.cache)

    def serve(self, *options, **more):
        return http.Server(
            "--bundle-cache", self.cache, *options, repository=self.path, **more
        )

    def ask(self, server, common=""):
        query = "cmd=getbundle&bundlecaps=%s&heads=%s&common=%s" % (CAPS, self.head, common)
        return ask(server.address[1], query, PROTO)

    def right(self, answer):
        """The bundle without its compression, taken in by hg."""
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.kind, "application/mercurial-0.2")
        self.assertTrue(answer.body.startswith(b"\4zstd"))
        return hashlib.sha256(answer.body).hexdigest()

    def counts(self, server, **expected):
        found = server.state()["bundles"]
        self.assertEqual({name: found[name] for name in expected}, expected, found)
        return found

    def files(self):
        return [name for name in os.listdir(self.cache) if name != "key"]

    def clone(self, server, name):
        path = os.path.join(self.cache + "-" + name)
        self.addCleanup(shutil.rmtree, path, True)
        hg("clone", "--pull", "-U", "http://127.0.0.1:%d/" % server.address[1], path)
        hg("-R", path, "verify", "-q")
        return hg("-R", path, "log", "-T", "{node}\n")

    # -- hits and misses ------------------------------------------------------------------------

    def test_the_second_one_is_a_hit_and_so_it_is_after_a_restart(self):
        with self.serve() as server:
            first = self.right(self.ask(server))
            found = self.counts(server, misses=1, hits=0, entries=1, making=0, failures=0)
            self.assertGreater(found["bytes"], self.size)
            self.assertEqual(self.right(self.ask(server)), first)
            self.counts(server, misses=1, hits=1, entries=1)
            self.assertEqual(self.clone(server, "a"), hg("-R", self.path, "log", "-T", "{node}\n"))
            # The clone asks for other parts, so it is another bundle.
            self.counts(server, misses=2, entries=2)
        with self.serve() as server:
            self.counts(server, misses=0, hits=0, entries=2)
            self.assertEqual(self.right(self.ask(server)), first)
            self.assertEqual(self.clone(server, "b"), hg("-R", self.path, "log", "-T", "{node}\n"))
            self.counts(server, misses=0, hits=2, damaged=0)

    def test_another_state_is_another_bundle(self):
        with self.serve() as server:
            self.right(self.ask(server))
            self.addCleanup(hg, "-R", self.path, "bookmark", "-d", "later")
            hg("-R", self.path, "bookmark", "-r", "0", "later")
            self.right(self.ask(server))
            self.counts(server, misses=2, hits=0, entries=2)
            self.addCleanup(hg, "-R", self.path, "phase", "--draft", "--force", "-r", "0")
            hg("-R", self.path, "phase", "--public", "-r", "0")
            self.right(self.ask(server))
            self.counts(server, misses=3, hits=0, entries=3)

    def test_frames_share_too(self):
        with self.serve() as server:
            bodies = []
            for _ in range(2):
                answer = server.run("getbundle", FRAMES)
                self.assertEqual(answer.status, 200)
                bodies.append(b"".join(one[5] for one in answer.frames()))
            self.assertTrue(bodies[0].startswith(b"HG20"))
            self.assertEqual(bodies[0], bodies[1])
            self.counts(server, misses=1, hits=1)

    def test_off_keeps_nothing(self):
        with http.Server("--bundle-cache", "off", repository=self.path) as server:
            for _ in range(2):
                self.right(self.ask(server))
            self.counts(server, misses=0, hits=0, limit_bytes=0)
        self.assertEqual(self.files(), [])

    def test_a_refusal_is_not_kept(self):
        with self.serve() as server:
            for _ in range(2):
                query = "cmd=getbundle&bundlecaps=HG20&heads=" + "1" * 40
                answer = ask(server.address[1], query, PROTO)
                self.assertEqual((answer.status, answer.kind), (200, "application/hg-error"))
            self.counts(server, misses=0, hits=0, entries=0)

    # -- many at once ---------------------------------------------------------------------------

    def at_once(self, count, function):
        results = [None] * count

        def run(place):
            results[place] = function()

        threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def test_many_at_once_cost_one(self):
        with self.serve("--workers", "2") as server:
            found = self.at_once(20, lambda: self.right(self.ask(server)))
            self.assertEqual(len(set(found)), 1)
            state = server.state()["bundles"]
            self.assertEqual(state["misses"], 1, state)
            self.assertEqual(state["hits"] + state["shared"], 19)
            self.assertEqual(state["failures"], 0)

    # -- damage ---------------------------------------------------------------------------------

    def damage(self, change):
        """What is asked for after the only file was changed, and once more after a restart."""
        with self.serve() as server:
            first = self.right(self.ask(server))
            (name,) = self.files()
            change(os.path.join(self.cache, name))
            self.assertEqual(self.right(self.ask(server)), first)
            self.counts(server, misses=2, hits=0, damaged=1, entries=1)
        (name,) = self.files()
        change(os.path.join(self.cache, name))
        with self.serve() as server:
            self.assertEqual(self.right(self.ask(server)), first)
            self.counts(server, misses=1, hits=0, entries=1)

    def test_a_flipped_bit_is_seen(self):
        def flip(path):
            info = os.stat(path)
            with open(path, "r+b") as file:
                file.seek(self.size // 2)
                byte = file.read(1)
                file.seek(self.size // 2)
                file.write(bytes([byte[0] ^ 1]))
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

        self.damage(flip)

    def test_a_cut_file_is_seen(self):
        self.damage(lambda path: os.truncate(path, 100000))

    def test_an_empty_file_is_seen(self):
        self.damage(lambda path: os.truncate(path, 0))

    def test_a_file_under_another_name_is_seen(self):
        with self.serve() as server:
            first = self.right(self.ask(server))
            (name,) = self.files()
        other = os.path.join(self.cache, "0" * 64)
        os.rename(os.path.join(self.cache, name), other)
        shutil.copy(other, os.path.join(self.cache, name))
        with open(os.path.join(self.cache, "key"), "r+b") as file:
            file.write(b"x" * 32)
        with self.serve() as server:
            self.assertEqual(self.right(self.ask(server)), first)
            self.counts(server, misses=1, hits=0, damaged=1)

    def test_leftovers_are_removed(self):
        left = os.path.join(self.cache, ".new-17")
        open(left, "w").close()
        with self.serve():
            self.assertFalse(os.path.exists(left))

    # -- bounds ---------------------------------------------------------------------------------

    def test_what_was_not_asked_for_longest_goes_first(self):
        nodes = hg("-R", self.path, "log", "-r", "all()", "-T", "{node} ").decode().split()
        with self.serve("--max-bundle-cache", "%d" % (3 * self.size - 100000)) as server:
            one = lambda: self.right(self.ask(server, nodes[1]))
            two = lambda: self.right(self.ask(server, nodes[0]))
            one()
            self.counts(server, entries=1, evictions=0)
            two()
            found = self.counts(server, misses=2, evictions=1, entries=1)
            self.assertLess(found["bytes"], found["limit_bytes"])
            two()
            one()
            self.counts(server, misses=3, hits=1, evictions=2, entries=1)
        self.assertEqual(len(self.files()), 1)

    def test_a_bundle_that_does_not_fit_is_sent_all_the_same(self):
        with self.serve() as server:
            first = self.right(self.ask(server))
        shutil.rmtree(self.cache)
        os.mkdir(self.cache, 0o700)
        with self.serve("--max-bundle-cache", "1M") as server:
            found = self.at_once(4, lambda: self.right(self.ask(server)))
            self.assertEqual(set(found), {first})
            state = self.counts(server, entries=0, hits=0, bytes=0)
            self.assertGreaterEqual(state["failures"], 1)
        self.assertEqual(self.files(), [])

    def test_a_full_disk_is_no_hindrance(self):
        with self.serve() as server:
            first = self.right(self.ask(server))
        shutil.rmtree(self.cache)
        os.mkdir(self.cache, 0o700)
        with self.serve() as server:
            # Writing beyond that fails, as on a full disk.
            limit = 2 << 20
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
            found = self.at_once(6, lambda: self.right(self.ask(server)))
            self.assertEqual(set(found), {first})
            state = self.counts(server, entries=0, hits=0, bytes=0)
            self.assertGreaterEqual(state["failures"], 1)
        self.assertEqual(self.files(), [])

    # -- the folder -----------------------------------------------------------------------------

    def refused(self, words):
        command = [http.PROGRAM, "serve", "--repository", self.path, "--bundle-cache", self.cache]
        command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        result = subprocess.run(command, stderr=subprocess.PIPE, timeout=http.TIMEOUT)
        self.assertEqual(result.returncode, 1)
        self.assertIn(words, result.stderr.decode())

    def test_a_folder_that_others_may_write_is_refused(self):
        os.chmod(self.cache, 0o770)
        self.refused("others may write to it")

    def test_a_folder_is_for_one_process(self):
        with self.serve():
            self.refused("another process uses it")

    def test_without_a_folder_there_is_one_for_the_repository(self):
        environment = {"CACHE_DIRECTORY": self.cache}
        with http.Server(repository=self.path, environment=environment) as server:
            self.assertEqual(glob.glob(self.cache + "/*/*"), [])
            self.right(self.ask(server))
            self.right(self.ask(server))
            self.counts(server, misses=1, hits=1)
            self.assertEqual(len(glob.glob(self.cache + "/*/*")), 3)
            (label,) = glob.glob(self.cache + "/*/repository")
            with open(label) as file:
                self.assertEqual(file.read(), os.path.realpath(self.path) + "\n")

    # -- peers that stop ------------------------------------------------------------------------

    def connect(self, server):
        """Asks for the bundle and reads nothing of it."""
        connection = socket.create_connection(server.address, http.TIMEOUT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        query = "/?cmd=getbundle&bundlecaps=%s&heads=%s" % (CAPS, self.head)
        connection.sendall(http.make_head("GET", query, ["X-HgProto-1: 0.2 comp=zstd"]))
        return connection

    def test_readers_that_stop_hold_up_nobody(self):
        for options in ((), ("--bundle-cache", "off")):
            with self.serve("--workers", "1", *options) as server:
                stopped = [self.connect(server) for _ in range(8)]
                try:
                    for one in stopped:
                        one.recv(1)
                    self.right(self.ask(server))
                finally:
                    for one in stopped:
                        one.close()
                server.wait_until(lambda state: not state["exchanges"], "the end of those")
                self.right(self.ask(server))

    def test_peers_that_leave_leave_nothing(self):
        for options in ((), ("--bundle-cache", "off")):
            with self.serve("--workers", "2", *options) as server:
                for pause in (0, 0, 0.002, 0.01, 0.05, 0.2):
                    for one in [self.connect(server) for _ in range(3)]:
                        time.sleep(pause)
                        one.close()
                server.wait_until(lambda state: not state["exchanges"], "the end of those")
                server.wait_until(lambda state: state["bundles"]["making"] == 0, "no making")
                self.right(self.ask(server))

    def test_it_stops_while_many_wait(self):
        for options in ((), ("--bundle-cache", "off")):
            server = self.serve("--workers", "1", "--drain-time", "0", *options)
            waiting = [self.connect(server) for _ in range(12)]
            try:
                server.wait_until(lambda state: len(state["exchanges"]) == 12, "all of them")
                server.stop(signal.SIGTERM)
            finally:
                for one in waiting:
                    one.close()


if __name__ == "__main__":
    unittest.main()
