"""What buyers and sellers wrote, in labels of a real Prometheus and in the texts that it sends on."""

import pathlib
import sys
import unittest

from paths import ALERTING_RULES, RECORDING_RULES
from servers import exporter, get_json, prometheus, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from hostile import hidden_in, hostile_utf8  # noqa: E402

LONGEST_LABEL = 128  # bytes, of lib/telemetry


def texts():
    return [text for _, text in hostile_utf8() if 0 < len(text.encode()) <= LONGEST_LABEL]


def exposition():
    """As lib/telemetry writes it."""
    lines = ["# TYPE surgewatch_alert_active gauge"]
    for text in texts():
        value = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'surgewatch_alert_active{{bill_to_party_id="{value}",mode="live",rule="{value}",'
                     'rule_type="surge_since",severity="critical"} 1')
    return "\n".join(lines) + "\n"


class HostileLabels(unittest.TestCase):
    def test_labels_are_exact_and_texts_are_lines_that_show(self):
        with exporter(exposition()) as target, prometheus(
            {"surgewatch-gateway": target}, [RECORDING_RULES, ALERTING_RULES]
        ) as url:

            def firing():
                alerts = get_json(url + "/api/v1/alerts")["data"]["alerts"]
                found = [each for each in alerts if each["labels"]["alertname"] == "SurgewatchAlertCritical"]
                return found if len(found) == len(texts()) else None

            alerts = wait_until(firing, "an alert for each of them")
            series = get_json(url + "/api/v1/series", **{"match[]": "surgewatch_alert_active"})["data"]
        for name in ("rule", "bill_to_party_id"):
            self.assertEqual({each[name] for each in series}, set(texts()))
            self.assertEqual({alert["labels"][name] for alert in alerts}, set(texts()))
        for alert in alerts:
            self.assertEqual(alert["annotations"]["summary"], "A critical alert of Surgewatch is in force")
            description = alert["annotations"]["description"]
            self.assertEqual(hidden_in(description), [], description)
            self.assertRegex(description, r'^Rule ".*" \(surge_since\) is firing for bill_to_party_id=".*"\. A reason to inquire')


if __name__ == "__main__":
    unittest.main()
