#!/usr/bin/env python3
"""Judges what a run paid for: the log of a scripted provider beside the store that the run wrote.

usage: check_paid.py LOG STORE HISTORY [--killed] [--in-flight TEXTS] [--steady]

Called after every run of a series over one store and one log. HISTORY is a file of this judge's own, which it makes the
first time and in which it notes what it saw, so that the next call knows which requests are of the latest run. It
shares no code with the store, the call layer or the provider, and works out every vector itself.

After every run: each vector in the journal is the provider's for a text that was answered, once for each text, and
stays there; each chunk points to the vector of its own text; no text is sent that the journal had, nor one that was
answered before, nor one that was being asked for, unless as a hedge.
    --killed               the run did not end: what was sent and is not in the journal was in flight, and is at most
    --in-flight TEXTS      so many texts; without --killed it must be nothing
    --steady               nothing fails and nothing is hedged: no text is sent twice in one run at all

Prints a line of JSON; exits 1 if anything is wrong, 2 if it cannot judge.
"""

import argparse
import bisect
import collections
import json
import math
import os
import sqlite3
import struct
import sys
import time

import check_calls
from check_store import Store, is_unmade

MASK = 0xFFFFFFFFFFFFFFFF
# A client may know that an answer failed, or is there, this long before the provider has noted it.
GRACE_US = 50_000
# How near two components are that are one number, rounded differently.
NEAR = 1e-5
# What requests of a killed process may take to be noted as over.
PATIENCE_S = 3.0


def vector_of(hashed, model, dimensions):
    """The provider's vector: splitmix64 from the hash of the text, each number's upper 24 bits from -1 to 1, then all
    divided by their length."""
    state, values = hashed ^ int(check_calls.fnv(model.encode()), 16) ^ dimensions, []
    for _ in range(dimensions):
        state = state + 0x9E3779B97F4A7C15 & MASK
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        values.append(((z ^ z >> 31) >> 40) / 8_388_608 - 1)
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


class Known:
    """The vectors of texts, to be found by their numbers."""

    def __init__(self, texts, dimensions):
        """`texts` are pairs of a hash, as the log writes it, and a model."""
        rows = ((vector_of(int(text, 16), model, dimensions), text) for text, model in texts)
        self.rows = sorted(rows)
        self.firsts = [row[0][0] for row in self.rows]

    def text(self, vector):
        """The hash of the text that this is the vector of; None if it is of none."""
        at = bisect.bisect_left(self.firsts, vector[0] - NEAR)
        while at < len(self.rows) and self.firsts[at] <= vector[0] + NEAR:
            wanted, text = self.rows[at]
            if all(abs(a - b) <= NEAR for a, b in zip(wanted, vector)):
                return text
            at += 1
        return None


def requests_of(path):
    """The requests of a log, once all that came are over, or have had time to be."""
    until = time.monotonic() + PATIENCE_S
    while True:
        requests, violations = check_calls.read(path) if os.path.exists(path) else ([], [])
        if all(one.answer for one in requests) or time.monotonic() > until:
            return requests, violations
        time.sleep(0.02)


def check_journal(store, requests, complain):
    """The hashes of the texts whose vectors are in the journal, having looked at every vector and every chunk."""
    texts = {(text, one.model) for one in requests for text, _ in one.texts}
    rows = store.rows("SELECT journal.id, model.dims, journal.vector FROM journal JOIN model ON model.id = journal.model")
    known = {dims: Known(texts, dims) for dims in {dims for _, dims, _ in rows}}
    text_of, times = {}, collections.Counter()
    for row, dims, blob in rows:
        if len(blob) != 4 * dims:
            complain(f"vector {row} has {len(blob)} bytes for {dims} dimensions")
            continue
        text = known[dims].text(struct.unpack(f"<{dims}f", blob))
        if text is None:
            complain(f"vector {row} is of no text that was sent")
            continue
        text_of[row] = text
        times[text] += 1
    twice = sum(count - 1 for count in times.values())
    if twice:
        complain(f"{twice} texts are in the journal twice")
    wrong = 0
    for heading, text, vector in store.rows("SELECT heading, text, vector FROM chunk"):
        if heading not in ("", "[]"):
            complain("a chunk below a heading, whose text this judge does not know")
        wrong += text_of.get(vector) != check_calls.fnv(text.encode())
    if wrong:
        complain(f"{wrong} chunks point to the vector of another text, or of none")
    return set(times)


class Repeats:
    """Texts of one run that were sent before, by the reason for it."""

    def __init__(self, kept, lost):
        self.kept, self.lost = kept, lost
        self.retried = self.hedged = self.again = self.paid_again = self.answered_again = self.baseless = 0
        self.sends = collections.defaultdict(list)

    def take(self, request, known_before):
        for text, _ in request.texts:
            earlier = self.sends[text]
            if earlier:
                self.judge_repeat(request, earlier)
            elif text in self.kept:
                self.paid_again += 1
            elif text in known_before:
                self.again += 1
                self.baseless += text not in self.lost
            earlier.append(request)

    def judge_repeat(self, request, earlier):
        over = [one for one in earlier if one.answer and one.answer["at_us"] <= request.at + GRACE_US]
        flying = [one for one in earlier if not one.answer or one.answer["at_us"] + GRACE_US >= request.at]
        if any(not one.whole for one in over):
            self.retried += 1
        elif flying:
            self.hedged += 1
        else:
            self.answered_again += 1

    def complaints(self, steady):
        for count, what in (
            (self.paid_again, "sent that were in the journal when the run began"),
            (self.answered_again, "sent again in one run after they had been answered in full"),
            (self.baseless, "sent again that were not in flight at any kill"),
            (self.retried if steady else 0, "sent again in a run in which nothing failed"),
            (self.hedged if steady else 0, "sent twice at the same time"),
        ):
            if count:
                yield f"{count} texts were {what}"


class History:
    """What was seen after the runs before."""

    def __init__(self, path):
        self.path = path
        self.runs = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.runs = json.load(file)

    @property
    def last(self):
        return self.runs[-1]["last"] if self.runs else 0

    @property
    def journal(self):
        return set(self.runs[-1]["journal"]) if self.runs else set()

    @property
    def lost(self):
        return {text for run in self.runs for text in run["flying"]}

    def note(self, **run):
        self.runs.append(run)
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.runs, file)


def check(log, store_path, history_path, options):
    """Judges the latest run; returns the verdict."""
    history = History(history_path)
    requests, violations = requests_of(log)
    before = {text for one in requests if one.number <= history.last for text, _ in one.texts}
    run = [one for one in requests if one.number > history.last]
    journal = set()
    if not is_unmade(store_path):
        store = Store(store_path)
        try:
            journal = check_journal(store, requests, violations.append)
        finally:
            store.close()
    repeats = Repeats(history.journal, history.lost)
    for one in run:
        repeats.take(one, before)
    violations += repeats.complaints(options.steady)
    flying = set(repeats.sends) - journal
    violations += check_flying(flying, options)
    gone = history.journal - journal
    if gone:
        violations.append(f"{len(gone)} vectors that were paid for are gone from the journal")
    paid = {text for one in requests if one.whole for text, _ in one.texts}
    unpaid, unkept = journal - paid, paid - journal - history.lost - flying
    if unpaid:
        violations.append(f"{len(unpaid)} vectors in the journal are of texts that were never answered in full")
    if unkept:
        violations.append(f"{len(unkept)} texts were answered in full, were not in flight at a kill, and are not kept")
    history.note(last=max((one.number for one in requests), default=0), journal=sorted(journal), flying=sorted(flying))
    return {
        "violations": violations,
        "journal": len(journal),
        "sent": len(run),
        "texts": len(repeats.sends),
        "in_flight": len(flying),
        "sent_again": repeats.again,
        "retried": repeats.retried,
        "hedged": repeats.hedged,
    }


def check_flying(flying, options):
    """What is wrong with how much was sent and not kept."""
    if options.killed and len(flying) > options.in_flight:
        yield f"{len(flying)} texts were sent and not kept when the run was killed; at most {options.in_flight} may be in flight"
    if not options.killed and flying:
        yield f"the run ended, and {len(flying)} texts that it sent are not in the journal"


def parse(words):
    """What was asked of this judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("log", "store", "history"):
        parser.add_argument(name)
    parser.add_argument("--killed", action="store_true")
    parser.add_argument("--in-flight", type=int, default=0)
    parser.add_argument("--steady", action="store_true")
    return parser.parse_args(words)


def main():
    options = parse(sys.argv[1:])
    try:
        judged = check(options.log, options.store, options.history, options)
    except (OSError, sqlite3.Error) as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return 2
    print(json.dumps(judged))
    return 1 if judged["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
