"""What the tests of clones share: repositories, and Mercurial's own server beside the program."""

import importlib.util
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))

# The tests over HTTP have the running server, the raw requests and the frames.
_spec = importlib.util.spec_from_file_location(
    "http_support", os.path.join(os.path.dirname(HERE), "http", "support.py")
)
http = importlib.util.module_from_spec(_spec)
sys.modules["http_support"] = http
_spec.loader.exec_module(http)

HG = "/usr/bin/hg"
TIMEOUT = http.TIMEOUT
ENVIRONMENT = dict(os.environ, HGPLAIN="1", HGRCPATH="/dev/null", HGUSER="test", HGENCODING="UTF-8")


def hg(*args, check=True, cwd=None):
    """Runs hg; what it wrote to standard output, or the whole result if it may fail."""
    result = subprocess.run(
        [HG, *args],
        env=ENVIRONMENT,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT,
    )
    if check and result.returncode != 0:
        raise AssertionError("hg %s: %s%s" % (" ".join(args), result.stdout, result.stderr))
    return result.stdout if check else result


def commit(path, name, content, *options):
    with open(os.path.join(path, name), "w") as file:
        file.write(content)
    hg("-R", path, "commit", "-q", "-A", "-d", "0 0", "-m", "change " + name, *options)


def make_repository(path):
    """Branches with odd names, bookmarks, several heads, all three phases."""
    hg("init", path)
    for number in range(4):
        commit(path, "a", "a%d\n" % number)
    hg("-R", path, "phase", "--public", "-r", "1")
    hg("-R", path, "bookmark", "-r", "2", "mark")
    hg("-R", path, "bookmark", "-r", "0", "an odd \u00e9 one")
    hg("-R", path, "bookmark", "-r", "3", "zz")
    hg("-R", path, "update", "-q", "1")
    hg("-R", path, "branch", "-q", "b \u00e4,x=y;z%")
    commit(path, "b", "b\n")
    hg("-R", path, "update", "-q", "2")
    commit(path, "c", "c\n", "--secret")
    hg("-R", path, "update", "-q", "null")


class HgServe:
    """Mercurial's own server on a free port; a context manager."""

    def __init__(self, repository, *config):
        command = [HG, "serve", "-R", repository, "-a", "127.0.0.1", "-p", "0"]
        command += ["--config", "server.view=served"]
        for one in config:
            command += ["--config", one]
        self.process = subprocess.Popen(
            command + ["-v"],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        line = self.process.stdout.readline().decode()
        self.port = int(re.search(r":(\d+)/", line)[1])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Reply:
    def __init__(self, status, kind, body):
        self.status, self.kind, self.body = status, kind, body

    def __eq__(self, other):
        return (self.status, self.kind, self.body) == (other.status, other.kind, other.body)

    def __repr__(self):
        return "%d %s %r" % (self.status, self.kind, self.body[:500])


def ask(port, query, headers=None, data=None):
    """One request; status, media type and body of the answer, whatever the status is."""
    url = "http://127.0.0.1:%d/?%s" % (port, query)
    request = urllib.request.Request(url, headers=headers or {}, data=data)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return Reply(answer.status, answer.headers["Content-Type"], answer.read())
    except urllib.error.HTTPError as answer:
        return Reply(answer.code, answer.headers["Content-Type"], answer.read())


def wait_until(holds, what):
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("never came: " + what)
