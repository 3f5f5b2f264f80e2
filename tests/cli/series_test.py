"""`surgewatch replay --series`: keys that can be told apart, panes without a value, and `detect` on what it writes."""

import csv
import io
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from hostile import hidden_in, hostile_utf8, unescaped  # noqa: E402
from programs import ProgramTest  # noqa: E402

CONFIG = """
series: [{name: p, event: invoice, group_by: [bill_to.party_id, sku], measures: [documents, units], pane: 1d}]
limits: {text_bytes: 4096}
"""
HEADER = "series,pane_start,key,measure,value"


def invoice(number, party, sku, quantity=1, day=10):
    return json.dumps({"invoice": {
        "invoice_id": f"i-{number}", "order_id": f"o-{number}", "issue_time": f"2024-01-{day:02}T12:00:00Z",
        "bill_to": {"country": "SG", "party_id": party}, "lines": [{"sku": sku, "quantity": str(quantity)}]}})


class Series(ProgramTest):
    def series_of(self, events, *flags, config=CONFIG):
        path = self.write("events.ndjson", "\n".join(events) + "\n")
        series = self.directory / "series.csv"
        done = self.run_program("replay", "--config", self.write("config.yaml", config), "--events", path, "--series",
                                series, "--alerts", "/dev/null", "--quiet", *flags)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return series.read_text()


class Keys(Series):
    def test_no_two_keys_are_written_alike_and_each_can_be_read_back(self):
        texts = [text for _, text in hostile_utf8() if len(text.encode()) <= 4096 and text]
        texts += ["A", "A;sku=B", "a;b=c", "\\x3b", "\\", "q\"uote", "comma,x", "=1+1", " lead", "trail "]
        pairs = [(text, "C") for text in texts] + [("A", "B;sku=C"), ("=", ";"), (";", "=")]
        written = self.series_of([invoice(i, party, sku) for i, (party, sku) in enumerate(pairs)])
        rows = [row for row in csv.DictReader(io.StringIO(written)) if row["measure"] == "units"]
        self.assertEqual(len(rows), len(set(pairs)))
        self.assertEqual(len({row["key"] for row in rows}), len(rows))
        read = set()
        for row in rows:
            party, sku = row["key"].split(";")
            self.assertEqual([party.split("=")[0], sku.split("=")[0]], ["bill_to.party_id", "sku"])
            read.add(tuple(unescaped(part.split("=")[1]).decode() for part in (party, sku)))
        self.assertEqual(read, set(pairs))

    def test_a_row_is_a_line_in_which_nothing_hides(self):
        texts = [text for _, text in hostile_utf8() if len(text.encode()) <= 4096]
        written = self.series_of([invoice(i, text, "C") for i, text in enumerate(texts)])
        lines = written.split("\n")
        self.assertEqual(len(lines), 2 + 2 * len({text for text in texts}))
        for line in lines:
            self.assertEqual(hidden_in(line), [])


class Zeros(Series):
    EVENTS = [invoice(1, "A", "X", 5, day=1), invoice(2, "B", "X", 2, day=2), invoice(3, "A", "X", 1, day=6)]

    def test_without_them_only_what_is_not_zero(self):
        self.assertEqual(self.series_of(self.EVENTS).count("\n"), 1 + 3 * 2)

    def test_with_them_every_pane_from_first_to_last_of_every_key_and_measure(self):
        rows = list(csv.DictReader(io.StringIO(self.series_of(self.EVENTS, "--zeros"))))
        self.assertEqual(len(rows), 6 * 2 * 2)
        self.assertEqual([(row["pane_start"], row["key"], row["measure"]) for row in rows],
                         [(f"2024-01-0{day}T00:00:00Z", f"bill_to.party_id={party};sku=X", measure)
                          for day in range(1, 7) for party in "AB" for measure in ("documents", "units")])
        units = [int(row["value"]) for row in rows if row["measure"] == "units"]
        self.assertEqual(units, [5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0])

    def test_each_series_has_panes_of_its_own(self):
        config = CONFIG.replace("pane: 1d}]", "pane: 1d}, {name: q, event: invoice, group_by: [], "
                                "measures: [units], pane: 12h}]")
        rows = list(csv.DictReader(io.StringIO(self.series_of(self.EVENTS, "--zeros", config=config))))
        self.assertEqual([int(row["value"]) for row in rows if row["series"] == "q"],
                         [5, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1])
        self.assertEqual({row["key"] for row in rows if row["series"] == "q"}, {""})

    def test_nothing_is_no_row(self):
        self.assertEqual(self.series_of([], "--zeros"), HEADER + "\n")

    def test_they_are_of_series(self):
        done = self.run_program("replay", "--config", self.write("c.yaml", CONFIG), "--events", "-", "--zeros")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--series", done.stderr)


class ThenDetect(Series):
    """A gap is named, and filled if that is asked for: the same answers whoever fills it."""

    EVENTS = [invoice(day, "A", "X", 3 + day % 3, day=day) for day in range(1, 25) if day % 7]

    def detect(self, text, *flags):
        done = self.run_program("detect", "--method", "ears", *flags, stdin=text.encode())
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_gap_is_named(self):
        code, out, errors = self.detect(self.series_of(self.EVENTS))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("a row is missing before this row: pane_start 2024-01-07T00:00:00Z", errors)
        self.assertIn("--zeros", errors)

    def test_zeros_of_either_give_the_same_answers(self):
        filled = self.detect(self.series_of(self.EVENTS, "--zeros"))
        self.assertEqual(filled[0], 0, filled[2])
        self.assertEqual(filled[1].count("\n"), 1 + 2 * 24)
        self.assertIn(",p;bill_to.party_id=A;sku=X;units", filled[1])
        asked = self.detect(self.series_of(self.EVENTS), "--zeros")
        self.assertEqual(sorted(asked[1].splitlines()), sorted(filled[1].splitlines()))

    def test_the_step_can_be_said_where_panes_are_few(self):
        text = self.series_of([invoice(day, "A", "X", day=day) for day in (1, 3, 5)])
        self.assertEqual(self.detect(text)[0], 0)
        code, _, errors = self.detect(text, "--step", "1d")
        self.assertEqual(code, 1)
        self.assertIn("2024-01-02T00:00:00Z", errors)
        self.assertEqual(self.detect(text, "--step", "1d", "--successive")[0], 2)


if __name__ == "__main__":
    unittest.main()
