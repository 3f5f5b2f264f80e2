"""The types that compare flows, and the one that weighs the others, on the story: what their pages say comes out of the commands that they name."""

import csv
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import SOURCE, ProgramTest, alerts_of  # noqa: E402

EVENTS = 12_000
CONCENTRATION = """
series:
  - {name: billed, event: invoice, group_by: [bill_to], measures: [revenue_usd], pane: 1d}
rules:
  - {name: peak, type: concentration, series: billed, measure: revenue_usd, changes_over: 1, fire_at: {hhi: 2500}}
"""
BILLED = """
reference_data: {catalogue: %s/deploy/config/tables/catalogue.csv}
series:
  - {name: billed, event: invoice, group_by: [bill_to], measures: [chips], pane: 1d}
rules:
  - {name: insisted, type: capacity, series: billed, measure: chips, per: [bill_to], basis: billed}
"""


def evidence_of(alert):
    return {item["name"]: item for item in alert["evidence"]}


class Flows(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="surgewatch-flows-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.events = Path(cls.scratch.name) / "story.binpb"
        made = ProgramTest().run_program("simulate", "--scenario", "deepseek", "--events", EVENTS,
                                         "--out", cls.events, "--quiet")
        assert made.returncode == 0, made.stderr.decode()

    def alerts(self, config):
        done = self.run_program("replay", "--config", config, "--events", self.events, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("violation", done.stdout.decode().lower())
        return alerts_of(done.stdout.decode())

    def of_example(self, name):
        alerts = self.alerts(SOURCE / f"lib/detect/rules/{name}/example.yaml")
        page = (SOURCE / f"docs/rules/{name}.md").read_text()
        self.assertIn(f"simulate --scenario deepseek --events {EVENTS} |\n", page)
        shown = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
        self.assertEqual(len(shown), 1)
        explanations = [alert["explanation"] for alert in alerts]
        self.assertIn(" ".join(shown[0].split("\n")), explanations, "put what it says into the page")
        for alert in alerts:
            if alert["state"] == "ALERT_STATE_FIRING":
                self.assertIn("Inquire: ", alert["explanation"])
        return alerts

    def golden_index(self, quarter_end):
        with open(SOURCE / "data/trade/nvidia_singapore_expected_metrics.csv", newline="") as file:
            return next(float(row["hhi_billing_regions"]) for row in csv.DictReader(file)
                        if row["quarter_end"] == quarter_end)

    def test_concentration_rose_while_the_united_states_bought_half(self):
        first = self.of_example("concentration")[0]
        evidence = evidence_of(first)
        self.assertLess(first["window_end"], "2024-04-29")
        self.assertGreaterEqual(evidence["hhi_change"]["value"], 500)
        self.assertEqual(evidence["parts"]["value"], 5)
        self.assertEqual(evidence["top_1"]["labels"], {"bill_to": "US"})
        # A quarter's days are alike, so an earlier window within one has the quarter's index.
        self.assertAlmostEqual(first["expected"], self.golden_index("2023-04-30"), delta=0.05)

    def test_concentration_at_its_peak_is_that_of_the_reported_quarter(self):
        at_peak = [a["observed"] for a in self.alerts(self.write("c.yaml", CONCENTRATION))
                   if a["window_end"] == "2024-01-29T00:00:00Z"]
        self.assertTrue(at_peak)
        for observed in at_peak:
            self.assertAlmostEqual(observed, self.golden_index("2024-01-28"), delta=0.05)

    def test_capacity_is_quiet_of_singapore_as_shipped(self):
        countries = {alert["subject"]["ship_to"] for alert in self.of_example("capacity")}
        self.assertNotIn("SG", countries)
        self.assertEqual(countries, {"TW"}, "where servers are assembled, which the page calls a false alarm")

    def test_capacity_fires_for_singapore_as_billed(self):
        alerts = [alert for alert in self.alerts(self.write("c.yaml", BILLED % SOURCE))
                  if alert["subject"]["bill_to"] == "SG" and alert["state"] == "ALERT_STATE_FIRING"]
        self.assertTrue(alerts)
        for alert in alerts:
            self.assertIn("Basis: billed, on the rule's insistence", alert["explanation"])
            evidence = evidence_of(alert)
            self.assertEqual(evidence["country_it_capacity"]["value"], 985)
            self.assertEqual(evidence["data_centres"]["value"], 99)
            self.assertGreaterEqual(evidence["fill_low"]["value"], 1)
            self.assertGreater(evidence["fill_high"]["value"], evidence["fill_low"]["value"])

    def test_china_receives_more_by_way_of_third_countries(self):
        alerts = [a for a in self.of_example("intermediary") if a["state"] == "ALERT_STATE_FIRING"]
        self.assertEqual({alert["subject"]["ship_to"] for alert in alerts}, {"CN"})
        routes = [[item["labels"]["ship_from"] for item in alert["evidence"] if item["name"] == "route"]
                  for alert in alerts]
        self.assertIn(["SG", "PH", "MY"], routes, "the Philippines as the second route")
        for alert in alerts:
            self.assertGreaterEqual(alert["ratio"], 1)
            self.assertIn("first reached with the window", evidence_of(alert)["crossed"]["text"])

    def test_singapore_alone_does_not_add_up(self):
        alerts = [a for a in self.of_example("typology") if a["rule"] == "does-not-add-up"]
        self.assertEqual({alert["subject"]["region"] for alert in alerts}, {"SG"})
        self.assertEqual({alert["severity"] for alert in alerts}, {"SEVERITY_CRITICAL"})
        for alert in alerts:
            found = [(item["labels"]["rule"], item["value"]) for item in alert["evidence"] if item["name"] == "finding"]
            self.assertEqual(found, [("more-than-then", 2), ("not-shipped-there", 1)])


if __name__ == "__main__":
    unittest.main()
