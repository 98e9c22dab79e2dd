"""What the HTTP tests share: a running server, raw sockets, frames made by hand."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The program with the handlers of tests/support/fake_handlers.c, unless told otherwise.
PROGRAM = os.environ.get("FRAMEGATE_HTTP", os.path.join(ROOT, "build/debug/framegate-fake"))
FAKE = PROGRAM.endswith("-fake")

MEDIA_TYPE = "application/mercurial-exp-framing-0003"
API = "/api/exp-http-v2-0001"
ACCEPT, CONTENT_TYPE = "Accept: " + MEDIA_TYPE, "Content-Type: " + MEDIA_TYPE

# No test waits for longer; a hang is a failure.
TIMEOUT = 60

# Whoever shows this may push.
TOKEN = "a-token-made-for-tests"

COMMAND_REQUEST, COMMAND_DATA, BYTES_RESPONSE, ERROR_RESPONSE = 1, 3, 4, 5
PROTOCOL, APPLICATION = 1, 2

needs_fake = unittest.skipUnless(FAKE, "needs the handlers made for tests")
# Mercurial, which takes pushes, is watched by one.
needs_pidfd = unittest.skipIf(
    os.environ.get("FRAMEGATE_SANITIZE") == "valgrind", "valgrind knows no pidfd_open"
)


# -- frames ------------------------------------------------------------------------------------


def frame(requestid, streamid, streamflags, typeid, flags, payload=b""):
    """A frame, from nothing but the protocol's description."""
    length = struct.pack("<I", len(payload))[:3]
    rest = struct.pack("<HBBB", requestid, streamid, streamflags, typeid << 4 | flags)
    return length + rest + payload


def frames(data):
    """Cuts bytes into (requestid, streamid, streamflags, typeid, flags, payload)."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "little")
        requestid, streamid, streamflags, last = struct.unpack("<HBBB", data[3:8])
        assert len(data) >= 8 + size, "cut frame"
        found.append((requestid, streamid, streamflags, last >> 4, last & 15, data[8 : 8 + size]))
        data = data[8 + size :]
    return found


def cbor(value):
    """Canonical CBOR of bytes, non-negative integers, booleans, lists and dicts."""
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    pairs = sorted((cbor(key), cbor(item)) for key, item in value.items())
    pairs.sort(key=lambda pair: (len(pair[0]), pair[0]))
    return head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def request(name, args=None, requestid=1, begin=True, flags=1):
    """A command request in one frame on stream 1."""
    body = {b"name": name}
    if args:
        body[b"args"] = args
    return frame(requestid, 1, 1 if begin else 0, COMMAND_REQUEST, flags, cbor(body))


def requests(*names):
    """Command requests with ids 1, 3, 5, …; a name may be (name, args)."""
    out = b""
    for place, name in enumerate(names):
        name, args = name if isinstance(name, tuple) else (name, None)
        out += request(name, args, requestid=2 * place + 1, begin=place == 0)
    return out


# -- the server ---------------------------------------------------------------------------------


class Server:
    """A running server on free ports; a context manager that stops it and checks its end."""

    def __init__(self, *options, program=PROGRAM, repository=None, environment=None, stderr=None):
        self.directory = tempfile.mkdtemp(prefix="framegate-http-")
        self.log_path = os.path.join(self.directory, "stderr")
        self.log = open(self.log_path, "wb")
        self.stderr_to = self.log if stderr is None else stderr
        self.process = None
        try:
            self.start(program, repository or self.make_repository(), options, environment)
        except BaseException:
            self.clear()
            raise

    def start(self, program, repository, options, environment):
        command = [program, "serve", "--repository", repository]
        command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        command += self.access()
        self.process = subprocess.Popen(
            command + list(options),
            stdout=subprocess.PIPE,
            stderr=self.stderr_to,
            # hg behind it reads what it would read itself: nothing of the tester's.
            env={**os.environ, "HGRCPATH": "", **(environment or {})},
        )
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(
            r"framegate: serving https?://(.+):(\d+)/ \(state at https?://(.+):(\d+)/state\)\n",
            line,
        )
        if not found:
            raise AssertionError("the server did not start: " + line + self.stderr())
        self.address = (found[1], int(found[2]))
        self.admin = (found[3], int(found[4]))

    def clear(self):
        """Leaves nothing behind; returns what the server wrote to standard error."""
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        self.log.close()
        said = self.stderr()
        shutil.rmtree(self.directory)
        return said

    def access(self):
        """Options for who may push: the owner of TOKEN, without TLS."""
        path = os.path.join(self.directory, "tokens")
        with open(path, "w") as file:
            file.write("tester:%s\n" % hashlib.sha256(TOKEN.encode()).hexdigest())
        return ["--token-file", path, "--allow-push", "tester", "--push-ssl=off"]

    def make_repository(self):
        if FAKE:
            return self.directory
        path = os.path.join(self.directory, "repository")
        environment = dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test")
        run = lambda *args: subprocess.run(
            ["/usr/bin/hg", *args], check=True, env=environment, stdout=subprocess.DEVNULL
        )
        run("init", path)
        for number in range(3):
            with open(os.path.join(path, "file"), "w") as file:
                file.write(str(number))
            run("-R", path, "commit", "-q", "-A", "-d", "0 0", "-m", str(number))
        return path

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def stop(self, sig=signal.SIGTERM, expect=0):
        """Tells it to stop and waits; returns what it wrote to standard error."""
        try:
            if self.process.poll() is None:
                self.balance()
                self.process.send_signal(sig)
            status = self.process.wait(TIMEOUT)
        finally:
            said = self.clear()
        if status != expect:
            raise AssertionError("exit status %d: %s" % (status, said[-4000:]))
        return said

    def balance(self):
        """What began has ended, or is on a connection that is open: nothing is left behind."""
        try:
            self.wait_until(
                lambda state: state["totals"]["requests"] - state["totals"]["ended"]
                == len(state["exchanges"])
                <= state["connections"],
                "the end of all that began",
            )
        except OSError:
            pass  # it has been told to stop, or shows its state to others alone

    def stderr(self):
        with open(self.log_path) as file:
            return file.read()

    def state(self):
        url = "http://%s:%d/state" % self.admin
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return json.load(answer)

    def is_library_1(self):
        """Whether libmicrohttpd is 1.0 or later, which closes more connections without an answer."""
        version = self.state()["build"]["libraries"]["libmicrohttpd"]
        return int(version.split(".")[0]) >= 1

    def wait_until(self, holds, what="the state that the test waits for"):
        """Waits until holds(state) is true; returns that state."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            state = self.state()
            if holds(state):
                return state
            time.sleep(0.01)
        raise AssertionError("never came: %s; %s" % (what, state))

    def memory(self, field):
        """VmRSS or VmHWM in KiB."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(field + r":\s+(\d+) kB", file.read())[1])

    def connect(self):
        connection = socket.create_connection(self.address, TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def raw(self, data):
        """Sends bytes on a connection of its own; the first answer."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_answer(connection)

    def get(self, path, method="GET", headers=()):
        return self.raw(make_head(method, path, list(headers)))

    def post(self, path, body=b"", headers=None, slices=None):
        """
        POSTs a body with the right headers, or others; slices cuts it into that many pieces. The
        right headers for rw have the token.
        """
        if headers is None and path.startswith(API + "/rw/"):
            headers = [ACCEPT, CONTENT_TYPE, "Authorization: Bearer " + TOKEN]
        with self.connect() as connection:
            connection.sendall(post_head(path, len(body), headers))
            if slices:
                size = max(1, len(body) // slices)
                for start in range(0, len(body), size):
                    connection.sendall(body[start : start + size])
            else:
                connection.sendall(body)
            return read_answer(connection)

    def run(self, name, body, **options):
        return self.post(API + "/ro/" + name, body, **options)


def make_head(method, path, headers):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: test", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post_head(path, size, headers=None):
    if headers is None:
        headers = [ACCEPT, CONTENT_TYPE]
    return make_head("POST", path, [*headers, "Content-Length: %d" % size])


class Answer:
    """An HTTP answer: status, headers (names in lower case) and body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def frames(self):
        return frames(self.body)

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:200])


def read_answer(connection, method="GET"):
    """Reads one answer, however its length is said, from a socket or a file made of one."""
    file = connection.makefile("rb") if isinstance(connection, socket.socket) else connection
    status, headers = read_head(file)
    while status == 100:
        status, headers = read_head(file)
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size = int(file.readline(), 16)
            body += file.read(size)
            file.readline()
            if size == 0:
                break
    elif "content-length" in headers:
        body = b"" if method == "HEAD" else file.read(int(headers["content-length"]))
        assert method == "HEAD" or len(body) == int(headers["content-length"]), "cut answer"
    else:
        body = file.read()
    return Answer(status, headers, body)


def read_head(file):
    line = file.readline()
    assert line.startswith(b"HTTP/1."), "no answer: %r" % line
    headers = {}
    for field in iter(file.readline, b"\r\n"):
        assert field, "the head is cut"
        name, value = field.decode("latin-1").split(":", 1)
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers


def closes(connection):
    """True if the server ends the connection."""
    connection.settimeout(TIMEOUT)
    try:
        while connection.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


class ServerTest(unittest.TestCase):
    """One server for all tests of a class."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def text(self, answer, status, words):
        """Checks an answer in plain text."""
        self.assertEqual(answer.status, status, answer)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain"), answer)
        self.assertIn(words, answer.body.decode())

    def framed(self, answer, status=200):
        """Checks an answer in frames; returns them, all of stream 2 and the first one its begin."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], MEDIA_TYPE)
        found = answer.frames()
        for place, one in enumerate(found):
            self.assertEqual(one[1:3], (2, 1 if place == 0 else 0), found)
        return found

    def idle(self):
        """Nothing is left in flight."""
        self.server.wait_until(lambda state: not state["exchanges"], "no exchange in flight")
