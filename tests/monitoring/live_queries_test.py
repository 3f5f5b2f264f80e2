"""live_queries.py finds data for every query when all metrics are there, and misses each that is not.

A stand-in serves metrics.prom here; tests/integration does the same with the real services.
"""

import unittest

import live_queries
from paths import ALERTING_RULES, METRICS, RECORDING_RULES
from servers import exporter, get_json, prometheus, wait_until

RATE_INTERVAL = "8s"


def scraped_for_a_while(url):
    """Whether rates over RATE_INTERVAL have something to go by."""
    answer = get_json(f"{url}/api/v1/query", query="count_over_time(up[1m])")
    return any(float(series["value"][1]) >= 4 for series in answer["data"]["result"])


class LiveQueries(unittest.TestCase):
    def lines(self, text):
        """What is reported of a system with these metrics, and the verdict."""
        lines = []
        with exporter(text) as target, prometheus({"surgewatch-gateway": target}) as url:
            wait_until(lambda: scraped_for_a_while(url), "four scrapes")
            good = live_queries.check(url, 1, RATE_INTERVAL, lines.append)
        return good, lines

    def test_every_query_has_data_when_every_metric_is_there(self):
        good, lines = self.lines(METRICS.read_text())
        self.assertTrue(good, "\n".join(lines))
        empty = [line for line in lines if not line.startswith("ok")]
        self.assertEqual([line for line in empty if "Rejected by reason" not in line], [])

    def test_a_metric_that_is_gone_or_renamed_is_missed(self):
        text = METRICS.read_text().replace("surgewatch_consumer_lag_records", "surgewatch_consumer_lag")
        good, lines = self.lines(text)
        self.assertFalse(good)
        failed = [line for line in lines if line.startswith("FAILED")]
        self.assertEqual(len(failed), 2, failed)
        self.assertIn("Consumer lag", failed[0])
        self.assertIn("metric surgewatch_consumer_lag_records", failed[1])

    def test_every_metric_that_rules_and_dashboards_name_is_looked_for(self):
        names = live_queries.metric_names()
        self.assertIn("surgewatch_events_consumed_total", names)
        self.assertIn("process_start_time_seconds", names)
        self.assertFalse({name for name in names if ":" in name})

    def test_excuses_are_for_panels_that_exist(self):
        titles = {p["title"] for d in live_queries.dashboards() for p in live_queries.panels_of(d)}
        self.assertLessEqual(set(live_queries.GOOD_WHEN_EMPTY), titles)
        self.assertLessEqual(set(live_queries.GOOD_WHEN_ABSENT), live_queries.metric_names())


class LiveRules(unittest.TestCase):
    def test_an_alert_in_force_becomes_one_of_prometheus(self):
        with exporter(METRICS.read_text()) as target, prometheus(
            {"surgewatch-gateway": target}, [RECORDING_RULES, ALERTING_RULES]
        ) as url:
            (alert,) = wait_until(
                lambda: [
                    a
                    for a in get_json(f"{url}/api/v1/alerts")["data"]["alerts"]
                    if a["labels"]["alertname"] == "SurgewatchAlertWarning"
                ],
                "the story's alert in Prometheus",
            )
        self.assertEqual(
            alert["labels"],
            {
                "alertname": "SurgewatchAlertWarning",
                "bill_to": "SG",
                "rule": "singapore-since-deepseek",
                "rule_type": "surge_since",
                "severity": "warning",
                "team": "compliance",
            },
        )
        self.assertIn('bill_to="SG"', alert["annotations"]["description"])


if __name__ == "__main__":
    unittest.main()
