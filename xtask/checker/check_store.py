#!/usr/bin/env python3
"""Judges a tidegate store by the documents it was made from.

usage: check_store.py STORE DOCS [--old OLD_DOCS]… [--stopped]

Shares no code with the store: it derives from the files what must be in the tables and reads the tables with the
SQLite of the Python standard library. Without --old the run has ended and the store must hold exactly DOCS. With
--old a run was killed while it brought the store from OLD_DOCS to DOCS, and every document must be there in one of
its versions, whole, or not at all where one of the folders does not have it; where several runs in a row were killed,
--old names what each of them found before the change that it was to bring, the oldest first. With --stopped besides,
the run ended early but in order, so that its report must agree with the tables.

Prints {"violations": [...], ...} and exits 1 if there are any, 2 if it could not judge.
"""

import argparse
import json
import os
import shutil
import sqlite3
import struct
import sys
import tempfile

from documents import Documents, markers, relative_key

APPLICATION_ID = 0x74646774


class Store:
    """The tables of a store, read from a copy: opening the original would repair what a kill left."""

    def __init__(self, path):
        self.folder = tempfile.TemporaryDirectory()
        copy = os.path.join(self.folder.name, "store.db")
        shutil.copyfile(path, copy)
        if os.path.exists(path + "-wal"):
            shutil.copyfile(path + "-wal", copy + "-wal")
        self.db = sqlite3.connect(copy)

    def rows(self, sql, *values):
        return self.db.execute(sql, values).fetchall()

    def number(self, sql, *values):
        return self.rows(sql, *values)[0][0]

    def column(self, sql):
        return [row[0] for row in self.rows(sql)]

    def close(self):
        self.db.close()
        self.folder.cleanup()


def is_unmade(path):
    """Whether the process that was to make the store was killed before it had made its tables."""
    if not os.path.exists(path):
        return True
    store = Store(path)
    try:
        return store.number("SELECT count(*) FROM sqlite_master") == 0
    finally:
        store.close()


def check_file(store, complain):
    """The file is a sound database of ours."""
    for (line,) in store.rows("PRAGMA integrity_check"):
        if line != "ok":
            complain(f"integrity_check: {line}")
    for row in store.rows("PRAGMA foreign_key_check"):
        complain(f"foreign_key_check: {row}")
    if store.number("PRAGMA application_id") != APPLICATION_ID:
        complain("the application id is not tidegate's")


def stored_documents(store, docs, complain):
    """Path within the folder -> (row id, announced number of chunks)."""
    out = {}
    for row, uri, chunks in store.rows("SELECT id, uri, chunks FROM source ORDER BY id"):
        path = relative_key(uri, docs)
        if path is None:
            complain(f"source {uri} is not below {docs}")
        elif path in out:
            complain(f"{path} is stored twice")
        else:
            out[path] = (row, chunks)
    return out


def check_document(store, path, row, announced, versions, complain):
    """A stored document is one of its versions, whole: every marker once, in order; nothing else. Returns its markers."""
    found, ordinals = [], []
    for ordinal, start, end, text in store.rows(
        "SELECT ordinal, span_start, span_end, text FROM chunk WHERE doc = ? ORDER BY ordinal", row
    ):
        ordinals.append(ordinal)
        found.extend(markers(text))
        if not 0 <= start < end:
            complain(f"{path}: chunk {ordinal} has the span {start}..{end}")
    if ordinals != list(range(len(ordinals))):
        complain(f"{path}: chunk ordinals are {ordinals}")
    if announced != len(ordinals):
        complain(f"{path}: the ledger announces {announced} chunks, there are {len(ordinals)}")
    if found in versions:
        return found
    for version in versions:
        missing = [marker for marker in version if marker not in found]
        extra = [marker for marker in found if marker not in version]
        twice = sorted({marker for marker in found if found.count(marker) > 1})
        complain(f"{path}: not whole: {len(missing)} missing {missing[:3]}, {len(extra)} foreign {extra[:3]}, twice {twice[:3]}")
    if not versions:
        complain(f"{path}: stored, but no such document exists")
    return found


def check_documents(store, docs, now, olds, complain):
    """Every document is stored as it must be."""
    stored = stored_documents(store, docs, complain)
    whole = []
    for path, (row, announced) in stored.items():
        versions = [side.good[path] for side in (now, *olds) if path in side.good]
        whole.append(check_document(store, path, row, announced, versions, complain))
    if not olds:
        for path in sorted(set(now.good) - set(stored)):
            complain(f"{path}: lost")
    else:
        # What all versions have was stored before the run began, and must not be gone while it is replaced.
        always = set.intersection(*(set(side.good) for side in (now, *olds)))
        for path in sorted(always - set(stored)):
            complain(f"{path}: gone while it was being replaced")
        # A document that only moved is stored under the new name before it is removed under the old one.
        found = {tuple(version) for version in whole}
        for version in sorted(set.intersection(*({tuple(v) for v in side.good.values()} for side in (now, *olds)))):
            if version and version not in found:
                complain(f"the document of {version[0]} is gone while it moves")


def check_orphans(store, ended, complain):
    """Nothing is left over, and nothing points nowhere."""
    for what, sql in {
        "chunks of no document": "SELECT count(*) FROM chunk WHERE doc NOT IN (SELECT id FROM source)",
        "chunks without a vector": "SELECT count(*) FROM chunk WHERE vector IS NULL",
        "chunks whose vector is gone": "SELECT count(*) FROM chunk WHERE vector NOT IN (SELECT id FROM journal)",
        "chunks that full text does not know": "SELECT count(*) FROM chunk WHERE id NOT IN (SELECT id FROM text_index_docsize)",
        "full-text rows of no chunk": "SELECT count(*) FROM text_index_docsize WHERE id NOT IN (SELECT id FROM chunk)",
        "codes of vectors not in use": "SELECT count(*) FROM code WHERE id NOT IN (SELECT vector FROM chunk)",
        "documents both stored and in quarantine": "SELECT count(*) FROM source JOIN quarantine USING (pipeline, uri)",
        "two vectors under one key": "SELECT count(*) - count(DISTINCT key) FROM journal",
    }.items():
        count = store.number(sql)
        if count:
            complain(f"{count} {what}")
    staged = store.number("SELECT count(*) FROM staging")
    if ended and staged:
        complain(f"{staged} staged rows left over")


def check_vectors(store, complain):
    """Vectors have the length of their model; each in use has its signs as code, unless it is zero and has none."""
    for row, dims, vector, bits, used in store.rows(
        "SELECT journal.id, model.dims, journal.vector, code.bits,"
        " EXISTS (SELECT 1 FROM chunk WHERE chunk.vector = journal.id)"
        " FROM journal JOIN model ON model.id = journal.model LEFT JOIN code ON code.id = journal.id"
    ):
        if len(vector) != 4 * dims:
            complain(f"vector {row} has {len(vector)} bytes for {dims} dimensions")
            continue
        values = struct.unpack(f"<{dims}f", vector)
        if bits is None:
            if used and any(values):
                complain(f"vector {row} is in use and has no code")
            continue
        signs = bytearray((dims + 7) // 8)
        for at, value in enumerate(values):
            signs[at // 8] |= (value > 0) << at % 8
        if bits[: len(signs)] != bytes(signs) or any(bits[len(signs) :]):
            complain(f"code {row} is not the signs of its vector")


def check_quarantine(store, docs, now, olds, complain):
    """Exactly the bad documents are in quarantine, each with a reason."""
    found = set()
    for uri, stage, kind, message, attempts in store.rows("SELECT uri, stage, class, message, attempts FROM quarantine"):
        path = relative_key(uri, docs)
        found.add(path)
        if not (stage and kind and message and attempts >= 1):
            complain(f"{path}: in quarantine without stage, class, message or attempts")
    may = set.union(*(side.bad for side in (now, *olds)))
    for path in sorted(found - may, key=str):
        complain(f"{path}: in quarantine without fault")
    must = set() if olds else now.bad
    for path in sorted(must - found):
        complain(f"{path}: bad, but not in quarantine")


def check_accounts(store, now, ended, complain):
    """The counts of the latest run that reported add up and agree with the tables and the documents."""
    reports = store.rows("SELECT id, report FROM run WHERE report IS NOT NULL ORDER BY started DESC, rowid DESC LIMIT 1")
    if not reports:
        complain("no run has reported")
        return
    run, report = reports[0]
    records = json.loads(report).get("records", {})
    seen, stored, unchanged, quarantined, deleted, pending = (
        records.get(name, 0) for name in ("seen", "stored", "unchanged", "quarantined", "deleted", "pending")
    )
    if seen != stored + unchanged + quarantined + deleted + pending:
        complain(f"the last report does not add up: {records}")
    written = store.number("SELECT count(*) FROM source WHERE run = ?", run)
    # What was read and found equal counts as unchanged, but carries the run's name too.
    if stored > written:
        complain(f"the last report says {stored} stored, the run wrote {written}")
    if not ended:
        return
    if written > stored + unchanged:
        complain(f"the last report says {stored} stored and {unchanged} unchanged, the run wrote {written}")
    if pending:
        complain(f"the run ended with {pending} pending")
    if (stored + unchanged, quarantined) != (len(now.good), len(now.bad)):
        complain(f"there are {len(now.good)} good and {len(now.bad)} bad documents, the last report says {records}")


def check(path, docs, old_docs=(), stopped=False):
    """Judges; returns the verdict."""
    violations = []
    old_docs = [old_docs] if isinstance(old_docs, str) else old_docs
    now, olds = Documents(docs), [Documents(folder) for folder in old_docs]
    if olds and not olds[0].good and is_unmade(path):
        return {"violations": [], "documents": 0, "chunks": 0, "journal": 0, "quarantined": 0}
    store = Store(path)
    try:
        check_file(store, violations.append)
        check_documents(store, docs, now, olds, violations.append)
        check_orphans(store, not olds, violations.append)
        check_vectors(store, violations.append)
        check_quarantine(store, docs, now, olds, violations.append)
        if stopped or not olds:
            check_accounts(store, now, not olds, violations.append)
        return {
            "violations": violations,
            "documents": store.number("SELECT count(*) FROM source"),
            "chunks": store.number("SELECT count(*) FROM chunk"),
            "journal": store.number("SELECT count(*) FROM journal"),
            "quarantined": store.number("SELECT count(*) FROM quarantine"),
        }
    finally:
        store.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("docs")
    parser.add_argument("--old", action="append", default=[])
    parser.add_argument("--stopped", action="store_true")
    args = parser.parse_args()
    try:
        verdict = check(args.store, args.docs, args.old, args.stopped)
    except (OSError, sqlite3.Error) as error:
        print(f"cannot judge {args.store}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(verdict))
    return 1 if verdict["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
