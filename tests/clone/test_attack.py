"""The classic transport under attack: memory of streams, arguments that lie, batches."""

import socket
import tempfile
import time
import unittest

import support
from support import ask

http = support.http
ZSTD = "X-HgProto-1: 0.1 0.2 comp=zstd"


class Memory(unittest.TestCase):
    """What a compressed stream holds counts, and who asks by GET is refused as well."""

    def test_streams_that_nobody_reads(self):
        options = ("--debugreflect", "--max-memory", "6M", "--max-connections-per-address", "0")
        with http.Server(*options) as server:
            held = [self.stall(server) for _ in range(2)]
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

    def stall(self, server):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(http.TIMEOUT)
        connection.connect(server.address)
        query = "/?cmd=debugbytes&size=60000000000"
        connection.sendall(http.make_head("GET", query, [ZSTD]))
        self.assertIn(b"200 OK", connection.recv(1000))
        return connection


if __name__ == "__main__":
    unittest.main()
