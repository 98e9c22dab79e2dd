"""Everything that must hold under fire, in one pass and one table: proof.py [--quick] [NAME...]

A row says what was done, what is expected, what came, the largest memory of a process, and the time.
The hostile cases have rows of their own, with what the server's memory rose by. tests/slow.sh builds
what this needs, and runs it; NAME is a group of GROUPS.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
ASAN = os.path.join(BUILD, "debug")
RELEASE = os.path.join(BUILD, "release")
PYTHON = [sys.executable, "-B"]
ROW = "%-10s %-66s  %-52s  %-56s  %10s  %8s"
SECONDS = {False: {"fuzz": 600, "load": 900}, True: {"fuzz": 10, "load": 30}}

GROUPS = {}


def group(function):
    """A generator of rows (what, expected, got, KiB, seconds, failed)."""
    GROUPS[function.__name__] = function
    return function


def execute(command, environment=None):
    """Runs a command; (exit status, what it wrote, KiB of its largest process, seconds)."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
            env=dict(os.environ, HGRCPATH="/dev/null", **(environment or {})))  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    return process.returncode, said, usage.ru_maxrss, time.monotonic() - start


def row(what, expected, command, got, environment=None):
    """got(output) → what to say of it. If the command fails, its last lines are kept."""
    status, said, memory, seconds = execute(command, environment)
    if status != 0:
        print(said[-4000:], file=sys.stderr)
        return what, expected, "exit status %d, output above" % status, memory, seconds, True
    try:
        return what, expected, got(said), memory, seconds, False
    except (LookupError, TypeError) as problem:
        return what, expected, "output not understood: %r" % problem, memory, seconds, True


def found(pattern, said):
    return re.search(pattern, said, re.MULTILINE)[1]


def tests_ran(said):
    """Of Python's unittest."""
    return "%s tests ok" % found(r"^Ran (\d+) tests? in", said)


def ctest(preset, *options):
    return ["ctest", "--preset", preset, "--output-on-failure", *options]


def tests_passed(said):
    return "%s tests ok" % found(r"100% tests passed, 0 tests failed out of (\d+)", said)


# -- groups ---------------------------------------------------------------------------------------


@group
def hostile(quick):
    """The 25 cases under AddressSanitizer, and the bombs once more where the time is the parser's."""
    script = os.path.join(ROOT, "tests/hostile/hostile.py")
    sys.path.insert(0, os.path.dirname(script))
    import hostile as cases

    for case, got, memory, seconds, failed in cases.rows([]):
        yield "%d %s" % (case.number, case.title), case.expected, got, memory, seconds, failed
    yield row("20 CBOR bombs, optimised build", "400, each in 5 ms and 1 MiB",
              [*PYTHON, script, "20"], lambda said: found(r"1 MiB +(.*?)  ", said),
              {"FRAMEGATE_HTTP": os.path.join(RELEASE, "framegate")})  # fmt: skip


@group
def http(quick):
    """Files of tests over sockets, against the program with AddressSanitizer."""
    files = (
        ("smuggling", "smuggling and URI vectors", "each refused, nothing after it read"),
        ("wire", "methods, heads, 1.0, Expect, pipelining, disconnects, slicings", "as HTTP says"),
        ("peers", "peers that vanish, stall, half-close, flood", "others served, nothing left"),
        ("limits", "limits: one under, at, one over, and the counter", "refused over, counted"),
        ("exchange", "limits of the framing layer, bodies in any slicing", "refused over, counted"),
        ("stop", "deadlines, SIGTERM, bad usage", "408, drained, status 2"),
        ("table", "the table of answers", "as the table says"),
    )
    for name, what, expected in files:
        for program in ("framegate", "framegate-fake"):
            suffix = ", handlers made for tests" if program.endswith("fake") else ""
            yield row(what + suffix, expected,
                      [*PYTHON, "tests/http/test_%s.py" % name], tests_ran,
                      {"FRAMEGATE_HTTP": os.path.join(ASAN, program),
                       "FRAMEGATE_SANITIZE": "address"})  # fmt: skip


@group
def access(quick):
    files = (
        ("login", "passwords, tokens, permissions by command", "401, 403, equal work"),
        ("tls", "TLS, certificates, pushing without it", "old versions refused, reloaded"),
        ("config", "configuration file, SIGHUP", "unknown keys refused, kept on error"),
        ("operation", "systemd, account, unit below 2.0", "told, dropped, hardened"),
    )
    for name, what, expected in files:
        yield row(what, expected, [*PYTHON, "tests/access/test_%s.py" % name], tests_ran,
                  {"FRAMEGATE_HTTP": os.path.join(ASAN, "framegate-fake")})  # fmt: skip


@group
def admin(quick):
    yield row("admin listener: Host, Origin, tokens, events, tools", "as its schemas say",
              ctest("debug", "--label-regex", "admin"), tests_passed)  # fmt: skip


@group
def classic(quick):
    """The other way to the same handlers."""
    yield row("?cmd=, clones, bundles: lies, memory, damage", "as hg serve, or refused",
              ctest("debug", "-R", "^(clone|bundle)"), tests_passed)  # fmt: skip


@group
def allocation(quick):
    """Case 23 makes the calls of a whole exchange fail; these the functions of the libraries."""
    yield row("every allocation of framing/, handlers/ and an exchange fails",
              "an error each time, nothing leaks", ctest("debug", "-R", "allocation"),
              tests_passed)  # fmt: skip


def fuzz_one(name, seconds):
    corpora = os.path.join(BUILD, "fuzz/corpus")
    kept = os.path.join(BUILD, "found", name)
    with tempfile.TemporaryDirectory(prefix="framegate-fuzz-") as fresh:
        os.makedirs(kept, exist_ok=True)
        command = [os.path.join(BUILD, "fuzz/fuzz_" + name), "-max_total_time=%d" % seconds,
                   "-print_final_stats=1", "-artifact_prefix=%s/" % kept,
                   fresh, os.path.join(corpora, name)]  # fmt: skip
        return row("fuzzing %s for %d s" % (name, seconds), "no finding", command,
                   lambda said: found(r"number_of_executed_units: (\d+)", said)
                   + " executions")  # fmt: skip


@group
def fuzz(quick):
    """Each target from its corpus, one on each core; a finding is a file in build/found."""
    names = sorted(os.listdir(os.path.join(BUILD, "fuzz/corpus")))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as cores:
        yield from cores.map(lambda name: fuzz_one(name, SECONDS[quick]["fuzz"]), names)


@group
def load(quick):
    """Honest and hostile traffic on a repository that is committed to."""
    seconds = SECONDS[quick]["load"]
    yield row("load for %d s, 10 %% hostile" % seconds, "honest ones right, memory flat, none left",
              [*PYTHON, "tests/load/load.py", "--seconds", str(seconds)],
              lambda said: "%s honest; slope %s KiB/min" % (
                  found(r"^(\d+) honest", said), found(r"slope (\S+)", said)),
              {"FRAMEGATE_HTTP": os.path.join(RELEASE, "framegate")})  # fmt: skip


@group
def sanitizers(quick):
    """All tests with AddressSanitizer and UndefinedBehaviorSanitizer; without the benchmarks."""
    yield row("all tests, ASan and UBSan", "nothing found",
              ctest("debug", "--label-exclude", "bench"), tests_passed)  # fmt: skip


@group
def tsan(quick):
    yield row("all tests, ThreadSanitizer", "nothing found", ["tests/slow.sh", "tsan"],
              tests_passed)  # fmt: skip


@group
def valgrind(quick):
    yield row("unit tests, corpora, tests over HTTP: valgrind", "nothing found",
              ["tests/slow.sh", "valgrind"],
              lambda said: "%s failed" % found(r"^valgrind: (\d+) failed", said))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 s for a fuzz target, 30 s of load")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GROUPS))
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in GROUPS]
    if unknown:
        parser.error("no such group: " + ", ".join(unknown))
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    print(ROW % ("group", "case", "expected", "got", "peak KiB", "seconds"), flush=True)
    count = failures = 0
    for name in arguments.names or GROUPS:
        for what, expected, got, memory, seconds, failed in GROUPS[name](arguments.quick):
            count += 1
            failures += failed
            print(ROW % (name, what, expected, ("FAILED " if failed else "") + got,
                         "%d" % memory, "%.2f" % seconds), flush=True)  # fmt: skip
    print("%d of %d hold" % (count - failures, count))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
