"""Clones and pushes under attack: memory of streams, arguments that lie, pushers who misbehave."""

import json
import os
import shutil
import socket
import time
import unittest

import common
from common import RepositoryTest, http

ZSTD = "X-HgProto-1: 0.1 0.2 comp=zstd"
SANITIZED = bool(os.environ.get("FRAMEGATE_SANITIZE"))
RW = http.API + "/rw/"

# Would change what hg is, or what a request says.
NOT_FOR_HG = dict.fromkeys(("PYTHONPATH", "LD_LIBRARY_PATH", "REPO_NAME", "HTTPS", "HTTP_X_HGARG_1",
                            "REMOTE_GROUP", "HG_PENDING", "LANGUAGE", "LISTEN_FDNAMES"), "/other")
# Stands for hg: says what it was given, and does what its file says.
HG = """#!/usr/bin/python3 -IS
import json, os, sys, time
mode = open(%r).read()
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[name] = os.readlink("/proc/self/fd/" + name)
    except FileNotFoundError:
        pass # the listing's own
given = {"pid": os.getpid(), "argv": sys.argv, "environment": dict(os.environ), "folder": os.getcwd(), "files": fds}
with open(%r, "a") as file:
    file.write(json.dumps(given) + "\\n")
if "hang" in mode:
    time.sleep(600)
if "slow" in mode:
    time.sleep(0.3)
read = 0
while data := os.read(0, 65536):
    read += len(data)
os.write(1, b"Status: 200 Script output follows\\r\\n\\r\\n1\\nread %%d" %% read)
"""


def stall(server, head, body=b""):
    """Asks, and reads the beginning of an answer only."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(http.TIMEOUT)
    connection.connect(server.address)
    connection.sendall(head + body)
    said = connection.recv(1000)
    assert b" 200 OK" in said, said
    return connection


class Memory(RepositoryTest):
    """What a compressed stream holds counts, and who asks by GET is refused as well."""

    def test_streams_that_nobody_reads(self):
        options = ("--debugreflect", "--max-memory", "6M", "--max-connections-per-address", "0")
        with http.Server(*options) as server:
            query = "/?cmd=debugbytes&size=60000000000"
            held = [stall(server, http.make_head("GET", query, [ZSTD])) for _ in range(2)]
            state = server.wait_until(lambda state: state["memory_bytes"] > 6 << 20)
            before = state["limits"]["max-memory"]["hits"]
            for query in ("cmd=heads", "cmd=getbundle", "cmd=batch&cmds=heads+"):
                answer = server.get("/?" + query)
                self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"), query)
            self.assertEqual(server.get("/?cmd=capabilities").status, 200)
            self.assertEqual(server.state()["limits"]["max-memory"]["hits"], before + 3)
            for connection in held:
                connection.close()
            server.wait_until(lambda state: state["memory_bytes"] == 0)
            self.assertEqual(server.get("/?cmd=heads").status, 200)

    @unittest.skipIf(SANITIZED, "what is freed stays in memory for a while")
    def test_arguments_are_gone_before_the_answer_is_sent(self):
        junk = b"junk=" + b"x" * 4000000
        with http.Server("--debugreflect") as server:
            fields = ["X-HgArgs-Post: %d" % len(junk), "X-HgProto-1: 0.2 comp=none"]
            head = http.post_head("/?cmd=debugbytes&size=60000000000", len(junk), fields)
            held = [stall(server, head, junk)]
            before = server.memory("VmRSS")
            held += [stall(server, head, junk) for _ in range(20)]
            self.assertLess(server.memory("VmRSS") - before, 20 * 4000 // 2)
            for connection in held:
                connection.close()

    def test_what_a_bundle_is_asked_with_counts_while_it_is_sent(self):
        path = self.workspace / "noise"
        self.hg("/", "init", path)
        common.write(path, "noise", os.urandom(3000000).hex())
        self.hg(path, "commit", "-A", "-m", "noise")
        nodes = b"common=" + b"+".join(b"%040x" % (i + 1) for i in range(90000))
        fields = ["X-HgArgs-Post: %d" % len(nodes)]
        head = http.post_head("/?cmd=getbundle", len(nodes), fields)
        with http.Server("--bundle-cache", self.workspace / "cache", repository=path) as server:
            connection = stall(server, head, nodes)
            state = server.state()
            self.assertEqual(state["exchanges"][0]["phase"], "responding")
            self.assertGreaterEqual(state["memory_bytes"], 90000 * 21)
            connection.close()
            server.wait_until(lambda state: state["memory_bytes"] == 0)


class FakeHg(RepositoryTest):
    """hg is another program here, which tells what it was given."""

    options = ("--workers", "1", "--push-workers", "1", "--worker-queue", "2", "--drain-time", "0")

    def setUp(self):
        self.path = self.make("linear")
        self.mode = self.workspace / (self.id() + ".mode")
        self.told = self.workspace / (self.id() + ".told")
        program = self.workspace / (self.id() + ".hg")
        common.write("/", self.mode[1:], "")
        common.write("/", program[1:], HG % (self.mode, self.told))
        os.chmod(program, 0o755)
        self.server = http.Server("--hg", program, *self.options, repository=self.path,
                                  environment=NOT_FOR_HG | {"KEPT": "for hooks"})
        self.addCleanup(self.stop)

    def stop(self):
        if self.server is not None:
            server, self.server = self.server, None
            server.stop()

    def hang(self):
        common.write("/", self.mode[1:], "hang")

    def body(self, size=10, requestid=1, begin=True):
        head = http.request(b"unbundle", {b"heads": [b"force"]}, requestid, begin, flags=9)
        return head + self.data(size, requestid)

    def data(self, size, requestid=1):
        piece = http.frame(requestid, 1, 0, http.COMMAND_DATA, 1, b"x" * size)
        return piece + http.frame(requestid, 1, 0, http.COMMAND_DATA, 2)

    def push(self, body, path=RW + "unbundle"):
        """Asks, and does not wait for the answer."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        headers = [http.ACCEPT, http.CONTENT_TYPE, "Authorization: Bearer " + http.TOKEN]
        connection.sendall(http.post_head(path, len(body), headers) + body)
        return connection

    def given(self, count=1):
        """What so many programs said that they were given."""
        end = time.monotonic() + http.TIMEOUT
        lines = []
        while len(lines) < count and time.monotonic() < end:
            time.sleep(0.02)
            if os.path.exists(self.told):
                with open(self.told) as file:
                    lines = [line for line in file if line.endswith("\n")]
        self.assertEqual(len(lines), count)
        return [json.loads(line) for line in lines]

    def children(self):
        found = []
        for task in os.listdir("/proc/%d/task" % self.server.process.pid):
            with open("/proc/%d/task/%s/children" % (self.server.process.pid, task)) as file:
                found += file.read().split()
        return found


class Pushers(FakeHg):
    def test_what_hg_is_given(self):
        idle = [self.server.connect() for _ in range(5)]
        self.server.run("heads", http.request(b"heads"))
        answer = self.server.post(RW + "unbundle", self.body())
        self.assertEqual(answer.frames()[0][5], b"1\nread 26")
        (given,) = self.given()
        extension = "extensions.framegate=/proc/self/fd/3"
        arguments = ["-R", self.path, "--config", extension, "debugframegaterequest"]
        self.assertEqual(given["argv"][1:], arguments)
        self.assertEqual(given["folder"], "/")
        environment = given["environment"]
        request = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
                   "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(self.server.address[1]),
                   "REMOTE_ADDR": "127.0.0.1", "REMOTE_HOST": "127.0.0.1", "REMOTE_USER": "tester",
                   "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/",
                   "QUERY_STRING": "cmd=unbundle", "CONTENT_TYPE": "application/mercurial-0.1",
                   "CONTENT_LENGTH": "26", "HTTP_X_HGARGS_POST": "16", "HGENCODING": "UTF-8",
                   "LC_ALL": "C.UTF-8", "HGRCPATH": ""}
        self.assertEqual({name: environment.pop(name, None) for name in request}, request)
        self.assertEqual(environment.pop("KEPT"), "for hooks")
        self.assertLessEqual(set(environment), set(os.environ) - set(NOT_FOR_HG))
        files = given["files"]
        self.assertTrue(files.pop("3").startswith("/memfd:hgrequest.py"), files)
        self.assertIn("(deleted)", files.pop("0"))
        for number in "12":
            self.assertTrue(files.pop(number).startswith("pipe:"), files)
        # one more is that of the listing, which is gone when it is looked at
        self.assertLessEqual(set(files.values()), {"/proc/%d/fd" % given["pid"]})
        for connection in idle:
            connection.close()
        self.assertEqual(self.children(), [])

    def test_hg_that_hangs_holds_up_pushers_only(self):
        self.hang()
        self.push(self.body())
        (given,) = self.given()
        for _ in range(2):
            self.push(self.body())
        state = self.server.wait_until(lambda state: state["threads"]["pushes_waiting"] == 2)
        self.assertEqual(state["threads"]["push_workers_busy"], 1)
        last = http.read_answer(self.push(self.body())).frames()[0]
        self.assertEqual(last[5], b"too many slow commands are waiting, try again later")
        self.assertEqual(self.server.state()["limits"]["worker-queue"]["hits"], 1)
        # Who reads does not notice.
        self.assertEqual(self.server.get("/?cmd=getbundle").status, 200)
        self.stop()
        self.assertFalse(os.path.exists("/proc/%d" % given["pid"]))

    def test_a_pusher_who_left_leaves_nothing(self):
        common.write("/", self.mode[1:], "slow")
        for count in range(1, 4):
            connection = self.push(self.body())
            self.given(count)
            connection.close()
        self.server.wait_until(lambda state: not state["exchanges"], "the end")
        self.assertEqual(self.children(), [])
        folder = "/proc/%d/fd" % self.server.process.pid
        kept = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
        self.assertFalse([name for name in kept if "deleted" in name], kept)

    def test_a_request_sends_one_bundle_at_a_time(self):
        first = http.request(b"unbundle", {b"heads": [b"force"]}, 1, True, flags=9)
        body = first + self.body(10, 3, False) + self.data(20, 1) + self.body(30, 5, False)
        frames = self.server.post(RW + "multirequest", body).frames()
        said = {frame[0]: frame[5] for frame in frames}
        self.assertEqual(said[3], b"unbundle: request 1 is sending its data, and only one may at once")
        self.assertEqual((said[1], said[5]), (b"1\nread 36", b"1\nread 46"))
        self.given(2)

    def test_who_may_not_push_starts_nothing(self):
        body = http.request(b"heads") + self.body(10, 3, False)
        answer = self.server.run("multirequest", body)
        self.assertEqual(answer.status, 403)
        answer = self.server.post(RW + "multirequest", body, headers=[http.ACCEPT, http.CONTENT_TYPE])
        self.assertEqual(answer.status, 401)
        self.assertFalse(os.path.exists(self.told))


class Limits(FakeHg):
    """One under, at, one over, and the counter."""

    options = ("--max-bundle", "3000", "--push-time", "1", "--body-rate", "1")

    def hits(self, name):
        return self.server.state()["limits"][name]["hits"]

    def row(self, send, good, bad):
        for size in (2999, 3000, 3001):
            before = self.hits("max-bundle")
            self.assertEqual(send(size), bad if size > 3000 else good, size)
            self.assertEqual(self.hits("max-bundle") - before, int(size > 3000))
        self.assertEqual(self.hits("max-body"), 0)

    def test_a_body(self):
        most = len(self.body(0))

        def send(size):
            body = self.body(size - most)
            self.assertEqual(len(body), size)
            return self.server.post(RW + "unbundle", body).status

        self.row(send, 200, 413)

    def test_a_body_of_the_classic_transport(self):
        fields = ["Content-Type: application/mercurial-0.1", "Authorization: Bearer " + http.TOKEN]

        def send(size):
            head = http.post_head("/?cmd=unbundle&heads=666f726365", size, fields)
            return self.server.raw(head + b"x" * size).status

        self.row(send, 200, 413)

    def test_data(self):
        def send(size):
            (frame,) = self.server.post(RW + "multirequest", self.body(size)).frames()
            return frame[5] if frame[3] == http.ERROR_RESPONSE else frame[5][:1]

        self.row(send, b"1", b"the bundle exceeds the limit of 3000 bytes")

    def test_the_time_of_a_bundle(self):
        with self.server.connect() as connection:
            headers = [http.ACCEPT, http.CONTENT_TYPE, "Authorization: Bearer " + http.TOKEN]
            connection.sendall(http.post_head(RW + "unbundle", 1000, headers) + b"x")
            self.assertEqual(http.read_answer(connection).status, 408)
        self.assertEqual(self.hits("push-time"), 1)

    def test_the_time_of_hg(self):
        self.hang()
        (frame,) = self.server.post(RW + "unbundle", self.body()).frames()
        self.assertIn(b"took longer than 1 seconds", frame[5])
        self.assertEqual(self.hits("push-time"), 1)
        self.assertEqual(self.children(), [])


class Disk(FakeHg):
    """Bundles on their way have a limit together; it counts what is there, and no more."""

    options = ("--max-push-disk", "100000", "--max-bundle", "80000")

    def begin(self, connection, size):
        """A classic push of which one byte is missing."""
        fields = ["Content-Type: application/mercurial-0.1", "Authorization: Bearer " + http.TOKEN]
        connection.sendall(http.post_head("/?cmd=unbundle&heads=666f726365", size, fields))
        connection.sendall(b"x" * (size - 1))

    def used(self, size):
        self.server.wait_until(lambda state: state["push_disk_bytes"] == size)

    def test_two_that_do_not_fit_together(self):
        with self.server.connect() as first, self.server.connect() as second:
            self.begin(first, 60000)
            self.used(59999)
            self.begin(second, 60000)
            second.sendall(b"x")
            answer = http.read_answer(second)
            self.assertIn(b"the pushes in progress hold too much disk, try again later", answer.body)
            self.used(59999)
            self.assertEqual(self.server.state()["limits"]["max-push-disk"]["hits"], 1)
            first.sendall(b"x")
            self.assertEqual(http.read_answer(first).status, 200)
        self.used(0)

    def test_one_that_leaves(self):
        with self.server.connect() as connection:
            self.begin(connection, 80000)
            self.used(79999)
        self.used(0)


class Cache(RepositoryTest):
    """Bundles that are kept, and who may not have them."""

    def setUp(self):
        self.path = self.make("linear", self.id())
        self.cache = self.workspace / (self.id() + ".cache")
        self.tip = self.hg(self.path, "log", "-r", "tip", "-T", "{node}").decode()

    def ask(self, server, *fields):
        query = "/?cmd=getbundle&heads=%s&common=" % self.tip
        return server.get(query, headers=["X-HgProto-1: 0.2 comp=none", *fields])

    def serve(self, *options):
        return http.Server("--bundle-cache", self.cache, *options, repository=self.path)

    def test_who_may_not_read_hears_nothing_of_a_kept_one(self):
        token = "Authorization: Bearer "
        with self.serve("--allow-read", "tester") as server:
            for _ in range(2):
                self.assertEqual(self.ask(server).status, 401)
                self.assertEqual(self.ask(server, token + "x" * len(http.TOKEN)).status, 401)
                answer = self.ask(server, token + http.TOKEN)
                self.assertEqual(answer.status, 200)
                self.assertTrue(answer.body.startswith(b"\4none"), answer)
            bundles = server.state()["bundles"]
            self.assertEqual((bundles["misses"], bundles["hits"]), (1, 1))

    def test_what_has_become_secret_is_not_sent_again(self):
        with self.serve() as server:
            self.assertEqual(self.ask(server).status, 200)
            self.hg(self.path, "phase", "--force", "--secret", "tip")
            answer = self.ask(server)
            self.assertIn(b"unknown", answer.body)
            self.assertEqual(server.state()["bundles"]["hits"], 0)

    def test_what_lies_in_the_place_of_a_bundle_is_not_sent(self):
        with self.serve() as server:
            right = self.ask(server).body
        (name,) = [one for one in os.listdir(self.cache) if one != "key"]
        kept = os.path.join(self.cache, name)
        whole = self.workspace / (self.id() + ".whole")
        shutil.copy(kept, whole)
        puts = (lambda: os.symlink(whole, kept), lambda: os.mkfifo(kept), lambda: os.mkdir(kept))
        for number, put in enumerate(puts):
            with self.subTest(number), self.serve() as server:
                self.assertEqual(server.state()["bundles"]["entries"], 1)
                os.unlink(kept)
                put()
                self.assertEqual(self.ask(server).body, right)
                self.assertEqual(server.state()["bundles"]["damaged"], 1)
            # After the link and the pipe there is a new file, which is right.
            self.assertEqual(os.path.isdir(kept), number == 2)

    def test_a_key_that_is_a_link_or_for_others_is_refused(self):
        os.mkdir(self.cache, 0o700)
        key = os.path.join(self.cache, "key")
        other = self.workspace / (self.id() + ".key")
        common.write("/", other[1:], "k" * 32)
        os.symlink(other, key)
        with self.assertRaisesRegex(AssertionError, "did not start"):
            self.serve()
        os.unlink(key)
        common.write("/", key[1:], "k" * 32)
        os.chmod(key, 0o640)
        with self.assertRaisesRegex(AssertionError, "others may read or write it"):
            self.serve()


class Options(RepositoryTest):
    """hg itself, given keys that look like its options."""

    def test_keys_are_no_options(self):
        path = self.make("linear", "options")
        trap = self.workspace / "trap"
        hook = "hooks.prepushkey.trap=touch " + trap
        with http.Server(repository=path) as server:
            for value in ("--config=" + hook, "--debugger", "--cwd=/nonsense", "-R/nonsense", "--", "--help"):
                for name in ("namespace", "key", "old", "new"):
                    values = dict.fromkeys((b"namespace", b"key", b"old", b"new"), b"bookmarks")
                    values[name.encode()] = value.encode()
                    body = http.request(b"pushkey", values)
                    (frame,) = server.post(RW + "pushkey", body).frames()
                    self.assertIn(frame[5], (b"\xf4",) if frame[3] == http.BYTES_RESPONSE else frame[5])
            self.assertFalse(os.path.exists(trap))


if __name__ == "__main__":
    unittest.main()
