"""The hostile cases 1 to 20 and 24: bodies, what they are answered with, and what they may cost.

A case is a function that takes a running server and returns what it got, as one line; what is not
as expected is an AssertionError. Memory is what the server's peak rises by, in KiB.
"""

import os
import socket
import struct

import support
from support import API, APPLICATION, BYTES_RESPONSE, COMMAND_DATA, COMMAND_REQUEST, ERROR_RESPONSE
from support import PROTOCOL, cbor, frame, request, requests

NAME = cbor({b"name": b"heads"})
HEADS = request(b"heads")
NEW, CONTINUATION, MORE, DATA = 1, 2, 4, 8
BEGIN, END, ENCODED = 1, 2, 4

CASES = {}


class Case:
    def __init__(self, number, title, expected, ceiling, run, needs):
        self.number, self.title, self.expected = number, title, expected
        self.ceiling, self.run, self.needs = ceiling, run, needs


def case(number, title, expected, ceiling=1024, needs="server"):
    """ceiling: KiB. needs: "server": the shared one; "own": the case starts what it needs."""

    def add(function):
        CASES[number] = Case(number, title, expected, ceiling, function, needs)
        return function

    return add


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(one) for one in what))


def refused(server, body, words, name="multirequest"):
    """A protocol error whose message has these words; what was complete before is answered."""
    answer = server.run(name, body)
    check(answer.status == 400, "status", answer.status, answer.body[:100])
    check(answer.headers["content-type"] == support.MEDIA_TYPE, answer.headers)
    last = answer.frames()[-1]
    check(last[3:5] == (ERROR_RESPONSE, PROTOCOL), last)
    check(words in last[5].decode(), repr(words), "is not in", last[5])
    return answer


def accepted(server, body, count=1, name="multirequest"):
    """All of count commands were answered."""
    answer = server.run(name, body)
    check(answer.status == 200, "status", answer.status, answer.body[:100])
    found = answer.frames()
    check(len(found) == count, len(found), "frames, not", count)
    check({one[3] for one in found} == {BYTES_RESPONSE}, found[:3])
    return answer


def data(payload, flags=1, requestid=1, streamid=1, streamflags=0):
    return frame(requestid, streamid, streamflags, COMMAND_DATA, flags, payload)


def opened(requestid=1, begin=True, flags=NEW | MORE, payload=NAME[:3]):
    """A request that is not complete."""
    return frame(requestid, 1, BEGIN if begin else 0, COMMAND_REQUEST, flags, payload)


WITH_DATA = opened(flags=NEW | DATA, payload=NAME)


@case(1, "truncated header or payload", "400, a protocol error at each cut")
def truncated(server):
    body = HEADS + data(b"xyz", requestid=3)
    for cut in range(1, len(HEADS)):
        refused(server, body[:cut], "")
    for cut in range(len(HEADS) + 1, len(body)):
        answer = refused(server, body[:cut], "")
        check([one[0] for one in answer.frames()][0] == 1, "the complete command is not answered")
    accepted(server, HEADS)
    return "400 at %d cuts, 200 without one" % (len(body) - 2)


@case(2, "length over the limit", "400 at the header, nothing buffered")
def too_long(server):
    for size in (65536, 1 << 23, (1 << 24) - 1):
        head = struct.pack("<I", size)[:3] + struct.pack("<HBBB", 1, 1, 1, 0x11)
        before = server.state()["limits"]["max-frame"]["hits"]
        with server.connect() as connection:
            connection.sendall(support.post_head(API + "/ro/heads", 15 << 20) + head)
            # Counted before a byte of the payload came.
            server.wait_until(lambda state: state["limits"]["max-frame"]["hits"] == before + 1)
        refused(server, head + bytes(1000), "payload")
    return "400, counted at the header"


@case(3, "even stream, unknown stream, frame after stream end", "400, one protocol error each")
def streams(server):
    refused(server, frame(1, 2, BEGIN, COMMAND_REQUEST, NEW, NAME), "even numbered stream ID: 2")
    refused(server, frame(1, 0, BEGIN, COMMAND_REQUEST, NEW, NAME), "even numbered stream ID: 0")
    refused(server, frame(1, 3, 0, COMMAND_REQUEST, NEW, NAME), "unknown inactive stream")
    ended = frame(1, 1, BEGIN | END, COMMAND_REQUEST, NEW, NAME)
    answer = refused(server, ended + request(b"heads", requestid=3, begin=False), "inactive stream")
    check(len(answer.frames()) == 2, "the command before it is not answered")
    return "400 for all four"


@case(4, "begin on an open stream", "200, counted")
def begin_again(server):
    before = server.state()["totals"]["streams_reopened"]
    body = HEADS + request(b"heads", requestid=3) + request(b"heads", requestid=5)
    accepted(server, body, 3)
    state = server.wait_until(lambda state: not state["exchanges"])
    count = state["totals"]["streams_reopened"] - before
    check(count == 2, "counted", count)
    return "200, counted 2 of 2"


@case(5, "encoded without settings", "400, a protocol error")
def encoded(server):
    words = "encoded frame on stream without known settings"
    refused(server, frame(1, 1, BEGIN | ENCODED, COMMAND_REQUEST, NEW, NAME), words)
    body = HEADS + frame(3, 1, ENCODED, COMMAND_REQUEST, NEW, NAME)
    refused(server, body, words)
    return "400 for both"


@case(6, "each type that a client may not send", "400, a protocol error each")
def types(server):
    for typeid in [0, 2, *range(4, 16)]:
        for flags in (0, 1, 15):
            other = frame(1, 1, BEGIN, typeid, flags, NAME)
            refused(server, other, "expected command request frame; got %d" % typeid)
            other = frame(1, 1, 0, typeid, flags, NAME)
            refused(server, WITH_DATA + other, "unexpected frame type: %d" % typeid)
    return "400 for 14 types, idle and receiving"


@case(7, "new with continuation, neither", "400, a protocol error each")
def new_or_continuation(server):
    for before, begin in ((b"", True), (opened(), False)):
        for flags, words in ((NEW | CONTINUATION, "both new and"), (0, "neither new nor")):
            refused(server, before + opened(3, begin, flags), words)
    return "400 for all four"


@case(8, "continuation for an unknown id, new twice, id reused while active", "400 each")
def ids(server):
    refused(server, opened(flags=CONTINUATION), "without new flag")
    refused(server, opened() + opened(3, False, CONTINUATION), "not receiving: 3")
    refused(server, opened() + opened(1, False), "request with ID 1 already received")
    refused(server, HEADS + request(b"heads", begin=False), "request with ID 1 is already active")
    return "400 for all four"


@case(9, "have-data flipped, data unasked, data without flags", "400 each")
def unasked(server):
    mismatch = "mismatch between expect data flag"
    refused(server, opened() + opened(1, False, CONTINUATION | DATA, NAME[3:]), mismatch)
    first = opened(flags=NEW | MORE | DATA)
    refused(server, first + opened(1, False, CONTINUATION, NAME[3:]), mismatch)
    refused(server, opened() + data(b"x"), "not expecting data: 1")
    refused(server, WITH_DATA + data(b"x", 0), "command data frame without flags")
    return "400 for all four"


@case(10, "end of data before end of request", "400, a protocol error")
def data_ends_first(server):
    first = opened(flags=NEW | MORE | DATA)
    refused(server, first + data(b"x", 2), "before the command request was complete: 1")
    return "400"


@case(11, "empty request, two values, not a map, no name, wrong types", "400 each; wrong args: 200")
def malformed(server):
    wrong = [b"", NAME + NAME, NAME + b"\0", cbor([b"heads"]), cbor(b"heads"), b"\xf6", b"\xa0",
             cbor({b"args": {}}), b"\xa1\x44name\x01", b"\xa1\x44name\x65heads", b"\xa1\x44name\x80",
             b"\xa2\x44args\x80\x44name\x45heads", b"\xa2\x44args\x01\x44name\x45heads",
             b"\xbf\x44name", b"\xff", b"\xa1\x44name",
             b"\xa2\x44name\x45heads\x44name\x45heads"]  # fmt: skip
    for payload in wrong:
        refused(server, opened(flags=NEW, payload=payload), "")
    bad = [(b"known", {b"nodes": 1}), (b"known", {b"nodes": [1]}), (b"known", {}),
           (b"heads", {b"publiconly": b"x"}), (b"heads", {b"nothing": 1}), (b"lookup", {})]  # fmt: skip
    answer = server.run("multirequest", requests(*bad))
    check(answer.status == 200, answer)
    kinds = {one[3:5] for one in answer.frames()}
    check(kinds == {(ERROR_RESPONSE, APPLICATION)}, kinds, answer.frames())
    key = b"\xa2\x44args\xa1\x01\x01\x44name\x45heads"
    (only,) = server.run("heads", opened(flags=NEW, payload=key)).frames()
    check(only[3:5] == (ERROR_RESPONSE, APPLICATION), only)
    return "400 for %d, 200 with errors for %d" % (len(wrong), len(bad))


@case(12, "end of input inside a command", "400, an error for each that was cut")
def ends_inside(server):
    body = HEADS + opened(9, False) + opened(3, False) + opened(5, False, NEW | DATA, NAME)
    answer = server.run("multirequest", body)
    found = [(one[0], one[3:5]) for one in answer.frames()]
    error = (ERROR_RESPONSE, PROTOCOL)
    check(answer.status == 400, answer)
    check([one for one in found if one[1] == error] == [(3, error), (5, error), (9, error)], found)
    check(found[0][0] == 1 and found[0][1][0] == BYTES_RESPONSE, found)
    return "400: ids 3, 5, 9 in order, 1 answered"


@case(13, "a stream-settings frame, oversized or late", "400, a protocol error each")
def settings(server):
    for payload in (b"\x08identity", b"\xff", b"", b"\x04zlib" + bytes(65000)):
        refused(server, frame(1, 1, BEGIN, 8, 0, payload), "expected command request frame; got 8")
        refused(server, HEADS + frame(3, 1, 0, 8, 0, payload), "got 8")
        refused(server, opened() + frame(1, 1, 0, 8, 0, payload), "unexpected frame type: 8")
    long = struct.pack("<I", 100000)[:3] + struct.pack("<HBBB", 1, 1, 1, 0x80)
    refused(server, long + bytes(100000), "payload")
    return "400 for all thirteen"


@case(14, "131,072 empty frames", "400 at the third")
def empty_frames(server):
    body = WITH_DATA + 131072 * data(b"")
    before = server.state()["totals"]["frames_in"]
    refused(server, body, "too many empty frames in a row: 3")
    read = server.state()["totals"]["frames_in"] - before
    check(read == 3, read, "frames were read")
    refused(server, opened(payload=b"") + 131072 * opened(1, False, CONTINUATION | MORE, b""), "")
    return "400 after %d frames" % read


@case(15, "a million one-byte frames", "400 at 64 KiB of overhead")
def one_byte_frames(server):
    before = server.state()["totals"]["frames_in"]
    refused(server, WITH_DATA + 1000000 * data(b"x"), "frame headers exceed payload")
    read = server.state()["totals"]["frames_in"] - before
    check(read < 65536 // 7 + 10, read, "frames were read")
    return "400 after %d frames" % read


@case(16, "32,000 commands opened", "400 at the 101st")
def opened_commands(server):
    body = opened() + b"".join(
        opened(2 * number + 1, False, payload=NAME[:8]) for number in range(1, 32000)
    )
    answer = refused(server, body, "too many requests being received at once: the limit is 100")
    check(answer.frames()[-1][0] == 201, answer.frames()[-1])
    return "400 at id 201"


@case(17, "streams opened and closed 100,000 times", "200")
def streams_again(server):
    body = b"".join(
        data(b"12345678", streamid=2 * (number % 128) + 1, streamflags=BEGIN | END)
        for number in range(100000)
    )
    accepted(server, WITH_DATA + body + data(b"x", 2, streamflags=BEGIN | END))
    return "200, 100,000 streams"


@case(18, "52,000 tiny commands", "400 at the 1,001st, 1,000 answers", ceiling=4096)
def tiny_commands(server):
    body = b"".join(
        request(b"heads", requestid=2 * number % 65535 + 1, begin=number == 0)
        for number in range(52000)
    )
    answer = refused(server, body, "")
    kinds = [one[3] for one in answer.frames()]
    check(kinds == [BYTES_RESPONSE] * 1000 + [ERROR_RESPONSE], len(kinds))
    return "400, 1,000 answers and an error"


def bomb(depth):
    return b"\xa1\x44args" + b"\x81" * depth


@case(20, "CBOR bombs", "400, each in 5 ms of the server's time and 1 MiB", ceiling=8192)
def bombs(server):
    """The ceiling has room for a request of the largest size, 4 MiB, as it grows."""
    counts = {
        "array of 2^28": b"\x9a\x10\0\0\0",
        "nested arrays of 2^28": b"\x9a\x10\0\0\0" * 100,
        "map of 2^63": b"\xbb\x80\0\0\0\0\0\0\0",
        "bytes of 2^62": b"\x5b\x40\0\0\0\0\0\0\0",
        "text of 2^31": b"\x7a\x80\0\0\0",
        "depth 100,000": b"\x81" * 65000,
        "indefinite 100,000": b"\x9f" * 65000,
        "tags 100,000": b"\xc1" * 65000,
    }
    slowest, most = 0, 0
    for name, value in counts.items():
        start = Peak(server)
        time_used = min(
            processor_time(
                server,
                lambda: refused(server, opened(flags=NEW, payload=b"\xa1\x44args" + value), ""),
            )
            for _ in range(3)
        )
        growth = start.growth()
        check(time_used < server.budget, name, "took", time_used, "us")
        check(growth <= 1024, name, "took", growth, "KiB")
        slowest, most = max(slowest, time_used), max(most, growth)
    many = b"\xa1\x44args\x9f" + b"\x01" * 10000000
    body = opened(payload=many[:65000])
    for start in range(65000, len(many), 65000):
        body += opened(1, False, CONTINUATION | MORE, many[start : start + 65000])
    refused(server, body, "over 4194304 bytes")
    items = b"\xa1\x44args\x9a\x00\x04\x00\x01" + b"\x01" * 262145
    body = opened(payload=items[:65000])
    for start in range(65000, len(items), 65000):
        more = MORE if start + 65000 < len(items) else 0
        body += opened(1, False, CONTINUATION | more, items[start : start + 65000])
    refused(server, body, "")
    # As many as a request has room for: the table would be twice as large as the request.
    many = many[:4194000]
    body = opened(payload=many[:65000])
    for start in range(65000, len(many), 65000):
        more = MORE if start + 65000 < len(many) else 0
        body += opened(1, False, CONTINUATION | more, many[start : start + 65000])
    start = Peak(server)
    refused(server, body, "over 262144 items")
    check(start.growth() <= 8192, "4 MB of integers took", start.growth(), "KiB")
    return "400, slowest %d us, most %d KiB" % (slowest, most)


@case(24, "an rw command through ro", "403, nothing runs")
def push_through_ro(server):
    args = {b"namespace": b"bookmarks", b"key": b"evil", b"old": b"", b"new": b"0" * 40}
    commands = server.state()["totals"]["commands"]
    for body in (request(b"pushkey", args), requests((b"pushkey", args), b"heads")):
        answer = server.run("multirequest", body)
        check(answer.status == 403, answer)
        check(b"insufficient permissions to execute command: pushkey" in answer.body, answer)
    check(server.run("pushkey", request(b"pushkey", args)).status == 403, "by its own URL")
    cut = opened(flags=NEW | DATA, payload=cbor({b"name": b"pushkey", b"args": args}))
    check(server.run("multirequest", cut + data(b"x")).status == 403, "with data")
    ran = server.state()["totals"]["commands"] - commands
    check(ran == 0, ran, "commands ran")
    listed = server.run("listkeys", request(b"listkeys", {b"namespace": b"bookmarks"}))
    check(b"evil" not in listed.body, "the bookmark is there")
    return "403 in all four ways"


# -- what cases measure --------------------------------------------------------------------------


class Peak:
    """How far the server's memory rises above what it is now."""

    def __init__(self, server):
        self.server = server
        with open("/proc/%d/clear_refs" % server.process.pid, "w") as file:
            file.write("5")
        self.start = server.memory("VmRSS")

    def growth(self):
        return max(0, self.server.memory("VmHWM") - self.start)


def processor_time(server, act):
    """Microseconds that the server's threads were on a processor while act() ran, however loaded."""

    def used():
        total = 0
        tasks = "/proc/%d/task" % server.process.pid
        for task in os.listdir(tasks):
            with open("%s/%s/schedstat" % (tasks, task)) as file:
                total += int(file.read().split()[0])
        return total

    before = used()
    act()
    return (used() - before) // 1000
