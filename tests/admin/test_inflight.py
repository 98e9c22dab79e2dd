"""A thousand exchanges in flight: all of them in one view that agrees with itself."""

import json
import resource
import socket
import threading
import time
import unittest

import support
from support import API, COMMAND_REQUEST, validate, web

COUNT = 1000


class InFlight(support.AdminTest):
    options = ("--max-connections", "1100", "--max-connections-per-address", "0",
               "--access-log", "off")

    def test_a_thousand_in_flight(self):
        # Many systems begin with 1,024 descriptors.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 2 * COUNT + 100), most))
        name = web.cbor({b"name": b"heads"})
        body = web.frame(1, 1, 1, COMMAND_REQUEST, 1, name)
        body += web.frame(3, 1, 0, COMMAND_REQUEST, 1 | 4, name[:7])
        head = web.post_head(API + "/ro/multirequest", len(body) + 1)
        connections = []
        try:
            for _ in range(COUNT):
                connection = socket.create_connection(self.server.address, support.TIMEOUT)
                connections.append(connection)
                connection.sendall(head + body)
            self.server.wait_until(
                lambda state: sum(one["frames_in"] == 2 for one in state["exchanges"]) == COUNT
            )
            self.look()
            self.while_others_come_and_go()
        finally:
            for connection in connections:
                connection.close()
        self.idle()

    def look(self):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            _, _, body = self.ask("/state")
            times.append(time.perf_counter() - start)
        state = json.loads(body)
        print("/state with %d exchanges in flight, %d bytes: %.1f ms at best, %.1f ms at worst"
              % (COUNT, len(body), 1000 * min(times), 1000 * max(times)))
        exchanges = state["exchanges"]
        self.assertEqual(len({one["id"] for one in exchanges}), COUNT)
        self.assertEqual(len({one["peer"] for one in exchanges}), COUNT)
        for one in exchanges:
            self.assertEqual((one["phase"], one["waits_for"]), ("body", "body"))
            self.assertEqual(one["reactor"]["receiving"][0]["request_bytes"], 7)
        # A few of them are enough to see their form.
        validate("state", dict(state, exchanges=exchanges[:10]))

    def while_others_come_and_go(self):
        """Every view is of one moment: what has begun is over or in flight."""
        stop = threading.Event()

        def work():
            while not stop.is_set():
                self.server.run("heads", web.request(b"heads"))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(8):
                self.check(json.loads(self.ask("/state")[2]))
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def check(self, state):
        totals = state["totals"]
        over = sum(totals["status"].values()) + totals["aborted"]
        self.assertEqual(totals["requests"], over + len(state["exchanges"]))
        self.assertEqual(sum(totals["frames_in_by_type"].values()), totals["frames_in"])
        self.assertEqual(sum(totals["frames_out_by_type"].values()), totals["frames_out"])
        runs = sum(command["runs"] for command in state["commands"].values())
        self.assertEqual(runs, totals["commands"])
        for command in state["commands"].values():
            self.assertEqual(command["latency"]["count"], command["runs"])


if __name__ == "__main__":
    unittest.main()
