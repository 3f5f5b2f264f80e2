#!/usr/bin/env python3
"""Runs every query of the dashboards against a Prometheus that scrapes Surgewatch, and demands data.

    live_queries.py http://127.0.0.1:9090 [--minutes N] [--rate-interval 15s]

Also demands that every metric named in rules and dashboards exists there. Prints a line for each query;
exit code 1 if one fails. With --minutes the queries look back that far (default 5); with --rate-interval
$__rate_interval is set, which should be at least four times the scrape interval.
"""

import argparse
import json
import math
import re
import sys
import time

from dashboard_lint import VARIABLE_VALUES, panels_of, substitute, variables_of
from paths import ALERTING_RULES, DASHBOARDS, RECORDING_RULES
from servers import get_json

# Panels that are good when they show nothing, and why.
GOOD_WHEN_EMPTY = {
    "Rejected by reason": "no event is rejected in good times",
    "Alerts in force": "nothing need be firing",
    "Highest ratio in force": "nothing need be firing",
    "Alerts over time": "there may never have been an alert",
    "From event to alert": "no alert need have been published lately",
    "Alert revisions": "no alert need have been published lately",
}
# Metrics that appear with their first occasion, and which that is.
GOOD_WHEN_ABSENT = {
    "surgewatch_alert_active": "the first alert",
    "surgewatch_alert_ratio": "the first alert",
    "surgewatch_alerts_total": "the first alert",
    "surgewatch_event_to_alert_seconds_bucket": "the first alert",
    "surgewatch_incident": "the first fault of a log",
    "surgewatch_label_sets_dropped_total": "a metric that reaches its limit",
}


def dashboards():
    return [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]


def metric_names():
    """The raw metrics that rules and dashboards name."""
    texts = [ALERTING_RULES.read_text(), RECORDING_RULES.read_text()]
    texts += [target["expr"] for d in dashboards() for p in panels_of(d) for target in p.get("targets", [])]
    names = set()
    for text in texts:
        names |= set(re.findall(r"(?<![:\w])((?:surgewatch|process)_[a-z0-9_]+)\s*[{\[)]", text))
    return names


def numbers(series, instant):
    samples = [series["value"]] if instant else series["values"]
    return [float(value) for _, value in samples if not math.isnan(float(value))]


def run_query(url, expression, instant, minutes):
    """How many series have at least one number."""
    now = time.time()
    if instant:
        answer = get_json(f"{url}/api/v1/query", query=expression, time=now)
    else:
        answer = get_json(f"{url}/api/v1/query_range", query=expression, start=now - 60 * minutes, end=now, step=5)
    return sum(1 for series in answer["data"]["result"] if numbers(series, instant))


def check(url, minutes, rate_interval, report=print):
    """True if every query and metric is there; reports each by a line."""
    good = True
    VARIABLE_VALUES["$__rate_interval"] = rate_interval
    for dashboard in dashboards():
        values = variables_of(dashboard)
        for panel in panels_of(dashboard):
            for target in panel.get("targets", []):
                expression = substitute(target["expr"], values)
                series = run_query(url, expression, target.get("instant", False), minutes)
                excuse = "" if series else GOOD_WHEN_EMPTY.get(panel["title"], "")
                good &= bool(series or excuse)
                verdict = "ok" if series else "empty" if excuse else "FAILED"
                report(f"{verdict:6} {panel['title']} {target['refId']}: {series} series" + (excuse and f" ({excuse})"))
                if verdict == "FAILED":
                    report(f"       {expression}")
    existing = set(get_json(f"{url}/api/v1/label/__name__/values")["data"])
    for name in sorted(metric_names() - existing):
        excuse = GOOD_WHEN_ABSENT.get(name, "")
        good &= bool(excuse)
        report(f"{'absent' if excuse else 'FAILED'} metric {name}" + (excuse and f" (comes with {excuse})"))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate-interval", default="15s")
    arguments = parser.parse_args()
    return 0 if check(arguments.url.rstrip("/"), arguments.minutes, arguments.rate_interval) else 1


if __name__ == "__main__":
    sys.exit(main())
