#!/usr/bin/env python3
"""Judges what was made of a bucket, by the bucket itself, by the requests that were passed on, and by the store.

usage: check_bucket.py FOLDER STORE SERVICE UPSTREAM [bounds]

FOLDER is that of bucket.py. Nothing here asks the caller for an opinion: the bucket is listed again, and what each
object holds is worked out again.

    --stored-or-less    the run was killed: what is there must be right, and may lack anything
    --from N            judge requests from line N of the log on; those before are another run's
    --read-exactly F    the objects that were read are those in this file, a JSON list
    --read-again N      objects that were read more than once, at most

Prints a line of JSON; exits 1 if anything is wrong.
"""

import argparse
import collections
import hashlib
import json
import os
import re
import sqlite3
import sys
import urllib.parse
import xml.etree.ElementTree

from bucket import MARKS, Upstream, content, mark, switched


def listed(service, authority):
    """Names and entity tags, page by page."""
    upstream, found, token = Upstream(service, authority), {}, None
    while True:
        if service == "azure":
            query = "restype=container&comp=list" + (f"&marker={urllib.parse.quote(token)}" if token else "")
        else:
            query = "list-type=2" + (f"&continuation-token={urllib.parse.quote(token)}" if token else "")
        status, said = upstream.send("GET", query=query)
        assert status == 200, (status, said)
        root = xml.etree.ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", said, count=1).lstrip(b"\xef\xbb\xbf"))
        rows = root.iter("Blob") if service == "azure" else root.iter("Contents")
        for row in rows:
            name = row.findtext("Name") or row.findtext("Key")
            found[name] = (row.findtext("ETag") or row.findtext("Properties/Etag") or "").strip('"')
        token = root.findtext("NextMarker") or root.findtext("NextContinuationToken")
        if not token:
            return found


def stored(store):
    """The text of each document by its name, those that are there more than once, and how many are put aside."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    name = lambda uri: urllib.parse.unquote(uri.split("://", 1)[1].split("/", 1)[1])
    times = collections.Counter(name(uri) for (uri,) in connection.execute("SELECT uri FROM source"))
    texts = {name: "" for name in times}
    for uri, text in connection.execute(
        "SELECT s.uri, c.text FROM source s JOIN chunk c ON c.doc = s.id ORDER BY s.id, c.ordinal"
    ):
        texts[name(uri)] += " " + text
    doubled = [name for name, count in times.items() if count > 1]
    aside = connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    connection.close()
    return texts, doubled, aside


def outcomes(options, world, states, bucket):
    """What is wrong with the store, beside names and entity tags of what is in the bucket."""
    texts, doubled, aside = stored(options.store)
    wrong = [f"{name} is stored more than once" for name in doubled]
    wrong += [f"{name} is in the bucket, or is not, against what was put there" for name in set(bucket) ^ set(world)]
    for name in set(bucket) & set(world) if options.service != "azure" else ():
        held = content(name, states[name], world[name]["size"])
        if bucket[name] != hashlib.md5(held).hexdigest():
            wrong.append(f"{name} is not in state {states[name]} in the bucket")
    for name, text in texts.items():
        marks = [word for word in text.split() if word.startswith("mark")]
        found = set(marks)
        if name not in bucket:
            if not options.stored_or_less:
                wrong.append(f"{name} is stored and not in the bucket")
        elif len(found) != 1:
            wrong.append(f"{name} holds {sorted(found)}: parts of several states, or nothing")
        elif len(marks) != MARKS:
            wrong.append(f"{name} holds its mark {len(marks)} times instead of {MARKS}: a part is missing or doubled")
        elif found != {mark(name, states[name])} and not options.stored_or_less:
            wrong.append(f"{name} holds {sorted(found)}, and not what is in the bucket")
    if not options.stored_or_less:
        wrong += [f"{name} is not stored" for name in set(bucket) - set(texts)]
        wrong += [f"{aside} are put aside"] if aside else []
    return wrong, len(texts)


def reads(options):
    """What is wrong with what was read."""
    with open(os.path.join(options.folder, "log.jsonl")) as log:
        lines = [json.loads(line) for line in log.read().splitlines()[options.begin:]]
    got = [line for line in lines if line["method"] == "GET" and line["name"]]
    wrong = [f"{line['name']} was read in whatever state it was" for line in got if not line["bound"]]
    whole = collections.Counter(line["name"] for line in got if line["status"] in (200, 206))
    again = sum(1 for count in whole.values() if count > 1)
    if again > options.read_again:
        wrong.append(f"{again} objects were read again")
    if options.read_exactly:
        with open(options.read_exactly) as file:
            wanted = set(json.load(file))
        wrong += [f"{name} was read and did not change" for name in set(whole) - wanted]
        wrong += [f"{name} changed and was not read" for name in wanted - set(whole)]
    refused = sum(1 for line in got if line["status"] == 412)
    return wrong, {"requests": len(lines), "read": len(whole), "again": again, "refused": refused}


def judge(options, bucket):
    """What is wrong, and what was done."""
    with open(os.path.join(options.folder, "world.json")) as file:
        world = json.load(file)["objects"]
    states = {name: what["state"] for name, what in world.items()}
    for line in switched(options.folder):
        if line["name"] in states:
            states[line["name"]] = max(line["state"], states[line["name"]])
    wrong, count = outcomes(options, world, states, bucket)
    more, told = reads(options)
    return wrong + more, {"stored": count, **told}


def arguments(words):
    parser = argparse.ArgumentParser()
    for name in ("folder", "store", "service", "upstream"):
        parser.add_argument(name)
    parser.add_argument("--stored-or-less", action="store_true")
    parser.add_argument("--from", type=int, default=0, dest="begin")
    parser.add_argument("--read-exactly")
    parser.add_argument("--read-again", type=int, default=sys.maxsize)
    return parser.parse_args(words)


def main():
    options = arguments(sys.argv[1:])
    wrong, told = judge(options, listed(options.service, options.upstream))
    print(json.dumps(told))
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} things are wrong")


if __name__ == "__main__":
    main()
