"""Logs that nobody reads, or that cannot be written: they hold up nobody, and what is lost is counted."""

import fcntl
import os
import select
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

import support
from support import PROGRAM, Server, closes, make_head, read_answer

# Lines of more than 300 bytes each: more than pipes and the queue of a log (1 MiB) hold.
MANY = 4500


def full_pipe():
    """Both ends of a small pipe without room; nobody reads it."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return reader, writer


def ask(server, count):
    """Makes that many lines of the access log; each must be answered."""
    head = make_head("GET", "/api?" + "x" * 100, ["User-Agent: " + "y" * 100])
    with server.connect() as connection:
        file = connection.makefile("rb")
        for start in range(0, count, 100):
            size = min(100, count - start)
            connection.sendall(head * size)
            for _ in range(size):
                assert read_answer(file).status == 200


def lost(server):
    return server.state()["totals"]["log_lines_lost"]


class Logs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="framegate-log-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def full_pipe(self):
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        return reader, writer

    def drain(self, reader):
        """What is in the pipe."""
        got = b""
        while select.select([reader], [], [], 0.5)[0]:
            more = os.read(reader, 1 << 20)
            if not more:
                break
            got += more
        return got

    def test_standard_error_is_not_read(self):
        reader, writer = self.full_pipe()
        with Server("--header-time", "1", stderr=writer) as server:
            ask(server, MANY)
            self.assertGreater(lost(server), 0)
            # Deadlines and signals go on.
            with server.connect() as connection:
                connection.sendall(b"GET /")
                self.assertTrue(closes(connection))
            server.process.send_signal(signal.SIGHUP)
            # Other processes that have the pipe find it as it was.
            self.assertFalse(fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK)
            # Whoever reads again gets whole lines, and how many are missing.
            got = self.drain(reader)
            ask(server, 1)
            got += self.drain(reader)
            lines = got.lstrip(b"x").decode().splitlines()
            for line in lines:
                self.assertRegex(line, r"^(framegate: |127\.0\.0\.1 - - \[).*$")
            missing = [int(line.split()[1]) for line in lines if "were lost" in line]
            self.assertEqual(sum(missing), lost(server))
            url = "http://%s:%d/metrics" % server.admin
            with urllib.request.urlopen(url) as answer:
                self.assertIn("framegate_log_lines_lost_total %d\n" % sum(missing),
                              answer.read().decode())

    def test_sigterm_while_standard_error_is_not_read(self):
        _, writer = self.full_pipe()
        server = Server(stderr=writer)
        ask(server, 100)
        server.stop()

    def test_the_end_writes_what_waits(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        server = Server(stderr=writer)
        os.close(writer)
        ask(server, 300)
        server.process.send_signal(signal.SIGTERM)
        with open(reader, "rb", closefd=False) as file:
            said = file.read()
        server.stop()
        self.assertEqual(said.count(b" 200 "), 300)

    def test_standard_error_is_closed(self):
        sh = ["/bin/sh", "-c", 'exec "$0" "$@" 2>&-']
        process = self.start(sh, stdout=subprocess.PIPE)
        self.assertIn(b"serving", process.stdout.readline())
        ask(self, 100)
        self.wait_lost(100)
        self.end(process)

    def start(self, before, **options):
        """A server on ports that were free a moment ago; connect and state are for it."""
        ports = []
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
                ports.append(probe.getsockname())
        self.address, self.admin = ports
        repository = self.folder
        if not support.FAKE:
            repository = os.path.join(self.folder, "repository")
            subprocess.run(["/usr/bin/hg", "init", repository], check=True)
        process = subprocess.Popen(
            [*before, PROGRAM, "serve", "--repository", repository, "--listen", "%s:%d" % ports[0],
             "--admin-listen", "%s:%d" % ports[1], "--bundle-cache", "off"], **options)
        self.addCleanup(self.clear, process)
        return process

    def clear(self, process):
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

    connect = Server.connect
    state = Server.state
    wait_until = Server.wait_until

    def wait_lost(self, count):
        self.wait_until(lambda state: state["totals"]["log_lines_lost"] >= count)

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(support.TIMEOUT), 0)

    def test_standard_output_is_not_read(self):
        _, writer = self.full_pipe()
        process = self.start([], stdout=writer, stderr=writer)
        for _ in range(support.TIMEOUT * 20):
            try:
                ask(self, 1)
                break
            except ConnectionRefusedError:
                select.select([], [], [], 0.05)
        self.end(process)

    def test_a_start_that_fails_ends_though_nobody_reads_why(self):
        _, writer = self.full_pipe()
        command = [PROGRAM, "serve", "--repository", "/nonexistent", "--listen", "127.0.0.1:0",
                   "--admin-listen", "127.0.0.1:0"]
        for more, status in ((), 1), (("--nonsense",), 2):
            result = subprocess.run([*command, *more], stdout=writer, stderr=writer,
                                    timeout=support.TIMEOUT)
            self.assertEqual(result.returncode, status)

    def test_a_full_disk(self):
        with Server("--access-log", "/dev/full") as server:
            ask(server, 100)
            server.wait_until(lambda state: state["totals"]["log_lines_lost"] == 100)
            ask(server, 100)
            server.wait_until(lambda state: state["totals"]["log_lines_lost"] == 200)
            said = "framegate: the access log cannot be written, lines are lost: No space left"
            self.assertEqual(server.stderr().count(said), 1)

    def test_a_fifo_without_a_reader(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        with self.assertRaisesRegex(AssertionError, "nobody reads this FIFO"):
            Server("--access-log", fifo)

    def test_a_fifo_that_is_not_read_and_sighup(self):
        path = os.path.join(self.folder, "log")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        server = Server("--access-log", path)
        ask(server, 100)
        # The log that is put in its place gets what the FIFO did not take.
        os.rename(path, path + ".old")
        server.process.send_signal(signal.SIGHUP)
        server.wait_until(lambda _: os.path.exists(path))
        ask(server, 1)
        server.stop()
        with open(path, "rb") as file:
            self.assertEqual((self.drain(reader) + file.read()).count(b" 200 "), 101)

    def test_sighup_while_nobody_reads_the_fifo(self):
        path = os.path.join(self.folder, "log")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with Server("--access-log", path) as server:
            os.close(reader)
            ask(server, 10)
            server.wait_until(lambda state: state["totals"]["log_lines_lost"] == 10)
            server.process.send_signal(signal.SIGHUP)
            server.wait_until(lambda _: "nobody reads this FIFO" in server.stderr())
            self.assertIn("not reloaded, all stays as it was", server.stderr())


if __name__ == "__main__":
    unittest.main()
