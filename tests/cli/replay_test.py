"""`surgewatch simulate` and `surgewatch replay`: the story's figures to the dollar, determinism, bad input."""

import base64
import csv
import io
import json
import os
import subprocess
import sys
import unittest
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, SOURCE, STORY, ProgramTest, alerts_of  # noqa: E402

EVENTS = 12_000
MILLION_USD = 10**12  # in micros
SMALL = """
series:
  - name: billed
    event: invoice
    group_by: [bill_to]
    measures: [documents, units, revenue_usd]
    pane: 1d
"""


def golden(name):
    with open(SOURCE / "data/trade" / name, newline="") as file:
        return list(csv.DictReader(file))


def invoice(**changes):
    """A valid invoice, with changes; a change to None leaves the field out."""
    fields = {"invoice_id": "i-1", "order_id": "o-1", "issue_time": "2024-01-10T12:00:00Z",
              "bill_to": {"country": "SG"},
              "lines": [{"sku": "X", "quantity": "2", "unit_price": {"currency_code": "USD", "units": "10"}}]}
    fields.update(changes)
    return json.dumps({"invoice": {k: v for k, v in fields.items() if v is not None}})


def varint(number):
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])


def field(number, value):
    """A field in protobuf's wire format."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Memory(ProgramTest):
    """What is said at once of windows that close together is not held at once."""

    def test_a_jump_over_many_windows_takes_little(self):
        config = self.write("c.yaml", """
event_time: {correction_horizon: 1d, allowed_lateness: 0s, out_of_orderness: 0s}
series: [{name: b, event: invoice, group_by: [bill_to.party_id], measures: [units], pane: 1s}]
rules: [{name: r, type: surge_since, series: b, measure: units, per: [bill_to.party_id], window: 1d,
         reference: {start: 2024-01-01, end: 2024-01-05}, fire_at: {ratio: 4}}]
limits: {keys_per_series: 100, detector_keys_per_series: 100}
""")
        parties = [{"country": "SG", "party_id": f"p{i}"} for i in range(20)]
        events = [invoice(invoice_id=f"i{i}", bill_to=party, issue_time="2024-01-10T00:00:00Z")
                  for i, party in enumerate(parties)]
        events.append(invoice(invoice_id="later", bill_to=parties[0], issue_time="2024-02-10T00:00:00Z"))
        path = self.write("events.ndjson", "\n".join(events) + "\n")
        # 20 parties in 86,400 windows each: 1.7 million points.
        command = [str(BIN / "surgewatch"), "replay", "--config", str(config), "--events", str(path), "--quiet",
                   "--alerts", "/dev/null"]
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertLess(usage.ru_maxrss, 150_000, "kB at its peak")


class Threads(ProgramTest):
    """What comes out does not depend on how many threads make it."""

    def outputs(self, config, events, *flags):
        files = {name: self.directory / name for name in ("alerts", "series", "rejects")}
        done = self.run_program("replay", "--config", config, "--events", events, "--quiet", *flags,
                                *(part for name, path in files.items() for part in ("--" + name, path)))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return {name: path.read_bytes() for name, path in files.items()}

    def test_one_thread_and_many_say_the_same(self):
        for scenario, says in (("steady", "rejects"), ("deepseek", "alerts")):
            for ending in ("binpb", "ndjson"):
                events = self.directory / f"{scenario}.{ending}"
                self.run_program("simulate", "--scenario", scenario, "--events", EVENTS, "--out", events, "--quiet")
                one = self.outputs(STORY, events, "--one-thread")
                self.assertTrue(one["series"])
                self.assertTrue(one[says], f"{scenario} has no {says}: nothing is compared")
                for _ in range(3):
                    many = self.outputs(STORY, events)
                    for name in one:
                        self.assertEqual(many[name], one[name], f"{scenario}.{ending}: {name}")

    def test_rejects_come_in_the_order_of_events(self):
        events = self.directory / "steady.binpb"
        self.run_program("simulate", "--scenario", "steady", "--events", EVENTS, "--out", events, "--quiet")
        offsets = [int(json.loads(line)["offset"])
                   for line in self.outputs(STORY, events)["rejects"].splitlines()]
        self.assertGreater(len(offsets), 2)
        self.assertEqual(offsets, sorted(offsets))


class Story(ProgramTest):
    """One replay of the story, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.scratch = tempfile.TemporaryDirectory(prefix="surgewatch-story-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.events = Path(cls.scratch.name) / "story.ndjson"
        cls.series = Path(cls.scratch.name) / "series.csv"
        tool = ProgramTest()
        made = tool.run_program("simulate", "--scenario", "deepseek", "--events", EVENTS, "--out", cls.events, "--quiet")
        assert made.returncode == 0, made.stderr.decode()
        findings = Path(cls.scratch.name) / "findings.ndjson"
        done = tool.run_program("replay", "--config", STORY, "--events", cls.events, "--series", cls.series, "--strict",
                                "--findings", findings)
        assert done.returncode == 0, done.stderr.decode()
        cls.output = done.stdout
        cls.alerts = alerts_of(done.stdout.decode())
        with open(cls.series, newline="") as file:
            cls.rows = list(csv.DictReader(file))
        cls.findings = [json.loads(line) for line in findings.read_text().splitlines()]

    def test_the_chips_that_reach_china_without_a_licence(self):
        """10,000 H100 and 10,000 H800, the press's figures, in 500 synthetic orders; and nothing else."""
        for rule in ("diverted-orders", "controlled-parts-without-licence"):
            chips, orders, routes = defaultdict(int), set(), set()
            for line in self.findings:
                if line["rule"] == rule:
                    chips[line["key"]["sku"]] += int(line["chips"])
                    orders.add(line["order_id"])
                    routes.add((line["key"]["declared"], line["key"]["destination"]))
            self.assertEqual(dict(chips), {"H100-SXM5-80GB": 10_000, "H800-SXM5-80GB": 10_000})
            self.assertEqual(len(orders), 500)
            self.assertEqual(routes, {("SG", "CN"), ("MY", "CN"), ("PH", "CN")})
        alert = [a for a in self.alerts if a["rule"] == "controlled-parts-without-licence"][-1]
        self.assertEqual(alert["severity"], "SEVERITY_CRITICAL")
        self.assertEqual(alert["subject"], {"destination": "CN"})
        self.assertIn("Inquire", alert["explanation"])
        self.assertNotIn("violation", json.dumps(alert))
        named = [c for c in alert["contributors"] if "order_id" in c["labels"]]
        self.assertEqual(len(named), 10)
        for order in named:
            self.assertTrue(order["labels"]["bill_to.party_id"].split("-")[1] == "SHELL", order)

    def revisions(self, rule, country):
        return [a for a in self.alerts if a["rule"] == rule and a["subject"].get("bill_to") == country]

    def largest_invoice(self, country):
        """Micros of the largest one of the headline's window; each has lines of one family."""
        largest = 0
        with open(self.events) as file:
            for line in file:
                event = json.loads(line).get("invoice")
                if not event or event["bill_to"]["country"] != country:
                    continue
                if not "2024-07-29" <= event["issue_time"] < "2024-10-28":
                    continue
                amount = 0
                for item in event["lines"]:
                    price = item["unit_price"]
                    micros = int(price.get("units", 0)) * 10**6 + int(price.get("nanos", 0)) // 1000
                    amount += int(item["quantity"]) * micros
                largest = max(largest, amount)
        return largest

    def test_singapore_since_deepseek(self):
        final = [a for a in self.revisions("singapore-since-deepseek", "SG")
                 if a["window_end"] == "2024-10-28T00:00:00Z"]
        self.assertEqual({a["timing"] for a in final}, {"TIMING_ON_TIME", "TIMING_FINAL"})
        for alert in final:
            self.assertEqual(alert["window_start"], "2024-07-29T00:00:00Z")
            self.assertEqual(alert["observed"], 7_697 * MILLION_USD)
            self.assertEqual(alert["expected"], 1_042 * MILLION_USD)
            self.assertAlmostEqual(alert["ratio"], 7.387, 3)
            self.assertAlmostEqual(alert["growth_percent"], 638.68, 2)
            self.assertEqual(alert["measure"], "revenue_usd")
            self.assertIn("7.387", alert["explanation"])
            self.assertIn("+638.7 %", alert["explanation"])
            self.assertNotIn("violation", alert["explanation"].lower())
            largest = [e["value"] for e in alert["evidence"] if e["name"] == "largest_document"]
            self.assertEqual(len(largest), 1)
            self.assertAlmostEqual(largest[0], self.largest_invoice("SG") / alert["observed"], 12)
            self.assertIn(f"The largest document is {100 * largest[0]:.1f} % of the window.", alert["explanation"])
            excess = [e["value"] for e in alert["evidence"] if e["name"] == "excess_over_total"]
            self.assertAlmostEqual(excess[0], 2.844, 3)
        self.assertEqual({a["subject"]["bill_to"] for a in self.alerts if a["rule"] == "singapore-since-deepseek"},
                         {"SG"})

    def test_surge_fires_for_singapore_when_it_jumped_and_not_for_regions_that_grew_as_the_whole_did(self):
        def quarter(time):
            return (date.fromisoformat(time[:10]) - timedelta(days=1) - date(2023, 1, 30)).days // 91 + 1

        revisions = self.revisions("regional-surge", "SG")
        self.assertEqual([quarter(a["onset_time"]) for a in revisions if a["revision"] == 1], [3, 5])
        # The second goes on through the sixth and seventh, in which it jumped again: new peaks.
        peaks = {quarter(a["window_end"]) for a in revisions if a["state"] == "ALERT_STATE_FIRING"}
        self.assertEqual(peaks, {3, 5, 6, 7})
        over = [quarter(a["window_end"]) for a in revisions
                if a["state"] == "ALERT_STATE_RESOLVED" and a["timing"] == "TIMING_ON_TIME"]
        self.assertEqual(over, [4, 8])
        self.assertEqual(self.revisions("regional-surge", "TW"), [])
        evidence = {e["name"]: e for e in self.revisions("regional-surge", "SG")[0]["evidence"]}
        self.assertIn("typical_document", evidence, "money is no count")
        self.assertLess(evidence["p_value"].get("value", 0), 0.005)

    def test_divergence_of_what_was_billed_to_singapore(self):
        at_peak = [a for a in self.revisions("billed-not-delivered-declared", "SG")]
        self.assertTrue(at_peak)
        for alert in at_peak:
            self.assertEqual(alert["severity"], "SEVERITY_INFO")
        # The quarter ended 2024-10-27, from the series themselves.
        billed = delivered = 0
        for row in self.rows:
            if row["series"] != "declared" or row["measure"] != "revenue_usd":
                continue
            if not "2024-07-29" <= row["pane_start"][:10] <= "2024-10-27":
                continue
            if row["key"].startswith("bill_to=SG;"):
                billed += int(row["value"])
                if row["key"] == "bill_to=SG;ship_to=SG":
                    delivered += int(row["value"])
        self.assertEqual(billed, 7_697 * MILLION_USD)
        anchor = next(r for r in golden("bill_to_ship_to_anchors.csv") if r["case"] == "A")
        self.assertGreaterEqual(1 - delivered / billed, float(anchor["min_divergence_of_billed"]) - 5e-5)

    def test_divergences_only_inform_and_a_typology_pages_for_them(self):
        for rule in ("billed-not-delivered-declared", "billed-not-shipped"):
            self.assertEqual({a["severity"] for a in self.alerts if a["rule"] == rule}, {"SEVERITY_INFO"})
        alerts = [a for a in self.alerts if a["rule"] == "does-not-add-up"]
        self.assertEqual({a["subject"]["region"] for a in alerts}, {"SG"})
        self.assertEqual([a["severity"] for a in alerts if a["timing"] == "TIMING_ON_TIME"],
                         ["SEVERITY_WARNING", "SEVERITY_CRITICAL"])
        for alert in alerts:
            found = {e["labels"]["rule"]: e["value"] for e in alert["evidence"] if e["name"] == "finding"}
            self.assertEqual(alert["observed"], sum(found.values()))
            self.assertLessEqual({"billed-not-delivered-declared", "billed-not-shipped"}, set(found))
            self.assertIn("Inquire: ", alert["explanation"])
        self.assertEqual(alerts[-1]["state"], "ALERT_STATE_FIRING", "it holds to the end of the story")

    def test_capacity_is_quiet_on_the_shipped_basis(self):
        self.assertEqual([a for a in self.alerts if a["rule"] == "more-than-fits"], [])

    def test_china_receives_more_by_way_of_third_countries(self):
        alerts = [a for a in self.alerts if a["rule"] == "china-by-third-countries"]
        self.assertEqual({a["subject"]["ship_to"] for a in alerts}, {"CN"})
        evidence = defaultdict(list)
        for fact in alerts[-1]["evidence"]:
            evidence[fact["name"]].append(fact)
        self.assertGreater(evidence["via"][0]["value"], evidence["direct"][0]["value"])
        self.assertEqual([fact["labels"]["ship_from"] for fact in evidence["route"]], ["SG", "PH", "MY"])

    def test_orders_say_that_they_are_synthetic(self):
        for line in self.findings:
            self.assertTrue(line["order_id"].startswith("SYNTHETIC-"), line)

    def test_share_shift(self):
        revisions = [a for a in self.revisions("share-of-revenue", "SG")
                     if a["window_end"] == "2024-10-28T00:00:00Z"]
        self.assertTrue(revisions)
        self.assertAlmostEqual(revisions[-1]["observed"], 0.2194, 4)
        self.assertAlmostEqual(revisions[-1]["expected"], 0.0771, 4)

    def test_every_region_and_quarter_is_as_reported(self):
        sums = defaultdict(int)
        for row in self.rows:
            if row["series"] == "billed" and row["measure"] == "revenue_usd":
                country = row["key"].split(";")[0].removeprefix("bill_to=")
                sums[country, row["pane_start"][:10]] += int(row["value"])
        for reported in golden("nvidia_revenue_by_billing_region.csv"):
            end = date.fromisoformat(reported["quarter_end"])
            days = [(end - timedelta(days=i)).isoformat() for i in range(91)]
            daily = [sums[reported["iso2"], day] for day in days]
            self.assertEqual(sum(daily), int(reported["revenue_musd"]) * MILLION_USD, reported)
            self.assertLessEqual(max(daily) - min(daily), 10**6, "evenly, to the dollar")

    def test_the_golden_metrics_of_singapore(self):
        total, singapore = defaultdict(int), defaultdict(int)
        for row in self.rows:
            if row["series"] == "billed" and row["measure"] == "revenue_usd":
                day = date.fromisoformat(row["pane_start"][:10])
                total[day] += int(row["value"])
                if row["key"].startswith("bill_to=SG;"):
                    singapore[day] += int(row["value"])
        for expected in golden("nvidia_singapore_expected_metrics.csv"):
            end = date.fromisoformat(expected["quarter_end"])
            days = [end - timedelta(days=i) for i in range(91)]
            sg, whole = sum(singapore[d] for d in days), sum(total[d] for d in days)
            self.assertEqual(round(100 * sg / whole, 3), float(expected["sg_share_pct"]))
            self.assertEqual(round(sg / (1_042 * MILLION_USD), 4), float(expected["sg_ratio_to_FY2024Q2"]))

    def test_rows_are_sorted_and_not_zero(self):
        keys = [(r["series"], r["pane_start"], r["key"], r["measure"]) for r in self.rows]
        self.assertEqual(keys, sorted(keys))
        self.assertNotIn("0", {r["value"] for r in self.rows})

    def test_same_seed_same_bytes_whatever_the_format(self):
        binary = self.directory / "story.binpb"
        series = self.directory / "series.csv"
        made = self.run_program("simulate", "--scenario", "deepseek", "--events", EVENTS, "--out", binary, "--quiet")
        self.assertEqual(made.returncode, 0, made.stderr)
        done = self.run_program("replay", "--config", STORY, "--events", binary, "--series", series, "--quiet")
        self.assertEqual(done.stdout, self.output)
        self.assertEqual(series.read_bytes(), self.series.read_bytes())
        self.assertEqual(done.stderr, b"")

    def test_a_pipe_does_as_well_as_a_file(self):
        done = self.run_program("replay", "--config", STORY, "--events", "-", stdin=self.events.read_bytes())
        self.assertEqual(done.stdout, self.output)


ORDERS = """
rules:
  - {name: unmatched, type: order_mismatch, deadline: 5d}
  - {name: diverted, type: order_diversion}
  - {name: many-diversions, type: threshold, series: diverted, measure: units, per: [destination], window: 28d,
     fire_at: {observed: 5}}
"""


def shipment(**changes):
    """A shipment of what invoice() bills, to China."""
    fields = {"shipment_id": "s-1", "order_id": "o-1", "despatch_time": "2024-01-11T12:00:00Z",
              "ship_to": {"country": "CN"}, "lines": [{"sku": "X", "quantity": "2"}]}
    fields.update(changes)
    return json.dumps({"shipment": {k: v for k, v in fields.items() if v is not None}})


class Orders(ProgramTest):
    """What rules find in orders: --findings, the series of their names, and alerts that name orders."""

    def replay(self, *lines):
        config = self.write("orders.yaml", ORDERS)
        events = self.write("events.ndjson", "\n".join(lines))
        findings, series = self.directory / "findings.ndjson", self.directory / "series.csv"
        done = self.run_program("replay", "--config", config, "--events", events, "--findings", findings,
                                "--series", series, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return ([json.loads(line) for line in findings.read_text().splitlines()],
                series.read_text().splitlines()[1:], alerts_of(done.stdout.decode()))

    def test_a_diversion_is_found_named_and_told(self):
        declared = {"ship_to": {"country": "MY", "party_id": "buyer"}}
        found, series, alerts = self.replay(invoice(**declared), shipment(),
                                            shipment(shipment_id="s-2", order_id="o-2", lines=[
                                                {"sku": "Y", "quantity": "9"}]),
                                            invoice(invoice_id="i-2", order_id="o-2", **declared))
        self.assertEqual(found, [
            {"rule": "diverted", "rule_type": "RULE_TYPE_ORDER_DIVERSION", "order_id": "o-1",
             "key": {"bill_to": "SG", "declared": "MY", "destination": "CN", "sku": "X"},
             "first_time": "2024-01-11T12:00:00Z", "units": "2", "chips": "2", "documents": ["i-1", "s-1"]},
            {"rule": "diverted", "rule_type": "RULE_TYPE_ORDER_DIVERSION", "order_id": "o-2",
             "key": {"bill_to": "SG", "declared": "MY", "destination": "CN", "sku": "Y"},
             "first_time": "2024-01-11T12:00:00Z", "units": "9", "chips": "9", "documents": ["i-2", "s-2"]},
            {"rule": "unmatched", "rule_type": "RULE_TYPE_ORDER_MISMATCH", "order_id": "o-2",
             "key": {"bill_to": "SG", "declared": "MY", "destination": "CN", "sku": "X", "kind": "not_shipped"},
             "first_time": "2024-01-11T12:00:00Z", "units": "2", "chips": "2", "documents": ["i-2", "s-2"]},
            {"rule": "unmatched", "rule_type": "RULE_TYPE_ORDER_MISMATCH", "order_id": "o-2",
             "key": {"bill_to": "SG", "declared": "MY", "destination": "CN", "sku": "Y", "kind": "not_billed"},
             "first_time": "2024-01-11T12:00:00Z", "units": "9", "chips": "9", "documents": ["i-2", "s-2"]}])
        key = ("bill_to=SG;declared=MY;destination=CN;family=unknown;sku=Y;control_class=unknown;"
               "bill_to.party_id=;ship_to.party_id=")
        self.assertIn(f"diverted,2024-01-11T00:00:00Z,{key},orders,1", series)
        self.assertIn(f"diverted,2024-01-11T00:00:00Z,{key},units,9", series)
        by_rule = {alert["rule"]: alert for alert in alerts if alert["state"] == "ALERT_STATE_FIRING"}
        self.assertEqual(by_rule["diverted"]["measure"], "orders")
        self.assertEqual(by_rule["diverted"]["observed"], 2)
        named = [c for c in by_rule["diverted"]["contributors"] if "order_id" in c["labels"]]
        self.assertEqual([c["labels"]["order_id"] for c in named], ["o-2", "o-1"])
        self.assertEqual([c["amount"] for c in named], [1, 1])
        self.assertEqual([c["share"] for c in named], [0.5, 0.5])
        self.assertEqual(named[0]["documents"], ["i-2", "s-2"])
        self.assertEqual(named[0]["text"], "order o-2: 9 units, 9 chips")
        self.assertEqual(by_rule["many-diversions"]["observed"], 11)
        self.assertEqual(by_rule["many-diversions"]["subject"], {"destination": "CN"})

    def test_what_a_correction_takes_back_is_gone(self):
        found, series, alerts = self.replay(
            invoice(ship_to={"country": "MY"}), shipment(),
            shipment(despatch_time="2024-02-11T12:00:00Z", shipment_id="s-9", order_id="o-9"),
            shipment(revision=2, ship_to={"country": "MY"}, despatch_time="2024-02-12T12:00:00Z"))
        self.assertFalse([line for line in found if line["rule"] == "diverted"])
        self.assertFalse([row for row in series if row.startswith("diverted,")])
        last = [alert for alert in alerts if alert["rule"] == "diverted"]
        if last:
            self.assertEqual(last[-1]["state"], "ALERT_STATE_RESOLVED")

    def test_contradictory_documents_are_bounded_and_counted(self):
        lines = [invoice(ship_to={"country": "MY"})]
        lines += [shipment(shipment_id=f"s-{i}", lines=[{"sku": "X", "quantity": "1"}]) for i in range(3000)]
        found, series, _ = self.replay(*lines)
        diverted = [line for line in found if line["rule"] == "diverted"]
        self.assertEqual(len(diverted), 1)
        units = int(diverted[0]["units"])
        self.assertTrue(200 < units < 3000, units)
        self.assertEqual(len(diverted[0]["documents"]), 16)
        self.assertIn(f",units,{units}", "\n".join(row for row in series if row.startswith("diverted,")))

    def test_rules_that_name_what_is_not_there_are_told_the_nearest(self):
        config = self.write("wrong.yaml", ORDERS.replace("series: diverted", "series: divertd"))
        done = self.run_program("validate", config)
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean 'diverted'?", done.stderr.decode())


class BadInput(ProgramTest):
    def replay(self, *lines, config=SMALL, flags=()):
        path = self.write("events.ndjson", "\n".join(lines) + "\n")
        rejects = self.directory / "rejects.ndjson"
        series = self.directory / "series.csv"
        done = self.run_program("replay", "--config", self.write("config.yaml", config), "--events", path,
                                "--rejects", rejects, "--series", series, *flags)
        self.rejects = [json.loads(line) for line in rejects.read_text().splitlines()]
        self.panes = list(csv.DictReader(io.StringIO(series.read_text())))
        return done

    def test_each_bad_event_is_rejected_with_its_reason_and_the_rest_counts(self):
        line = {"sku": "X", "quantity": "1"}
        cases = [
            ("not json", "UNDECODABLE"),
            (invoice(invoice_id=None), "MISSING_ID"),
            (invoice(issue_time=None), "MISSING_TIME"),
            (invoice(order_id=""), "MISSING_ORDER_ID"),
            (invoice(bill_to={}), "MISSING_COUNTRY"),
            (invoice(bill_to={"country": "QQ"}), "UNKNOWN_COUNTRY"),
            (invoice(lines=[]), "NO_LINES"),
            (invoice(lines=[{"quantity": "1"}]), "MISSING_SKU"),
            (invoice(lines=[{**line, "quantity": "-5"}]), "INVALID_QUANTITY"),
            (invoice(lines=[{**line, "unit_price": {"currency_code": "XTS", "units": "1"}}]), "UNKNOWN_CURRENCY"),
            (invoice(lines=[{**line, "unit_price": {"currency_code": "USD", "units": "1", "nanos": -1}}]),
             "INVALID_MONEY"),
            (invoice(type=77), "UNKNOWN_TYPE"),
            (invoice(type="CREDIT_NOTE"), "UNKNOWN_TYPE"),
            ("\ufeff" + invoice(order_id=""), "MISSING_ORDER_ID"),
            (invoice().replace('"order_id"', '"orderId": "o-2", "order_id"'), "UNDECODABLE"),
            (invoice(lines=[line, None]), "UNDECODABLE"),
            (invoice(order_id="x" * 257), "TOO_LARGE"),
            (invoice(bill_to={"country": "SG", "party_id": "x" * 257}), "TOO_LARGE"),
            (invoice(lines=[{**line, "sku": "x" * 257}]), "TOO_LARGE"),
        ]
        done = self.replay(*[case for case, _ in cases], invoice())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([r["reason"] for r in self.rejects], ["REJECT_REASON_" + reason for _, reason in cases])
        self.assertEqual([int(r.get("offset", 0)) for r in self.rejects], list(range(len(cases))))
        self.assertIn({"series": "billed", "pane_start": "2024-01-10T00:00:00Z", "key": "bill_to=SG",
                       "measure": "revenue_usd", "value": "20000000"}, self.panes)

    def test_a_time_that_windows_could_not_be_written_of_is_rejected(self):
        done = self.replay(invoice(issue_time="9999-12-31T23:59:59Z"), invoice(issue_time="0001-01-01T00:00:00Z"),
                           invoice())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([r["reason"] for r in self.rejects], ["REJECT_REASON_INVALID_TIME"] * 2)
        self.assertEqual(len(self.panes), 3)

    def test_a_clock_that_runs_a_month_ahead(self):
        events = [invoice(invoice_id=f"i-{day}", issue_time=f"2024-01-{day}T00:00:00Z") for day in range(10, 20)]
        events.insert(2, invoice(invoice_id="ahead", issue_time="2024-02-12T00:00:00Z"))

        def days(config):
            done = self.replay(*events, config=config)
            self.assertEqual(done.returncode, 0, done.stderr)
            return [r["pane_start"][:10] for r in self.panes if r["measure"] == "documents"]

        ahead = "2024-02-12"
        self.assertEqual(days(SMALL), ["2024-01-10", "2024-01-11", ahead])  # all others are late
        self.assertEqual(days(SMALL + "event_time: {outliers: 1}\n"),
                         [f"2024-01-{day}" for day in range(10, 20)] + [ahead])

    def test_strict_ends_with_one(self):
        done = self.replay("not json", flags=["--strict"])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"rejected", done.stderr)

    def test_what_counts(self):
        done = self.replay(
            invoice(), invoice(),                                                        # a duplicate
            invoice(invoice_id="i-2", revision=2, bill_to={"country": "US"}),
            invoice(invoice_id="i-2", revision=1),                                       # superseded
            invoice(invoice_id="c-1", type="INVOICE_TYPE_CREDIT_NOTE", original_invoice_id="i-1"),
            invoice(invoice_id="i-3", type="INVOICE_TYPE_CANCELLATION", lines=None),     # before its document
            invoice(invoice_id="i-3"),
            invoice(invoice_id="i-4", issue_time="2024-02-10T00:00:00Z"),
            invoice(invoice_id="i-5", issue_time="2024-02-01T00:00:00Z"))                # late
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.rejects, [])
        self.assertEqual({(r["pane_start"][:10], r["key"], r["measure"]): int(r["value"]) for r in self.panes}, {
            ("2024-01-10", "bill_to=US", "documents"): 1,
            ("2024-01-10", "bill_to=US", "revenue_usd"): 20_000_000,
            ("2024-01-10", "bill_to=US", "units"): 2,
            ("2024-02-10", "bill_to=SG", "documents"): 1,
            ("2024-02-10", "bill_to=SG", "revenue_usd"): 20_000_000,
            ("2024-02-10", "bill_to=SG", "units"): 2,
        })

    def test_the_documents_example_counts(self):
        text = (SOURCE / "docs/events.md").read_text()
        examples = [line.strip() for line in text.splitlines() if line.startswith("    {")]
        self.assertTrue(examples)
        self.assertEqual(self.replay(*examples, flags=["--strict"]).returncode, 0)

    def test_a_truncated_binary_file_gives_what_it_has(self):
        whole = self.directory / "whole.binpb"
        self.run_program("simulate", "--events", 12_000, "--out", whole, "--quiet")
        cut = self.directory / "cut.binpb"
        cut.write_bytes(whole.read_bytes()[:-3])
        rejects = self.directory / "rejects.ndjson"
        done = self.run_program("replay", "--config", STORY, "--events", cut, "--rejects", rejects)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(rejects.read_text())["reason"], "REJECT_REASON_UNDECODABLE")

    def test_what_has_no_form_in_json_is_rejected_as_it_came(self):
        seconds_of_nanos = field(5, field(2, 10**9))
        bad = [
            field(4, b"o") + seconds_of_nanos,                            # no id
            field(1, b"i") + field(3, 9) + seconds_of_nanos,              # nor such a type
            field(1, b"i") + field(4, b"o") + field(5, field(1, 2**40)),  # the year 36812
            field(1, b"i") + field(8, field(2, b"a name \xe2\x82")),      # a character cut short
            field(1, b"i\xff"),
        ]
        events = self.directory / "events.binpb"
        events.write_bytes(b"".join(varint(len(event)) + event for event in (field(1, event) for event in bad)))
        rejects = self.directory / "rejects.ndjson"
        done = self.run_program("replay", "--config", self.write("config.yaml", SMALL), "--events", events,
                                "--rejects", rejects)
        self.assertEqual(done.returncode, 0, done.stderr)
        # The summary, and nothing of the libraries'.
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        lines = [json.loads(line) for line in rejects.read_text().splitlines()]
        self.assertEqual([line["reason"].removeprefix("REJECT_REASON_") for line in lines],
                         ["MISSING_ID", "UNKNOWN_TYPE", "INVALID_TIME", "UNDECODABLE", "UNDECODABLE"])
        self.assertEqual([base64.b64decode(line["raw"]) for line in lines], bad)


if __name__ == "__main__":
    unittest.main()
