"""Writes the seeds of the fuzzers whose inputs are choices and not text: `python3 make_seeds.py`.

Each function below says in the words of its fuzzer what the seed does (journal_records.h,
published_fuzz.cc, http_fuzz.cc, property/stream.h). The seeds are in the repository, beside those
that fuzzers have found; a change of what a fuzzer reads is made here as well.
"""

import pathlib
import random
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


class Choices:
    """The other side of fuzz/bytes.h."""

    def __init__(self):
        self.bytes = b""

    def number(self, value, size):
        self.bytes += (value % (1 << (8 * size))).to_bytes(size, "little")

    def pick(self, value, low, high):
        assert low <= value <= high, (value, low, high)
        size = 1
        while (high - low) >> (8 * size):
            size += 1
        self.number(value - low, size)

    def text(self, text):
        text = text.encode() if isinstance(text, str) else text
        self.bytes += bytes([len(text)]) + text


# ---- journal ------------------------------------------------------------------------------------

COUNTRIES = ["SG", "US", "MY", "", "ZZ", "other"]
SOURCES = ["invoices/0", "invoices/1", "shipments/0", "invoices/9999"]
GENERATIONS = ["g", "another", "third"]
INPUTS_END, KEEP_ALL, FEW_KEYS, LARGEST = 1, 2, 4, 8
RULES = ["since", "excess", "surge", "money", "ramp", "share", "entity", "tree", "own", "other",
         "line", "hands", "within", "fits", "routes", "sum", "sum-of-sums", "fixed", "all"]
PAIR = {"own": 0, "progress": 1, "panes": 2, "findings": 3}
FILES = 3  # `by` of one who has no epoch, while there are less than three claims


class Journal(Choices):
    def __init__(self, flags, rules):
        super().__init__()
        self.number(flags, 1)
        self.pick(RULES.index(rules), 0, len(RULES) - 1)

    def begin(self, kind, odd):
        self.pick(kind, 0, 7)
        self.pick(odd, 0, 31)

    def partitions(self, invoices, shipments, odd, value):
        self.pick(invoices, 0, 3)
        self.pick(shipments, 0, 2)
        if odd == 6:
            self.number(value, 8)
        if odd == 7:
            self.text(value)

    def sign(self, by, odd, value):
        self.pick(by, 0, 3)
        self.whose(odd, value)

    def whose(self, odd, value):
        if odd in (1, 2, 3):
            self.number(value, 8)
        if odd == 4:
            self.text(value)

    def topology(self, invoices, shipments, odd=0, value=0):
        self.begin(0, odd)
        self.partitions(invoices, shipments, odd, value)

    def own(self, source, generation="g", topology=None, odd=0, value=0):
        self.begin(1, odd)
        self.pick(SOURCES.index(source), 0, 3)
        self.pick(GENERATIONS.index(generation), 0, 2)
        self.pick(topology is not None, 0, 1)
        if topology is not None:
            self.partitions(*topology, odd, value)
        if odd in (8, 9):
            self.number(value, 8)
        if odd == 11:
            self.text(value)
        self.whose(odd, value)

    def idle(self, source, is_idle, by=0, odd=0, value=0):
        self.begin(2, odd)
        self.pick(SOURCES.index(source), 0, 3)
        self.pick(is_idle, 0, 1)
        self.sign(by, odd, value)

    def progress(self, source, day, by=0, odd=0, value=0):
        self.begin(3, odd)
        self.pick(SOURCES.index(source), 0, 3)
        self.pick(day, 0, 255)
        if 12 <= odd <= 16:
            self.number(value, 8)
        self.sign(by, odd, value)

    def stated(self, source, invoices, shipments, by=0, odd=0, value=0):
        self.begin(4, odd)
        self.pick(SOURCES.index(source), 0, 3)
        self.partitions(invoices, shipments, odd, value)
        self.sign(by, odd, value)

    def panes(self, source, *entries, by=0, odd=0, value=0):
        """Of each entry: key, day, documents, and whether it is a correction."""
        self.begin(5, odd)
        self.pick(SOURCES.index(source), 0, 3)
        self.pick(len(entries), 0, 15)
        for key, day, documents, *correction in entries:
            for part in key:
                self.country(part)
            self.pick(day, 0, 255)
            self.pick(documents, -28, 227)
            if odd in (23, 24, 25):
                self.number(value, 8)
            if odd == 26:
                self.country(value)
            self.pick(0 if correction else 1, 0, 7)
            if odd == 27 or odd == 28:
                self.number(value, 8)
            if odd == 29:
                self.wide(value)
        if odd in (19, 20):
            self.number(value, 8)
        if odd == 21:
            self.text(value)
        self.sign(by, odd, value)

    def wide(self, highs):
        self.pick(len(highs), 4, 5)
        for high in highs:
            self.pick(high if high < 254 else 254, -1, 254)
            if high >= 254:
                self.number(high, 8)
            self.number(7, 8)

    def country(self, country):
        if country in COUNTRIES:
            self.pick(COUNTRIES.index(country), 0, 7)
        elif isinstance(country, int):
            self.pick(7, 0, 7)
            self.pick(country, 0, 4200)
        else:
            self.pick(6, 0, 7)
            self.text(country)

    def raw(self, data):
        self.pick(7, 0, 7)
        self.text(data)

    # What an owner of orders says; `odd`: which field may be anything.
    def of_pair(self, what, odd):
        self.begin(1, 30 if odd is None else 31)
        if odd is not None:
            self.pick(odd, 0, 15)
        self.pick(PAIR[what], 0, 4)

    def anything(self, odd, which, value):
        if odd == which:
            self.number(value, 8)
        return odd == which

    def sign_pair(self, by, odd, value):
        self.pick(by, 0, 3)
        self.anything(odd, 0, value)

    def own_pair(self, odd=None, value=0):
        self.of_pair("own", odd)
        self.pick(1, 0, 3)
        self.anything(odd, 1, value)

    def pair_progress(self, shipments, by=0, odd=None, value=0):
        self.of_pair("progress", odd)
        self.anything(odd, 2, value)
        if not self.anything(odd, 3, value):
            self.pick(shipments, 0, 255)
        self.anything(odd, 4, value)
        self.sign_pair(by, odd, value)

    def begin_of_pair(self, odd, value):
        self.anything(odd, 6, value)
        if odd == 7:
            self.text("others")
        self.anything(odd, 8, value)

    def found_key(self, key, odd, value):
        for part in key:
            self.country(part)
        if odd == 9:
            self.country("US")
        self.anything(odd, 10, value)

    def pair_panes(self, *entries, by=0, odd=None, value=0):
        """Of each entry: key, day, orders, units."""
        self.of_pair("panes", odd)
        self.begin_of_pair(odd, value)
        self.pick(len(entries), 0, 7)
        for key, day, orders, units in entries:
            self.found_key(key, odd, value)
            if not self.anything(odd, 11, value):
                self.pick(day, 0, 255)
            self.pick(orders, -2, 253)
            if not self.anything(odd, 12, value):
                self.pick(units, -2, 253)
        self.sign_pair(by, odd, value)

    def findings(self, *entries, by=0, odd=None, value=0):
        """Of each entry: key, order, day, units, whether it holds."""
        self.of_pair("findings", odd)
        self.begin_of_pair(odd, value)
        self.pick(len(entries), 0, 7)
        for key, order, day, units, holds in entries:
            self.found_key(key, odd, value)
            if odd == 13:
                self.text("o\n\x1b[31m")
            else:
                self.pick(order, 0, 7)
            if not self.anything(odd, 14, value):
                self.pick(day, 0, 255)
            self.pick(1 if holds else 0, 0, 3)
            if not self.anything(odd, 15, value):
                self.pick(units, 0, 255)
            self.pick(2, 0, 17)
            self.country("SG")
            self.country("MY")
        self.sign_pair(by, odd, value)

    def begin_story(self):
        """Two sources, owned."""
        self.topology(1, 1)
        self.own("invoices/0", topology=(1, 1))
        self.own("shipments/0", topology=(1, 1))
        self.panes("invoices/0", (("SG", "SG"), 0, 3))
        self.panes("shipments/0", (("SG",), 0, 3))

    def day(self, day, bills, ships=()):
        self.panes("invoices/0", *(((key, key), day, count) for key, count in bills))
        self.panes("shipments/0", *(((key,), day, count) for key, count in ships))
        self.progress("invoices/0", day + 1)
        self.progress("shipments/0", day + 1)


def journal_story():
    """A surge in one of three countries, shipped elsewhere; then it is cancelled."""
    j = Journal(INPUTS_END | KEEP_ALL, "fixed")
    j.begin_story()
    for day in range(1, 9):
        j.day(day, [("SG", 3 + day % 2), ("US", 5), ("MY", 2)], [("SG", 3), ("US", 5 + day % 2)])
    for day in range(9, 13):
        j.day(day, [("SG", 60), ("US", 5), ("", 2)], [("SG", 1), ("MY", 40), ("", 3)])
    for day in range(13, 18):
        j.day(day, [("SG", 3), ("US", 5)], [("SG", 3), ("US", 5)])
    j.panes("invoices/0", *((("SG", "SG"), day, -20, True) for day in range(10, 13)))
    j.progress("invoices/0", 19)
    j.progress("shipments/0", 200)
    j.progress("invoices/0", 200)
    return j


def journal_learned(rule):
    """The same for a rule that learns, with a country that comes late."""
    j = Journal(0, rule)
    j.begin_story()
    for day in range(1, 9):
        j.day(day, [("SG", 3 + day % 2), ("US", 5)])
    for day in range(9, 12):
        j.day(day, [("SG", 30), ("US", 5), ("MY", 4)])
    j.panes("invoices/0", (("SG", "SG"), 9, -20, True), (("SG", "SG"), 10, 9, True))
    j.progress("invoices/0", 13)
    j.progress("invoices/0", 40)
    return j


def journal_files():
    """Nobody owns anything, and the inputs end."""
    j = Journal(INPUTS_END, "surge")
    for day in range(0, 12):
        j.panes("invoices/0", (("US", "US"), day, 3), (("SG", "US"), day, 4), by=FILES)
        j.progress("invoices/0", day, by=FILES)
    j.panes("invoices/0", (("SG", "US"), 12, 90), by=FILES)
    j.idle("invoices/0", True, by=FILES)
    j.idle("invoices/0", False, by=FILES)
    j.progress("invoices/0", 13, by=FILES, odd=17)
    j.progress("shipments/0", 13, by=FILES, odd=17)
    return j


def journal_owners():
    """Generations that gather beside one another, owners who follow one another, and a word of one
    who has been followed."""
    j = Journal(0, "own")
    j.begin_story()
    for day in range(1, 12):
        j.day(day, [("SG", 4), ("US", 4)], [("SG", 4)])
    j.own("invoices/0", "another", topology=(2, 1))
    j.panes("invoices/0", (("SG", "SG"), 3, 9), (("MY", "US"), 4, 9))
    j.progress("invoices/0", 5, by=1)  # he does not know yet
    j.panes("invoices/0", (("SG", "SG"), 5, 100), (("SG", "SG"), 4, 3, True))
    j.progress("invoices/0", 12)
    j.own("shipments/0", "another")
    j.progress("shipments/0", 12)
    for name in ("third", "g", "another"):
        j.own("invoices/1", name, topology=(2, 1))
        j.idle("invoices/1", True)
        j.idle("invoices/1", True, by=1)
    for name in ("a", "b", "c", "d", "e"):
        for source in ("invoices/0", "invoices/1", "shipments/0"):
            j.own(source, odd=11, value=name + source)
            j.idle(source, False)
    for _ in range(10):  # claims without a word
        j.own("invoices/0")
    j.idle("invoices/0", False)
    j.stated("invoices/0", 3, 1)
    j.topology(3, 2)
    j.stated("invoices/0", 1, 1, by=3)
    return j


def journal_pairs():
    """What is found in orders, by one owner and by the next; then each of what can't be."""
    j = Journal(0, "since")
    j.begin_story()
    j.own_pair()
    key = ("SG", "MY", "US", "other", "ZZ", "", "SG", "")
    for day in range(1, 9):
        j.pair_panes((key, day, 3 * day, 20 * day), (key[::-1], day, 1, 9))
        j.findings((key, day % 8, day, 20, True), (key, (day + 5) % 8, day - 1, 20, False))
        j.pair_progress(day)
        j.day(day, [("SG", 4), ("US", 4)], [("SG", 4)])
    j.own_pair()
    j.pair_panes((key, 3, 40, 200))
    j.pair_progress(5, by=1)
    j.pair_progress(250)
    for value in (1 << 62, -1, 7):
        for odd in (6, 7, 8, 9, 10, 11, 12, 0):
            j.pair_panes((key, 4, 50, 100), odd=odd, value=value)
        for odd in (6, 7, 8, 9, 10, 13, 14, 15):
            j.findings((key, 1, 4, 100, True), odd=odd, value=value)
        for odd in (2, 3, 4, 5):
            j.pair_progress(100, odd=odd, value=value)
        j.own_pair(odd=1, value=value)
    j.progress("invoices/0", 40)
    j.progress("shipments/0", 40)
    return j


def journal_refused():
    """Each of what can't be."""
    j = Journal(FEW_KEYS, "since")
    j.begin_story()
    huge, sg = 1 << 62, (("SG", "US"), 1, 3)
    for odd, value in ((1, huge), (2, 7), (3, 1 << 31), (4, "orders\n\x1b[31m"), (5, 0),
                       (12, huge), (13, huge), (14, -huge), (15, -1), (17, 0)):
        j.progress("invoices/0", 2, odd=odd, value=value)
    for odd, value in ((19, huge), (20, 7), (21, "others"), (22, 0), (23, huge), (24, huge),
                       (25, huge), (26, "US"), (27, 9), (29, [0, 1, 2, huge, 0]),
                       (29, [0, 0, 0, 0])):
        j.panes("invoices/0", sg, odd=odd, value=value)
        j.panes("invoices/0", sg + (True,), odd=odd, value=value)
    j.panes("invoices/0", ((4200, "US"), 1, 3), (("\x1b]0;x\x07\u202e", "US"), 1, 3))
    j.panes("shipments/0", (("US",), 1, 3), odd=21, value="billed")
    for odd, value in ((8, -1), (9, 7), (10, 0)):
        j.own("invoices/0", odd=odd, value=value)
    j.own("invoices/0", topology=(1, 1), odd=7, value="orders")
    j.own("invoices/9999")
    j.idle("invoices/9999", True)
    j.idle("invoices/1", True)
    j.topology(3, 2)
    j.topology(1, 1, odd=6, value=-5)
    j.topology(1, 1, odd=7, value="orders")
    j.raw(b"\xff\xff")
    j.raw(b"")
    j.raw(b"\x0a\x0a\x0a\x08invoices\x1a\x02\x08\x01")
    j.day(2, [("SG", 3)])
    return j


def journal_halves():
    """What is refused between two batches of a flush; nothing is judged because of it."""
    j = Journal(INPUTS_END, "since")
    j.begin_story()
    for day in range(1, 12):
        j.day(day, [("SG", 4), ("US", 4)])
    j.day(12, [("SG", 200)])
    j.panes("invoices/0", (("SG", "SG"), 9, 100), (("SG", "SG"), 10, 100, True))
    j.progress("invoices/0", 13, odd=5)
    j.idle("invoices/9999", False)
    j.own("invoices/0")
    j.panes("invoices/0", (("SG", "SG"), 9, 4), (("SG", "SG"), 10, -28, True), by=1)
    j.idle("invoices/0", False, by=2)
    j.progress("invoices/0", 13, by=1)
    return j


def journal_wide():
    """Sums beyond 64 bits, with the largest document; more keys than there is room for; keys that
    go when nothing is left of them, and long silence."""
    j = Journal(FEW_KEYS | LARGEST, "excess")
    j.begin_story()
    for day in range(1, 5):
        j.panes("invoices/0", (("SG", "US"), day, 5), odd=29, value=[0, 3, 1, 253, -1])
        j.panes("invoices/0", (("SG", "US"), day, 5), (("SG", "US"), day, 5, True),
                odd=29, value=[-1, 3, 0, 2, 0])
        j.panes("invoices/0", (("US", "US"), day, 5), odd=28, value=5)
        j.panes("invoices/0", (("US", "US"), day, 4), odd=28, value=-2)
        j.panes("invoices/0", (("MY", "US"), day, 5), (("MY", "SG"), day, 5), (("ZZ", ""), day, 5))
        j.progress("invoices/0", day)
    j.own("invoices/0", "another")
    j.panes("invoices/0", (("SG", "US"), 3, 5), odd=29, value=[1, 0, 0, 1, 0])
    j.progress("invoices/0", 4)
    j.panes("invoices/0", (("MY", "US"), 4, 0), (("MY", "SG"), 4, 0))
    for day in (90, 91, 180, 181, 250, 251):
        j.panes("invoices/0", (("SG", "MY"), day, 5), (("SG", "MY"), day - 30, 5))
        j.panes("shipments/0", (("MY",), day, 5))
        j.progress("invoices/0", day)
        j.progress("shipments/0", day)
    return j


# ---- published ----------------------------------------------------------------------------------

NO_HEADER, IDENTITY, ANOTHER, SOME_IDENTITY, JOURNAL = range(5)
LOADED = 15


class Published(Choices):
    def __init__(self, flags=1):
        super().__init__()
        self.number(flags, 1)

    def begin(self, kind, header, text, loaded):
        self.pick(LOADED if loaded else 0, 0, 15)
        self.pick(kind, 0, 6)
        self.pick(header, 0, 7)
        if header in (SOME_IDENTITY, JOURNAL):
            self.text(text)

    def id(self, number):
        if isinstance(number, int):
            self.pick(number, 0, 4)
        else:
            self.pick(4, 0, 4)
            self.text(number)

    def time(self, day):
        self.pick(day, 0, 255)

    def odd_time(self, seconds, nanos):
        self.number(seconds, 8)
        self.number(nanos, 4)

    def figure(self, value, is_odd):
        if is_odd:
            self.bytes += struct.pack("<d", value)
        else:
            self.pick(7, 0, 255)

    def alert(self, number, state=1, odd=0, value=0, header=IDENTITY, text="", loaded=False):
        self.begin(0, header, text, loaded)
        self.id(number)
        self.pick(odd, 0, 31)
        if odd == 1:
            self.number(value, 4)
        if odd == 2:
            self.text(value)
        if odd in (3, 4):
            self.number(value, 4)
        if odd == 5:
            self.number(value, 4)
        else:
            self.pick(state, 1, 2)
        if odd in (6, 7):
            self.number(value, 4)
        if odd == 8:
            self.text(value)
        self.subject(odd, value)
        for which in (9, 10, 11):
            if odd == which:
                self.odd_time(*value)
            else:
                self.time(which)
        for which in (12, 13, 14, 15):
            self.figure(value, odd == which)
        if odd == 16:
            self.text(value[0])
            self.pick(value[1], 1, 10_000)
        if odd == 17:
            for part in value[:2]:
                self.text(part)
            self.figure(1.5, True)
            for part in value[2:]:
                self.text(part)
        if odd == 18:
            self.number(value, 4)
        if odd == 19:
            self.odd_time(*value)
        if odd == 20:
            self.figure(value, True)
        if odd in (21, 22):
            self.text(value)

    def subject(self, odd, value):
        if odd == 23:
            self.text(value)
        if odd == 24:
            self.text(value)
        else:
            self.pick(0, 0, 2)

    def point(self, odd=0, value=0, loaded=False):
        self.begin(5, NO_HEADER, "", loaded)
        self.pick(odd, 0, 31)
        if odd in (2, 3, 8):
            self.text(value)
        self.subject(odd, value)
        for which in (10, 11):
            if odd == which:
                self.odd_time(*value)
            else:
                self.time(which)
        self.figure(value, odd == 12)
        self.pick(1, 0, 1)
        self.figure(value, odd == 13)
        if odd == 14:
            self.figure(value, True)
        if odd == 18:
            self.number(value, 4)

    def raw(self, number, data):
        self.begin(2, NO_HEADER, "", False)
        self.id(number)
        self.text(data)

    def tombstone(self, number):
        self.begin(3, NO_HEADER, "", False)
        self.id(number)

    def empty(self, number):
        self.begin(4, NO_HEADER, "", False)
        self.id(number)

    def raw_point(self, data):
        self.begin(6, NO_HEADER, "", False)
        self.text(data)


HOSTILE = "a\nb\x1b[31m\u202e\x00\"=,;\\é"


def published_life():
    """Alerts come, are told again, resolve and go."""
    p = Published()
    for number in range(3):
        p.alert(number)
    p.point()
    p.point(loaded=True)
    p.alert(0, state=2)
    p.alert(1)
    p.tombstone(2)
    p.alert("al-9", header=ANOTHER)
    p.alert(3)
    return p


def published_refused():
    """What is no alert and no point."""
    p = Published()
    p.alert(0)
    p.raw(0, b"\xff\xff")
    p.raw(1, b"")
    for number in (0, 1, (1 << 31) - 1, -1, 1 << 30, 900, 2):
        p.alert(2, odd=1, value=number)
    for odd in (9, 10, 11, 19):
        p.alert(1, odd=odd, value=(1 << 62, 5))
        p.alert(1, odd=odd, value=(1_700_000_000, -1))
    p.alert(1, odd=21, value="another")
    p.alert("", odd=0)
    p.alert("x" * 255, odd=0)
    p.alert(3, odd=16, value=("x" * 200, 3_000))
    p.point(odd=11, value=(-(1 << 62), 5))
    p.raw_point(b"\x0a\x02\xff\xff")
    p.raw_point(b"")
    p.alert(3)
    p.empty(3)
    return p


def published_hostile():
    """Texts that would forge lines, turn them or break tables; figures that are none."""
    p = Published()
    for odd in (2, 8, 22, 23, 24):
        p.alert(1, odd=odd, value=HOSTILE)
    p.alert(2, odd=16, value=(HOSTILE, 20))
    p.alert(3, odd=17, value=(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    p.alert(HOSTILE)
    for odd in (12, 13, 14, 15, 20):
        p.alert(3, odd=odd, value=float("nan"))
        p.alert(3, odd=odd, value=float("-inf"))
    for odd in (3, 4, 5, 6, 7, 18):
        p.alert(0, odd=odd, value=77)
        p.alert(0, odd=odd, value=-1)
    for odd in (2, 3, 8, 23, 24):
        p.point(odd=odd, value=HOSTILE)
    for odd in (12, 13, 14):
        p.point(odd=odd, value=float("inf"))
    p.point(odd=18, value=-1, loaded=True)
    p.alert(0, header=SOME_IDENTITY, text="0123456789abcdeg")
    p.alert(0, header=JOURNAL, text=HOSTILE)
    return p


# ---- HTTP ---------------------------------------------------------------------------------------

def request(line, *fields, body=""):
    return "\r\n".join((line, *fields, "", body))


def get(target, *fields):
    return request(f"GET {target} HTTP/1.1", "Host: localhost", *fields)


HTTP = {
    "page": get("/", "Accept-Encoding: br, gzip;q=0.5") + get("/", 'If-None-Match: "x"')
    + get("/app.js", "Accept-Encoding: gzip;q=0") + get("/app.js", "Accept-Encoding: gzip;q=x"),
    "health": get("/-/healthy") + get("/-/ready") + get("/nothing") + get("/metrics"),
    "alerts": get("/api/v1/alerts?severity=warning&region=SG&limit=1") + get("/api/v1/alerts/al-1")
    + get("/api/v1/alerts/none") + get("/api/v1/nothing") + get("/api/v1/rules"),
    "series": get("/api/v1/series?rule=rule-of-SG&bill_to=SG&from=1970-01-01&to=1970-01-03T00:00:00Z"
                  "&step=86400&limit=10") + get("/api/v1/series?from=x&limit=0"),
    "stream": get("/api/v1/stream", "Accept: text/event-stream") + get("/api/v1/stream?from=x")
    + get("/api/v1/stream?points=false", "Last-Event-ID: cjE6Nzpm")
    + request("HEAD /api/v1/stream HTTP/1.1") + get("/api/v1/stream?from=cjI6NTo3OjE6MA"),
    "methods": request("POST /api/v1/alerts HTTP/1.1", "Content-Length: 3", body="a=b")
    + request("BREW /pot HTTP/1.0", "Connection: keep-alive") + request("OPTIONS * HTTP/1.1"),
    "continue": request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 20",
                        body="twenty bytes of body") + get("/"),
    "escapes": get("http://host:80/a%20b?x=%41+c&&=&y#z") + get("/%e2%80%ae%00%0d%0a?%ff=%1b"),
    "bad_escape": get("/%4"),
    "bad_parameter": get("/?a=%zz"),
    "bad_name": get("/?%z"),
    "answers": get("/throws") + get("/throws?a=b") + get("/busy"),
    "chunked": request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body="0\r\n\r\n"),
    "long_body": request("POST / HTTP/1.1", "Content-Length: 65537"),
    "no_request": "\r\n\r\nnothing\r\n\r\n",
    "no_host_end": "GET / HTTP/1.1\r\nx: y",
    "empty_lines": "\r\n\r\n\r\n",
}


def write(folder, name, data):
    path = CORPUS / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)


def main():
    for function in (journal_story, journal_files, journal_owners, journal_pairs, journal_refused,
                     journal_halves, journal_wide,
                     published_life, published_refused, published_hostile):
        folder, name = function.__name__.split("_")
        write(folder, name, function().bytes)
    for rule in ("surge", "ramp", "share", "entity", "tree"):
        write("journal", f"learned_{rule}", journal_learned(rule).bytes)
    for name, text in HTTP.items():
        write("http", name, b"\x06" + text.encode())
    write("http", "long_head", b"?" + get("/", *["x: " + 90 * "y"] * 190).encode())
    write("http", "long_line", b"?" + get("/" + 16_500 * "y").encode())
    write("http", "long_target", b"?" + get("/" + 8_200 * "y").encode())
    for number in range(8):  # each byte is a choice: see property/stream.h
        write("core", f"random_{number}",
              bytes([number]) + random.Random(number).randbytes(3_000))


if __name__ == "__main__":
    main()
