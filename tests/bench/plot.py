"""Plots of what the benchmarks have left in build/bench, as SVG into docs/plots; nothing but Python is needed.

    /usr/bin/python3 tests/bench/plot.py [--in build/bench] [--out docs/plots]

peers.json    bars: CPU seconds for a million events, each job beside the others
window.json   lines: ns an operation against the argument (Google Benchmark's JSON; `BM_Name/argument/…`)
latency.json  lines: percentiles against the load (a list of {stage, load_percent, p50_ms, p99_ms, p999_ms})
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

    def curve(self, points, colour, dash=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                          f'stroke-dasharray="{dash}"/>')
        self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]

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
    """A group of bars for each job, on one logarithmic axis; the bare client as a line through all."""
    bare = next((one for one in results if one["system"] == "librdkafka"), None)
    rows = [one for one in results if one["system"] != "librdkafka"]
    if not rows:
        return None
    jobs = list(dict.fromkeys(one["job"] for one in rows))
    height = 60 + sum(34 + 20 * sum(one["job"] == job for one in rows) for job in jobs) + 50
    svg = Svg(height)
    svg.text(16, 26, "CPU seconds for a million events, net of start-up", kind="title")
    svg.text(WIDTH - 16, 26, "logarithmic; less is better", "end", "faint")
    # From a little below the least, so that the shortest bar is one.
    values = [one["cpu_seconds_per_million"] for one in results]
    axis = Log([min(values) / 1.5, *values], 180, WIDTH - 80)
    for tick in axis.ticks():
        svg.line(axis(tick), 48, axis(tick), height - 40, "grid")
        svg.text(axis(tick), height - 22, number(tick), "middle", "faint")
    y = 60
    for job in jobs:
        svg.text(16, y + 12, job, kind="title")
        y += 24
        for one in sorted((one for one in rows if one["job"] == job), key=lambda o: o["cpu_seconds_per_million"]):
            value = one["cpu_seconds_per_million"]
            svg.text(172, y + 12, one["system"], "end")
            ours = one["system"].startswith("surgewatch")
            svg.bar(axis.start, y, axis(value) - axis.start, 15, COLOURS[0] if ours else COLOURS[5])
            svg.text(axis(value) + 6, y + 12, number(value))
            y += 20
        y += 10
    if bare:
        at = axis(bare["cpu_seconds_per_million"])
        svg.line(at, 48, at, height - 40, "axis")
        svg.text(at + 4, 48, f"librdkafka alone {number(bare['cpu_seconds_per_million'])}", kind="faint")
    return svg


def lines(title, unit, x_name, curves, log_x=True):
    """One curve for each name: {name: [(x, y), …]}. Both axes logarithmic, x unless told otherwise."""
    curves = {name: sorted(points) for name, points in curves.items() if points}
    if not curves:
        return None
    height = 420 + 18 * len(curves)
    svg = Svg(height)
    svg.text(16, 26, title, kind="title")
    y_axis = Log([y for points in curves.values() for _, y in points], 360, 60)
    xs = sorted({x for points in curves.values() for x, _ in points})
    if log_x:
        x_axis = Log(xs, 70, WIDTH - 30)
    else:
        x_axis = lambda x: 70 + (x - xs[0]) / ((xs[-1] - xs[0]) or 1) * (WIDTH - 100)  # noqa: E731
    for tick in y_axis.ticks():
        svg.line(70, y_axis(tick), WIDTH - 30, y_axis(tick), "grid")
        svg.text(62, y_axis(tick) + 4, number(tick), "end", "faint")
    for x in xs:
        svg.text(x_axis(x), 380, number(x), "middle", "faint")
    svg.text(16, 50, unit, kind="faint")
    svg.text(WIDTH - 30, 398, x_name, "end", "faint")
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        svg.curve([(x_axis(x), y_axis(y)) for x, y in points if y > 0], colour, "" if i < len(COLOURS) else "5 3")
        svg.bar(70, 410 + 18 * i - 8, 14, 8, colour)
        svg.text(92, 410 + 18 * i, name)
    return svg


def window(report):
    """A curve for each benchmark of Google Benchmark's JSON that was run with several first arguments."""
    curves = {}
    nanoseconds = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    for one in report.get("benchmarks", []):
        if one.get("run_type") == "aggregate" and one.get("aggregate_name") != "median":
            continue
        name, *arguments = one["name"].split("/")
        numbers = [part.rsplit(":", 1)[-1] for part in arguments]
        if not numbers or not numbers[0].isdigit() or int(numbers[0]) == 0:
            continue
        # Per item where the benchmark says how many it did.
        items = one.get("items_per_second")
        cost = 1e9 / items if items else one["cpu_time"] * nanoseconds[one["time_unit"]]
        key = "/".join([name.removeprefix("BM_"), *(part for part in arguments[1:] if not part.startswith("repeats"))])
        curves.setdefault(key, {})[int(numbers[0])] = cost
    several = {name: list(points.items()) for name, points in curves.items() if len(points) > 1}
    return lines("What an operation costs", "ns an operation, logarithmic", "first argument, logarithmic", several)


def latency(results):
    """p50, p99 and p99.9 of each stage against the load."""
    curves = {}
    for one in results:
        for key, name in (("p50_ms", "p50"), ("p99_ms", "p99"), ("p999_ms", "p99.9")):
            if one.get(key):
                curves.setdefault(f"{one['stage']}, {name}", []).append((one["load_percent"], one[key]))
    return lines("Latency against load", "ms, logarithmic", "per cent of capacity", curves, log_x=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in", dest="source", type=Path, default=Path("build/bench"))
    parser.add_argument("--out", type=Path, default=Path("docs/plots"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, plot in (("peers", peers), ("window", window), ("latency", latency)):
        source = arguments.source / f"{name}.json"
        if not source.exists():
            print(f"{source} is not there: ./run bench {name} makes it")
            continue
        svg = plot(json.loads(source.read_text()))
        if svg is None:
            print(f"{source} has nothing to plot")
            continue
        (arguments.out / f"{name}.svg").write_text(str(svg))
        print(f"{arguments.out / name}.svg")


if __name__ == "__main__":
    main()
