#!/usr/bin/env python3
"""Scores detections on NAB after its published rules, for all files and for those that are counts.

    score_nab.py NAB_FOLDER DETECTIONS_FOLDER [--json FILE] [--files category/file.csv …]

DETECTIONS_FOLDER/<category>/<anything>_<file>.csv has the columns timestamp and anomaly_score; so have NAB's
own results/<detector> folders, whose published scores this reproduces.

The rules (Lavin and Ahmad, Evaluating Real-Time Anomaly Detection Algorithms, ICMLA 2015): in each labelled
window the earliest detection counts, the earlier the more; a window without one costs A_fn; a detection outside
costs up to A_fp, less shortly after a window. The first 15 % of a file (at most 750 rows) are not judged. One
threshold for all files, the best one. The score is 0 for no detections and 100 for perfect ones.
"""
import argparse
import bisect
import csv
import datetime
import json
import math
import pathlib

PROFILES = {"standard": (1.0, 0.11), "low FP": (1.0, 0.22), "low FN": (2.0, 0.11)}  # A_fn, A_fp
VOLUME12 = ["realTweets/Twitter_volume_%s.csv" % name
            for name in ("AAPL", "AMZN", "CRM", "CVS", "FB", "GOOG", "IBM", "KO", "PFE", "UPS")]
VOLUME12 += ["realKnownCause/nyc_taxi.csv", "realAWSCloudwatch/elb_request_count_8c0756.csv"]


def sigmoid(position):
    return 2 / (1 + math.exp(5 * position)) - 1 if position <= 3 else -1.0


def timestamp(text):
    return datetime.datetime.fromisoformat(text.split(".")[0])


class File:
    """One file's judged rows: (score, gain of a detection there, its window or None)."""

    def __init__(self, name, path, labels):
        with open(path) as file:
            rows = [(timestamp(row["timestamp"]), float(row["anomaly_score"])) for row in csv.DictReader(file)]
        times = [time for time, _ in rows]
        windows = [(times.index(timestamp(begin)), times.index(timestamp(end))) for begin, end in labels]
        ends = [end for _, end in windows]
        probation = min(math.floor(0.15 * len(rows)), 750)
        self.name, self.windows, self.points = name, len(windows), []
        for i in range(probation, len(rows)):
            k = bisect.bisect_left(ends, i)  # the first window that has not ended before i
            if k < len(windows) and windows[k][0] <= i:
                begin, end = windows[k]
                position = -(end - i + 1) / (end - begin + 1)
                self.points.append((rows[i][1], sigmoid(position) / sigmoid(-1), (name, k)))
            elif k == 0:
                self.points.append((rows[i][1], -1.0, None))
            else:
                begin, end = windows[k - 1]
                self.points.append((rows[i][1], sigmoid((i - end) / (end - begin)), None))
        # Windows within the probation period are missed by all.
        self.keys = {window for _, _, window in self.points if window is not None}


def best_threshold(files, a_fn, a_fp):
    """Lowers the threshold past one score after another; returns the best total and where it is reached."""
    points = sorted((p for file in files for p in file.points), key=lambda p: -p[0])
    gains = {key: -a_fn for file in files for key in file.keys}
    total = sum(gains.values())
    best = (total, math.inf)
    i = 0
    while i < len(points):
        score = points[i][0]
        while i < len(points) and points[i][0] == score:
            _, gain, window = points[i]
            if window is None:
                total += a_fp * gain
            elif gain > gains[window]:
                total += gain - gains[window]
                gains[window] = gain
            i += 1
        if total > best[0]:
            best = (total, score)
    return best[1]


def total_at(files, threshold, a_fn, a_fp):
    total = 0.0
    for file in files:
        gains = dict.fromkeys(file.keys, -a_fn)
        for score, gain, window in file.points:
            if score < threshold:
                continue
            if window is None:
                total += a_fp * gain
            else:
                gains[window] = max(gains[window], gain)
        total += sum(gains.values())
    return total


def normalised(files, threshold, a_fn, a_fp):
    windows = sum(file.windows for file in files)
    nothing = -a_fn * windows
    missing = windows - sum(len(file.keys) for file in files)
    total = total_at(files, threshold, a_fn, a_fp) - a_fn * missing
    return 100 * (total - nothing) / (windows - nothing)


def find(folder, name):
    category, file = name.split("/")
    found = [p for p in sorted((folder / category).glob("*.csv")) if p.name == file or p.name.endswith("_" + file)]
    if not found:
        raise SystemExit(f"score_nab: there are no detections for {name} in {folder}")
    return found[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nab", type=pathlib.Path)
    parser.add_argument("detections", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--files", nargs="*", help="only these, such as realTweets/Twitter_volume_KO.csv")
    options = parser.parse_args()
    labels = json.loads((options.nab / "labels/combined_windows.json").read_text())
    names = options.files or sorted(labels)
    files = [File(name, find(options.detections, name), labels[name]) for name in names]
    counts = [file for file in files if file.name in VOLUME12]
    result = {}
    for profile, (a_fn, a_fp) in PROFILES.items():
        threshold = best_threshold(files, a_fn, a_fp)
        result[profile] = {"threshold": threshold, "all": round(normalised(files, threshold, a_fn, a_fp), 2)}
        if counts:
            result[profile]["volume12"] = round(normalised(counts, threshold, a_fn, a_fp), 2)
        print(f"{profile:9} threshold {threshold:.6g}  " +
              "  ".join(f"{key} {value:.2f}" for key, value in result[profile].items() if key != "threshold"))
    if options.json:
        options.json.write_text(json.dumps({"files": len(files), **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
