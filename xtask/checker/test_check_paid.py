"""A checker that cannot fail is worthless: every way of paying twice or keeping wrongly must be found."""

import json
import os
import sqlite3
import struct
import tempfile
import unittest

import check_paid
from check_calls import MICRO, fnv

SCHEMA = """
CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT, dims INTEGER);
CREATE TABLE journal(id INTEGER PRIMARY KEY, key BLOB, model INTEGER, vector BLOB);
CREATE TABLE chunk(id INTEGER PRIMARY KEY, heading TEXT, vector INTEGER, text TEXT);
INSERT INTO model VALUES (1, 'm', 8);
"""


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log, self.store, self.history = (os.path.join(folder.name, name) for name in ("log", "store.db", "seen"))
        self.db = sqlite3.connect(self.store)
        self.addCleanup(self.db.close)
        self.db.executescript(SCHEMA)
        self.number = 0

    def call(self, at, *texts, took=0.01, status=200, **more):
        """One request: when, of what, and how it ended."""
        self.number += 1
        good = status == 200
        lines = [{
            "event": "received", "number": self.number, "at_us": round(at * MICRO), "operation": "openai embeddings",
            "model": "m", "key": fnv(b""), "texts": [[fnv(text.encode()), 9] for text in texts], "busy": 0,
        }, {
            "event": "answered", "number": self.number, "at_us": round((at + took) * MICRO), "status": status,
            "verdict": "ok" if good else "status", "whole": good, "left_early": False, "bytes": 9,
            "billed_input": 9 if good else 0, "billed_output": 0, **more,
        }]
        with open(self.log, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def keep(self, *texts, of=None, chunk=True):
        """Journals the vectors of texts, or of another one, and a chunk for each."""
        for text in texts:
            vector = check_paid.vector_of(int(fnv((of or text).encode()), 16), "m", 8)
            row = self.db.execute(
                "INSERT INTO journal(key, model, vector) VALUES (?, 1, ?)", [text, struct.pack("<8f", *vector)]
            ).lastrowid
            if chunk:
                self.db.execute("INSERT INTO chunk(heading, vector, text) VALUES ('[]', ?, ?)", [row, text])

    def judge(self, *words):
        self.db.commit()
        return check_paid.check(self.log, self.store, self.history, check_paid.parse([self.log, self.store, self.history, *words]))

    def passes(self, *words):
        judged = self.judge(*words)
        self.assertEqual(judged["violations"], [])
        return judged

    def fails(self, word, *words):
        violations = self.judge(*words)["violations"]
        self.assertTrue(any(word in violation for violation in violations), violations)

    def test_a_run_that_is_killed_and_gone_on_with(self):
        self.call(0, "a")
        self.call(1, "b")
        self.call(1, "c", took=0.001, whole=False, left_early=True)
        self.keep("a")
        self.assertEqual(self.passes("--killed", "--in-flight=2")["in_flight"], 2)
        self.call(2, "b")
        self.call(2, "c")
        self.keep("b", "c")
        judged = self.passes("--steady")
        self.assertEqual((judged["sent_again"], judged["sent"]), (2, 2))
        self.assertEqual(self.passes("--steady")["sent"], 0)

    def test_vectors_are_those_of_the_provider(self):
        answered = (-0.82892615, 0.45415318, 0.3265368)
        for found, value in zip(check_paid.vector_of(int(fnv(b"a"), 16), "m", 3), answered, strict=True):
            self.assertAlmostEqual(found, value, places=6)
        self.assertAlmostEqual(sum(value * value for value in check_paid.vector_of(7, "m", 64)), 1.0)

    def test_more_in_flight_than_may_be(self):
        self.call(0, "a")
        self.call(0, "b")
        self.fails("at most 1", "--killed", "--in-flight=1")

    def test_what_was_sent_and_not_kept_by_a_run_that_ended(self):
        self.call(0, "a")
        self.fails("not in the journal")

    def test_what_was_kept_is_paid_again(self):
        self.call(0, "a")
        self.keep("a")
        self.passes()
        self.call(1, "a")
        self.fails("in the journal when the run began")

    def test_what_was_answered_is_asked_again_in_the_same_run(self):
        self.call(0, "a")
        self.call(1, "a")
        self.keep("a")
        self.fails("answered in full")

    def test_retries_and_hedges_are_counted_apart_and_none_in_a_steady_run(self):
        self.call(0, "a", status=503)
        self.call(1, "a")
        self.call(2, "b", took=0.5)
        self.call(2.3, "b")
        self.keep("a", "b")
        judged = self.passes()
        self.assertEqual((judged["retried"], judged["hedged"]), (1, 1))
        os.remove(self.history)
        self.fails("nothing failed", "--steady")

    def test_two_of_one_text_at_once_in_a_steady_run(self):
        self.call(0, "a", took=0.5)
        self.call(0.2, "a")
        self.keep("a")
        self.fails("at the same time", "--steady")

    def test_a_vector_under_the_name_of_another_text(self):
        self.call(0, "a", "b")
        self.keep("a", of="b")
        self.keep("b", of="a")
        self.fails("another text")

    def test_a_vector_of_nothing_that_was_sent(self):
        self.call(0, "a")
        self.keep("a")
        self.keep("z", chunk=False)
        self.fails("no text that was sent")

    def test_a_vector_of_a_text_that_was_never_answered(self):
        self.call(0, "a", status=503)
        self.keep("a")
        self.fails("never answered")

    def test_a_text_that_is_there_twice_or_gone(self):
        self.call(0, "a")
        self.keep("a")
        self.passes()
        self.keep("a", chunk=False)
        self.fails("twice")
        self.db.execute("DELETE FROM journal")
        self.fails("gone")

    def test_a_chunk_without_its_vector(self):
        self.call(0, "a")
        self.keep("a")
        self.db.execute("INSERT INTO chunk(heading, vector, text) VALUES ('[]', NULL, 'a')")
        self.fails("or of none")

    def test_a_torn_vector_and_a_heading(self):
        self.call(0, "a")
        self.keep("a")
        self.db.execute("UPDATE chunk SET heading = '[\"H\"]'")
        self.fails("heading")
        self.db.execute("UPDATE journal SET vector = x'00'")
        self.fails("bytes")


if __name__ == "__main__":
    unittest.main()
