"""`run` itself: what it asks for first, and what it builds."""

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, SOURCE, ProgramTest  # noqa: E402

BUILD = BIN.parent
CLOSED = "http://127.0.0.1:9/"  # the discard service, which nobody runs
SETTINGS = f"""<settings><mirrors><mirror>
  <id>closed</id><mirrorOf>*</mirrorOf><url>{CLOSED}</url>
</mirror></mirrors></settings>"""


class Run(ProgramTest):
    """A clone on a machine that has the packages, never fetched anything and reaches no repository."""

    def setUp(self):
        super().setUp()
        for name in ("run", "tests/support/kafka/fetch.sh", "tests/support/kafka/pom.xml", "tests/bench/run_latency.sh"):
            target = self.directory / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, target)
        self.tools = self.directory / "tools"
        self.tools.mkdir()
        self.tool("dpkg-query", "echo installed")
        self.tool("cmake", f"echo called >>{self.directory}/cmake.calls; exit 1")
        (self.directory / ".m2").mkdir()
        self.write(".m2/settings.xml", SETTINGS)

    def tool(self, name, script):
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_verb(self, *arguments):
        environment = dict(os.environ, PATH=f"{self.tools}:{os.environ['PATH']}",
                           XDG_CACHE_HOME=str(self.directory / "cache"),
                           MAVEN_OPTS=f"-Duser.home={self.directory}")
        return subprocess.run([self.directory / "clone/run", *arguments], env=environment, capture_output=True,
                              text=True, timeout=120, check=False)

    def built(self):
        return (self.directory / "cmake.calls").exists()

    def test_tests_that_need_kafka_say_so_before_anything_is_built(self):
        for arguments in (["test"], ["test", "integration"], ["bench", "latency"], ["deps", "test"]):
            with self.subTest(arguments):
                done = self.run_verb(*arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(CLOSED, done.stderr)
                self.assertIn("could not fetch Kafka", done.stderr)
                self.assertIn("~/.m2/settings.xml", done.stderr)
                self.assertFalse(self.built(), done.stderr)

    def test_tests_that_need_no_kafka_ask_for_none(self):
        done = self.run_verb("test", "unit")
        self.assertNotIn("Kafka", done.stderr)
        self.assertTrue(self.built(), done.stderr)

    def test_a_label_that_is_none_is_refused_and_those_that_are_are_named(self):
        self.tool("cmake", "exit 0")
        self.tool("ninja", "printf 'tests-unit: phony\\ntests-cli: phony\\n'")
        done = self.run_verb("test", "unity")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("run: there is no label 'unity'; there are: cli unit\n", done.stderr)


def compiled_for(target):
    """The targets of CMake's of which something is compiled for `target`."""
    done = subprocess.run(["ninja", "-C", BUILD, "-t", "inputs", target], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"CMakeFiles/([^/]+)\.dir/", done.stdout))


class WhatIsBuilt(unittest.TestCase):
    def test_tests_wait_for_no_benchmark(self):
        def benchmarks(target):
            return {name for name in compiled_for(target) if name.endswith("_bench")}

        self.assertEqual(benchmarks("tests"), set())
        self.assertGreater(len(benchmarks("all")), 5)

    def test_a_label_waits_for_what_its_tests_run_and_no_more(self):
        for label, needed, not_needed in (("unit", "window_test", "surgewatch"),
                                          ("cli", "surgewatch-aggregator", "window_test"),
                                          ("browser", "page_fixture", "story_test"),
                                          ("integration", "peers_reference", "window_test"),
                                          ("gate", "hot_path", "surgewatch")):
            with self.subTest(label):
                compiled = compiled_for(f"tests-{label}")
                self.assertTrue(needed in compiled, needed)
                self.assertFalse(not_needed in compiled, not_needed)
                self.assertTrue(needed in compiled_for("tests"), needed)


class Fresh(unittest.TestCase):
    def test_another_debian_is_refused(self):
        done = subprocess.run([SOURCE / "tests/fresh/fresh.sh", "sid"], capture_output=True, text=True, timeout=20,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "fresh: takes bookworm or trixie, not 'sid'\n"))


if __name__ == "__main__":
    unittest.main()
