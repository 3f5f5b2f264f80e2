"""Plots of what the benchmarks have left in build/bench, as SVG into docs/plots; nothing but Python is needed.
The tables of peers.json and window.json go into docs/performance.md as well, each between its two marks.

    /usr/bin/python3 tests/bench/plot.py [--in build/bench] [--out docs/plots] [--document docs/performance.md]

peers.json    CPU seconds for a million events, each job beside the others
window.json   ns an operation against the argument that varies (Google Benchmark's JSON)
latency.json  percentiles against the load (a list of {stage, load_percent, p50_ms, p99_ms, p999_ms})
"""

import argparse
import json
import math
from html import escape
from pathlib import Path

WIDTH = 860
COLOURS = ("#2563a8", "#c2571a", "#3b8a3e", "#8b4aa8", "#a8323e", "#5f6b76", "#0e8a8a", "#9a7b10")
STYLE = ("text{font-family:sans-serif;font-size:12px;fill:#333}.title{font-size:15px;font-weight:bold}"
         ".axis{stroke:#999}.grid{stroke:#e3e3e3}.faint{fill:#777}")


class Svg:
    """Shapes, in the order in which they are drawn."""

    def __init__(self, height):
        self.height = height
        self.parts = []

    def text(self, x, y, text, anchor="start", kind=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" '
                          f'fill="{colour}"/>')

    def dot(self, x, y, colour, radius=3):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>')

    def curve(self, points, colour, dash=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                          f'stroke-dasharray="{dash}"/>')
        for x, y in points:
            self.dot(x, y, colour)

    def __str__(self):
        body = "\n".join(self.parts)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
                f'height="{self.height}">\n<style>{STYLE}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
                f'{body}\n</svg>\n')


class Log:
    """A logarithmic axis from `first` to `last`, drawn from `start` to `end`."""

    def __init__(self, values, start, end):
        values = [value for value in values if value > 0]
        self.low = math.floor(math.log10(min(values)) * 3) / 3
        self.high = max(math.ceil(math.log10(max(values)) * 3) / 3, self.low + 1 / 3)
        self.start, self.end = start, end

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        for power in range(math.floor(self.low), math.ceil(self.high) + 1):
            for digit in (1, 2, 5):
                value = digit * 10.0 ** power
                if self.low - 1e-9 <= math.log10(value) <= self.high + 1e-9:
                    yield value


def number(value):
    """Three digits that mean something: 0.502, 1.9, 13.7, 5,000."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def peers(results):
    """A dot for each system and job, on one logarithmic axis; the bare client as a line through all."""
    bare = next((one for one in results if one["system"] == "librdkafka"), None)
    rows = [one for one in results if one["job"] != "read"]  # the bare client's
    if not rows:
        return None
    jobs = list(dict.fromkeys(one["job"] for one in rows))
    height = 60 + sum(34 + 20 * sum(one["job"] == job for one in rows) for job in jobs) + 50
    svg = Svg(height)
    svg.text(16, 26, "CPU seconds for a million events, net of start-up", kind="title")
    svg.text(WIDTH - 16, 26, "logarithmic; less is better", "end", "faint")
    axis = Log([one["cpu_seconds_per_million"] for one in results], 240, WIDTH - 80)
    for tick in axis.ticks():
        svg.line(axis(tick), 52, axis(tick), height - 40, "grid")
        svg.text(axis(tick), height - 22, number(tick), "middle", "faint")
    if bare:
        at = axis(bare["cpu_seconds_per_million"])
        svg.line(at, 52, at, height - 40, "axis")
        svg.text(at + 4, 48, f"librdkafka alone: {number(bare['cpu_seconds_per_million'])}", kind="faint")
    y = 60
    for job in jobs:
        svg.text(16, y + 12, job, kind="title")
        y += 24
        for one in sorted((one for one in rows if one["job"] == job), key=lambda o: o["cpu_seconds_per_million"]):
            value = one["cpu_seconds_per_million"]
            colour = COLOURS[0] if one["system"].startswith("surgewatch") else COLOURS[1]
            svg.text(222, y + 12, one["system"], "end")
            svg.line(230, y + 8, axis(value), y + 8, "grid")
            svg.dot(axis(value), y + 8, colour, 5)
            svg.text(axis(value) + 9, y + 12, number(value))
            y += 20
        y += 10
    return svg


def peers_table(results):
    """Markdown: a row for each system, a column for each job."""
    jobs = list(dict.fromkeys(one["job"] for one in results if one["job"] != "read"))
    lines = ["| system | " + " | ".join(jobs) + " | events/s | peak MB |", "|---" * (len(jobs) + 3) + "|"]
    for system in dict.fromkeys(one["system"] for one in results):
        mine = {one["job"]: one for one in results if one["system"] == system}
        cells = []
        for job in jobs:
            one = mine.get(job, mine.get("read"))
            if one is None:
                cells.append("")
                continue
            steady, in_all = (one.get(f"cpu_seconds_per_million_{which}") for which in ("steady", "with_start"))
            others = " · ".join("–" if value is None else f"{value:.2f}" for value in (steady, in_all))
            cells.append(f"**{one['cpu_seconds_per_million']:.2f}** ({others})")
        rates = [one["events_per_second"] for one in mine.values()]
        memory = max(one["peak_rss_mb"] for one in mine.values())
        rate = number(max(rates)) if min(rates) == max(rates) else f"{number(min(rates))} – {number(max(rates))}"
        lines.append(f"| `{system}` | " + " | ".join(cells) + f" | {rate} | {memory:,} |")
    return "\n".join([*lines, "", f"{results[0]['events']:,} invoices each."])


def put_table(document, name, table):
    """Replaces what stands between <!-- NAME --> and <!-- /NAME -->."""
    text = document.read_text()
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not mark or not end:
        print(f"{document} has no marks for {name}")
        return
    document.write_text(f"{before}{mark}{table}\n{end}{after}")
    print(document)


class Panel:
    """One pair of axes with a curve for each name: {name: [(x, y), …]}. y is logarithmic, x unless told otherwise."""

    def __init__(self, title, unit, x_name, curves, log_x=True):
        self.title, self.unit, self.x_name, self.log_x = title, unit, x_name, log_x
        self.curves = {name: sorted(points) for name, points in curves.items() if points}
        self.height = 370 + 18 * len(self.curves)

    def draw(self, svg, top):
        svg.text(16, top + 26, self.title, kind="title")
        svg.text(WIDTH - 30, top + 26, self.unit, "end", "faint")
        bottom = top + 300
        y_axis = Log([y for points in self.curves.values() for _, y in points], bottom, top + 50)
        xs = sorted({x for points in self.curves.values() for x, _ in points})
        if self.log_x:
            x_axis = Log(xs, 70, WIDTH - 50)
        else:
            x_axis = lambda x: 70 + (x - xs[0]) / ((xs[-1] - xs[0]) or 1) * (WIDTH - 120)  # noqa: E731
        for tick in y_axis.ticks():
            svg.line(70, y_axis(tick), WIDTH - 50, y_axis(tick), "grid")
            svg.text(62, y_axis(tick) + 4, number(tick), "end", "faint")
        for x in xs:
            svg.text(x_axis(x), bottom + 20, number(x), "middle", "faint")
        svg.text(WIDTH - 50, bottom + 38, self.x_name, "end", "faint")
        for i, (name, points) in enumerate(self.curves.items()):
            colour = COLOURS[i % len(COLOURS)]
            svg.curve([(x_axis(x), y_axis(y)) for x, y in points if y > 0], colour, "" if i < len(COLOURS) else "5 3")
            svg.bar(70, bottom + 38 + 18 * i, 14, 8, colour)
            svg.text(92, bottom + 46 + 18 * i, name)


def figure(panels):
    """Panels below one another; None without any."""
    panels = [panel for panel in panels if panel.curves]
    if not panels:
        return None
    svg = Svg(sum(panel.height for panel in panels))
    top = 0
    for panel in panels:
        panel.draw(svg, top)
        top += panel.height
    return svg


NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def measured(report):
    """(name, {argument: number}, other parts, ns an item) of Google Benchmark's JSON; of repetitions the least."""
    found = {}
    for one in report.get("benchmarks", []):
        if one.get("run_type") == "aggregate" and one["aggregate_name"] not in ("min", "median"):
            continue
        name, *parts = one.get("run_name", one["name"]).split("/")
        numbers, others = {}, []
        for place, part in enumerate(parts):
            key, _, value = part.rpartition(":")
            if key in ("iterations", "repeats", "process_time", "real_time"):
                continue
            if value.isdigit():
                numbers[key or f"argument {place + 1}"] = int(value)
            else:
                others.append(part)
        cost = 1e9 / one["items_per_second"] if one.get("items_per_second") else None
        if cost is None or one.get("run_type") == "aggregate":
            # An aggregate of rates is not the rate of the aggregate.
            cost = one["cpu_time"] * NANOSECONDS[one["time_unit"]]
        key = (name.removeprefix("BM_"), tuple(numbers.items()), tuple(others))
        found[key] = min(cost, found.get(key, cost))
    return [(name, dict(numbers), others, cost) for (name, numbers, others), cost in found.items()]


def window(report):
    """For each setting a panel, for each benchmark a curve, against the argument that it was varied over most."""
    rows = measured(report)
    values = {}
    for name, numbers, _, _ in rows:
        for key, value in numbers.items():
            values.setdefault(name, {}).setdefault(key, set()).add(value)
    panels = {}
    for name, numbers, others, cost in rows:
        if name not in values:
            continue
        x_name = max(values[name], key=lambda key: len(values[name][key]))
        setting = [f"{key.replace('_', ' ')} {value}" for key, value in numbers.items() if key != x_name]
        title = ", ".join([other.replace("_", " ") for other in others] + setting)
        panels.setdefault((x_name, title), {}).setdefault(name, []).append((numbers[x_name], cost))
    drawn = []
    for (x_name, title), curves in panels.items():
        several = {name: points for name, points in curves.items() if len({x for x, _ in points}) > 1}
        drawn.append(Panel(title, "ns of CPU an operation, logarithmic", x_name.replace("_", " "), several))
    return figure(drawn)


READERS = {"no_reader": "no reader", "reader_of_1M_a_second": "1 M reads/s", "reader": "reads without rest"}


def window_table(report):
    """Markdown: a row for each system, a column for each reader, at 10,000 zipf series in order; medians."""
    costs = {}
    for one in report["benchmarks"]:
        name, *parts = one["run_name"].split("/")
        if one.get("aggregate_name") != "median" or not {"series:10000", "zipf", "late_percent:0", "panes_back:1"} <= set(
                parts) or name.startswith("window_length"):
            continue
        reader = next(part for part in parts if part in READERS)
        costs.setdefault(name, {})[reader] = one["cpu_time"] * NANOSECONDS[one["time_unit"]]
    lines = ["| ns of CPU an event | " + " | ".join(READERS.values()) + " |", "|---" * (len(READERS) + 1) + "|"]
    for name, mine in costs.items():
        cells = [f"{mine[reader]:.1f}" if reader in mine else "" for reader in READERS]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    ratios = []
    for reader in READERS:
        ours, bare = (costs.get(name, {}).get(reader) for name in ("window", "unpublished"))
        ratios.append(f"{ours / bare:.2f}" if ours and bare else "")
    lines.append("| window : unpublished (goal 1.3 at most) | " + " | ".join(ratios) + " |")
    return "\n".join([*lines, "", "10,000 series, zipf, in order; medians. Goal for `window`, with a reader: 25 at most."])


def latency(results):
    """For each stage a panel, for each percentile a curve, against the load."""
    panels = []
    for stage in dict.fromkeys(one["stage"] for one in results):
        curves = {}
        for one in results:
            for key, name in (("p50_ms", "p50"), ("p99_ms", "p99"), ("p999_ms", "p99.9"), ("p9999_ms", "p99.99")):
                if one["stage"] == stage and one.get(key):
                    curves.setdefault(name, []).append((one["load_percent"], one[key]))
        panels.append(Panel(stage.replace("_", " "), "ms, logarithmic", "per cent of capacity", curves, log_x=False))
    return figure(panels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in", dest="source", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("docs/plots"))
    parser.add_argument("--document", type=Path, default=Path("docs/performance.md"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, plot in (("peers", peers), ("window", window), ("latency", latency)):
        source = arguments.source / f"{name}.json"
        if not source.exists():
            print(f"{source} is not there: ./run bench {name} makes it")
            continue
        results = json.loads(source.read_text())
        if name == "peers":
            put_table(arguments.document, name, peers_table(results))
        if name == "window":
            put_table(arguments.document, name, window_table(results))
        svg = plot(results)
        if svg is None:
            print(f"{source} has nothing to plot")
            continue
        (arguments.out / f"{name}.svg").write_text(str(svg))
        print(arguments.out / f"{name}.svg")


if __name__ == "__main__":
    main()
