"""GET /events: digests, finished exchanges, bounds, and listeners that come, go and are slow."""

import json
import socket
import threading
import time
import unittest

import support
from support import API, validate, web


HEADS = web.request(b"heads")


class Listener:
    """A connection that reads events."""

    def __init__(self, server, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(support.TIMEOUT)
        self.socket.connect(server.admin)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.file = self.socket.makefile("rb")

    def begin(self):
        self.status, self.headers = web.read_head(self.file)
        self.left = b""
        return self

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self.begin()

    def __exit__(self, *exception):
        self.close()

    def chunk(self):
        """The next chunk of the body; empty at its end."""
        line = self.file.readline()
        if not line:
            return b""
        data = self.file.read(int(line, 16))
        self.file.readline()
        return data

    def events(self):
        """(name, data) of each event until the stream ends."""
        while True:
            while b"\n\n" not in self.left:
                data = self.chunk()
                if not data:
                    return
                self.left += data
            block, self.left = self.left.split(b"\n\n", 1)
            fields = dict(line.split(b": ", 1) for line in block.splitlines())
            if b"event" in fields:
                yield fields[b"event"].decode(), json.loads(fields[b"data"])

    def until(self, name):
        """The data of the next event with this name; those that come before are checked."""
        for found, data in self.events():
            validate(found, data)
            if found == name:
                return data
        raise AssertionError("the stream ended before " + name)


class Events(support.AdminTest):
    options = ("--max-event-listeners", "3")

    def tearDown(self):
        """Listeners that have gone are noticed when something is written to them."""
        self.server.wait_until(
            lambda state: state["listeners"][1]["connections"] <= 1, "the listeners to leave"
        )

    def test_a_digest_comes_at_once_and_again(self):
        with Listener(self.server) as listener:
            self.assertEqual(listener.status, 200)
            self.assertEqual(listener.headers["content-type"], "text/event-stream")
            self.assertEqual(listener.headers["cache-control"], "no-store")
            first = listener.until("digest")
            self.server.run("heads", web.request(b"heads"))
            digest = listener.until("digest")
            while digest["totals"]["requests"] == first["totals"]["requests"]:
                digest = listener.until("digest")
            self.assertGreater(digest["uptime_seconds"], first["uptime_seconds"])
            self.assertIn("heads", digest["commands"])

    def test_each_finished_exchange(self):
        with Listener(self.server) as listener:
            listener.until("digest")
            for number in range(5):
                self.server.get("/event%d" % number)
            targets = [listener.until("finished")["target"] for _ in range(5)]
            self.assertEqual(sorted(targets), ["/event%d" % number for number in range(5)])

    def test_what_ended_before_is_not_told(self):
        self.server.get("/before")
        self.server.wait_until(lambda state: not state["exchanges"])
        with Listener(self.server) as listener:
            listener.until("digest")
            self.server.get("/after")
            self.assertEqual(listener.until("finished")["target"], "/after")

    def test_more_than_can_be_shown(self):
        count = 300
        with Listener(self.server) as listener:
            listener.until("digest")
            before = self.server.state()["totals"]["requests"]
            with self.server.connect() as connection:
                file = connection.makefile("rb")
                for _ in range(count):
                    connection.sendall(web.make_head("GET", "/many", []))
                    web.read_answer(file)
            seen = 0
            for name, data in listener.events():
                validate(name, data)
                seen += 1 if name == "finished" else 0
                seen += data["exchanges"] if name == "skipped" else 0
                if seen == count:
                    break
            self.assertEqual(self.server.state()["totals"]["requests"], before + count)

    def test_failures_are_told_first(self):
        """Among many more that went well than are told, and after which the ring has forgotten it."""
        with Listener(self.server) as listener:
            listener.until("digest")
            request = web.post_head(API + "/ro/heads", len(HEADS)) + HEADS
            with self.server.connect() as connection:
                # One after the other in one piece: all of them end between two ticks, or nearly.
                connection.sendall(web.make_head("GET", "/wrong", []) + 200 * request)
                file = connection.makefile("rb")
                for _ in range(201):
                    web.read_answer(file)
            skipped = 0
            targets = []
            for name, data in listener.events():
                validate(name, data)
                if name == "finished":
                    targets.append(data["target"])
                skipped += data["exchanges"] if name == "skipped" else 0
                if len(targets) + skipped == 201:
                    break
            self.assertGreater(skipped, 0)
            self.assertIn("/wrong", targets)

    def test_listeners_are_bounded(self):
        before = self.server.state()["limits"]["max-event-listeners"]["hits"]
        listeners = [Listener(self.server).begin() for _ in range(3)]
        with Listener(self.server) as more:
            self.assertEqual(more.status, 503)
        hits = self.server.state()["limits"]["max-event-listeners"]["hits"]
        self.assertEqual(hits, before + 1)
        for listener in listeners:
            listener.close()
        for _ in range(200):
            listener = Listener(self.server).begin()
            status = listener.status
            listener.close()
            if status == 200:
                return
            threading.Event().wait(0.05)
        self.fail("a place never became free")

    def test_a_suspended_listener_costs_nothing(self):
        """A reader that has nothing to give must not be asked again and again."""
        with Listener(self.server) as listener:
            listener.until("digest")
            before = self.cpu_ticks()
            listener.until("digest")
            listener.until("digest")
            spent = self.cpu_ticks() - before
        # Two seconds of spinning would be 200 ticks.
        self.assertLess(spent, 100 if web.os.environ.get("FRAMEGATE_SANITIZE") else 60)

    def cpu_ticks(self):
        with open("/proc/%d/stat" % self.server.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


class Slow(support.AdminTest):
    options = ("--access-log", "off")

    def test_a_slow_listener_is_dropped(self):
        listener = Listener(self.server, receive_buffer=4096).begin()
        message = b"x" * 140  # long records
        end = time.monotonic() + support.TIMEOUT
        with self.server.connect() as connection:
            file = connection.makefile("rb")
            while self.listeners() > 0:
                self.assertLess(time.monotonic(), end, "it was never dropped")
                for _ in range(100):
                    connection.sendall(web.make_head("GET", "/" + message.decode(), []))
                    web.read_answer(file)
        listener.close()

    def listeners(self):
        # Its own connection is one.
        return self.server.state()["listeners"][1]["connections"] - 1


class End(unittest.TestCase):
    def test_listeners_are_ended_with_the_server(self):
        server = web.Server()
        listeners = [Listener(server).begin() for _ in range(5)]
        for listener in listeners:
            listener.until("digest")
        server.stop()
        for listener in listeners:
            for _ in listener.events():
                pass
            listener.close()


if __name__ == "__main__":
    unittest.main()
