"""score_nab.py on a made-up benchmark of one file: what NAB's rules say of it can be worked out by hand."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("score_nab.py")
ROWS = 1000  # probation: the first 150
WINDOW = (500, 599)


def stamp(row):
    return f"2024-01-{1 + row // 288:02}T{row % 288 // 12:02}:{row % 12 * 5:02}:00".replace("T", " ")


class ScoreTest(unittest.TestCase):
    def score(self, alarms):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "labels").mkdir()
            (root / "labels/combined_windows.json").write_text(
                json.dumps({"real/one.csv": [[stamp(WINDOW[0]), stamp(WINDOW[1])]]}))
            (root / "found/real").mkdir(parents=True)
            rows = [f"{stamp(i)},0,{1 if i in alarms else 0}" for i in range(ROWS)]
            (root / "found/real/ours_one.csv").write_text("\n".join(["timestamp,value,anomaly_score"] + rows) + "\n")
            subprocess.run([sys.executable, "-B", SCRIPT, root, root / "found", "--json", root / "out.json"],
                           check=True, stdout=subprocess.DEVNULL)
            return {name: value["all"] for name, value in json.loads((root / "out.json").read_text()).items()
                    if isinstance(value, dict)}

    def test_no_detection_scores_nothing(self):
        self.assertEqual(self.score(set())["standard"], 0)

    def test_the_first_row_of_the_window_is_perfect(self):
        self.assertAlmostEqual(self.score({WINDOW[0]})["standard"], 100, delta=0.01)

    def test_later_is_worth_less(self):
        middle, end = self.score({550})["standard"], self.score({599})["standard"]
        self.assertLess(middle, 99)
        self.assertLess(end, middle)
        self.assertGreater(end, 50)

    def test_the_earliest_of_several_counts_once(self):
        self.assertEqual(self.score({550, 560, 570}), self.score({550}))

    def test_a_false_alarm_costs_its_weight(self):
        # -0.11 of a window before the first, on a scale of 200 per window: 5.5 points; twice that for low FP.
        clean, noisy = self.score({500}), self.score({500, 300})
        self.assertAlmostEqual(clean["standard"] - noisy["standard"], 5.5, delta=0.01)
        self.assertAlmostEqual(clean["low FP"] - noisy["low FP"], 11, delta=0.01)

    def test_a_false_alarm_right_after_the_window_costs_little(self):
        self.assertLess(self.score({500})["standard"] - self.score({500, 605})["standard"], 1.5)

    def test_the_probation_period_is_not_judged(self):
        self.assertEqual(self.score({500, 149}), self.score({500}))
        self.assertLess(self.score({500, 150})["standard"], self.score({500})["standard"])


if __name__ == "__main__":
    unittest.main()
