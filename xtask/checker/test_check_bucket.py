"""A checker that cannot fail is worthless: what a run may do wrong with a bucket is planted, and must be found."""

import hashlib
import json
import os
import sqlite3
import tempfile
import unittest
import urllib.parse

import check_bucket
from bucket import content, mark

SCHEMA = """
CREATE TABLE source(id INTEGER PRIMARY KEY, uri TEXT);
CREATE TABLE chunk(id INTEGER PRIMARY KEY, doc INTEGER, ordinal INTEGER, text TEXT);
CREATE TABLE quarantine(id INTEGER PRIMARY KEY);
"""


class Buckets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.store = folder.name, os.path.join(folder.name, "store.db")
        # b was changed once, d was changed between listing and reading, e was deleted.
        self.world = {name: {"state": state, "size": 300} for name, state in (("a", 1), ("größe/b +", 2), ("c", 1), ("d", 1))}
        self.write("switched.jsonl", {"name": "d", "state": 2})
        self.states = {name: what["state"] for name, what in self.world.items()} | {"d": 2}
        self.bucket = {
            name: hashlib.md5(content(name, state, 300)).hexdigest() for name, state in self.states.items()
        }
        self.log = [self.read("a"), self.read("größe/b +"), self.read("c"), self.read("d", status=412), self.read("d")]
        self.db = sqlite3.connect(self.store)
        self.addCleanup(self.db.close)
        self.db.executescript(SCHEMA)
        for name, state in self.states.items():
            self.keep(name, self.text(name, state))

    def write(self, name, *lines):
        with open(os.path.join(self.folder, name), "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    @staticmethod
    def read(name, status=206, bound=True):
        return {"method": "GET", "name": name, "status": status, "bound": bound}

    @staticmethod
    def text(name, *states):
        """Begin, middle and end of an object, each in one of these states."""
        begin, middle, end = (list(states) * 3)[:3] if len(states) == 1 else states
        return f"{name} {mark(name, begin)} words {mark(name, middle)} {mark(name, end)}"

    def keep(self, name, *chunks):
        uri = "s3://documents/" + urllib.parse.quote(name)
        doc = self.db.execute("INSERT INTO source(uri) VALUES (?)", [uri]).lastrowid
        for ordinal, text in enumerate(chunks):
            self.db.execute("INSERT INTO chunk(doc, ordinal, text) VALUES (?, ?, ?)", [doc, ordinal, text])

    def judge(self, *words, service="s3"):
        self.db.commit()
        self.write("world.json", {"objects": self.world})
        self.write("log.jsonl", *self.log)
        options = check_bucket.arguments([self.folder, self.store, service, "nowhere", *words])
        return check_bucket.judge(options, self.bucket)[0]

    def exactly(self, *names):
        self.write("read.json", names)
        return self.judge("--read-exactly", os.path.join(self.folder, "read.json"))

    def test_a_sound_store_passes(self):
        for service in ("s3", "gs", "azure"):
            self.assertEqual(self.judge("--read-again", "0", service=service), [])
        self.assertEqual(self.judge("--stored-or-less"), [])
        self.assertEqual(self.exactly(*self.states), [])

    def test_each_damage_to_the_store_is_found(self):
        first = "(SELECT doc FROM chunk LIMIT 1)"
        double = f"UPDATE chunk SET text = text || ' ' || text WHERE doc = {first}"
        mixed = self.text("größe/b +", 1, 2, 2)
        damages = {
            "lost": "DELETE FROM source WHERE uri LIKE '%/c'",
            "lost, with its text there": "UPDATE source SET uri = 's3://documents/x' WHERE uri LIKE '%/c'",
            "nothing of it": f"DELETE FROM chunk WHERE doc = {first}",
            "its end lost": f"UPDATE chunk SET text = substr(text, 1, 14) WHERE doc = {first}",
            "stored twice": "INSERT INTO source(uri) VALUES ('s3://documents/a')",
            "its text twice in a chunk": double,
            "a chunk twice": f"INSERT INTO chunk(doc, ordinal, text) SELECT doc, 1, text FROM chunk WHERE doc = {first}",
            "mixed of two states": f"UPDATE chunk SET text = '{mixed}' WHERE doc = 2",
            "mixed of two objects": f"UPDATE chunk SET text = '{self.text('c', 1)}' WHERE doc = {first}",
            "as it was before": f"UPDATE chunk SET text = '{self.text('größe/b +', 1)}' WHERE doc = 2",
            "as it was listed, and not as it was read": f"UPDATE chunk SET text = '{self.text('d', 1)}' WHERE doc = 4",
            "put aside": "INSERT INTO quarantine VALUES (1)",
        }
        for name, sql in damages.items():
            with self.subTest(name):
                self.db.commit()
                before = "\n".join(self.db.iterdump())
                self.assertEqual(self.judge(), [])
                self.db.execute(sql)
                self.assertNotEqual(self.judge(), [])
                self.restore(before)

    def restore(self, script):
        self.db.close()
        os.remove(self.store)
        self.db = sqlite3.connect(self.store)
        self.db.executescript(script)

    def test_what_is_stored_and_was_deleted_is_found(self):
        self.keep("e", self.text("e", 1))
        self.assertNotEqual(self.judge(), [])

    def test_a_kill_may_leave_less_and_nothing_wrong(self):
        self.db.execute("DELETE FROM source WHERE uri LIKE '%/c'")
        self.assertEqual(self.judge("--stored-or-less"), [])
        self.db.execute("UPDATE chunk SET text = ? WHERE doc = 2", [self.text("größe/b +", 1)])
        self.assertEqual(self.judge("--stored-or-less"), [], "the old one is whole")
        self.db.execute("UPDATE chunk SET text = ? WHERE doc = 2", [self.text("größe/b +", 1, 2, 2)])
        self.assertNotEqual(self.judge("--stored-or-less"), [], "a mix")
        self.db.execute("DELETE FROM chunk WHERE doc = 2")
        self.assertNotEqual(self.judge("--stored-or-less"), [], "a hole")

    def test_a_bucket_that_is_not_as_it_was_made_is_found(self):
        tag = self.bucket.pop("c")
        self.assertNotEqual(self.judge(), [], "an object is not there")
        self.bucket |= {"c": tag, "f": tag}
        self.assertNotEqual(self.judge(), [], "one is there that nobody wrote")
        del self.bucket["f"]
        self.bucket["a"] = tag
        self.assertNotEqual(self.judge(), [], "one holds something else")

    def test_each_wrong_way_to_read_is_found(self):
        sound = list(self.log)
        self.log = [*sound, self.read("a", bound=False)]
        self.assertNotEqual(self.judge(), [], "whatever state it was in")
        self.log = [*sound, self.read("a")]
        self.assertNotEqual(self.judge("--read-again", "0"), [], "read twice")
        self.assertEqual(self.judge("--read-again", "0", "--from", "5"), [], "each run has its own requests")
        self.log = sound
        self.assertNotEqual(self.exactly("a", "größe/b +", "c"), [], "what did not change was read")
        self.log = [line for line in sound if line["name"] != "c"]
        self.assertNotEqual(self.exactly(*self.states), [], "what changed was not read")
        self.log = [*self.log, self.read("c", status=500)]
        self.assertNotEqual(self.exactly(*self.states), [], "nor was it by a request that failed")


if __name__ == "__main__":
    unittest.main()
