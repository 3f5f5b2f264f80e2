"""What Python tests share: the built programs, files of their own, waiting for conditions.

Every process that is started through here is ended by its id when the test ends.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("SURGEWATCH_BIN", SOURCE / "build/release/bin"))
STORY = SOURCE / "deploy/config/deepseek.yaml"


def wait_until(condition, what, seconds=60):
    """The first true value of condition(); fails, naming `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, timeout=10):
    """Status and body of a GET; status 0 if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, OSError):
        return 0, ""


class ProgramTest(unittest.TestCase):
    """A test with a directory and processes of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="surgewatch-test-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def run_program(self, *arguments, stdin=None, seconds=120):
        """Runs `surgewatch ARGUMENTS` to its end."""
        return subprocess.run([str(BIN / "surgewatch"), *map(str, arguments)], input=stdin, capture_output=True,
                              timeout=seconds, check=False)

    def start(self, *command):
        """Starts a program in the background, its output in files of the test's directory."""
        number = len(list(self.directory.glob("*.stdout")))
        name = f"{Path(str(command[0])).name}-{number}"
        stdout = open(self.directory / f"{name}.stdout", "wb")
        stderr = open(self.directory / f"{name}.stderr", "wb")
        self.addCleanup(stdout.close)
        self.addCleanup(stderr.close)
        process = subprocess.Popen([str(part) for part in command], stdout=stdout, stderr=stderr,
                                   stdin=subprocess.PIPE)
        process.output = lambda: (self.directory / f"{name}.stdout").read_text(errors="replace")
        process.errors = lambda: (self.directory / f"{name}.stderr").read_text(errors="replace")
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process, number=signal.SIGTERM, seconds=10):
        """Ends the process by its id and gives its exit code."""
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdin:
            process.stdin.close()
        return process.returncode

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


def alerts_of(ndjson):
    """Alerts from lines of JSON."""
    return [json.loads(line) for line in ndjson.splitlines() if line.strip()]
