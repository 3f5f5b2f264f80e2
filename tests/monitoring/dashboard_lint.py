#!/usr/bin/env python3
"""Checks Grafana dashboards by the rules that operators count on. Grafana itself is not in Debian, so this
stands in for loading them; live_queries.py then runs every query against a real Prometheus.

    dashboard_lint.py dashboards/*.json

Prints one line for each problem; exit code 1 if there are any. Needs promtool for the syntax of PromQL.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

VARIABLE_VALUES = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}
COUNTER = re.compile(r"\b[a-z_]+(?:_total|_bucket)\b")
SELECTOR = re.compile(r"\b(surgewatch_[a-z0-9_]+|process_[a-z0-9_]+|up)\s*(\{[^}]*\})?")
REQUIRED_VARIABLES = {"datasource", "job", "region"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panels_of(dashboard):
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panel.get("panels", [])


def substitute(expression, variables):
    """The expression with Grafana's variables replaced by what they stand for at "All"."""
    for name, value in {**variables, **VARIABLE_VALUES}.items():
        expression = expression.replace(name, value)
    return expression


def variables_of(dashboard):
    values = {}
    for variable in dashboard.get("templating", {}).get("list", []):
        if variable["type"] == "datasource":
            continue
        value = ".*" if variable.get("includeAll") else variable["current"].get("value", "")
        values["$" + variable["name"]] = value
    return values


def is_promql(expressions):
    """What promtool says of them: they are checked as recording rules."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        rules = [{"record": f"lint:{i}", "expr": expression} for i, expression in enumerate(expressions)]
        json.dump({"groups": [{"name": "lint", "rules": rules}]}, file)
        file.flush()
        run = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True)
        return run.returncode == 0


def syntax_problems(expressions):
    """`expressions` are pairs of where and PromQL."""
    if is_promql([expression for _, expression in expressions]):
        return
    for where, expression in expressions:
        if not is_promql([expression]):
            yield f"{where}: not PromQL: {expression}"


def expression_problems(where, expression, metrics):
    for counter in COUNTER.finditer(expression):
        before = expression[: counter.start()]
        if not re.search(r"\b(rate|irate|increase)\($", before):
            yield f"{where}: {counter.group()} needs rate() or increase()"
    for length in re.findall(r"\[([^\]]+)\]", expression):
        if length != "$__rate_interval":
            yield f"{where}: range [{length}] should be [$__rate_interval]"
    for name, matchers in SELECTOR.findall(expression):
        if 'job=~"$job"' not in matchers:
            yield f'{where}: {name} needs job=~"$job"'
        if metrics is not None and name != "up" and name not in metrics:
            yield f"{where}: there is no metric {name}"


def panel_problems(panel, metrics):
    where = f"panel {panel.get('title') or panel.get('id')!r}"
    if not panel.get("title"):
        yield f"{where}: no title"
    if panel["type"] == "row":
        return
    if len(panel.get("description", "")) < 20:
        yield f"{where}: no description"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield f"{where}: no unit"
    if panel.get("datasource") != DATASOURCE:
        yield f"{where}: data source should be the variable"
    if not panel.get("targets"):
        yield f"{where}: no targets"
    for target in panel.get("targets", []):
        at = f"{where} {target.get('refId')}"
        if target.get("datasource") != DATASOURCE:
            yield f"{at}: data source should be the variable"
        yield from expression_problems(at, target["expr"], metrics)


def layout_problems(dashboard):
    ids = [panel["id"] for panel in panels_of(dashboard)]
    titles = [panel.get("title") for panel in panels_of(dashboard)]
    if len(set(ids)) != len(ids):
        yield "panel ids are not unique"
    if len(set(titles)) != len(titles):
        yield "panel titles are not unique"
    taken = {}
    for panel in panels_of(dashboard):
        box = panel["gridPos"]
        if box["x"] + box["w"] > 24:
            yield f"panel {panel.get('title')!r}: wider than the grid of 24"
        for cell in ((x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])):
            if cell in taken:
                yield f"panel {panel.get('title')!r} overlaps {taken[cell]!r}"
                break
            taken[cell] = panel.get("title")


def problems(dashboard, metrics=None):
    """Every problem of one dashboard; `metrics` are the names that exist, if known."""
    if not re.fullmatch(r"surgewatch-[a-z-]{1,28}", dashboard.get("uid") or ""):
        yield "uid should be surgewatch-… and fixed"
    if dashboard.get("id") is not None:
        yield "id belongs to one Grafana; leave it out"
    if dashboard.get("editable") is not False:
        yield "editable should be false: the file is the source"
    if not 36 <= dashboard.get("schemaVersion", 0) <= 41:
        yield "schemaVersion should be one of the classic model (36 to 41)"
    variables = dashboard.get("templating", {}).get("list", [])
    for name in sorted(REQUIRED_VARIABLES - {variable["name"] for variable in variables}):
        yield f"no variable {name}"
    for variable in variables:
        if variable["type"] == "query" and variable.get("datasource") != DATASOURCE:
            yield f"variable {variable['name']}: data source should be the variable"
        if not variable.get("label") or not variable.get("description"):
            yield f"variable {variable['name']}: no label or description"
    yield from layout_problems(dashboard)
    for panel in panels_of(dashboard):
        yield from panel_problems(panel, metrics)
    values = variables_of(dashboard)
    yield from syntax_problems(
        [
            (f"panel {panel['title']!r} {target['refId']}", substitute(target["expr"], values))
            for panel in panels_of(dashboard)
            for target in panel.get("targets", [])
        ]
    )


def main(paths):
    found = 0
    for path in paths:
        for problem in problems(json.loads(pathlib.Path(path).read_text())):
            print(f"{path}: {problem}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: dashboard_lint.py DASHBOARD…")
    sys.exit(main(sys.argv[1:]))
