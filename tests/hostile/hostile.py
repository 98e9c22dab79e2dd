"""Runs the hostile cases against the program and prints the table: hostile.py [NUMBER...]

Each case says what it expects and how much the server's memory may rise. The program is
build/debug/framegate (with AddressSanitizer), or what FRAMEGATE_HTTP names.
"""

import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("FRAMEGATE_HTTP", os.path.join(ROOT, "build/debug/framegate"))
os.environ.setdefault(
    "FRAMEGATE_FAILING_LIBRARY", os.path.join(ROOT, "build/debug/tests/hostile/libfailing.so")
)
sys.path.insert(0, os.path.join(ROOT, "tests/http"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import situations
import support
from cases import CASES, Peak

ROW = "%4s  %-66s  %-62s  %-46s  %10s  %8s"
MILLISECONDS_FOR_A_BOMB = 5


def run_shared(case, server):
    """Runs a case on the server that is there; returns (got, KiB)."""
    peak = Peak(server)
    got = case.run(server)
    growth = peak.growth()
    state = server.wait_until(lambda state: not state["exchanges"])
    assert state["memory_bytes"] == 0, "memory is still accounted"
    return got, growth


def run_own(case):
    """Runs a case that starts servers itself, and says which one is measured."""
    growths = []

    def measure(server):
        """Until the server is stopped: afterwards nobody knows what it took."""
        peak = Peak(server)
        stop = server.stop

        def measured(*arguments, **options):
            if server.process.poll() is None:
                growths.append(peak.growth())
            return stop(*arguments, **options)

        server.stop = measured

    got = case.run(measure)
    return got, max(growths)


def run(case, shared):
    """Runs one case; returns (got, KiB, seconds, failed)."""
    growth = 0
    start = time.monotonic()
    try:
        got, growth = run_shared(case, shared) if case.needs == "server" else run_own(case)
        failed = growth > case.ceiling
        if failed:
            got = "%s, but %d KiB" % (got, growth)
    except Exception as problem:
        got, failed = "%s: %s" % (type(problem).__name__, problem), True
    return got, growth, time.monotonic() - start, failed


def warm_up(server):
    """What every server has once: its threads' heaps, the snapshot, the buffers of connections."""
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(support.post_head(support.API + "/ro/heads", 100000) + bytes(1000))
            server.state()
        server.run("multirequest", support.requests(*[b"heads", b"capabilities"] * 50))
        server.run("heads", bytes(100000))


def rows(numbers):
    """Runs these cases, or all; for each (case, got, KiB, seconds, failed)."""
    with situations.own("--hg", "/usr/bin/hg", "--max-connections-per-address", "0") as shared:
        shared.budget = MILLISECONDS_FOR_A_BOMB * 1000
        warm_up(shared)
        for number in sorted(numbers or CASES):
            yield CASES[number], *run(CASES[number], shared)


def main(numbers):
    print(ROW % ("case", "what", "expected", "got", "peak KiB", "seconds"))
    count = failures = 0
    for case, got, growth, seconds, failed in rows(numbers):
        count += 1
        failures += failed
        print(ROW % (case.number, case.title, case.expected, ("FAILED " if failed else "") + got,
                     "%d" % growth, "%.2f" % seconds), flush=True)  # fmt: skip
    print("%d of %d cases hold" % (count - failures, count))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]]))
