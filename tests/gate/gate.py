#!/usr/bin/python3
"""Instructions per event, stage by stage, against budgets.txt.

Counted by Valgrind's callgrind in build/release/bin/hot_path, which needs no quiet machine: the same
build gives the same counts to a few in a thousand. A stage fails when it takes more than its budget
and TOLERANCE, and also when it takes less than its budget by LOOSE, since a budget that wide
guards nothing: record it again.

Budgets are by compiler and major version. For one that is not in the file the largest budget of any
compiler holds, and UNKNOWN on top.

    tests/gate/gate.py            measures and compares
    tests/gate/gate.py --record   measures and writes the budgets of this compiler
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("SURGEWATCH_BIN", HERE.parents[1] / "build/release/bin"))
BUDGETS = HERE / "budgets.txt"
HEADER = """\
# Instructions for one unit of each stage (an event; a pane, for flush), by compiler: what was
# measured. Written by tests/gate/gate.py --record, which says how it is compared.
"""
TOLERANCE = 0.04
LOOSE = 0.10
UNKNOWN = 0.10


def measure():
    """Returns the compiler's name and {stage: instructions per unit}."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise RuntimeError("valgrind is not installed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", BIN / "hot_path"],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"hot_path failed under valgrind:\n{done.stderr}")
        units = dict(line.split() for line in done.stdout.splitlines())
        compiler = units.pop("compiler")
        counted = {}
        for dump in pathlib.Path(folder).glob("out.*"):
            text = dump.read_text()
            trigger = re.search(r"^desc: Trigger: Client Request: (\w+)", text, re.M)
            summary = re.search(r"^summary: (\d+)", text, re.M)
            if trigger and summary:
                counted[trigger[1]] = int(summary[1])
    if counted.keys() != units.keys():
        raise RuntimeError("hot_path was built without <valgrind/callgrind.h>: build it again")
    return compiler, {stage: counted[stage] / int(units[stage]) for stage in units}


def read_budgets():
    """Returns {compiler: {stage: budget}}."""
    budgets = {}
    for line in BUDGETS.read_text().splitlines():
        if line and not line.startswith("#"):
            compiler, stage, budget = line.split()
            budgets.setdefault(compiler, {})[stage] = float(budget)
    return budgets


def record(compiler, measured):
    budgets = read_budgets() if BUDGETS.exists() else {}
    budgets[compiler] = measured
    lines = [
        f"{name} {stage} {budget:.0f}\n"
        for name in sorted(budgets)
        for stage, budget in budgets[name].items()
    ]
    BUDGETS.write_text(HEADER + "".join(lines))


class Gate(unittest.TestCase):
    def test_stages_keep_to_their_budgets(self):
        compiler, measured = measure()
        budgets = read_budgets()
        known = compiler in budgets
        for stage, instructions in measured.items():
            if known:
                budget = budgets[compiler][stage]
            else:
                budget = (1 + UNKNOWN) * max(each[stage] for each in budgets.values())
            print(f"{compiler} {stage}: {instructions:.0f}, budget {budget:.0f}")
            with self.subTest(stage=stage):
                self.assertLessEqual(
                    instructions,
                    budget * (1 + TOLERANCE),
                    f"{stage} has become slower; if that is meant: tests/gate/gate.py --record",
                )
                if known:
                    self.assertGreaterEqual(
                        instructions,
                        budget * (1 - LOOSE),
                        f"{stage} has become faster: keep it so by tests/gate/gate.py --record",
                    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record(*measure())
        print(BUDGETS.read_text(), end="")
    else:
        unittest.main()
