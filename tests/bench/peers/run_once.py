"""Runs one program to its end and tells what it cost."""

import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Of one run over `events` records. CPU is user and system time of the whole process."""
    total_cpu: float    # from the program's start to its end
    net_cpu: float      # the same less what it took until the first record was there
    steady_cpu: float | None  # for a million records, over the second half of them; None if it was too short
    seconds: float      # of clock, from the first record to the last
    peak_rss_mb: float


class Failed(Exception):
    """A program failed; the text says how."""


def peak_rss_kb(pid):
    """VmHWM; None once the process has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Run:
    """A started program. Always ended by its id."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL)
        self.peak_kb = 0
        self.usage = None

    def ended(self):
        """Whether it has; notes its peak of memory while it has not."""
        if self.usage is not None:
            return True
        self.peak_kb = max(self.peak_kb, peak_rss_kb(self.process.pid) or 0)
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.usage = usage
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return True

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                self.end()
                raise Failed(f"took more than {seconds} s; its output:\n{self.output()}")
            time.sleep(0.05)
        if self.process.returncode != 0:
            raise Failed(f"exit code {self.process.returncode}; its output:\n{self.output()}")

    def end(self, number=signal.SIGKILL):
        if self.usage is None:
            self.process.send_signal(number)
            deadline = time.monotonic() + 30
            while not self.ended():
                if time.monotonic() > deadline:
                    self.process.kill()
                time.sleep(0.01)

    def output(self):
        return self.log.read_text(errors="replace")[-3000:]

    def cpu(self):
        return self.usage.ru_utime + self.usage.ru_stime


def read_samples(path):
    samples = [tuple(map(float, line.split())) for line in path.read_text().splitlines()]
    return [(clock, cpu, int(events)) for clock, cpu, events in samples]


def cost(run, samples, events):
    """From what a run used in all and (clock, cpu, events) as it went."""
    if samples[-1][2] != events:
        raise Failed(f"counted {samples[-1][2]} records, not {events}; its output:\n{run.output()}")
    start = max(i for i, sample in enumerate(samples) if sample[2] == 0) if samples[0][2] == 0 else 0
    end = next(sample for sample in samples if sample[2] == events)
    half = next(sample for sample in samples if 2 * sample[2] >= events)
    rest = events - half[2]
    steady = (end[1] - half[1]) / rest * 1e6 if rest > 0 else None
    return Cost(total_cpu=run.cpu(), net_cpu=run.cpu() - samples[start][1], steady_cpu=steady,
                seconds=end[0] - samples[start][0], peak_rss_mb=run.peak_kb / 1024)


def run_sampled(command, log, samples, events, seconds=1800):
    """A program that writes its own samples."""
    run = Run(command, log)
    try:
        run.wait(seconds)
    finally:
        run.end()
    return cost(run, read_samples(samples), events)


def consumed(url):
    """Invoices consumed, by the aggregator's metrics; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("surgewatch_events_consumed_total{") and 'topic="invoices"' in line:
                    return int(float(line.rsplit(" ", 1)[1]))
    except OSError:
        pass
    return 0


def run_aggregator(command, log, url, events, seconds=1800):
    """The product's own program: watched through its metrics, ended as an operator would."""
    run = Run(command, log)
    samples = []
    try:
        deadline = time.monotonic() + seconds
        while not samples or samples[-1][2] < events:
            if run.ended() or time.monotonic() > deadline:
                raise Failed(f"stopped before the end; its output:\n{run.output()}")
            samples.append((time.monotonic(), cpu_seconds(run.process.pid), consumed(url)))
            time.sleep(0.05)
        run.end(signal.SIGTERM)
    finally:
        run.end()
    if run.process.returncode != 0:
        raise Failed(f"exit code {run.process.returncode}; its output:\n{run.output()}")
    return cost(run, samples, events)
