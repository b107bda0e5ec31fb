#!/usr/bin/env python3
"""Judges what was made of a web of documents, by the log of its servers and by the store.

usage: check_web.py FOLDER STORE [bounds]

FOLDER holds world.json (what the documents are), urls.jsonl (what was listed) and log.jsonl (what the servers were
asked). Nothing here asks the caller for an opinion: what each document should have become is worked out again.

    --from N          judge requests from line N of the log on; those before are another run's
    --changed-only    bytes were sent only of documents that changed since state 1, and of those without a mark
    --resent-at-most N  documents with a mark whose bytes were sent again although they had been sent whole
    --at-once N       requests that one site worked on at the same time
    --stored-or-less  the run was killed: what is there must be right, and may lack anything

Prints a line of JSON; exits 1 if anything is wrong.
"""

import argparse
import collections
import json
import os
import sqlite3
import sys

from web import mark

# What becomes of a document of each kind that is not to be stored.
CLASSES = {
    "home": {"forbidden", "malformed"}, "large": {"too_large"}, "endless": {"too_large"}, "closed": {"unreadable"},
    "broken": {"unreadable", "refused"}, "dead": {"unreadable"},
}
UNMARKED = {"plain", "large", "endless"}


def stored(store):
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    texts = collections.defaultdict(str)
    for uri, text in connection.execute(
        "SELECT s.uri, c.text FROM source s JOIN chunk c ON c.doc = s.id ORDER BY s.id, c.ordinal"
    ):
        texts[uri.split("#", 1)[1]] += " " + text
    rows = {uri.split("#", 1)[1]: meta for uri, meta in connection.execute("SELECT uri, meta FROM source")}
    aside = {uri.split("#", 1)[1]: kind for uri, kind in connection.execute("SELECT uri, class FROM quarantine")}
    return rows, texts, aside


def outcomes(world, listed, store, partial):
    """What is wrong with the store."""
    rows, texts, aside = stored(store)
    wrong = []
    for name, document in world.items():
        kind, state = document["kind"], document["state"]
        good = name in listed and kind not in CLASSES and not document["gone"]
        if name in rows:
            words = texts[name].split()
            marks = {word for word in words if word.startswith("mark")}
            allowed = {mark(name, state)} | ({mark(name, 1)} if partial else set())
            if not good and not partial:
                wrong.append(f"{name} ({kind}) is stored")
            elif not marks or not marks <= allowed or len(marks) > 1:
                wrong.append(f"{name} holds {sorted(marks)}, not {sorted(allowed)}")
            elif json.loads(rows[name]).get("kind") != kind:
                wrong.append(f"{name} has lost what its line says of it")
        elif good and not partial:
            wrong.append(f"{name} ({kind}) is not stored: {aside.get(name)}")
        if name in aside and (good or aside[name] not in CLASSES.get(kind, ())) and not partial:
            wrong.append(f"{name} ({kind}) was put aside as {aside[name]}")
        if name in listed and kind in CLASSES and name not in aside and not partial:
            wrong.append(f"{name} ({kind}) is not accounted for")
    wrong += [f"{name} is stored, and there is no such document" for name in set(rows) - set(world)]
    return wrong, len(rows), len(aside)


def sends(world, lines, options):
    """What is wrong with what was sent."""
    by_path = {document["path"]: document for document in world.values()}
    wrong, whole, again = [], collections.Counter(), 0
    for line in lines:
        path = line["path"].replace("/there/", "/moved/")
        document = by_path.get(path)
        if document is None:
            wrong.append(f"{line['method']} {line['path']} was asked for, which no list names")
            continue
        if line["method"] != "GET" or line["status"] not in (200, 206) or not line["sent"]:
            continue
        kind = document["kind"]
        # What the system takes in on both sides is never read.
        if kind == "endless" and line["sent"] > 20_000_000:
            wrong.append(f"{path} sent {line['sent']} bytes before anybody stopped it")
        if options.changed_only and document["state"] == 1 and kind not in UNMARKED:
            wrong.append(f"{path} ({kind}) was sent again, and had not changed")
        if kind in UNMARKED or (kind == "cut" and line["status"] == 200):
            continue
        whole[path] += 1
        again += whole[path] > 1
    if again > options.resent_at_most:
        wrong.append(f"{again} documents were sent again, more than {options.resent_at_most}")
    return wrong, sum(whole.values()), again


def crowd(lines):
    """The most requests at once on one site; questions whether it is alive (HEAD) are not of its lane."""
    most, sites = 0, collections.defaultdict(list)
    for line in lines:
        if line["method"] == "GET":
            # A request ends for its sender a moment before the server writes that down.
            sites[line["site"]] += [(line["begin"], 1), (max(line["begin"], line["end"] - 0.005), -1)]
    for moments in sites.values():
        now = 0
        for _, step in sorted(moments):
            now += step
            most = max(most, now)
    return most


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("store")
    parser.add_argument("--from", dest="start", type=int, default=0)
    parser.add_argument("--changed-only", action="store_true")
    parser.add_argument("--resent-at-most", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=0)
    parser.add_argument("--stored-or-less", action="store_true")
    options = parser.parse_args()
    with open(os.path.join(options.folder, "world.json")) as file:
        world = {document["id"]: document for document in json.load(file)["documents"]}
    with open(os.path.join(options.folder, "urls.jsonl")) as file:
        listed = {json.loads(line)["id"] for line in file}
    with open(os.path.join(options.folder, "log.jsonl")) as file:
        lines = [json.loads(line) for line in file][options.start:]
    wrong, rows, aside = outcomes(world, listed, options.store, options.stored_or_less)
    bad, sent, again = sends(world, lines, options)
    wrong += bad
    most = crowd(lines)
    if options.at_once and most > options.at_once:
        wrong.append(f"{most} requests at once to one site, more than {options.at_once}")
    told = {"requests": len(lines), "sent": sent, "sent_again": again, "at_once": most, "stored": rows, "aside": aside}
    print(json.dumps(told))
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
