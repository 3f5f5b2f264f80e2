"""Prometheus rules: each alert has a runbook and a test file, and the tests pass."""

import re
import subprocess
import unittest

import yaml

from paths import ALERTING_RULES, METRICS, PROMETHEUS_CONFIG, RECORDING_RULES, ROOT, RULE_TESTS, RUNBOOKS


def load(path):
    return yaml.safe_load(path.read_text())


def alerts():
    return {r["alert"]: r for group in load(ALERTING_RULES)["groups"] for r in group["rules"]}


def recordings():
    return {r["record"]: r for group in load(RECORDING_RULES)["groups"] for r in group["rules"]}


def tested_alert(path):
    """The alert that every case of a test file is about, and the numbers of alerts expected at each time."""
    cases = [case for test in load(path)["tests"] for case in test["alert_rule_test"]]
    names = {case["alertname"] for case in cases}
    assert len(names) == 1, f"{path.name} tests several alerts: {names}"
    return names.pop(), [len(case["exp_alerts"]) for case in cases]


class Rules(unittest.TestCase):
    def test_prometheus_accepts_the_configuration_and_its_rules(self):
        subprocess.run(["promtool", "check", "config", PROMETHEUS_CONFIG], check=True, capture_output=True)

    def test_alerts_runbooks_and_tests_are_the_same_set(self):
        names = set(alerts())
        self.assertEqual(names, {path.stem for path in RUNBOOKS.glob("*.md")})
        self.assertEqual(names, {tested_alert(path)[0] for path in RULE_TESTS.glob("*.test.yml")})
        self.assertEqual(names, {path.name.removesuffix(".test.yml") for path in RULE_TESTS.glob("*")})

    def test_each_alert_is_seen_quiet_firing_and_quiet_again(self):
        for path in RULE_TESTS.glob("*.test.yml"):
            with self.subTest(path.name):
                counts = tested_alert(path)[1]
                self.assertEqual(counts[0], 0, "starts quiet")
                self.assertGreater(max(counts), 0, "fires")
                self.assertEqual(counts[-1], 0, "resolves")

    def test_promtool_finds_every_case_right(self):
        for path in sorted(RULE_TESTS.glob("*.test.yml")):
            with self.subTest(path.name):
                run = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_each_alert_says_what_people_need(self):
        for name, rule in alerts().items():
            with self.subTest(name):
                self.assertRegex(name, r"^Surgewatch([A-Z][a-z]+)+$")
                self.assertIn("for", rule)
                self.assertIn(rule["labels"]["team"], {"compliance", "operations"})
                # What was found brings its severity along.
                if rule["labels"]["team"] == "operations":
                    self.assertIn(rule["labels"]["severity"], {"critical", "warning"})
                annotations = rule["annotations"]
                self.assertNotIn("{{", annotations["summary"], "the summary is the same for all")
                self.assertGreater(len(annotations["description"]), 40)
                self.assertEqual(annotations["runbook_url"], f"docs/runbooks/{name}.md")
                self.assertTrue((ROOT / annotations["runbook_url"]).is_file())
                self.assertTrue(annotations["dashboard_url"].startswith("/d/surgewatch-"))

    def test_compliance_alerts_speak_of_inquiry(self):
        for rule in alerts().values():
            if rule["labels"]["team"] == "compliance":
                self.assertIn("A reason to inquire, not proof of a violation", rule["annotations"]["description"])

    def test_each_runbook_has_its_parts(self):
        for path in RUNBOOKS.glob("*.md"):
            with self.subTest(path.name):
                text = path.read_text()
                self.assertTrue(text.startswith(f"# {path.stem}\n"))
                for part in ("First look", "Likely causes", "What to do"):
                    self.assertRegex(text, rf"(?m)^\*\*{part}\*\*\n- ")

    def test_rules_name_only_metrics_that_exist(self):
        exported = {line.split("{")[0].split(" ")[0] for line in METRICS.read_text().splitlines()}
        recorded = set(recordings())
        for rule in [*alerts().values(), *recordings().values()]:
            names = set(re.findall(r"[a-z_]+:surgewatch_[a-z0-9_]+:[a-z0-9_]+|\bsurgewatch_[a-z0-9_]+", rule["expr"]))
            for name in names:
                self.assertIn(name, recorded if ":" in name else exported, rule["expr"])

    def test_recorded_metrics_are_named_by_level_metric_and_operation(self):
        for name in recordings():
            self.assertRegex(name, r"^[a-z]+:surgewatch_[a-z0-9_]+:[a-z0-9_]+$")


class Metrics(unittest.TestCase):
    def test_names_follow_prometheus_habits(self):
        run = subprocess.run(
            ["promtool", "check", "metrics"], input=METRICS.read_text(), capture_output=True, text=True
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
