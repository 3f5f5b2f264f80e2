"""The strings of hostile.json for tests in Python, and what a test asks of text that people see."""

import json
import unicodedata
from pathlib import Path


def hostile_texts():
    """Pairs of what it is and its bytes."""
    entries = json.loads((Path(__file__).parent / "hostile.json").read_text())
    return [(entry["what"], (bytes.fromhex(entry["bytes"]) if "bytes" in entry else entry["text"].encode())
             * entry.get("times", 1)) for entry in entries]


def hostile_utf8():
    """Those that are text, as text."""
    texts = []
    for what, raw in hostile_texts():
        try:
            texts.append((what, raw.decode()))
        except UnicodeDecodeError:
            continue
    return texts


def hidden_in(text):
    """The characters that control, format or separate."""
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")})


def unescaped(shown):
    """What lib/base/printable.h was given, of what it did not cut."""
    named = {"n": "\n", "r": "\r", "t": "\t"}
    digits = {"x": 2, "u": 4, "U": 8}
    raw, i = b"", 0
    while i < len(shown):
        kind = shown[i + 1:i + 2] if shown[i] == "\\" else ""
        if kind in digits:
            end = i + 2 + digits[kind]
            number = int(shown[i + 2:end], 16)
            raw += bytes([number]) if kind == "x" else chr(number).encode()
            i = end
        else:
            raw += (named.get(kind, kind) if kind else shown[i]).encode()
            i += 2 if kind else 1
    return raw
