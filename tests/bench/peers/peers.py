"""Against the field: the same job, broker, topic and answer for librdkafka, Kafka Streams, Flink and
Surgewatch. README.md beside this file says what each does and how to read the figures.

    peers.py --bin build/release/bin --out build/bench/peers.json [--events N] [--systems a,b] [--jobs a,b] [--runs N]
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from broker import SOURCE, Broker, free_port  # noqa: E402
from run_once import Failed, run_aggregator, run_sampled  # noqa: E402

JOBS = ("tumbling-1m", "sliding-10m-1m", "sliding-1h-1m")
READ = "read"
JAVA = Path(__file__).resolve().parent / "java"
HEAP = ("-Xms256m", "-Xmx1g", "-XX:+UseParallelGC")
# Flink 1.20 reaches into these.
FLINK_OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED"
               for package in ("java.lang", "java.util", "java.util.concurrent", "java.nio", "java.time")]

AGGREGATOR_CONFIG = """\
reference_data:
  catalogue: {tables}/catalogue.csv
  countries: {tables}/countries.csv
  country_groups: {tables}/country_groups.csv
  fx: {tables}/fx.csv
event_time: {{out_of_orderness: 10s, allowed_lateness: 1m}}
series:
  - name: billed
    event: invoice
    group_by: [bill_to, sku]
    measures: [documents, units, chips, revenue_usd, tpp]
    pane: 1m
    largest_document: false
kafka:
  brokers: {brokers}
  group_id: {group}
aggregator: {{workers: {workers}, cpu_affinity: {cpus}}}
server:
  aggregator_http_port: {port}
"""


def sort_lines(paths, to):
    """One sorted file of several; sort(1), since Python would take a gigabyte."""
    subprocess.run(["sort", "-S", "256M", "-o", to, *paths], check=True, env={**os.environ, "LC_ALL": "C"})


def compare(reference, rows):
    """Fails with the first rows that differ, if any does."""
    if subprocess.run(["cmp", "-s", reference, rows], check=False).returncode == 0:
        return
    difference = subprocess.run(["diff", "--speed-large-files", reference, rows], check=False, capture_output=True,
                                text=True).stdout.splitlines()
    shown = "\n".join(difference[:12])
    raise Failed(f"its answer differs (< the reference, > its own; {len(difference)} lines of difference):\n{shown}")


class Bench:
    """A broker with the topic, the reference, and what each system is."""

    def __init__(self, arguments, directory, brokers):
        self.arguments = arguments
        self.events = arguments.events
        self.bin = arguments.bin
        self.directory = directory
        self.brokers = brokers
        self.numbers = itertools.count()
        self.systems = {
            "librdkafka": self.librdkafka,
            "librdkafka-pinned": lambda job, place: self.librdkafka(job, place, pinned=True),
            "surgewatch": lambda job, place: self.surgewatch(job, place, workers=1),
            "surgewatch-pinned": lambda job, place: self.surgewatch(job, place, workers=1, pinned=True),
            "surgewatch-2-workers": lambda job, place: self.surgewatch(job, place, workers=2),
            "surgewatch-2-workers-pinned": lambda job, place: self.surgewatch(job, place, workers=2, pinned=True),
            "surgewatch-full": lambda _, place: self.surgewatch_full(place, workers=1),
            "surgewatch-full-2-workers": lambda _, place: self.surgewatch_full(place, workers=2),
            "surgewatch-full-2-workers-pinned": lambda _, place: self.surgewatch_full(place, workers=2, pinned=True),
            "flink": self.flink,
            "flink-pinned": lambda job, place: self.flink(job, place, pinned=True),
            "flink-checkpoints": lambda job, place: self.flink(job, place, checkpoints=True),
            "flink-panes": lambda job, place: self.flink(job, place, panes=True),
            "kafka-streams": self.kafka_streams,
            "kafka-streams-eos": lambda job, place: self.kafka_streams(job, place, exactly_once=True),
        }

    def tool(self, name, *arguments):
        command = [self.bin / name, *arguments]
        done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{name}: {done.stderr.strip()}")
        return done.stdout

    def prepare(self):
        """Fills the topic and computes the reference."""
        loaded = json.loads(self.tool("peers_load", "--brokers", self.brokers, "--events", self.events))
        self.tool("peers_reference", "--events", self.events, "--directory", self.directory)
        for job in JOBS:
            rows = self.directory / f"{job}.rows"
            sort_lines([rows], rows)
        return loaded["bytes"] / loaded["events"]

    def measure(self, system, jobs):
        """One run, its answers compared with the reference's."""
        place = self.directory / f"{system}-{jobs[0]}-{next(self.numbers)}"
        place.mkdir()
        cost = self.systems[system](jobs[0], place)
        for job in jobs:
            if job != READ:
                sort_lines(sorted(place.glob(f"{job}.rows*")), place / "sorted")
                compare(self.directory / f"{job}.rows", place / "sorted")
        shutil.rmtree(place)
        return cost

    def librdkafka(self, _, place, pinned=False):
        samples = place / "samples"
        return run_sampled([*on_one_cpu(pinned), self.bin / "peers_librdkafka", "--brokers", self.brokers, "--samples", samples],
                           place / "log", samples, self.events)

    def surgewatch(self, job, place, workers, pinned=False):
        samples = place / "samples"
        cpus = ["--cpus", ",".join(map(str, cpus_for(workers)))] if pinned else []
        return run_sampled([self.bin / "peers_surgewatch", "--brokers", self.brokers, "--catalogue",
                            SOURCE / "deploy/config/tables/catalogue.csv", "--job", job, "--workers", workers,
                            "--rows", place / f"{job}.rows", "--samples", samples, *cpus],
                           place / "log", samples, self.events)

    def surgewatch_full(self, place, workers, pinned=False):
        """The product's aggregator, its answer read back from the journal."""
        port = free_port()
        config = place / "surgewatch.yaml"
        config.write_text(AGGREGATOR_CONFIG.format(tables=SOURCE / "deploy/config/tables", brokers=self.brokers,
                                                   group=place.name, port=port,
                                                   workers=workers, cpus=cpus_for(workers) if pinned else []))
        journal = int(self.tool("peers_journal_rows", "--brokers", self.brokers, "--end"))
        cost = run_aggregator([self.bin / "surgewatch-aggregator", "--strict", "--config", config], place / "log",
                              f"http://127.0.0.1:{port}/metrics", self.events)
        self.tool("peers_journal_rows", "--brokers", self.brokers, "--from", journal, "--directory", place)
        return cost

    def java(self, module, place, job, opens, pinned=False, **flags):
        samples = place / "samples"
        command = [*on_one_cpu(pinned), "java", *HEAP, *opens, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                   f"{self.arguments.java}/peers-{module}/*:{self.arguments.java}/peers-{module}/lib/*",
                   f"surgewatch.peers.{module}.Main"]
        flags = {"brokers": self.brokers, "job": job, "rows": place / f"{job}.rows", "samples": samples,
                 "directory": place / "state", **flags}
        for name, value in flags.items():
            command += [f"--{name}", str(value).lower() if isinstance(value, bool) else value]
        return run_sampled(command, place / "log", samples, self.events)

    def flink(self, job, place, checkpoints=False, panes=False, pinned=False):
        return self.java("flink", place, job, FLINK_OPENS, pinned, checkpoints=checkpoints, panes=panes)

    def kafka_streams(self, job, place, exactly_once=False):
        return self.java("streams", place, job, [], events=self.events, id=place.name,
                         **{"exactly-once": exactly_once})


def cpus_for(workers):
    """One for each worker, of those that there are."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < workers:
        raise Failed(f"there are {len(allowed)} CPUs for {workers} workers")
    return allowed[:workers]


def on_one_cpu(pinned):
    """What to put before a command, to keep the whole process there."""
    return ["taskset", "--cpu-list", str(cpus_for(1)[0])] if pinned else []


def is_ours(system):
    return system.startswith(("surgewatch", "librdkafka"))


def plan(systems, jobs):
    """Pairs of a system and the jobs that one run of it answers."""
    for system in systems:
        if system.startswith("librdkafka"):
            yield system, (READ,)
        elif system.startswith("surgewatch-full"):
            yield system, tuple(jobs)  # knows panes and no windows: one run answers all
        else:
            # A tumbling minute is flink's own job, whichever way it is cut.
            yield from ((system, (job,)) for job in jobs if (system, job) != ("flink-panes", JOBS[0]))


def result(system, job, costs, events):
    """The cheapest run's figures, and how far the others were from it."""
    best = min(costs, key=lambda cost: cost.net_cpu)
    millions = events / 1e6
    return {
        "system": system, "job": job, "events": events, "runs": len(costs),
        "cpu_seconds_per_million": round(best.net_cpu / millions, 4),
        "cpu_seconds_per_million_worst": round(max(cost.net_cpu for cost in costs) / millions, 4),
        "cpu_seconds_per_million_steady": None if best.steady_cpu is None else round(best.steady_cpu, 4),
        "cpu_seconds_per_million_with_start": round(best.total_cpu / millions, 4),
        "events_per_second": round(events / best.seconds),
        "peak_rss_mb": round(max(cost.peak_rss_mb for cost in costs)),
    }


def print_table(results):
    print(f"\n{'':34}{'':16}{'CPU s for a million events':^38}{'events/s':>12}{'peak MB':>9}")
    print(f"{'system':34}{'job':16}{'net':>8}{'(worst)':>10}{'steady':>10}{'in all':>10}")
    for one in results:
        steady = one["cpu_seconds_per_million_steady"]
        print(f"{one['system']:34}{one['job']:16}{one['cpu_seconds_per_million']:8.3f}"
              f"{one['cpu_seconds_per_million_worst']:10.3f}{'-' if steady is None else f'{steady:.3f}':>10}"
              f"{one['cpu_seconds_per_million_with_start']:10.3f}{one['events_per_second']:12,}{one['peak_rss_mb']:9}")


def print_ratios(results):
    """How many times the CPU of ours each takes, by each of the three figures."""
    figures = [f"cpu_seconds_per_million{suffix}" for suffix in ("", "_steady", "_with_start")]
    for ours in ("surgewatch", "surgewatch-full"):
        mine = {one["job"]: one for one in results if one["system"] == ours}
        rows = [one for one in results if one["system"] != ours and (one["job"] in mine or one["job"] == READ)]
        if not mine or not rows:
            continue
        print(f"\n{'times the CPU of ' + ours:50}{'net':>8}{'steady':>20}{'in all':>10}")
        for one in rows:
            base = mine.get(one["job"]) or next(iter(mine.values()))
            net, steady, in_all = (f"{one[key] / base[key]:.2f}" if one[key] and base[key] else "-" for key in figures)
            print(f"{one['system']:34}{one['job']:16}{net:>8}{steady:>20}{in_all:>10}")


def choose(text, known, what):
    chosen = [name for name in text.split(",") if name] if text else list(known)
    for name in chosen:
        if name not in known:
            sys.exit(f"peers.py: there is no {what} '{name}'; there are {', '.join(known)}")
    return chosen


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=SOURCE / "build/release/bin", help="the built programs")
    parser.add_argument("--java", type=Path, default=SOURCE / "build/peers", help="the built Maven modules")
    parser.add_argument("--work", type=Path, help="where the broker's data and all answers go while this runs")
    parser.add_argument("--out", type=Path, help="figures as JSON")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--systems", default="", help="separated by commas; default: all")
    parser.add_argument("--jobs", default="", help="separated by commas; default: all")
    parser.add_argument("--runs", type=int, default=0, help="of each; default: 3 of ours and librdkafka, 1 of others")
    arguments = parser.parse_args()
    for name in ("bin", "java", "work", "out"):  # programs run in directories of their own
        if getattr(arguments, name):
            setattr(arguments, name, getattr(arguments, name).resolve())
    return arguments


def main():
    arguments = parse()
    # What is running is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failures = 0
    results = []
    with tempfile.TemporaryDirectory(prefix="surgewatch-peers-", dir=arguments.work) as name:
        directory = Path(name)
        print("starting Kafka", file=sys.stderr, flush=True)
        with Broker(directory) as broker:
            bench = Bench(arguments, directory, broker.address)
            systems = choose(arguments.systems, bench.systems, "system")
            jobs = choose(arguments.jobs, JOBS, "job")
            print(f"writing {arguments.events:,} invoices", file=sys.stderr, flush=True)
            size = bench.prepare()
            print(f"{size:.1f} bytes each", file=sys.stderr, flush=True)
            for system, answered in plan(systems, jobs):
                runs = arguments.runs or (3 if is_ours(system) else 1)
                name = f"{system} {' '.join(answered)}"
                costs = []
                try:
                    for number in range(runs):
                        costs.append(bench.measure(system, answered))
                        print(f"{name}, run {number + 1} of {runs}: {costs[-1].net_cpu / arguments.events * 1e6:.3f} "
                              f"CPU s for a million events, the right answer", file=sys.stderr, flush=True)
                    results += [result(system, job, costs, arguments.events) for job in answered]
                    if arguments.out:  # at once, so that a run that is cut off leaves what it has
                        arguments.out.write_text(json.dumps(results, indent=1) + "\n")
                except Failed as failure:
                    failures += 1
                    print(f"{name} FAILED: {failure}", file=sys.stderr, flush=True)
    print_table(results)
    print_ratios(results)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
