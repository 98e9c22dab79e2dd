"""Counts instructions with callgrind and compares them with budgets.json, which holds what they
were when it was last written. A scenario that needs 5 % more fails.

Usage: budgets.py [--update] PROGRAM"""

import json
import os
import re
import subprocess
import sys
import tempfile

BUDGETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "budgets.json")
GROWTH = 1.05
SKIPPED = 77


def count(program, scenario):
    """Instructions for one of what the scenario counts."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--toggle-collect=measured",
                "--callgrind-out-file=%s" % os.path.join(directory, "out"),
                program,
                scenario,
            ],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    collected = int(re.search(r"Collected : (\d+)", done.stderr)[1])
    return collected / int(done.stdout)


def count_all(program):
    names = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: round(count(program, name), 1) for name in names.splitlines()}


def load():
    with open(BUDGETS) as file:
        return json.load(file)


def main(arguments):
    update = "--update" in arguments
    (program,) = [argument for argument in arguments if not argument.startswith("--")]
    try:
        counted = count_all(program)
    except FileNotFoundError:
        print("valgrind is not installed: nothing was counted")
        return SKIPPED
    if update:
        with open(BUDGETS, "w") as file:
            json.dump(counted, file, indent=4)
            file.write("\n")
    budgets = load()
    failed = counted.keys() != budgets.keys()
    for name, instructions in counted.items():
        budget = budgets.get(name, 0)
        over = instructions > budget * GROWTH
        failed = failed or over
        print(
            "%-32s %9.1f  budget %9.1f %s"
            % (name, instructions, budget, "TOO MANY" if over else "")
        )
    if failed:
        print("If that is meant: %s --update %s" % (os.path.basename(__file__), program))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
