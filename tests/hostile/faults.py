"""Case 23: each allocation and each system call of a session fails in turn.

The program runs with failing.c loaded before it. A session makes it read the repository again, then
asks everything; while one call fails each answer is the right one, an error, or none, and the session
after it is answered right in every part. Leaks are the sanitizer's to see, at the end.
"""

import errno
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import time

import situations
import support
from cases import check
from support import APPLICATION, ERROR_RESPONSE, cbor, requests

CALLS = {  # in the order of failing.c; with what errno says
    "read": (1, ("EIO", "EINTR")),
    "recv": (2, ("ECONNRESET", "EINTR")),
    "send": (3, ("EPIPE", "EINTR")),
    "write": (4, ("ENOSPC", "EINTR")),
    "accept": (5, ("ECONNABORTED", "EMFILE", "EINTR")),
    "open": (6, ("EMFILE", "EACCES")),
    "stat": (7, ("EIO", "EACCES")),
    "mmap": (8, ("ENOMEM",)),
    "allocation": (9, ("ENOMEM",)),
}
MOST = 20000  # calls of one kind in a session; more is a loop that does not end


class Control:
    """The page that failing.c maps too."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(4096))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def arm(self, call, countdown, number):
        self.page[8:32] = struct.pack("<qqq", countdown, number, 0)
        self.page[0:8] = struct.pack("<q", call)

    def disarm(self):
        """True if the call was reached, and failed."""
        self.page[0:8] = struct.pack("<q", 0)
        return struct.unpack("<q", self.page[24:32])[0] > 0


def make_repository(path):
    """Branches, a bookmark, a tag, a changeset that nobody may see, and so many that the index is
    mapped."""
    environment = dict(os.environ, HGPLAIN="1", HGRCPATH="", HGUSER="test")

    def hg(*args):
        command = ["/usr/bin/hg", "-R", path, *args]
        return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout

    subprocess.run(["/usr/bin/hg", "init", path], check=True, env=environment)
    hg("debugbuilddag", "-q", "+2048")
    hg("update", "-q", "tip")
    for number in range(4):
        with open(os.path.join(path, "file"), "w") as file:
            file.write(str(number))
        if number == 2:
            hg("branch", "-q", "other")
        hg("commit", "-q", "-A", "-d", "0 0", "-m", str(number))
    hg("tag", "-d", "0 0", "-r", "1", "one")
    hg("bookmark", "-r", "2", "mark")
    with open(os.path.join(path, "file"), "w") as file:
        file.write("secret")
    hg("commit", "-q", "-s", "-d", "0 0", "-m", "secret")
    nodes = hg("log", "-r", "all()", "-T", "{node}\n").decode().split()
    return [bytes.fromhex(node) for node in nodes]


def renew(repository):
    """The same contents in new files: whatever was read is read again."""
    for name in (".hg/store/00changelog.i", ".hg/bookmarks", ".hg/store/phaseroots"):
        path = os.path.join(repository, name)
        shutil.copyfile(path, path + ".new")
        os.rename(path + ".new", path)


def session(server, repository, nodes):
    """Asks everything; a list of answers, None for one that did not come."""
    renew(repository)
    body = requests(
        b"heads", (b"known", {b"nodes": nodes}), b"branchmap", b"capabilities",
        (b"listkeys", {b"namespace": b"bookmarks"}), (b"listkeys", {b"namespace": b"phases"}),
        (b"lookup", {b"key": b"one"}), (b"lookup", {b"key": nodes[0].hex()[:7].encode()}),
    )  # fmt: skip
    upgrade = ["X-HgUpgrade-1: exp-http-v2-0001", "X-HgProto-1: cbor"]
    asked = (
        lambda: server.run("multirequest", body),
        lambda: server.get("/?cmd=capabilities", headers=upgrade),
        lambda: server.run("heads", support.request(b"heads")),
    )
    return [answer_or_none(ask) for ask in asked]


def answer_or_none(ask):
    try:
        return ask()
    except (OSError, AssertionError, ValueError, struct.error):
        return None  # the connection ended: no answer is no wrong answer


def is_right_or_error(answer, expected):
    """True if nothing in the answer is false."""
    if answer is None or answer.status in (500, 503):
        return True
    if answer.status != 200:
        return False
    if answer.headers["content-type"] != support.MEDIA_TYPE:
        return answer.body == expected.body
    rights = {one[0]: one[3:] for one in expected.frames()}
    for one in answer.frames():
        if one[3:] != rights[one[0]] and one[3:5] != (ERROR_RESPONSE, APPLICATION):
            return False
    return len(answer.frames()) == len(rights)


def same(answers, expected):
    return all(
        answer is not None and (answer.status, answer.body) == (right.status, right.body)
        for answer, right in zip(answers, expected)
    )


def fail_each(server, control, ask, expected, name, number):
    """Lets each call of this kind fail in turn; how many there were."""
    for count in range(MOST):
        control.arm(CALLS[name][0], count, getattr(errno, number))
        answers = ask()
        reached = control.disarm()
        what = "%s %d, %s:" % (name, count, number)
        check(server.process.poll() is None, what, "the program ended")
        for answer, right in zip(answers, expected):
            check(is_right_or_error(answer, right), what, answer, "is not", right)
        again = ask()
        check(same(again, expected), what, "wrong afterwards", again)
        if not reached:
            check(same(answers, expected), what, "wrong without a failure", answers)
            return count
    raise AssertionError("%s: more than %d calls" % (name, MOST))


def written(ask):
    """The session, and then the lines of the access log, which are written a little later."""
    answers = ask()
    time.sleep(0.3)
    return answers


def start_with_each(control, start, name, number):
    """Starts the program with each call failing in turn: it starts, or says one line and ends."""
    for count in range(MOST):
        control.arm(CALLS[name][0], count, getattr(errno, number))
        try:
            start().stop()
            said = ""
        except AssertionError as problem:
            said = str(problem)
        if not control.disarm():
            check(said == "", said)
            return count
        check("framegate serve: " in said or said == "", name, count, said)
    raise AssertionError("%s: more than %d calls" % (name, MOST))


def run(measure):
    library = os.environ["FRAMEGATE_FAILING_LIBRARY"]
    directory = tempfile.mkdtemp(prefix="framegate-faults-")
    try:
        control = Control(os.path.join(directory, "control"))
        repository = os.path.join(directory, "repository")
        nodes = make_repository(repository)
        environment = {
            "LD_PRELOAD": library,
            "FRAMEGATE_FAILING": os.path.join(directory, "control"),
            "ASAN_OPTIONS": situations.ENVIRONMENT["ASAN_OPTIONS"] + ":verify_asan_link_order=0",
        }
        log = os.path.join(directory, "log")
        options = ("--access-log", log, "--threads", "1", "--header-time", "2")
        start = lambda: support.Server(*options, repository=repository, environment=environment)
        for name in ("read", "open", "stat"):
            start_with_each(control, start, name, "EIO")
        with start() as server:
            measure(server)
            ask = lambda: session(server, repository, nodes)
            expected = ask()
            check(cbor(nodes[-1]) not in expected[0].body, "the secret changeset is shown")
            check(all(one is not None and one.status == 200 for one in expected), expected)
            done = {}
            for name, (_, numbers) in CALLS.items():
                for number in numbers:
                    call = (lambda: written(ask)) if name == "write" else ask
                    done[name] = fail_each(server, control, call, expected, name, number)
            check(all(done.values()), done, "a call that is never made")
            state = server.wait_until(lambda state: not state["exchanges"])
            check(state["memory_bytes"] == 0, state["memory_bytes"], "bytes are still accounted")
        return ", ".join("%d %s" % (count, name) for name, count in done.items())
    finally:
        shutil.rmtree(directory)
