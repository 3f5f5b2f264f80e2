"""Where the files under test lie."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDING_RULES = ROOT / "deploy/prometheus/rules/surgewatch.recording.yml"
ALERTING_RULES = ROOT / "deploy/prometheus/rules/surgewatch.alerts.yml"
PROMETHEUS_CONFIG = ROOT / "deploy/prometheus/prometheus.yml"
ALERTMANAGER_CONFIG = ROOT / "deploy/alertmanager/alertmanager.yml"
PROVISIONING = ROOT / "deploy/grafana/provisioning"
DASHBOARDS = ROOT / "dashboards"
RUNBOOKS = ROOT / "docs/runbooks"
RULE_TESTS = ROOT / "tests/monitoring/rules"
METRICS = ROOT / "tests/monitoring/metrics.prom"
