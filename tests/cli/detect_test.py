"""`surgewatch detect` and `surgewatch detectors`, as a user meets them."""

import csv
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, ProgramTest  # noqa: E402

WEEKS = [4, 6, 5, 7, 3, 5, 5, 12, 9, 6]


def table(values, first="t"):
    return f"{first},value\n" + "".join(f"{t},{value}\n" for t, value in enumerate(values, 1))


class Detect(ProgramTest):
    def detect(self, *arguments, text=None):
        return subprocess.run([BIN / "surgewatch", "detect", *arguments], input=text, capture_output=True,
                              text=True, timeout=60, check=False)

    def rows(self, *arguments, text):
        done = self.detect(*arguments, text=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        return list(csv.DictReader(done.stdout.splitlines()))

    def test_answers_row_by_row_and_na_where_there_is_none(self):
        done = self.detect("--method", "ears", text=table(WEEKS))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "time,value,expected,upper,score,alarm")
        self.assertEqual(lines[1], "1,4,NA,NA,NA,NA")
        self.assertEqual(lines[7], "7,5,NA,NA,NA,NA")
        row = dict(zip(lines[0].split(","), lines[8].split(",")))
        self.assertEqual((row["time"], row["value"], row["expected"], row["alarm"]), ("8", "12", "5", "1"))
        self.assertAlmostEqual(float(row["upper"]), 8.989473, places=5)
        self.assertEqual(len(lines), 11)

    def test_files_and_pipes_give_the_same_bytes_every_time(self):
        source, target = self.write("in.csv", table(WEEKS)), self.directory / "out.csv"
        self.assertEqual(self.detect("--method", "bayes", "--in", source, "--out", target).returncode, 0)
        piped = self.detect("--method", "bayes", "--in", "-", "--out", "-", text=table(WEEKS))
        again = self.detect("--method", "bayes", text=table(WEEKS, first="time"))
        self.assertEqual(target.read_text(encoding="utf-8"), piped.stdout)
        self.assertEqual(piped.stdout, again.stdout)

    def test_parameters_are_set_by_name(self):
        rows = self.rows("--method", "ears", "--set", "variant=C2", "--set", "baseline=3", text=table(WEEKS))
        self.assertEqual([row["upper"] == "NA" for row in rows], [True] * 5 + [False] * 5)

    def test_series_are_judged_each_for_itself(self):
        text = "time,value,series\n" + "".join(
            f"{t},{value},{name}\n" for t, value in enumerate(WEEKS, 1) for name in ("SG", "US"))
        rows = self.rows("--method", "ears", text=text)
        alone = self.rows("--method", "ears", text=table(WEEKS))
        for name in ("SG", "US"):
            mine = [row["upper"] for row in rows if row["series"] == name]
            self.assertEqual(mine, [row["upper"] for row in alone])

    def test_details_of_the_method_come_behind(self):
        rows = self.rows("--method", "farrington", "--details", "--set", "b=2", "--set", "w=1", "--set",
                         "no_periods=2", "--set", "period=12", "--set", "past_excluded=3",
                         text=table([20 + t % 5 for t in range(40)]))
        self.assertEqual(list(rows[0])[-3:], ["p", "phi", "trend"])
        self.assertEqual(rows[24]["p"], "NA")
        self.assertGreater(float(rows[-1]["p"]), 0)

    def test_bad_rows_are_errors_with_file_and_line(self):
        path = self.write("bad.csv", "t,value\n1,5\n2,\n3,x\n4,-3\n4,7\n")
        done = self.detect("--method", "ears", "--in", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for words in (":3:3: the value is missing", ":4:3: value 'x' is not a number", ":5:3: value '-3' is negative",
                      ":6:1: t 4 is repeated"):
            self.assertIn(f"{path}{words}", done.stderr)

    def test_lenience_makes_them_na_and_says_so(self):
        path = self.write("bad.csv", "t,value\n1,5\n2,\n3,x\n4,-3\n4,7\n7,1\n")
        done = self.detect("--method", "ears", "--in", path, "--lenient")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([row["time"] for row in rows], ["1", "2", "3", "4", "4", "5", "6", "7"])
        self.assertEqual([row["value"] for row in rows], ["5"] + ["NA"] * 6 + ["1"])
        self.assertIn("5 problems taken as NA", done.stderr)

    def test_too_little_history_is_na_and_no_error(self):
        rows = self.rows("--method", "farrington", text=table(WEEKS))
        self.assertEqual({row["upper"] for row in rows}, {"NA"})

    def test_wrong_methods_and_settings_are_wrong_usage(self):
        for arguments, words in (
                (["--method", "farington"], "did you mean 'farrington'"),
                (["--method", "ears", "--set", "alfa=0.1"], "did you mean 'alpha'"),
                (["--method", "ears", "--set", "alpha=2"], "(0, 1)"),
                (["--method", "ears", "--set", "baseline=1"], "[2, 10000]"),
                (["--method", "ears", "--set", "alpha"], "KEY=VALUE"),
                (["--method", "farrington", "--set", "limit54=5"], "CASES/WINDOWS"),
                (["--method", "farrington", "--set", "period=6"], "2 w + 1 <= period"),
                ([], "--method"),
                (["--method", "ears", "--frobnicate"], "frobnicate")):
            done = self.detect(*arguments, text=table(WEEKS))
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertIn(words, done.stderr)

    def test_what_cannot_be_read_or_written_is_named(self):
        self.assertIn("/nowhere/x", self.detect("--method", "ears", "--in", "/nowhere/x").stderr)
        done = self.detect("--method", "ears", "--out", "/nowhere/y", text=table(WEEKS))
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/y", done.stderr)


class Detectors(ProgramTest):
    def test_lists_each_with_parameters_defaults_formula_and_source(self):
        done = self.run_program("detectors")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout.decode()
        for word in ("ears", "farrington", "bayes", "Noufaily", "limit54", "default 5/4", "formula", "source"):
            self.assertIn(word, text)

    def test_as_json_too_and_every_default_is_accepted(self):
        methods = json.loads(self.run_program("detectors", "--json").stdout)
        text = "t,value,series\n" + "".join(
            f"{t},{value},{name}\n" for t, value in enumerate(WEEKS, 1) for name in ("SG", "US"))
        for method in methods:
            settings = []
            for parameter in method["parameters"]:
                settings += ["--set", f"{parameter['name']}={parameter['default']}"]
            done = subprocess.run([BIN / "surgewatch", "detect", "--method", method["name"], *settings],
                                  input=text, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_one_can_be_asked_for(self):
        text = self.run_program("detectors", "bayes").stdout.decode()
        self.assertTrue(text.startswith("bayes\n"))
        self.assertNotIn("farrington", text.replace("surveillance::farringtonFlexible", ""))
        self.assertEqual(self.run_program("detectors", "nonsense").returncode, 1)


if __name__ == "__main__":
    unittest.main()
