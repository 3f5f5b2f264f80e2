"""The yardstick is tested too: a small run of ours against the reference, and that it notices what is wrong.

Kafka Streams and Flink are not in here: Maven would have to fetch them.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import peers  # noqa: E402
import run_once  # noqa: E402

BIN = Path(os.environ.get("SURGEWATCH_BIN", peers.SOURCE / "build/release/bin"))
EVENTS = 100_000
SYSTEMS = ["librdkafka", "surgewatch", "surgewatch-2-workers", "surgewatch-full", "surgewatch-full-2-workers",
           "librdkafka-pinned", "surgewatch-pinned"]
if len(os.sched_getaffinity(0)) > 1:
    SYSTEMS += ["surgewatch-full-2-workers-pinned"]


class WithFiles(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="surgewatch-peers-test-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


class SmallRun(WithFiles):
    def test_ours_give_the_reference_s_answer_to_every_job(self):
        out = self.directory / "peers.json"
        try:
            done = subprocess.run([sys.executable, "-B", HERE / "peers.py", "--bin", BIN, "--out", out.name, "--work", ".",
                                   "--events", str(EVENTS), "--runs", "1", "--systems", ",".join(SYSTEMS)],
                                  cwd=self.directory, check=False, capture_output=True, text=True, timeout=280)
        except subprocess.TimeoutExpired as late:
            self.fail(f"not done in {late.timeout} s; it said: {late.stdout!r} {late.stderr!r}")
        self.assertEqual(done.returncode, 0, done.stderr)
        results = json.loads(out.read_text())
        expected = [(system, job) for system in SYSTEMS
                    for job in (["read"] if system.startswith("librdkafka") else peers.JOBS)]
        self.assertEqual([(one["system"], one["job"]) for one in results], expected)
        for one in results:
            self.assertEqual(one["events"], EVENTS)
            self.assertGreater(one["cpu_seconds_per_million"], 0)
            self.assertGreater(one["events_per_second"], 0)
            self.assertGreater(one["peak_rss_mb"], 1)
        self.assertEqual(sorted(self.directory.iterdir()), [out], "something was left behind")


class Reference(WithFiles):
    def rows(self, job):
        subprocess.run([BIN / "peers_reference", "--events", "1000", "--directory", self.directory], check=True)
        return [line.split() for line in (self.directory / f"{job}.rows").read_text().splitlines()]

    def test_every_event_counts_once_for_each_window_that_covers_it(self):
        for job, windows in zip(peers.JOBS, (1, 10, 60)):
            rows = self.rows(job)
            self.assertEqual(sum(int(row[3]) for row in rows), 1000 * windows)
            self.assertTrue(all(int(row[0]) % 60 == 0 for row in rows))


class Comparison(WithFiles):
    def test_equal_answers_pass_whatever_their_order(self):
        reference = self.write("reference", "0 SG L4 1 2 3\n60 US L4 1 2 3\n")
        rows = self.write("rows", "60 US L4 1 2 3\n0 SG L4 1 2 3\n")
        peers.sort_lines([rows], rows)
        peers.compare(reference, rows)

    def test_a_wrong_sum_fails_and_is_shown(self):
        reference = self.write("reference", "0 SG L4 1 2 3\n60 US L4 1 2 3\n")
        rows = self.write("rows", "0 SG L4 1 2 3\n60 US L4 1 2 4\n")
        with self.assertRaisesRegex(peers.Failed, r"(?s)< 60 US L4 1 2 3.*> 60 US L4 1 2 4"):
            peers.compare(reference, rows)

    def test_a_missing_and_a_doubled_row_fail(self):
        reference = self.write("reference", "0 SG L4 1 2 3\n60 US L4 1 2 3\n")
        for text in ("0 SG L4 1 2 3\n", "0 SG L4 1 2 3\n60 US L4 1 2 3\n60 US L4 1 2 3\n", ""):
            with self.assertRaises(peers.Failed):
                peers.compare(reference, self.write("rows", text))


class Figures(WithFiles):
    def cost(self, samples, events, cpu=9.0):
        run = run_once.Run(["true"], self.directory / "log")
        run.wait(30)
        run.cpu = lambda: cpu
        run.peak_kb = 2048
        return run_once.cost(run, samples, events)

    def test_start_up_is_what_was_spent_before_the_first_record(self):
        cost = self.cost([(10, 1, 0), (12, 4, 0), (13, 5, 1_000_000), (15, 8, 2_000_000), (16, 8.5, 2_000_000)],
                         2_000_000)
        self.assertEqual(cost.total_cpu, 9)
        self.assertEqual(cost.net_cpu, 5)
        self.assertEqual(cost.steady_cpu, 3)
        self.assertEqual(cost.seconds, 3)
        self.assertEqual(cost.peak_rss_mb, 2)

    def test_a_run_that_lost_records_is_no_result(self):
        with self.assertRaisesRegex(run_once.Failed, "counted 1999999"):
            self.cost([(10, 1, 0), (12, 4, 1_999_999)], 2_000_000)

    def test_a_failing_program_is_no_result(self):
        run = run_once.Run(["sh", "-c", "echo broken; exit 3"], self.directory / "log")
        with self.assertRaisesRegex(run_once.Failed, "(?s)exit code 3.*broken"):
            run.wait(30)


if __name__ == "__main__":
    unittest.main()
