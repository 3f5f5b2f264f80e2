"""Runs `surgewatch detect` on series for which a reference has answers, and compares row by row.

usage: compare.py SURGEWATCH FOLDER [--json FILE] [--show N]

FOLDER holds cases.csv (series,method,settings,input,reference): settings are `key=value` separated
by blanks, method is the name to show, input is `t,value`, reference is t,alarm and any of
expected,upper,p,phi. Exit code 1 if a row differs.

Tolerances: expected, upper and phi 1e-9 relative (an upper bound that is a count must be identical),
p 1e-9 absolute, alarm identical, NA exactly where the reference has NA. Means of less than a case in
a thousand windows 1e-12 absolute: where a season has no case, the last digits of R's 4e-9 are rounding.
There, and where too few cases leave the mean unsaid, delta's p is 1/2 and a little, which hangs on the
2/3 power of such a mean: 1e-8 absolute.
"""

import argparse
import collections
import csv
import json
import math
import subprocess
import sys
from pathlib import Path

RELATIVE = 1e-9
ABSOLUTE_P = 1e-9
ABSOLUTE_MEAN = 1e-12
NO_MEAN = 1e-6  # cases a window
ABSOLUTE_P_WITHOUT_MEAN = 1e-8


def number(text):
    value = None if text in ("NA", "", "NaN") else float(text)
    return value if value is None or math.isfinite(value) else None


def difference(column, ours, theirs, counts):
    """0 if equal, else how far apart; infinite if only one has an answer."""
    if ours is None or theirs is None:
        return 0.0 if ours is theirs else math.inf
    if column == "alarm" or (column == "upper" and counts):
        return abs(ours - theirs)
    if column == "p":
        return abs(ours - theirs)
    if column == "expected" and abs(theirs) < ABSOLUTE_MEAN / RELATIVE:
        return abs(ours - theirs) / ABSOLUTE_MEAN * RELATIVE
    return abs(ours - theirs) / max(abs(theirs), 1e-300)


def allowed(column, counts, mean):
    """`mean`: what the reference expects; None where it has too few cases to say."""
    if column == "alarm" or (column == "upper" and counts):
        return 0.0
    if column == "p":
        return ABSOLUTE_P_WITHOUT_MEAN if mean is None or mean < NO_MEAN else ABSOLUTE_P
    return RELATIVE


def detect(surgewatch, method, settings, path):
    command = [surgewatch, "detect", "--method", method, "--in", path, "--details", "--lenient"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return {row["time"]: row for row in csv.DictReader(done.stdout.splitlines())}


def compare(case, folder, surgewatch, show):
    name, *settings = case["settings"].split()
    ours = detect(surgewatch, name, settings, folder / case["input"])
    with open(folder / case["reference"], encoding="utf-8") as file:
        theirs = list(csv.DictReader(file))
    uppers = [number(row["upper"]) for row in theirs if "upper" in row]
    counts = name != "ears" and all(u is None or u == math.floor(u) for u in uppers)
    result = {"method": case["method"], "series": case["series"], "rows": 0, "differ": 0, "largest": 0.0}
    for row in theirs:
        result["rows"] += 1
        differs = False
        for column in ("expected", "upper", "p", "phi", "alarm"):
            if column not in row:
                continue
            apart = difference(column, number(ours[row["t"]][column]), number(row[column]), counts)
            if apart > allowed(column, counts, number(row.get("expected", "NA"))):
                differs = True
                if show and result["differ"] < show:
                    print(f"  {case['method']} {case['series']} t={row['t']} {column}: "
                          f"{ours[row['t']][column]} against {row[column]}", file=sys.stderr)
            if math.isfinite(apart):
                result["largest"] = max(result["largest"], apart)
        result["differ"] += differs
    return result


def print_table(results, per_series):
    line = "{:<16} {:<26} {:>8} {:>8} {:>12}"
    print(line.format("method", "series", "rows", "differ", "largest"))
    methods = collections.OrderedDict()
    for result in results:
        methods.setdefault(result["method"], []).append(result)
    for method, rows in methods.items():
        if per_series:
            for r in rows:
                print(line.format(method, r["series"], r["rows"], r["differ"], f"{r['largest']:.1e}"))
        print(line.format(method, f"all {len(rows)}", sum(r["rows"] for r in rows),
                          sum(r["differ"] for r in rows), f"{max(r['largest'] for r in rows):.1e}"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("surgewatch")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=int, default=3, help="rows that differ to show of each case")
    parser.add_argument("--short", action="store_true", help="a line for each method, not each series")
    arguments = parser.parse_args()
    with open(arguments.folder / "cases.csv", encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    results = [compare(case, arguments.folder, arguments.surgewatch, arguments.show) for case in cases]
    print_table(results, not arguments.short)
    rows, differ = (sum(r[key] for r in results) for key in ("rows", "differ"))
    print(f"{rows} rows compared, {differ} differ")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 1 if differ or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
