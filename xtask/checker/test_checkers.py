"""A checker that cannot fail is worthless: every kind of damage, planted in a sound store, must be found."""

import json
import os
import sqlite3
import struct
import tempfile
import unittest

import check_jsonl
import check_store

# The tables as the checker reads them. Full text stands in as its table of sizes, which is what the checker reads of it.
SCHEMA = """
CREATE TABLE source(id INTEGER PRIMARY KEY, pipeline INTEGER, uri TEXT, chunks INTEGER, run TEXT);
CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT, dims INTEGER);
CREATE TABLE journal(id INTEGER PRIMARY KEY, key BLOB, model INTEGER REFERENCES model(id), vector BLOB);
CREATE TABLE chunk(id INTEGER PRIMARY KEY, doc INTEGER, ordinal INTEGER, span_start INTEGER, span_end INTEGER,
                   vector INTEGER, text TEXT);
CREATE TABLE code(seq INTEGER PRIMARY KEY, id INTEGER UNIQUE, model INTEGER, bits BLOB);
CREATE TABLE text_index_docsize(id INTEGER PRIMARY KEY, sz BLOB);
CREATE TABLE staging(id INTEGER PRIMARY KEY);
CREATE TABLE quarantine(id INTEGER PRIMARY KEY, pipeline INTEGER, uri TEXT, stage TEXT, class TEXT, attempts INTEGER,
                        message TEXT);
CREATE TABLE run(id TEXT PRIMARY KEY, started INTEGER, report TEXT);
INSERT INTO model VALUES (1, 'table', 8);
PRAGMA application_id = 1952737140;
"""


def marker(n):
    return f"zq{n:010x}v"


class Stores(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.docs, self.old = os.path.join(self.folder.name, "docs"), os.path.join(self.folder.name, "old")
        self.path = os.path.join(self.folder.name, "store.db")
        for folder in (self.docs, self.old):
            os.mkdir(folder)
        # a.txt is as it was, b.md was edited, c.txt is new, d.txt was removed.
        self.write(self.old, "a.txt", 1, 2)
        self.write(self.old, "b.md", 3, 4)
        self.write(self.old, "d.txt", 9)
        self.write(self.docs, "a.txt", 1, 2)
        self.write(self.docs, "b.md", 3, 5)
        self.write(self.docs, "c.txt", 6)
        self.write(self.docs, "bad-1.txt")
        self.db = sqlite3.connect(self.path)
        self.addCleanup(self.db.close)
        self.keys = 0
        self.db.executescript(SCHEMA)
        self.store("a.txt", 1, 2)
        self.store("b.md", 3, 5)
        self.store("c.txt", 6)
        self.db.execute("INSERT INTO quarantine VALUES (1, 1, 'docs/bad-1.txt', 'parse', 'empty', 1, 'no text')")
        records = {"seen": 4, "stored": 3, "unchanged": 0, "quarantined": 1, "deleted": 0, "pending": 0}
        self.db.execute("INSERT INTO run VALUES ('r1', 1, ?)", [json.dumps({"records": records})])

    def write(self, folder, name, *numbers):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("\n\n".join(f"words {marker(n)} and more." for n in numbers))

    def store(self, name, *numbers):
        doc = self.db.execute("INSERT INTO source(pipeline, uri, chunks, run) VALUES (1, ?, ?, 'r1')", [f"docs/{name}", len(numbers)]).lastrowid
        for ordinal, n in enumerate(numbers):
            self.keys += 1
            vector = self.db.execute(
                "INSERT INTO journal(key, model, vector) VALUES (?, 1, ?)", [f"key {self.keys}", struct.pack("<8f", *[0.5] * 8)]
            ).lastrowid
            self.db.execute("INSERT INTO code(id, model, bits) VALUES (?, 1, x'ff')", [vector])
            chunk = self.db.execute(
                "INSERT INTO chunk(doc, ordinal, span_start, span_end, vector, text) VALUES (?, ?, 0, 9, ?, ?)",
                [doc, ordinal, vector, f"words {marker(n)}"],
            ).lastrowid
            self.db.execute("INSERT INTO text_index_docsize VALUES (?, x'00')", [chunk])

    def judge(self, *old):
        self.db.commit()
        return check_store.check(self.path, self.docs, *old)["violations"]

    def test_a_sound_store_passes(self):
        self.assertEqual(self.judge(), [])
        self.assertEqual(self.judge(self.old), [])

    def test_each_damage_is_found(self):
        for name, sql in {
            "lost document": "DELETE FROM source WHERE uri = 'docs/c.txt'",
            "lost chunk": "DELETE FROM chunk WHERE id = 2",
            "doubled chunk": "INSERT INTO chunk SELECT 99, doc, 2, 0, 9, vector, text FROM chunk WHERE id = 1",
            "doubled document": "INSERT INTO source SELECT 99, pipeline, uri, chunks, run FROM source WHERE id = 1",
            "exchanged order": "UPDATE chunk SET ordinal = 1 - ordinal WHERE doc = 1",
            "old text": f"UPDATE chunk SET text = '{marker(4)}' WHERE text LIKE '%{marker(5)}%'",
            "deleted document still there": "INSERT INTO source VALUES (99, 1, 'docs/d.txt', 0, 'r1')",
            "no vector": "UPDATE chunk SET vector = NULL WHERE id = 1",
            "dangling vector": "UPDATE chunk SET vector = 99 WHERE id = 1",
            "no full text": "DELETE FROM text_index_docsize WHERE id = 1",
            "full text of nothing": "INSERT INTO text_index_docsize VALUES (99, x'00')",
            "no code": "DELETE FROM code WHERE id = 1",
            "code of nothing": "INSERT INTO code VALUES (99, 99, 1, x'ff')",
            "staged rows": "INSERT INTO staging VALUES (1)",
            "good in quarantine": "INSERT INTO quarantine VALUES (2, 1, 'docs/a.txt', 's', 'c', 1, 'm')",
            "bad not in quarantine": "DELETE FROM quarantine",
            "no reason": "UPDATE quarantine SET message = ''",
            "wrong count of chunks": "UPDATE source SET chunks = 7 WHERE id = 1",
            "wrong code": "UPDATE code SET bits = x'fe' WHERE id = 1",
            "short vector": "UPDATE journal SET vector = x'00' WHERE id = 1",
            "accounts": """UPDATE run SET report = '{"records": {"seen": 5, "stored": 3}}'""",
            "pending": """UPDATE run SET report = '{"records": {"seen": 1, "pending": 1}}'""",
            "a stored that was not": """UPDATE run SET report = '{"records": {"seen": 5, "stored": 4, "quarantined": 1}}'""",
            "an unchanged that was not": "UPDATE source SET run = 'r0' WHERE id = 1",
            "no report": "UPDATE run SET report = NULL",
            "foreign file": "PRAGMA application_id = 7",
            "bad span": "UPDATE chunk SET span_end = 0 WHERE id = 1",
        }.items():
            with self.subTest(name):
                self.db.commit()
                with open(self.path, "rb") as file:
                    before = file.read()
                self.db.execute(sql)
                self.assertNotEqual(self.judge(), [])
                self.restore(before)
        self.assertEqual(self.judge(), [])

    def restore(self, content):
        self.db.close()
        with open(self.path, "wb") as file:
            file.write(content)
        self.db = sqlite3.connect(self.path)

    def test_after_a_kill_a_document_is_old_or_new_but_whole(self):
        self.db.execute("DELETE FROM chunk WHERE doc = 2")
        self.db.execute("DELETE FROM source WHERE id = 2")
        self.db.execute("DELETE FROM text_index_docsize WHERE id NOT IN (SELECT id FROM chunk)")
        self.db.execute("DELETE FROM code WHERE id NOT IN (SELECT vector FROM chunk)")
        self.assertNotEqual(self.judge(self.old), [], "b.md is gone while it is being replaced")
        self.store("b.md", 3, 4)
        self.assertEqual(self.judge(self.old), [], "the old version is fine until the run has ended")
        self.assertNotEqual(self.judge(), [], "but not after it")
        self.db.execute("UPDATE chunk SET text = ? WHERE text LIKE ?", [marker(6), f"%{marker(4)}%"])
        self.assertNotEqual(self.judge(self.old), [], "a mix")

    def test_each_line_of_a_file_of_lines_is_a_document(self):
        with open(os.path.join(self.docs, "rows.jsonl"), "w", encoding="utf-8") as file:
            for row in ({"id": "r1", "text": marker(20)}, {"id": "r2", "text": marker(21)}):
                file.write(json.dumps(row) + "\n")
        records = {"seen": 6, "stored": 5, "quarantined": 1}
        self.db.execute("UPDATE run SET report = ?", [json.dumps({"records": records})])
        self.store("rows.jsonl#r1", 20)
        self.assertNotEqual(self.judge(), [], "a line is lost")
        self.store("rows.jsonl#r2", 21)
        self.assertEqual(self.judge(), [])

    def test_a_document_that_moves_is_never_gone(self):
        self.write(self.old, "e.txt", 7, 8)
        self.write(self.docs, "f.txt", 7, 8)
        self.assertNotEqual(self.judge(self.old), [], "neither the old name nor the new")
        self.store("f.txt", 7, 8)
        self.assertEqual(self.judge(self.old), [])

    def test_a_run_that_stopped_reports_what_is_durable(self):
        self.assertEqual(self.judge(self.old, True), [])
        records = {"seen": 5, "stored": 3, "quarantined": 1, "pending": 1}
        self.db.execute("UPDATE run SET report = ?", [json.dumps({"records": records})])
        self.assertEqual(self.judge(self.old, True), [])
        records = {"seen": 5, "stored": 4, "quarantined": 1}
        self.db.execute("UPDATE run SET report = ?", [json.dumps({"records": records})])
        self.assertNotEqual(self.judge(self.old, True), [])

    def test_a_store_that_was_never_made_is_lost_only_if_it_was_there(self):
        nothing, missing, empty = (os.path.join(self.folder.name, name) for name in ("nothing", "no.db", "empty.db"))
        os.mkdir(nothing)
        open(empty, "w").close()
        for path in (missing, empty):
            self.assertEqual(check_store.check(path, self.docs, nothing)["violations"], [])
            with self.assertRaises((OSError, sqlite3.Error)):
                check_store.check(path, self.docs, self.old)

    def test_a_torn_file_is_found(self):
        self.db.commit()
        size = os.path.getsize(self.path)
        with open(self.path, "r+b") as file:
            file.truncate(size - 4096)
        try:
            self.assertNotEqual(check_store.check(self.path, self.docs)["violations"], [])
        except sqlite3.DatabaseError:
            pass


class Lines(unittest.TestCase):
    def judge(self, content):
        with tempfile.TemporaryDirectory() as folder:
            docs, out = os.path.join(folder, "docs"), os.path.join(folder, "out.jsonl")
            os.mkdir(docs)
            with open(os.path.join(docs, "a.txt"), "w", encoding="utf-8") as file:
                file.write(f"{marker(1)} {marker(2)}")
            with open(out, "w", encoding="utf-8") as file:
                file.write(content)
            return check_jsonl.check(out, docs)["violations"]

    def test_lines(self):
        one, two = json.dumps({"text": marker(1)}), json.dumps({"text": marker(2)})
        self.assertEqual(self.judge(f"{one}\n{two}\n"), [])
        for damaged in (f"{one}\n", f"{one}\n{two}\n{two}\n", f"{one}\n{two}", f"{one}\n{two[:9]}\n", ""):
            self.assertNotEqual(self.judge(damaged), [], damaged)


if __name__ == "__main__":
    unittest.main()
