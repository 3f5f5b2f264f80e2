"""The dashboards pass the lint, and the lint finds what it is there to find."""

import copy
import json
import unittest

import yaml

from dashboard_lint import panels_of, problems
from paths import DASHBOARDS, METRICS, PROVISIONING

EXPORTED = {line.split("{")[0].split(" ")[0] for line in METRICS.read_text().splitlines()}


def load(path):
    return json.loads(path.read_text())


def overview():
    return load(DASHBOARDS / "surgewatch-overview.json")


class Dashboards(unittest.TestCase):
    def test_none_has_a_problem(self):
        for path in DASHBOARDS.glob("*.json"):
            with self.subTest(path.name):
                self.assertEqual(list(problems(load(path), EXPORTED)), [])

    def test_uids_are_unique_and_name_their_files(self):
        for path in DASHBOARDS.glob("*.json"):
            self.assertEqual(load(path)["uid"], path.stem)

    def test_the_story_is_on_the_overview(self):
        expressions = " ".join(t["expr"] for p in panels_of(overview()) for t in p.get("targets", []))
        for metric in (
            "surgewatch_series_observed",
            "surgewatch_series_expected",
            "surgewatch_series_upper_bound",
            "surgewatch_alert_active",
            "surgewatch_alert_ratio",
            "surgewatch_events_consumed_total",
            "surgewatch_events_rejected_total",
            "surgewatch_consumer_lag_records",
            "surgewatch_watermark_lag_seconds",
            "surgewatch_event_to_alert_seconds_bucket",
        ):
            self.assertIn(metric, expressions)


class Lint(unittest.TestCase):
    """Each case breaks the dashboard in one way and expects the one complaint."""

    def complaint(self, change):
        dashboard = copy.deepcopy(overview())
        # A panel with one query of one counter.
        panel = next(p for p in panels_of(dashboard) if p["title"] == "Events read by topic")
        change(dashboard, panel)
        found = list(problems(dashboard, EXPORTED))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_finds_missing_words(self):
        self.assertIn("no description", self.complaint(lambda d, p: p.update(description="")))
        self.assertIn("no unit", self.complaint(lambda d, p: p["fieldConfig"]["defaults"].pop("unit")))
        self.assertIn("no targets", self.complaint(lambda d, p: p.update(targets=[])))

    def test_finds_a_data_source_that_is_not_the_variable(self):
        fixed = {"type": "prometheus", "uid": "surgewatch-prometheus"}
        self.assertIn("data source", self.complaint(lambda d, p: p.update(datasource=fixed)))
        self.assertIn("data source", self.complaint(lambda d, p: p["targets"][0].update(datasource=fixed)))

    def expression(self, expression):
        return self.complaint(lambda d, p: p["targets"][0].update(expr=expression))

    def test_finds_wrong_queries(self):
        counter = 'surgewatch_events_consumed_total{job=~"$job"}'
        self.assertIn("needs rate()", self.expression(f"sum({counter})"))
        self.assertIn("should be [$__rate_interval]", self.expression(f"rate({counter}[5m])"))
        self.assertIn("needs job=~", self.expression("sum(surgewatch_alert_active)"))
        self.assertIn("no metric surgewatch_made_up", self.expression('surgewatch_made_up{job=~"$job"}'))
        self.assertIn("not PromQL", self.expression(f"sum(rate({counter}[$__rate_interval])"))

    def test_finds_what_is_wrong_with_the_whole(self):
        self.assertIn("uid", self.complaint(lambda d, p: d.update(uid=None)))
        self.assertIn("id belongs", self.complaint(lambda d, p: d.update(id=7)))
        self.assertIn("editable", self.complaint(lambda d, p: d.update(editable=True)))
        self.assertIn("schemaVersion", self.complaint(lambda d, p: d.update(schemaVersion=2)))
        self.assertIn("titles", self.complaint(lambda d, p: p.update(title="Consumer lag")))
        self.assertIn("ids", self.complaint(lambda d, p: p.update(id=1)))
        self.assertIn("wider", self.complaint(lambda d, p: p["gridPos"].update(y=500, x=20)))
        self.assertIn("overlaps", self.complaint(lambda d, p: p["gridPos"].update(h=9)))
        self.assertIn("no variable region", self.complaint(self.without_region))

    @staticmethod
    def without_region(dashboard, _):
        variables = dashboard["templating"]["list"]
        variables[:] = [v for v in variables if v["name"] != "region"]
        for panel in panels_of(dashboard):
            for target in panel.get("targets", []):
                target["expr"] = target["expr"].replace("$region", ".*")


class Provisioning(unittest.TestCase):
    def test_data_source_is_prometheus_with_a_fixed_uid(self):
        file = yaml.safe_load((PROVISIONING / "datasources/prometheus.yaml").read_text())
        self.assertEqual(file["apiVersion"], 1)
        (source,) = file["datasources"]
        self.assertEqual((source["type"], source["uid"]), ("prometheus", "surgewatch-prometheus"))

    def test_dashboards_come_from_files_and_stay_as_they_are(self):
        file = yaml.safe_load((PROVISIONING / "dashboards/surgewatch.yaml").read_text())
        self.assertEqual(file["apiVersion"], 1)
        (provider,) = file["providers"]
        self.assertEqual(provider["type"], "file")
        self.assertTrue(provider["disableDeletion"])
        self.assertFalse(provider["allowUiUpdates"])
        self.assertTrue(provider["options"]["path"].startswith("/"))


if __name__ == "__main__":
    unittest.main()
