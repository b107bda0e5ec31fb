#!/usr/bin/env python3
"""Judges what a JSON Lines sink wrote by the documents it was made from.

usage: check_jsonl.py OUT DOCS

Every line is whole JSON, every marker of every good document is there exactly once, and nothing else is.
"""

import collections
import json
import sys

from documents import Documents, markers


def check(path, docs):
    """Judges; returns the verdict."""
    violations = []
    with open(path, "rb") as file:
        content = file.read()
    if content and not content.endswith(b"\n"):
        violations.append("the last line has no end")
    found = collections.Counter()
    lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            found.update(markers(json.dumps(json.loads(line))))
        except ValueError as error:
            violations.append(f"line {number} is no JSON: {error}")
    wanted = collections.Counter(Documents(docs).all_markers())
    for what, difference in {"lost": wanted - found, "doubled or foreign": found - wanted}.items():
        if difference:
            violations.append(f"{sum(difference.values())} markers {what}: {sorted(difference)[:3]}")
    return {"violations": violations, "lines": len(lines)}


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        verdict = check(*sys.argv[1:])
    except OSError as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return 2
    print(json.dumps(verdict))
    return 1 if verdict["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
