"""Bodies in every shape: in slices, random, slow, large, interleaved; replies of every size."""

import random
import threading
import time
import unittest

import support
from support import API, APPLICATION, BYTES_RESPONSE, COMMAND_DATA, COMMAND_REQUEST
from support import ERROR_RESPONSE, PROTOCOL, cbor, frame, needs_fake, request, requests

NODE = b"\xab" * 20


def data_frames(requestid, size):
    """Command data of this size, cut as clients cut it."""
    out = b""
    while size >= 32768:
        out += frame(requestid, 1, 0, COMMAND_DATA, 1, b"d" * 32768)
        size -= 32768
    return out + frame(requestid, 1, 0, COMMAND_DATA, 2, b"d" * size)


def with_data(name, requestid=1, begin=True):
    return request(name, requestid=requestid, begin=begin, flags=1 | 8)


class Bodies(support.ServerTest):
    options = ("--max-connections-per-address", "0")

    def test_any_slicing_gives_the_same_answer(self):
        body = requests(b"heads", b"nonexistent", (b"known", {b"nodes": [NODE]}), b"heads")
        body += with_data(b"heads", 9, False) + data_frames(9, 40000)
        whole = self.server.run("multirequest", body)
        self.assertEqual(whole.status, 200)
        for slices in (2, 3, 7, 50, 1000):
            cut = self.server.run("multirequest", body, slices=slices)
            self.assertEqual((cut.status, cut.body), (whole.status, whole.body))
        short = requests(b"heads", b"nonexistent")
        whole = self.server.run("multirequest", short)
        with self.server.connect() as connection:
            for byte in support.post_head(API + "/ro/multirequest", len(short)) + short:
                connection.sendall(bytes([byte]))
            self.assertEqual(support.read_answer(connection).body, whole.body)

    def test_random_bodies_get_200_or_4xx_and_leave_nothing(self):
        choose = random.Random(20180408)
        good = requests(b"heads", (b"known", {b"nodes": [NODE, NODE]}))
        statuses = set()
        for number in range(1000):
            kind = number % 3
            if kind == 0:
                body = choose.randbytes(choose.randrange(200))
            else:
                body = bytearray(good)
                for _ in range(choose.randrange(1, 6)):
                    body[choose.randrange(len(body))] = choose.randrange(256)
                if kind == 2:
                    body = body[: choose.randrange(len(body))]
            name = choose.choice(("heads", "multirequest"))
            answer = self.server.run(name, bytes(body))
            self.assertTrue(answer.status == 200 or 400 <= answer.status < 500, answer)
            self.framed(answer, answer.status)
            statuses.add(answer.status)
        self.assertEqual(statuses, {200, 400})
        self.idle()
        self.assertEqual(self.server.state()["memory_bytes"], 0)

    def test_a_slow_multirequest_of_a_thousand_commands(self):
        names = [(b"known", {b"nodes": [NODE] * (number % 3)}) for number in range(1000)]
        body = requests(*names)
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body)))
            size = len(body) // 150
            for start in range(0, len(body), size):
                connection.sendall(body[start : start + size])
                time.sleep(0.005)
            found = self.framed(support.read_answer(connection))
        self.assertTrue([one[0] for one in found] == list(range(1, 2001, 2)))
        # Each answer is one byte string with a digit for each node.
        self.assertTrue([one[5][:1] for one in found] == [b"\x40", b"\x41", b"\x42"] * 333 + [b"\x40"])

    def test_one_command_more_than_the_limit_is_a_protocol_error(self):
        names = [b"heads"] * 1001
        found = self.framed(self.server.run("multirequest", requests(*names)), 400)
        self.assertEqual(len(found), 1001)
        self.assertEqual(found[-1][:1] + found[-1][3:5], (2001, ERROR_RESPONSE, PROTOCOL))

    def test_interleaved_requests_are_answered_as_they_become_complete(self):
        name = cbor({b"name": b"heads"})
        body = frame(1, 1, 1, COMMAND_REQUEST, 1 | 4, name[:3])
        body += frame(3, 1, 0, COMMAND_REQUEST, 1 | 4, name[:5])
        body += frame(3, 1, 0, COMMAND_REQUEST, 2, name[5:])
        body += frame(1, 1, 0, COMMAND_REQUEST, 2, name[3:])
        found = self.framed(self.server.run("multirequest", body))
        self.assertEqual([one[0] for one in found], [3, 1])

    def test_data_for_a_command_that_takes_none_is_dropped(self):
        body = with_data(b"heads") + data_frames(1, 1000000)
        (only,) = self.framed(self.server.run("heads", body))
        self.assertEqual(only[3], BYTES_RESPONSE)

    def test_a_peer_that_leaves_in_the_body_leaves_nothing_behind(self):
        before = self.server.state()["totals"]["aborted"]
        body = requests(b"heads", b"heads")
        for cut in range(0, len(body), 5):
            with self.server.connect() as connection:
                connection.sendall(support.post_head(API + "/ro/multirequest", len(body)))
                connection.sendall(body[:cut])
        # It may take the server a while to notice them all.
        self.server.wait_until(
            lambda state: state["totals"]["aborted"] - before == len(range(0, len(body), 5))
        )
        self.idle()

    def test_many_at_once(self):
        failures = []
        body = requests(*[b"heads"] * 20)

        def work():
            for _ in range(20):
                answer = self.server.run("multirequest", body, slices=3)
                if answer.status != 200 or len(answer.frames()) != 20:
                    failures.append(answer)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.idle()


@needs_fake
class Replies(support.ServerTest):
    options = ("--max-reply", "1M", "--max-data", "100000", "--max-body", "2M")

    def body_of(self, answer, requestid=1):
        found = self.framed(answer)
        mine = [one for one in found if one[0] == requestid]
        self.assertEqual({one[3] for one in mine}, {BYTES_RESPONSE})
        self.assertEqual([one[4] for one in mine], [1] * (len(mine) - 1) + [2])
        return b"".join(one[5] for one in mine)

    def test_replies_of_every_size_around_the_buffers(self):
        for size in (0, 1, 2031, 2032, 2039, 2040, 2041, 2048, 32767, 32768, 32769, 65535, 131072):
            body = request(b"big", {b"bytes": size})
            self.assertEqual(len(self.body_of(self.server.run("big", body))), size)

    def test_a_streamed_reply_is_not_bounded_by_memory(self):
        size = 20000001
        body = request(b"stream", {b"bytes": size})
        got = self.body_of(self.server.run("stream", body))
        self.assertEqual(got, (bytes(range(251)) * (size // 251 + 1))[:size])

    def test_many_small_replies_fill_buffers(self):
        names = [(b"big", {b"bytes": number}) for number in range(500)]
        found = self.framed(self.server.run("multirequest", requests(*names)))
        self.assertEqual([len(one[5]) for one in found], list(range(500)))

    def test_replies_over_the_limit_are_application_errors(self):
        names = [(b"big", {b"bytes": 1 << 20}), (b"big", {b"bytes": 1}), (b"big", {b"bytes": 0})]
        found = self.framed(self.server.run("multirequest", requests(*names)))
        self.assertEqual([one[0] for one in found][-2:], [3, 5])
        self.assertEqual(found[-2][3:5], (ERROR_RESPONSE, APPLICATION))
        self.assertEqual(found[-1][3], BYTES_RESPONSE)
        self.assertGreater(self.server.state()["limits"]["max-reply"]["hits"], 0)

    def test_a_source_that_fails_cuts_the_answer(self):
        with self.server.connect() as connection:
            body = request(b"broken")
            connection.sendall(support.post_head(API + "/ro/broken", len(body)) + body)
            with self.assertRaises((ValueError, AssertionError)):
                support.read_answer(connection)
        self.idle()

    def test_command_data_that_is_taken_comes_to_the_command(self):
        body = with_data(b"echo") + data_frames(1, 100000)
        self.assertEqual(self.body_of(self.server.run("echo", body)), b"d" * 100000)

    def test_command_data_over_the_limit_is_an_application_error(self):
        body = with_data(b"echo") + data_frames(1, 100001)
        body += request(b"heads", requestid=3, begin=False)
        found = self.framed(self.server.run("multirequest", body))
        self.assertEqual([one[0] for one in found], [1, 3])
        self.assertEqual(found[0][3:5], (ERROR_RESPONSE, APPLICATION))

    def test_a_reader_that_leaves_leaves_nothing_behind(self):
        with self.server.connect() as connection:
            body = request(b"stream", {b"bytes": 1 << 30})
            connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
            connection.recv(1000)
        self.idle()


@needs_fake
class Slow(support.ServerTest):
    options = ("--threads", "1", "--workers", "1", "--worker-queue", "1")

    def test_slow_commands_keep_their_order_and_lose_nothing(self):
        names = [(b"sleep", {b"ms": 5}), b"heads"] * 10
        body = requests(*names)
        for slices in (None, 100):
            found = self.framed(self.server.run("multirequest", body, slices=slices))
            self.assertEqual([one[0] for one in found], list(range(1, 41, 2)))
            self.assertEqual({one[5] for one in found[::2]}, {cbor(5)})

    def test_a_slow_command_holds_up_no_other_connection(self):
        done = []
        slow = threading.Thread(
            target=lambda: done.append(
                self.server.run("sleep", request(b"sleep", {b"ms": 3000})).status
            )
        )
        slow.start()
        state = self.server.wait_until(
            lambda state: [one for one in state["exchanges"] if one["phase"] == "running"]
        )
        self.assertEqual(state["exchanges"][0]["reactor"]["active"], [1])
        for _ in range(20):
            self.assertEqual(self.server.run("heads", request(b"heads")).status, 200)
        self.assertEqual(done, [])
        slow.join()
        self.assertEqual(done, [200])

    def test_what_the_queue_does_not_take_is_an_application_error(self):
        answers = []
        body = request(b"sleep", {b"ms": 3000})
        threads = [
            threading.Thread(target=lambda: answers.append(self.server.run("sleep", body)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
            # So that a worker has taken the first before the second waits.
            time.sleep(0.3)
        for thread in threads:
            thread.join()
        kinds = sorted(self.framed(answer)[0][3] for answer in answers)
        self.assertEqual(kinds, [BYTES_RESPONSE, BYTES_RESPONSE, ERROR_RESPONSE, ERROR_RESPONSE])
        self.assertEqual(self.server.state()["limits"]["worker-queue"]["hits"], 2)


class Limits(support.ServerTest):
    options = (
        "--max-frame=100", "--max-receiving=2", "--max-commands=3", "--max-request=60",
        "--max-cbor-depth=4", "--max-empty-frames=2", "--max-frame-overhead=1K",
    )  # fmt: skip

    def check(self, body, row, hit, requestid=1):
        """A hit is counted in its row and no other, and the error says whose frame it was."""
        hits = lambda: {name: one["hits"] for name, one in self.server.state()["limits"].items()}
        before = hits()
        answer = self.server.run("multirequest", body)
        last = self.framed(answer, 400 if hit else 200)[-1]
        if hit:
            self.assertEqual((last[0], *last[3:5]), (requestid, ERROR_RESPONSE, PROTOCOL), answer)
        self.assertEqual(hits(), dict(before, **{row: before[row] + int(hit)}))

    def test_frame_payload(self):
        pad = lambda size: with_data(b"heads") + frame(1, 1, 0, COMMAND_DATA, 2, b"x" * size)
        self.check(pad(99), "max-frame", False)
        self.check(pad(100), "max-frame", False)
        self.check(pad(101), "max-frame", True)

    def test_empty_frames(self):
        empty = lambda count: with_data(b"heads") + count * frame(1, 1, 0, COMMAND_DATA, 1)
        end = frame(1, 1, 0, COMMAND_DATA, 2, b"x")
        self.check(empty(1) + end, "max-empty-frames", False)
        self.check(empty(2) + end, "max-empty-frames", False)
        self.check(empty(3) + end, "max-empty-frames", True)

    def test_commands(self):
        for count in (2, 3, 4):
            self.check(requests(*[b"heads"] * count), "max-commands", count > 3, 7)

    def test_receiving(self):
        name = cbor({b"name": b"heads"})
        for count in (1, 2, 3):
            body = b""
            for place in range(count):
                flags = int(place == 0)
                body += frame(2 * place + 1, 1, flags, COMMAND_REQUEST, 5, name[:3])
            for place in range(count):
                body += frame(2 * place + 1, 1, 0, COMMAND_REQUEST, 2, name[3:])
            self.check(body, "max-receiving", count > 2, 5)

    def test_request_bytes(self):
        plain = len(cbor({b"name": b"heads", b"args": {b"x": b""}}))
        for size in (59, 60, 61):
            body = request(b"heads", {b"x": b"y" * (size - plain - 1)})
            pad = len(body) - 8 - size
            body = request(b"heads", {b"x": b"y" * (size - plain - 1 - pad)})
            self.assertEqual(len(body) - 8, size)
            self.check(body, "max-request", size > 60)

    def test_cbor_depth(self):
        for depth in (1, 2, 3):
            value = 0
            for _ in range(depth):
                value = [value]
            self.check(request(b"heads", {b"x": value}), "max-cbor-depth", depth > 2)

    def test_overhead(self):
        # A request whose map carries 4 more than its header, then data in one-byte frames: 7 bytes
        # too many each; what the last one carries makes it 1023 to 1025.
        first = with_data(b"heads")
        body = first + 146 * frame(1, 1, 0, COMMAND_DATA, 1, b"x")
        over = 8 - (len(first) - 8) + 146 * 7
        for limit in (1023, 1024, 1025):
            last = frame(1, 1, 0, COMMAND_DATA, 2, b"x" * (8 - (limit - over)))
            self.check(body + last, "max-frame-overhead", limit > 1024)

    def test_each_frame_that_hits_a_limit_is_named(self):
        first = with_data(b"heads") + with_data(b"heads", 3, False)
        for requestid in (1, 3):
            data = lambda size: frame(requestid, 1, 0, COMMAND_DATA, 1, b"x" * size)
            self.check(first + data(101), "max-frame", True, requestid)
            self.check(first + 3 * data(0), "max-empty-frames", True, requestid)
            self.check(first + 200 * data(1), "max-frame-overhead", True, requestid)


@needs_fake
class Memory(support.ServerTest):
    options = ("--max-memory", "1M", "--max-reply", "8M")

    def test_new_work_is_refused_while_running_work_finishes(self):
        body = requests((b"big", {b"bytes": 3 << 19}), b"heads")
        with self.server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/multirequest", len(body)))
            connection.sendall(body[:-1])
            self.server.wait_until(lambda state: state["memory_bytes"] > 1 << 20)
            answer = self.server.run("heads", request(b"heads"))
            self.text(answer, 503, "1048576")
            self.assertEqual(answer.headers["retry-after"], "1")
            self.assertEqual(self.server.get("/api").status, 200)
            connection.sendall(body[-1:])
            found = self.framed(support.read_answer(connection))
            self.assertEqual(sum(len(one[5]) for one in found if one[0] == 1), 3 << 19)
        self.idle()
        self.assertEqual(self.server.state()["memory_bytes"], 0)
        self.assertEqual(self.server.run("heads", request(b"heads")).status, 200)


if __name__ == "__main__":
    unittest.main()
