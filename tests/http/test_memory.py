"""Memory of the server does not grow with the body or the answer. For builds without sanitizers."""

import os
import unittest

import support
from support import API, COMMAND_DATA, Server, frame, needs_fake, request

MIB = 1 << 20


def piece(last=False):
    return frame(1, 1, 0, COMMAND_DATA, 2 if last else 1, b"d" * 32768)


@unittest.skipIf(os.environ.get("FRAMEGATE_SANITIZE"), "sanitizers have memory of their own")
class Memory(unittest.TestCase):
    options = ("--max-body", "80M", "--threads", "1")

    def upload(self, count):
        """Peak memory of a server of its own that gets count pieces of data, in KiB."""
        with Server(*self.options) as server:
            first = request(b"heads", flags=1 | 8)
            size = len(first) + count * len(piece())
            with server.connect() as connection:
                connection.sendall(support.post_head(API + "/ro/heads", size) + first)
                for number in range(count):
                    connection.sendall(piece(number == count - 1))
                answer = support.read_answer(connection)
            self.assertEqual((answer.status, len(answer.frames())), (200, 1))
            return server.memory("VmHWM")

    def test_64_mib_of_command_data_cost_less_than_2_mib(self):
        small = self.upload(2)
        large = self.upload(2048)
        print("peak after 64 KiB of data: %d KiB, after 64 MiB: %d KiB" % (small, large))
        self.assertLess(large - small, 2048)

    @needs_fake
    def test_a_gibibyte_of_answer_costs_less_than_2_mib(self):
        peaks = []
        for size in (65536, 1 << 30):
            with Server(*self.options) as server, server.connect() as connection:
                body = request(b"stream", {b"bytes": size})
                connection.sendall(support.post_head(API + "/ro/stream", len(body)) + body)
                left = size
                while left > 0:
                    left -= len(connection.recv(MIB))
                peaks.append(server.memory("VmHWM"))
        print("peak after 64 KiB of answer: %d KiB, after 1 GiB: %d KiB" % tuple(peaks))
        self.assertLess(peaks[1] - peaks[0], 2048)


if __name__ == "__main__":
    unittest.main()
