"""Limits of the table that the other files leave out: one under, at, one over, and the counter."""

import os
import socket
import subprocess
import tempfile
import time
import unittest

import support
from support import API, APPLICATION, COMMAND_DATA, ERROR_RESPONSE, FAKE, Server
from support import cbor, frame, needs_fake, request, requests

HEADS = request(b"heads")
GET = support.make_head("GET", "/api", [])


# Bytes of obsolescence markers.
MARKERS_SIZE = 32 << 20

class Rows(support.ServerTest):
    options = (
        "--max-body=1000", "--max-cbor-items=10", "--max-frame-overhead=700", "--max-target=100",
        "--max-header-fields=10", "--max-header=500", "--max-data=100", "--max-reply=300",
    )  # fmt: skip

    def row(self, name, send, limit, good, bad):
        """send(size) → status: good up to the limit, bad and counted above it."""
        for size in (limit - 1, limit, limit + 1):
            before = self.server.state()["limits"][name]
            self.assertGreater(before["value"], 0)
            self.assertEqual(send(size), bad if size > limit else good, (name, size))
            hits = self.server.state()["limits"][name]["hits"] - before["hits"]
            self.assertEqual(hits, int(size > limit), (name, size))

    def test_body(self):
        def send(size):
            """One frame more or less full; the rest is the data that heads drops."""
            first = request(b"heads", flags=1 | 8)
            body = first + frame(1, 1, 0, COMMAND_DATA, 2, b"x" * (size - len(first) - 8))
            return self.server.run("heads", body).status

        self.row("max-body", send, 1000, 200, 413)

    def test_cbor_items(self):
        # The map, `name`, its value, `args`, its map, `x`, the list: seven items around the list's.
        send = lambda size: self.server.run("heads", request(b"heads", {b"x": [0] * (size - 7)})).status
        self.row("max-cbor-items", send, 10, 200, 400)

    def test_frame_overhead(self):
        def send(size):
            """Frames of one byte cost 7 each, the request costs the rest."""
            first = request(b"heads", flags=1 | 8)
            over = 8 - (len(first) - 8)
            body = first
            while size - over > 8:
                body += frame(1, 1, 0, COMMAND_DATA, 1, b"x")
                over += 7
            last = 8 - (size - over)
            body += frame(1, 1, 0, COMMAND_DATA, 2, b"x" * last)
            self.assertLessEqual(len(body), 1000)
            return self.server.run("heads", body).status

        self.row("max-frame-overhead", send, 700, 200, 400)

    def test_target(self):
        send = lambda size: self.server.get("/api?" + "x" * (size - 5)).status
        self.row("max-target", send, 100, 200, 414)

    def test_header_fields(self):
        send = lambda size: self.server.get("/api", headers=["X: y"] * (size - 1)).status
        self.row("max-header-fields", send, 10, 200, 431)

    def test_header_bytes(self):
        # "Host" and "test" are 8 of them, "X" one more.
        send = lambda size: self.server.get("/api", headers=["X: " + "y" * (size - 9)]).status
        self.row("max-header", send, 500, 200, 431)

    @needs_fake
    def test_data_that_is_kept(self):
        def send(size):
            body = request(b"echo", flags=1 | 8) + frame(1, 1, 0, COMMAND_DATA, 2, b"x" * size)
            (only,) = self.framed(self.server.run("echo", body))
            return only[3:5] if only[3] == ERROR_RESPONSE else len(only[5]) == size

        self.row("max-data", send, 100, True, (ERROR_RESPONSE, APPLICATION))

    @needs_fake
    def test_replies_that_wait(self):
        def send(size):
            body = requests((b"big", {b"bytes": 100}), (b"big", {b"bytes": size - 100}))
            last = self.framed(self.server.run("multirequest", body))[-1]
            return last[3:5] if last[3] == ERROR_RESPONSE else len(last[5]) == size - 100

        self.row("max-reply", send, 300, True, (ERROR_RESPONSE, APPLICATION))


class File(unittest.TestCase):
    def test_every_limit_can_stand_in_a_file(self):
        with Server() as server:
            defaults = server.state()["limits"]
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "framegate.conf")
            with open(path, "w") as file:
                file.write("[framegate]\n")
                for name, limit in defaults.items():
                    file.write("%s = %d\n" % (name, limit["value"] + 1))
            with Server("--config", path) as server:
                for name, limit in server.state()["limits"].items():
                    self.assertEqual(limit["value"], defaults[name]["value"] + 1, name)
                # Slow, but in time.
                with server.connect() as connection:
                    for byte in GET:
                        connection.sendall(bytes([byte]))
                        time.sleep(0.01)
                    self.assertEqual(support.read_answer(connection).status, 200)


@needs_fake
class FramesSent(support.ServerTest):
    options = ("--max-frame-sent", "100")

    def test_a_reply_is_cut_into_frames_of_that_size(self):
        for size, sizes in ((99, [99]), (100, [100]), (101, [100, 1])):
            found = self.framed(self.server.run("big", request(b"big", {b"bytes": size})))
            self.assertEqual([len(one[5]) for one in found], sizes)


@needs_fake
class Memory(support.ServerTest):
    """What running work holds is one under, at, and one over the ceiling."""

    ceiling = 200000
    options = ("--max-memory", str(ceiling))

    def test_new_work_is_refused_only_above_the_ceiling(self):
        for size in (self.ceiling - 1, self.ceiling, self.ceiling + 1):
            before = self.server.state()["limits"]["max-memory"]["hits"]
            body = requests((b"big", {b"bytes": size}))
            body += request(b"heads", requestid=3, begin=False)
            with self.server.connect() as connection:
                connection.sendall(support.post_head(API + "/ro/multirequest", len(body)))
                connection.sendall(body[: -len(HEADS)])
                self.server.wait_until(lambda state: state["memory_bytes"] >= size)
                over = size > self.ceiling
                self.assertEqual(self.server.run("heads", HEADS).status, 503 if over else 200)
                hits = self.server.state()["limits"]["max-memory"]["hits"]
                self.assertEqual(hits - before, int(over))
                connection.sendall(body[-len(HEADS) :])
                found = self.framed(support.read_answer(connection))
                self.assertEqual(sum(len(one[5]) for one in found if one[0] == 1), size)
            self.idle()


@needs_fake
class HardMemory(support.ServerTest):
    """Running work may take the sum to twice the ceiling, and no further."""

    ceiling = 200000
    options = ("--max-memory", str(ceiling))

    def test_what_goes_on_growing_is_refused_and_gives_all_back(self):
        for size in (2 * self.ceiling - 1, 2 * self.ceiling, 2 * self.ceiling + 1):
            before = self.server.state()["limits"]["max-memory"]["hits"]
            answer = self.server.run("multirequest", requests((b"big", {b"bytes": size})))
            over = size > 2 * self.ceiling
            hits = self.server.state()["limits"]["max-memory"]["hits"] - before
            self.assertEqual((answer.status, hits), (503 if over else 200, int(over)), size)
            self.assertEqual("retry-after" in answer.headers, over)
            self.idle()
            self.assertEqual(self.server.state()["memory_bytes"], 0)

    def test_others_go_on_meanwhile(self):
        """One holds all that may be held; what is small is answered once it was let in."""
        with self.server.connect() as small, self.server.connect() as large:
            small.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS[:-1])
            self.server.wait_until(lambda state: state["exchanges"])
            body = requests((b"big", {b"bytes": 2 * self.ceiling}))
            large.sendall(support.post_head(API + "/ro/multirequest", len(body) + 8) + body)
            self.server.wait_until(lambda state: state["memory_bytes"] >= 2 * self.ceiling)
            small.sendall(HEADS[-1:])
            self.assertEqual(support.read_answer(small).status, 200)
        self.idle()


class Decoded(support.ServerTest):
    """A request takes more memory decoded than it has bytes, and that is what counts."""

    def test_decoded_requests_that_wait_for_data_are_accounted(self):
        count, items = 20, 262000
        payload = b"\xa2\x44args\xa1\x41x\x9f" + b"\x01" * items + b"\xff\x44name\x45heads"
        body = b""
        for number in range(count):
            for start in range(0, len(payload), 65000):
                flags = (2 if start else 1) | 8 | (4 if start + 65000 < len(payload) else 0)
                part = payload[start : start + 65000]
                body += frame(2 * number + 1, 1, int(not body), 1, flags, part)
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body) + 8) + body)
            state = self.server.wait_until(
                lambda state: [one for one in state["exchanges"] if one["bytes_in"] == len(body)]
            )
            # Each item is 32 bytes.
            self.assertGreater(state["memory_bytes"], count * items * 32)
        self.idle()
        self.assertEqual(self.server.state()["memory_bytes"], 0)


class Connections(support.ServerTest):
    options = ("--max-connections-per-address", "5", "--idle-time", "1")

    def test_one_address_has_its_limit(self):
        before = self.server.state()["limits"]["max-connections-per-address"]["hits"]
        kept = []
        for _ in range(5):
            connection = self.server.connect()
            connection.sendall(GET)
            kept.append(connection)
            self.assertEqual(support.read_answer(connection).status, 200)
        with self.server.connect() as connection:
            self.assertTrue(support.closes(connection))
        hits = self.server.state()["limits"]["max-connections-per-address"]["hits"]
        self.assertEqual(hits, before + 1)
        # Another address is not concerned, and a place that becomes free is given again.
        other = socket.create_connection(self.server.address, support.TIMEOUT, ("127.0.0.2", 0))
        with other:
            other.sendall(GET)
            self.assertEqual(support.read_answer(other).status, 200)
        for connection in kept:
            connection.close()
        self.server.wait_until(lambda state: state["connections"] == 0)
        self.assertEqual(self.server.get("/api").status, 200)

    def test_an_idle_connection_is_closed_and_counted(self):
        before = self.server.state()["limits"]["idle-time"]["hits"]
        with self.server.connect() as connection:
            connection.sendall(GET)
            self.assertEqual(support.read_answer(connection).status, 200)
            self.assertTrue(support.closes(connection))
        self.assertEqual(self.server.state()["limits"]["idle-time"]["hits"], before + 1)

    def test_silence_in_a_body_is_idleness_too(self):
        before = self.server.state()["limits"]["idle-time"]["hits"]
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", 100) + HEADS)
            self.assertTrue(support.closes(connection))
        self.idle()
        self.assertEqual(self.server.state()["limits"]["idle-time"]["hits"], before + 1)


class AllConnections(unittest.TestCase):
    def test_over_the_limit_a_connection_waits_for_a_place(self):
        with Server("--max-connections", "4", "--threads", "1") as server:
            kept = [server.connect() for _ in range(4)]
            state = server.wait_until(lambda state: state["connections"] == 4)
            self.assertEqual(state["limits"]["max-connections"]["hits"], 1)
            with server.connect() as waiting:
                waiting.sendall(GET)
                waiting.settimeout(0.3)
                with self.assertRaises(socket.timeout):
                    waiting.recv(1)
                waiting.settimeout(support.TIMEOUT)
                for connection in kept:
                    connection.close()
                self.assertEqual(support.read_answer(waiting).status, 200)


@unittest.skipIf(FAKE, "needs a command that runs hg")
@support.needs_pidfd
class CommandTime(unittest.TestCase):
    def test_a_command_that_takes_too_long_is_ended_and_counted(self):
        with tempfile.TemporaryDirectory() as directory:
            hg = os.path.join(directory, "hg")
            with open(hg, "w") as file:
                file.write("#!/bin/sh\nexec sleep 60\n")
            os.chmod(hg, 0o755)
            args = {b"namespace": b"bookmarks", b"key": b"x", b"old": b"", b"new": b"0" * 40}
            with Server("--hg", hg, "--command-time", "1") as server:
                body = requests((b"pushkey", args), b"heads")
                answer = server.post(API + "/rw/multirequest", body)
                first, second = answer.frames()
                self.assertEqual(first[3:5], (ERROR_RESPONSE, APPLICATION))
                self.assertIn(b"longer than 1 second", first[5])
                self.assertNotEqual(second[3], ERROR_RESPONSE)
                self.assertEqual(server.state()["limits"]["command-time"]["hits"], 1)


class Readers(support.ServerTest):
    """Peers that do not take their reply."""

    options = ("--reply-time", "1", "--max-body", "64M", "--max-commands", "60000")

    def open(self, path, body):
        """A connection that takes in little, with the request sent."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(support.TIMEOUT)
        connection.connect(self.server.address)
        connection.sendall(support.post_head(API + path, len(body)) + body)
        return connection

    def cut(self, path, body):
        before = self.server.state()["limits"]["reply-time"]["hits"]
        with self.open(path, body):
            self.server.wait_until(
                lambda state: [one for one in state["exchanges"] if one["phase"] == "responding"]
            )
            self.server.wait_until(
                lambda state: state["limits"]["reply-time"]["hits"] == before + 1
            )
            self.idle()
        self.assertEqual(self.server.state()["memory_bytes"], 0)

    @needs_fake
    def test_a_reader_that_stalls_is_cut_off(self):
        self.cut("/ro/stream", request(b"stream", {b"bytes": 1 << 30}))

    @needs_fake
    def test_what_a_stalled_reader_held_in_memory_is_given_back(self):
        body = requests(*[(b"big", {b"bytes": 10 << 20})] * 4)
        self.cut("/ro/multirequest", body)

    @unittest.skipIf(FAKE, "needs an answer that no socket buffer holds")
    def test_a_stalled_reader_of_many_commands_is_cut_off(self):
        body = b"".join(
            request(b"capabilities", requestid=number % 60000, begin=number == 1)
            for number in range(1, 30000)
        )
        self.cut("/ro/multirequest", body)

    @needs_fake
    def test_a_slow_reader_that_goes_on_reading_gets_all(self):
        size = 12 << 20
        with self.open("/ro/stream", request(b"stream", {b"bytes": size})) as connection:
            got = 0
            # More than the reply-time in all, but never a block in more than that.
            while got < size:
                piece = connection.recv(65536)
                self.assertTrue(piece, "cut after %d bytes" % got)
                got += len(piece)


class Time(support.ServerTest):
    options = ("--command-time", "1")

    @needs_fake
    def test_a_command_has_its_time(self):
        body = request(b"sleep", {b"ms": 600000})
        (frame,) = self.framed(self.server.run("sleep", body))
        self.assertEqual(frame[3], support.ERROR_RESPONSE)
        self.assertIn(b"this took longer than 1 seconds", frame[5])
        self.server.wait_until(lambda state: state["limits"]["command-time"]["hits"] == 1)
        self.idle()


class Looking(unittest.TestCase):
    """The state is answered whatever a repository does."""

    @unittest.skipIf(support.FAKE, "needs a repository")
    def test_while_a_new_state_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            hg = lambda *args: subprocess.run(
                ["/usr/bin/hg", "-R", folder, "--config", "experimental.evolution=all", *args],
                check=True, env=dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test"))
            hg("init", folder)
            hg("debugobsolete", "1" * 40, "2" * 40)
            # So many markers that reading them takes a while.
            obsstore = os.path.join(folder, ".hg/store/obsstore")
            with open(obsstore, "rb") as file:
                version, marker = file.read(1), file.read()
            with open(obsstore, "wb") as file:
                file.write(version + marker * (MARKERS_SIZE // len(marker)))
            with Server(repository=folder) as server, server.connect() as connection:
                for command in (b"heads", b"branchmap", b"lookup"):
                    with open(obsstore, "ab") as file:
                        file.write(marker)
                    body = request(command, {b"key": b"nothing"} if command == b"lookup" else None)
                    path = API + "/ro/" + command.decode()
                    connection.sendall(support.post_head(path, len(body)) + body)
                    server.wait_until(
                        lambda state: any(one["phase"] == "running" for one in state["exchanges"]))
                    self.assertEqual(support.read_answer(connection).status, 200)


if __name__ == "__main__":
    unittest.main()
