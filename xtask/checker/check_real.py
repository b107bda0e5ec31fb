#!/usr/bin/env python3
"""Judges the vectors of a store by asking the server they came from again, one text at a time.

usage: check_real.py STORE URL MODEL [--texts 24]      the key is in OPENAI_API_KEY

Takes some chunks of the store, asks for the vector of each text alone, and demands that of all vectors in the store the
nearest is the one the chunk points to, and that it is the same but for rounding: a batch that was answered in another
order, or read wrongly, would show. Prints a line of JSON; exits 1 if anything is wrong, 2 if it cannot judge.
"""

import argparse
import json
import math
import os
import sqlite3
import struct
import sys
import urllib.request

from check_store import Store

# Servers compute a text in a batch with other roundings than alone.
SAME = 0.999


def ask(url, model, text):
    """The vector of one text, as numbers."""
    body = json.dumps({"model": model, "input": text, "encoding_format": "float"}).encode()
    request = urllib.request.Request(f"{url}/embeddings", body, {"content-type": "application/json"})
    request.add_header("authorization", f"Bearer {os.environ.get('OPENAI_API_KEY', '')}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"][0]["embedding"]


def unit(vector):
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def near(a, b):
    return sum(x * y for x, y in zip(a, b))


def check(options):
    """Judges; returns the verdict."""
    store, violations = Store(options.store), []
    try:
        rows = store.rows("SELECT id, vector FROM journal")
        chunks = store.rows("SELECT vector, text FROM chunk WHERE heading IN ('', '[]') ORDER BY id")
    finally:
        store.close()
    vectors = {row: unit(struct.unpack(f"<{len(blob) // 4}f", blob)) for row, blob in rows}
    chosen = chunks[:: max(1, len(chunks) // options.texts)]
    for row, text in chosen:
        told = unit(ask(options.url, options.model, text))
        best = max(vectors, key=lambda other: near(vectors[other], told))
        if best != row:
            violations.append(f"the vector of another text is nearer to {text[:40]!r} than its own")
        if near(vectors[row], told) < SAME:
            violations.append(f"the vector of {text[:40]!r} is not what the server says: {near(vectors[row], told):.4f}")
    if not chosen:
        violations.append("there are no chunks")
    return {"violations": violations, "vectors": len(vectors), "asked": len(chosen)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("store", "url", "model"):
        parser.add_argument(name)
    parser.add_argument("--texts", type=int, default=24)
    try:
        judged = check(parser.parse_args())
    except (OSError, sqlite3.Error) as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return 2
    print(json.dumps(judged))
    return 1 if judged["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
