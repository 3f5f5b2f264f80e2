"""`replay --series` against a sequential reference: a map and a loop in another language, over random streams of
duplicates, revisions in any order, cancellations first, credit notes and late events."""

import csv
import json
import random
import sys
import unittest
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import ProgramTest  # noqa: E402

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
DISORDER, LATENESS = timedelta(hours=1), timedelta(days=3)
CONFIG = """
event_time: {out_of_orderness: 1h, allowed_lateness: 3d, correction_horizon: 120d}
series:
  - {name: billed, event: invoice, group_by: [bill_to, sku], measures: [documents, units, revenue_usd], pane: 1d}
  - {name: shipped, event: shipment, group_by: [ship_to], measures: [documents, units, chips], pane: 6h}
"""
KINDS = {  # series, event's field, id, time, country's party, the type that subtracts, the type that cancels
    "invoice": ("billed", "invoice_id", "issue_time", "bill_to", "INVOICE_TYPE_CREDIT_NOTE", "INVOICE_TYPE_CANCELLATION"),
    "shipment": ("shipped", "shipment_id", "despatch_time", "ship_to", "SHIPMENT_TYPE_RETURN",
                 "SHIPMENT_TYPE_CANCELLATION"),
}
PANE = {"invoice": timedelta(days=1), "shipment": timedelta(hours=6)}


def random_stream(seed, events):
    """Dicts with kind, id, revision, sign, cancels, time, country, lines of (sku, quantity, dollars)."""
    rng = random.Random(seed)
    stream, now = [], START
    for number in range(events):
        now += timedelta(minutes=rng.randrange(0, 240))
        roll = rng.random()
        if stream and roll < 0.08:
            stream.append(dict(rng.choice(stream[-60:])))  # sent again
            continue
        event = {"kind": rng.choice(list(KINDS)), "id": f"d{number}", "revision": rng.randrange(0, 3), "sign": 1,
                 "cancels": False, "time": now - timedelta(minutes=rng.choice([0, 0, 5, 59, 600, 6000])),
                 "country": rng.choice(["SG", "US", "TW"]),
                 "lines": [(rng.choice("AB"), rng.randrange(1, 9), rng.randrange(0, 1000))
                           for _ in range(rng.randrange(1, 4))]}
        if stream and roll < 0.3:  # another revision, lower or higher, of something known or yet to come
            event["id"] = rng.choice([rng.choice(stream[-200:])["id"], f"d{number + rng.randrange(1, 9)}"])
            event["revision"] = rng.randrange(0, 5)
        event["sign"] = -1 if rng.random() < 0.15 else 1
        event["cancels"] = rng.random() < 0.08
        stream.append(event)
    return stream


def as_json(event):
    _, id_field, time_field, party, subtracts, cancels = KINDS[event["kind"]]
    body = {id_field: event["id"], "revision": event["revision"], "order_id": "o",
            time_field: event["time"].strftime("%Y-%m-%dT%H:%M:%SZ"), party: {"country": event["country"]},
            "lines": [{"sku": sku, "quantity": str(quantity),
                       **({"unit_price": {"currency_code": "USD", "units": str(dollars)}}
                          if event["kind"] == "invoice" else {})}
                      for sku, quantity, dollars in event["lines"]]}
    if event["cancels"]:
        body["type"] = cancels
    elif event["sign"] < 0:
        body["type"] = subtracts
    return json.dumps({event["kind"]: body})


def contribution(event):
    """What a document adds: {(pane, key, measure): value}."""
    series, _, _, party, _, _ = KINDS[event["kind"]]
    length = PANE[event["kind"]]
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    pane = epoch + (event["time"] - epoch) // length * length
    sums, sign = defaultdict(int), event["sign"]
    for sku, quantity, dollars in event["lines"]:
        key = f"{party}={event['country']}" + (f";sku={sku}" if event["kind"] == "invoice" else "")
        at = (series, pane.strftime("%Y-%m-%dT%H:%M:%SZ"), key)
        sums[*at, "documents"] = sign
        sums[*at, "units"] += sign * quantity
        if event["kind"] == "invoice":
            sums[*at, "revenue_usd"] += sign * quantity * dollars * 10**6
        else:
            sums[*at, "chips"] += sign * quantity
    return sums


def reference(stream):
    """The panes of a stream, and how many events were late and how many duplicates."""
    totals, late, duplicates = defaultdict(int), 0, 0
    highest, documents = {}, {}
    for event in stream:
        kind = event["kind"]
        if kind in highest and event["time"] < highest[kind] - DISORDER - LATENESS:
            late += 1
            continue
        highest[kind] = max(highest.get(kind, event["time"]), event["time"])
        document = documents.setdefault((kind, event["id"]), {"seen": set(), "revision": None, "cancelled": False,
                                                              "counted": {}})
        mark = (event["revision"], event["cancels"])
        if mark in document["seen"]:
            duplicates += 1
            continue
        document["seen"].add(mark)
        if document["cancelled"]:
            continue
        if event["cancels"]:
            document["cancelled"], counted = True, {}
        elif document["revision"] is not None and event["revision"] < document["revision"]:
            continue
        else:
            document["revision"], counted = event["revision"], contribution(event)
        for at, value in document["counted"].items():
            totals[at] -= value
        for at, value in counted.items():
            totals[at] += value
        document["counted"] = counted
    return {at: value for at, value in totals.items() if value}, late, duplicates


class Reference(ProgramTest):
    def test_random_streams_give_the_same_panes(self):
        config = self.write("config.yaml", CONFIG)
        seen_late = seen_duplicates = 0
        for seed in range(40):
            with self.subTest(seed=seed):
                stream = random_stream(seed, 600)
                expected, late, duplicates = reference(stream)
                events = self.write("events.ndjson", "".join(as_json(event) + "\n" for event in stream))
                series = self.directory / "series.csv"
                done = self.run_program("replay", "--config", config, "--events", events, "--series", series, "--strict")
                self.assertEqual(done.returncode, 0, done.stderr)
                with open(series, newline="") as file:
                    actual = {(r["series"], r["pane_start"], r["key"], r["measure"]): int(r["value"])
                              for r in csv.DictReader(file)}
                self.assertEqual(actual, expected)
                self.assertIn(f"{duplicates} duplicate, {late} late", done.stderr.decode())
                seen_late += late
                seen_duplicates += duplicates
        self.assertGreater(min(seen_late, seen_duplicates), 100, "the streams are too tame to show anything")


if __name__ == "__main__":
    unittest.main()
