"""What the benchmarks say of the machine, and how a table of theirs gets into the README."""

import os
import re
import time

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")


def machine():
    with open("/proc/cpuinfo") as file:
        cpu = re.search(r"model name\s*: (.*)", file.read())
    cores = len(os.sched_getaffinity(0))
    return "%s, %d cores, Linux %s" % (cpu[1] if cpu else "?", cores, os.uname().release)


def where():
    return "%s, %s" % (machine(), time.strftime("%Y-%m-%d"))


def put_table(script, table):
    """Puts it between the marks that bear the script's name."""
    begin, end = "<!-- table of %s -->\n" % script, "<!-- end of %s -->\n" % script
    with open(README) as file:
        before, rest = file.read().split(begin)
    after = rest.split(end, 1)[1]
    with open(README, "w") as file:
        file.write("%s%s%s:\n\n%s\n%s%s" % (before, begin, where(), table, end, after))
