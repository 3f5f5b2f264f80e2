"""What others wrote, as a terminal and a spreadsheet get it."""

import base64
import csv
import http.server
import io
import json
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from hostile import hidden_in, hostile_texts, hostile_utf8, unescaped  # noqa: E402
from programs import BIN, ProgramTest  # noqa: E402

RULES = """
series:
  - name: billed
    event: invoice
    group_by: [bill_to.party_id, sku]
    measures: [documents, units]
    pane: 1d
rules:
  - name: since
    type: surge_since
    series: billed
    measure: units
    per: [bill_to.party_id]
    window: 1d
    reference: {start: 2024-01-01, end: 2024-01-02}
    fire_at: {ratio: 4}
limits: {text_bytes: 4096}
"""
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")


class Shown(ProgramTest):
    def assert_shown(self, raw, lines=None):
        """Lines of characters that show; how many, if that is known."""
        text = raw.decode()  # UTF-8, or this fails
        shown = text.split("\n")
        self.assertEqual(shown.pop(), "")
        for line in shown:
            self.assertEqual(hidden_in(line), [], line[:300])
        if lines is not None:
            self.assertEqual(len(shown), lines, text[:2000])
        return shown


def invoice(name, number, day, units):
    return {"invoice": {"invoice_id": f"i-{number}", "order_id": f"o-{number}",
                        "issue_time": f"2024-01-{day:02}T12:00:00Z",
                        "bill_to": {"country": "SG", "party_id": name},
                        "lines": [{"sku": name or "none", "quantity": str(units),
                                   "unit_price": {"currency_code": "USD", "units": "10"}}]}}


def names():
    return [text for _, text in hostile_utf8() if 0 < len(text.encode()) <= 4_096]


class Replay(Shown):
    def replay(self, events, *flags):
        events = self.write("events.ndjson", "".join(json.dumps(event) + "\n" for event in events))
        return self.run_program("replay", "--config", self.write("config.yaml", RULES), "--events", events, "--quiet",
                                *flags)

    def test_alerts_are_exact_for_programs_and_harmless_on_a_terminal(self):
        events = [invoice(name, f"{n}-{day}", day, units)
                  for day, units in ((1, 10), (2, 50), (3, 1)) for n, name in enumerate(names())]
        done = self.replay(events, "--strict")
        self.assertEqual(done.returncode, 0, done.stderr[:2000])
        alerts = [json.loads(line) for line in self.assert_shown(done.stdout)]
        self.assertEqual({alert["subject"]["bill_to.party_id"] for alert in alerts}, set(names()))
        for alert in alerts:
            facts = [*alert["evidence"], *alert.get("contributors", [])]
            for text in [alert["explanation"], *(fact.get("text", "") for fact in facts)]:
                self.assertEqual(hidden_in(text), [])

    def test_rejects_say_why_on_one_line_and_have_the_event_exactly(self):
        events = [invoice("x", n, 1, 1) for n in range(len(names()))]
        for event, name in zip(events, names()):
            event["invoice"]["lines"][0]["unit_price"]["currency_code"] = name
        rejects = self.directory / "rejects.ndjson"
        done = self.replay(events, "--rejects", rejects)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])
        found = [json.loads(line) for line in self.assert_shown(rejects.read_bytes(), len(events))]
        for reject, name in zip(found, names()):
            self.assertEqual(reject["event"]["invoice"]["lines"][0]["unit_price"]["currency_code"], name)
            self.assertEqual(reject["reason"], "REJECT_REASON_UNKNOWN_CURRENCY")
            self.assertEqual(hidden_in(reject["detail"]), [])
            self.assertIn("currency_code is '", reject["detail"])

    def test_a_line_that_is_no_event_is_kept_as_it_came(self):
        lines = [raw for _, raw in hostile_texts() if raw.strip() and b"\n" not in raw and b"\r" not in raw]
        events = self.directory / "events.ndjson"
        events.write_bytes(b"".join(line + b"\n" for line in lines))
        rejects = self.directory / "rejects.ndjson"
        done = self.run_program("replay", "--config", self.write("config.yaml", RULES), "--events", events,
                                "--rejects", rejects)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])
        found = [json.loads(line) for line in self.assert_shown(rejects.read_bytes(), len(lines))]
        self.assertEqual([base64.b64decode(reject["raw"]) for reject in found], lines)
        self.assert_shown(done.stderr, 1)


class Detect(Shown):
    def test_cells_read_back_and_are_no_formulas(self):
        cells = [text for _, text in hostile_utf8() if "\0" not in text]
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["time", "value", "series"])
        for name in cells:
            for time in ("first", "=second", "-3 days"):
                writer.writerow([time, 5, name])
        done = self.run_program("detect", "--method", "ears", stdin=table.getvalue().encode())
        self.assertEqual(done.returncode, 0, done.stderr[:2000])
        self.assert_shown(done.stdout, 1 + 3 * len(cells))
        rows = list(csv.reader(io.StringIO(done.stdout.decode())))
        self.assertEqual(rows[0][-1], "series")
        read = [[unescaped(cell.removeprefix("'")).decode() for cell in (row[0], row[-1])] for row in rows[1:]]
        self.assertEqual(read, [[time, name] for name in cells for time in ("first", "=second", "-3 days")])
        for separator in ",;\t":
            for row in csv.reader(io.StringIO(done.stdout.decode()), delimiter=separator):
                for cell in row:
                    self.assertFalse(cell.lstrip(' "').startswith(FORMULA), row)

    def test_problems_are_a_line_each(self):
        cells = [text for _, text in hostile_utf8() if "\0" not in text and text]
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["time", "value", "series"])
        for number, name in enumerate(cells):
            writer.writerow([number, name, "a"])
        done = self.run_program("detect", "--method", "ears", stdin=table.getvalue().encode())
        self.assertEqual(done.returncode, 1)
        lines = self.assert_shown(done.stderr, len(cells) + 1)  # the last says what to do
        for line in lines[1:-1]:
            self.assertRegex(line, r"^stdin:[0-9]+:[0-9]+: value '.*' is not a number$|…")


class Validate(Shown):
    def test_texts_of_a_file_are_on_the_line_of_their_problem(self):
        lines = ["series:"]
        for name in names():
            escaped = '"' + "".join(f"\\U{ord(c):08x}" for c in name) + '"'
            lines.append(f"  - {{name: {escaped}, event: {escaped}, group_by: [bill_to], pane: 1d}}")
        path = self.write("config.yaml", "\n".join(lines) + "\n")
        done = self.run_program("validate", path)
        self.assertEqual(done.returncode, 1)
        problems = self.assert_shown(done.stderr)
        self.assertGreater(len(problems), len(names()))
        for line in problems[1:]:
            self.assertTrue(line.startswith(f"{path}:") or line.startswith("… and "), line[:300])

    def test_names_of_files_forge_no_line(self):
        for _, raw in hostile_texts():
            name = raw.replace(b"/", b"").replace(b"\0", b"")[:200]
            if name in (b"", b".", b".."):
                continue
            path = bytes(self.directory) + b"/" + name
            missing = subprocess.run([BIN / "surgewatch", "validate", path], capture_output=True, timeout=20,
                                     check=False)
            self.assertEqual(missing.returncode, 1)
            self.assert_shown(missing.stderr, 1)
            Path(path.decode(errors="surrogateescape")).write_text("")
            valid = subprocess.run([BIN / "surgewatch", "validate", path], capture_output=True, timeout=20,
                                   check=False)
            self.assertEqual(valid.returncode, 0, valid.stderr)
            # What the configuration may take is indented.
            lines = valid.stdout.splitlines(keepends=True)
            self.assert_shown(b"".join(line for line in lines if not line.startswith(b"  ")), 1)

    def test_wrong_usage_shows_what_was_typed(self):
        done = self.run_program("replay", "--config", "c", "--events", "e", "--\x1b]0;title\x07\u202e")
        self.assertEqual(done.returncode, 2)
        self.assertIn("\\x1b]0;title\\x07\\u202e", "\n".join(self.assert_shown(done.stderr)))


class HostileService(http.server.BaseHTTPRequestHandler):
    """A gateway that somebody else has put at the port."""

    def do_GET(self):
        texts = [text for _, text in hostile_utf8()]
        if self.path == "/-/ready":
            body = "not ready: " + "".join(texts)
        elif self.path == "/metrics":
            body = "".join(f'surgewatch_consumer_lag_records{{topic="{text}"}} 1\n' for text in texts)
        else:
            body = json.dumps({"alerts": [{"alert_id": text, "rule": text, "measure": text,
                                           "subject": {text: text}} for text in texts]})
        raw = body.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


class Status(Shown):
    def test_shows_what_services_say_and_lets_nothing_through(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HostileService)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        port = server.server_address[1]
        config = self.write("config.yaml", f"server: {{gateway_http_port: {port}, aggregator_http_port: {port}, "
                            f"detector_http_port: {port}}}\n")
        done = self.run_program("status", "--config", config)
        lines = self.assert_shown(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{len(hostile_utf8())} alerts in force", lines)


if __name__ == "__main__":
    unittest.main()
