"""Alertmanager's configuration: who is told what, and what is held back."""

import datetime
import itertools
import re
import subprocess
import tempfile
import unittest

import yaml

from paths import ALERTMANAGER_CONFIG, ROOT
from rules_test import alerts
from servers import alertmanager, get_json, post_json, wait_until


def receiver_of(labels):
    run = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER_CONFIG}"]
        + [f"{name}={value}" for name, value in labels.items()],
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip()


class Routes(unittest.TestCase):
    def test_amtool_accepts_the_configuration(self):
        subprocess.run(["amtool", "check-config", ALERTMANAGER_CONFIG], check=True, capture_output=True)

    def test_team_and_severity_decide_who_is_told(self):
        for team, (severity, way) in itertools.product(
            ("compliance", "operations"), (("critical", "pager"), ("warning", "tickets"))
        ):
            self.assertEqual(
                receiver_of({"alertname": "Any", "team": team, "severity": severity}), f"{team}-{way}"
            )

    def test_what_nobody_thought_of_reaches_operations(self):
        self.assertEqual(receiver_of({"alertname": "Unheard"}), "operations-tickets")

    def test_each_alert_has_a_receiver_of_its_team(self):
        for name, rule in alerts().items():
            severity = rule["labels"].get("severity") or name.removeprefix("SurgewatchAlert").lower()
            with self.subTest(name):
                receiver = receiver_of({"alertname": name, "severity": severity, "team": rule["labels"]["team"]})
                way = {"critical": "pager", "warning": "tickets"}[severity]
                self.assertEqual(receiver, f"{rule['labels']['team']}-{way}")


def found(severity, **subject):
    name = f"SurgewatchAlert{severity.capitalize()}"
    return {"alertname": name, "team": "compliance", "severity": severity, "rule": "surge", **subject}


def operations(alertname, severity, **labels):
    return {"alertname": alertname, "team": "operations", "severity": severity, **labels}


class Inhibition(unittest.TestCase):
    """Asks a running Alertmanager, which alone knows how it reads the rules."""

    def held_back(self, *labels):
        """Of these alerts, those that are not told."""
        with alertmanager(ALERTMANAGER_CONFIG) as url:
            ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
            post_json(url + "/api/v2/alerts", [{"labels": each, "endsAt": ends.isoformat()} for each in labels])

            def inhibited():
                listed = get_json(url + "/api/v2/alerts")
                return len(listed) == len(labels) and [a["labels"] for a in listed if a["status"]["inhibitedBy"]]

            # One source of inhibition in each case: it is known for all its targets at once or for none.
            held = wait_until(inhibited, "an alert is held back")
        return [each for each in labels if each in held]

    def test_critical_holds_back_the_warning_of_the_same_rule_and_subject(self):
        singapore, taiwan = found("warning", bill_to="SG"), found("warning", bill_to="TW")
        other_rule = {**found("warning", bill_to="SG"), "rule": "share"}
        held = self.held_back(found("critical", bill_to="SG"), singapore, taiwan, other_rule)
        self.assertEqual(held, [singapore])

    def test_another_partys_critical_alert_holds_nothing_back(self):
        same, other = (found("warning", bill_to="SG", bill_to_party_id=party) for party in ("acme", "emca"))
        critical = found("critical", bill_to="SG", bill_to_party_id="acme")
        self.assertEqual(self.held_back(critical, same, other), [same])

    def test_a_subject_is_all_of_its_dimensions(self):
        text = (ROOT / "lib/config/names.cc").read_text()
        names = re.search(r"kDimensionNames\{(.*?)\}", text, re.DOTALL).group(1)
        labels = {name.replace(".", "_") for name in re.findall(r'"([^"]+)"', names)}
        config = yaml.safe_load(ALERTMANAGER_CONFIG.read_text())
        (equal,) = [set(rule["equal"]) for rule in config["inhibit_rules"] if "rule" in rule.get("equal", [])]
        self.assertEqual(equal, labels - {"found_by"} | {"rule"})

    def test_a_stalled_input_holds_back_what_was_found_and_its_own_symptoms(self):
        critical, warning = found("critical", bill_to="SG"), found("warning", bill_to="TW")
        same = operations("SurgewatchConsumerLagHigh", "warning", topic="invoices")
        other = operations("SurgewatchConsumerLagHigh", "warning", topic="shipments")
        stalled = operations("SurgewatchIngestStalled", "critical", topic="invoices")
        self.assertEqual(self.held_back(stalled, critical, warning, same, other), [critical, warning, same])

    def test_a_service_that_is_down_holds_back_symptoms_but_not_what_was_found(self):
        lag = operations("SurgewatchJournalLagHigh", "warning")
        down = operations("SurgewatchDown", "critical", job="surgewatch-detector")
        stuck = operations("SurgewatchWatermarkStuck", "critical", topic="invoices", partition="0")
        self.assertEqual(self.held_back(down, lag, stuck, found("warning", bill_to="SG")), [lag])


if __name__ == "__main__":
    unittest.main()
