"""Exit codes, error lines, the demo and how programs stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, SOURCE, STORY, ProgramTest, free_port, get, wait_until  # noqa: E402

SUBCOMMANDS = ["demo", "run", "replay", "detect", "detectors", "rules", "validate", "simulate", "status", "subscribe", "topics"]
SERVICES = ["surgewatch-aggregator", "surgewatch-detector", "surgewatch-gateway"]


class Usage(ProgramTest):
    def test_every_subcommand_has_help(self):
        for subcommand in SUBCOMMANDS:
            done = self.run_program(subcommand, "--help")
            self.assertEqual(done.returncode, 0, subcommand)
            self.assertIn(b"Usage", done.stdout)

    def test_wrong_usage_ends_with_two(self):
        for arguments in (["replay", "--frobnicate"], ["nonsense"], [], ["replay"],
                          ["demo", "--http-port", "70000"], ["subscribe", "--severity", "loud"]):
            done = self.run_program(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr, arguments)

    def test_services_know_their_flags_too(self):
        for service in SERVICES + ["surgewatch-simulator"]:
            ok = subprocess.run([BIN / service, "--help"], capture_output=True, timeout=20, check=False)
            bad = subprocess.run([BIN / service, "--nonsense"], capture_output=True, timeout=20, check=False)
            self.assertEqual((ok.returncode, bad.returncode), (0, 2), service)

    def test_a_name_that_kafka_does_not_take_is_refused_from_flag_and_variable(self):
        config = str(SOURCE / "deploy/config/surgewatch.yaml")
        for program in (["surgewatch", "run"], ["surgewatch-aggregator"], ["surgewatch-detector"]):
            for name in ("a b", "é", "a/b", "x" * 201):
                command = [BIN / program[0], *program[1:], "--config", config]
                with_flag = subprocess.run([*command, "--instance-id", name], capture_output=True, timeout=20, check=False)
                environment = {**os.environ, "SURGEWATCH_INSTANCE_ID": name}
                with_variable = subprocess.run(command, env=environment, capture_output=True, timeout=20, check=False)
                for done in (with_flag, with_variable):
                    self.assertEqual(done.returncode, 2, (program, name, done.stderr))
                    self.assertIn(b"--instance-id: must be letters, digits", done.stderr)


class Output(ProgramTest):
    # More than a pipe's reader asks for, and less than a buffer holds.
    LISTINGS = (["rules", "types"], ["detectors"])

    def test_a_reader_that_has_read_enough_is_no_failure(self):
        for arguments in self.LISTINGS:
            reading, writing = os.pipe()
            os.close(reading)
            done = subprocess.run([BIN / "surgewatch", *arguments], stdout=writing, stderr=subprocess.PIPE, timeout=20,
                                  check=False)
            os.close(writing)
            self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)

    def test_a_full_disk_is_named(self):
        for arguments in self.LISTINGS:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BIN / "surgewatch", *arguments], stdout=full, stderr=subprocess.PIPE, timeout=20,
                                      check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertRegex(done.stderr.decode(), "cannot write to standard output: .*No space left on device")


class Errors(ProgramTest):
    def assert_refused(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr.decode())

    def test_validate_names_file_line_and_column_of_every_problem(self):
        path = self.write("bad.yaml", "series:\n  - name: a\n    evnt: invoice\n    pane: often\n")
        done = self.run_program("validate", path)
        self.assert_refused(done, f"{path}:3:5: ", f"{path}:4:", "event")

    def test_validate_accepts_what_is_shipped(self):
        done = self.run_program("validate", STORY, SOURCE / "deploy/config/surgewatch.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_nothing_starts_on_an_invalid_configuration(self):
        path = self.write("bad.yaml", "serie: []\n")
        for arguments in (["run", "--config", path], ["replay", "--config", path, "--events", "-"],
                          ["demo", "--config", path]):
            self.assert_refused(self.run_program(*arguments), f"{path}:1:1: ")

    def test_files_that_are_not_there_are_named(self):
        self.assert_refused(self.run_program("replay", "--config", STORY, "--events", "/nowhere/x"), "/nowhere/x")
        self.assert_refused(self.run_program("replay", "--config", "/nowhere/c", "--events", "-"), "/nowhere/c")
        self.assert_refused(self.run_program("simulate", "--out", "/nowhere/x"), "/nowhere/x")

    def test_a_scenario_that_is_not_there_is_answered_with_those_that_are(self):
        self.assert_refused(self.run_program("simulate", "--scenario", "deepseak"), "deepseek")

    def test_an_unreachable_broker_is_named_and_strict_ends_with_one(self):
        port = free_port()
        path = self.write("config.yaml", f"kafka: {{brokers: '127.0.0.1:{port}'}}\n"
                          f"server: {{gateway_http_port: 0, gateway_grpc_port: 0}}\n")
        self.assert_refused(self.run_program("run", "--config", path, "--strict"), f"127.0.0.1:{port}")
        self.assert_refused(self.run_program("simulate", "--brokers", f"127.0.0.1:{port}"), f"127.0.0.1:{port}")

    def test_without_strict_it_says_so_and_tries_again_until_stopped(self):
        port = free_port()
        path = self.write("config.yaml", f"kafka: {{brokers: '127.0.0.1:{port}'}}\n"
                          f"server: {{gateway_http_port: 0, gateway_grpc_port: 0}}\n")
        process = self.start(BIN / "surgewatch", "run", "--config", path)
        wait_until(lambda: "trying again" in process.errors(), "a line about another try")
        started = time.monotonic()
        self.assertEqual(self.end(process), 0, process.errors())
        self.assertLess(time.monotonic() - started, 5)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.run_program("demo", "--once", "--http-port", port, "--grpc-port", 0)
            self.assert_refused(done, str(port))
            done = self.run_program("demo", "--once", "--http-port", 0, "--grpc-port", port)
            self.assert_refused(done, str(port))

    def test_status_of_nothing_says_who_does_not_answer(self):
        path = self.write("config.yaml", f"server: {{gateway_http_port: {free_port()}}}\n")
        self.assert_refused(self.run_program("status", "--config", path), "gateway")

    def test_status_without_a_configuration_asks_at_the_default_ports(self):
        # Somebody may have a system there: what is found is not looked at.
        output = self.run_program("status").stdout.decode()
        self.assertRegex(output, r"^gateway +(ready|not ready.*|no answer) at 127\.0\.0\.1:8080\n")


class Memory(ProgramTest):
    # A window of a million panes, of parties; and panes of a second with 10,000 days of lateness.
    BIG_SINCE = """series: [{name: b, event: invoice, group_by: [bill_to.party_id], measures: [units], pane: 1s}]
rules: [{name: r, type: surge_since, series: b, measure: units, per: [bill_to.party_id], window: 1000000s,
  reference: {start: 2024-01-01, end: 2024-01-05}, fire_at: {ratio: 4}}]
"""
    BIG_RING = """event_time: {allowed_lateness: 10000d, correction_horizon: 10000d, out_of_orderness: 10000d}
series: [{name: b, event: invoice, group_by: [bill_to], measures: [units], pane: 1s}]
"""

    def test_what_is_impossible_is_refused_by_every_program_with_what_takes_most(self):
        for yaml, place in ((self.BIG_SINCE, "2:9: rule r: "), (self.BIG_RING, "2:10: series b: ")):
            path = self.write("impossible.yaml", yaml)
            programs = [["surgewatch", "validate", path], ["surgewatch", "run", "--config", path],
                        ["surgewatch", "demo", "--config", path],
                        ["surgewatch", "replay", "--config", path, "--events", "/dev/null"]]
            programs += [[service, "--config", path] for service in SERVICES]
            said = set()
            for program, *arguments in programs:
                done = subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, timeout=20, check=False)
                self.assertEqual(done.returncode, 1, program)
                self.assertEqual(done.stdout, b"", program)
                errors = done.stderr.decode()
                self.assertRegex(errors, re.escape(f"{path}:1:1: limits.memory: this may take ") + r"\d+(\.\d)? TB, and 1 TB")
                self.assertIn(f"{path}:{place}", errors)
                said.add(errors.split(": ", 1)[1])
            self.assertEqual(len(said), 1, said)  # in the same words

    def test_validate_says_what_a_configuration_may_take(self):
        shipped = SOURCE / "deploy/config/surgewatch.yaml"
        done = self.run_program("validate", shipped)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertTrue(lines[0].startswith(f"{shipped}: valid (3 series, 7 rules, rs-"), lines[0])
        self.assertRegex(lines[1], r"^  may take [\d.]+ GB of limits\.memory, 1 TB:$")
        self.assertEqual([line.split(":")[0].strip() for line in lines if re.match("    [a-z]", line)],
                         ["aggregator", "detector", "gateway", "process"])
        self.assertEqual(self.run_program("validate", shipped).stdout, done.stdout)

    def test_the_limit_is_what_the_machine_has(self):
        path = self.write("small.yaml", "limits: {memory: 5GB}\n")
        done = self.run_program("validate", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}:1:1: limits.memory: this may take ", done.stderr.decode())
        self.assertIn("limits.document_memory", done.stderr.decode())
        path = self.write("raised.yaml", self.BIG_RING + "limits: {memory: 900TB}\n")
        self.assertEqual(self.run_program("validate", path).returncode, 0)
        path = self.write("wrong.yaml", "limits: {memory: 5}\n")
        self.assertIn("such as 500MB or 16GB", self.run_program("validate", path).stderr.decode())


class Demo(ProgramTest):
    def test_once_tells_the_story_and_ends_with_zero(self):
        done = self.run_program("demo", "--once", "--seconds", "8", "--http-port", 0, "--grpc-port", 0, "--events",
                                "12000", seconds=240)
        output = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done.stderr)
        # What is for a person is on standard output; on the other are the bar and nothing of 600 revisions.
        self.assertEqual([line for line in done.stderr.decode().splitlines() if not line.startswith("story [")], [])
        told = output[:output.index("Alerts at their peak")]
        self.assertEqual(len(re.findall("firing .*singapore-since-deepseek", told)), 1, told)
        peak = [line for line in output.splitlines() if "singapore-since-deepseek [" in line][-1]
        for figure in ("7,697.0 million USD", "1,042.0 million USD", "ratio 7.387", "growth +638.7 %", "2024-10-27"):
            self.assertIn(figure, peak)
        summary = output[output.index("Alerts at their peak"):]
        for made_of in ("to be delivered to US ", r"by way of SG [\d,]+, PH [\d,]+, MY [\d,]+; [\d,]+ straight from US",
                        "found by singapore-since-deepseek 2, ", r"orders SYNTHETIC-.*; \d+ in all"):
            self.assertRegex(summary, "\n +" + made_of)

    def test_it_serves_while_it_runs_and_stops_within_five_seconds(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start(BIN / "surgewatch", "demo", "--http-port", 0, "--grpc-port", 0, "--seconds", 40)
            page = wait_until(lambda: re.search(r"page +(http://\S+)/", process.output()), "the page's address")
            address = page.group(1)
            wait_until(lambda: get(address + "/-/ready")[0] == 200, "readiness")
            self.assertEqual(get(address + "/-/healthy")[0], 200)
            server = self.write("server.yaml", f"server: {{gateway_http_port: {address.rsplit(':')[-1]}}}\n")
            status = self.run_program("status", "--config", server)
            self.assertEqual(status.returncode, 0, status.stderr)
            self.assertRegex(status.stdout.decode(), "aggregator and detector are in the gateway's process")
            wait_until(lambda: 'surgewatch_events_consumed_total{topic="invoices"}' in get(address + "/metrics")[1],
                       "events in the metrics")
            started = time.monotonic()
            self.assertEqual(self.end(process, number), 0, process.errors())
            self.assertLess(time.monotonic() - started, 5)


if __name__ == "__main__":
    unittest.main()
