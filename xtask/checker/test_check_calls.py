"""A checker that cannot fail is worthless: every rule about calls, broken on purpose, must be found."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

import check_calls
from check_calls import MICRO, fnv


class Calls(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "log.jsonl")
        self.lines, self.number = [], 0

    def call(self, at, *texts, took=0.05, status=200, model="m", operation="openai embeddings", tokens=100, **more):
        """One request: when, of what, and how it ended."""
        self.number += 1
        self.lines.append({
            "event": "received", "number": self.number, "at_us": round(at * MICRO), "operation": operation,
            "model": model, "key": fnv(b"key"), "texts": [[fnv(text.encode()), tokens] for text in texts], "busy": 0,
        })
        if took is not None:
            good = status == 200
            self.lines.append({
                "event": "answered", "number": self.number, "at_us": round((at + took) * MICRO), "status": status,
                "verdict": "ok" if good else "rate_limited", "whole": good, "left_early": False, "bytes": 9,
                "billed_input": tokens * len(texts) if good else 0, "billed_output": 0, **more,
            })

    def judge(self, *words, expect=None):
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in self.lines)
        words = [self.path, *words]
        if expect is not None:
            place = os.path.join(self.folder.name, "texts.txt")
            with open(place, "w", encoding="utf-8") as file:
                file.writelines(f"{text}\n" for text in expect)
            words += ["--expect", place]
        return check_calls.check(self.path, check_calls.parse(words))

    def passes(self, *words, **more):
        self.assertEqual(self.judge(*words, **more)["violations"], [])

    def fails(self, *words, **more):
        self.assertNotEqual(self.judge(*words, **more)["violations"], [], words)

    def test_a_sound_log_passes_every_bound(self):
        for n in range(120):
            self.call(n, f"text {n}")
        bounds = ["--max-per-window=60:60", "--max-tokens-per-window=6000:60", "--share-at-least=0.99"]
        bounds += ["--sent-at-most=120", "--refused-at-most=0", "--sent-twice-at-most=0", "--paid-twice-at-most=0"]
        self.passes(*bounds, "--in-flight-at-most=1", "--in-pause-at-most=0", expect=[f"text {n}" for n in range(120)])

    def test_bounds_on_counts(self):
        self.call(0, "a", "b")
        self.call(1, "b", "c")
        found = self.judge()
        counted = {name: found[name] for name in ("requests", "things", "things_paid", "sent_twice", "paid_twice", "tokens")}
        self.assertEqual(counted, {"requests": 2, "things": 3, "things_paid": 3, "sent_twice": 1, "paid_twice": 1, "tokens": 400})
        for name, most in {"sent": 2, "sent-twice": 1, "paid-twice": 1, "in-flight": 1}.items():
            self.passes(f"--{name}-at-most={most}")
            self.fails(f"--{name}-at-most={most - 1}")

    def test_what_was_not_answered_in_full_is_not_paid(self):
        self.call(0, "a", whole=False, left_early=True, verdict="hang_mid_body")
        self.call(1, "a")
        found = self.judge()
        self.assertEqual((found["sent_twice"], found["paid_twice"], found["billed_twice"], found["left_early"]), (1, 0, 1, 1))

    def test_another_model_is_another_thing_and_a_chat_is_one_thing(self):
        self.call(0, "a", model="m")
        self.call(1, "a", model="n")
        self.call(2, "be kind", "first question", operation="openai chat")
        self.call(3, "be kind", "second question", operation="openai chat")
        self.passes("--sent-twice-at-most=0")
        self.call(4, "be kind", "second question", operation="openai chat")
        self.fails("--sent-twice-at-most=0")

    def test_in_flight(self):
        self.call(0, "a", took=1)
        self.call(1, "b", took=1)
        self.passes("--in-flight-at-most=1")
        self.call(1.999999, "c", took=0)
        self.fails("--in-flight-at-most=1")
        self.assertEqual(self.judge()["most_in_flight"], 2)

    def test_what_never_ends_stays_in_flight(self):
        self.call(0, "a", took=None)
        self.call(999, "b")
        found = self.judge()
        self.assertEqual((found["most_in_flight"], found["unanswered"]), (2, 1))

    def test_windows_are_half_open_and_start_anywhere(self):
        # Three in 60 s although no minute of the clock has more than two.
        for at in (10, 50, 69.999999):
            self.call(at, f"at {at}")
        self.fails("--max-per-window=2:60")
        self.fails("--max-tokens-per-window=299:60")
        self.passes("--max-tokens-per-window=300:60")
        self.lines[4]["at_us"] += 1
        self.lines[5]["at_us"] += 1
        self.passes("--max-per-window=2:60")
        self.assertEqual(self.judge()["most_requests_in_window"], {"1s": 1, "60s": 2})

    def test_refused_requests_were_sent_and_answers_have_tokens(self):
        self.call(0, "a", status=429)
        self.call(1, "b", billed_output=50)
        self.fails("--max-per-window=1:60")
        self.fails("--refused-at-most=0")
        self.fails("--max-tokens-per-window=249:60")
        self.passes("--max-tokens-per-window=250:60", "--refused-at-most=1")

    def test_lanes_may_have_windows_of_their_own(self):
        self.call(0, "a", model="m")
        self.call(1, "a", model="n")
        self.fails("--max-per-window=1:60")
        self.passes("--max-per-window=1:60", "--by-lane")

    def test_the_share_of_the_scarcest_quota(self):
        for n in range(60):
            self.call(n * 1.25, f"text {n}")
        self.assertAlmostEqual(self.judge("--max-per-window=60:60")["share_of_quota"], 0.8)
        self.assertAlmostEqual(self.judge("--max-per-window=60:60", "--max-tokens-per-window=5000:60")["share_of_quota"], 0.96)
        self.passes("--max-per-window=60:60", "--share-at-least=0.799")
        self.fails("--max-per-window=60:60", "--share-at-least=0.801")
        for line in self.lines:
            line["at_us"] = 0
        self.fails("--max-per-window=60:60", "--share-at-least=0.1")

    def test_a_burst_at_the_start_is_part_of_the_quota(self):
        for n in range(70):
            self.call(max(0, n - 9), f"text {n}")
        self.assertAlmostEqual(self.judge("--max-per-window=60:60")["share_of_quota"], 69 / 60)
        self.assertAlmostEqual(self.judge("--max-per-window=60:60", "--burst=10")["share_of_quota"], 1.0)

    def test_refused_requests_use_no_quota(self):
        for n in range(61):
            self.call(n, f"text {n}", status=429 if n % 2 else 200)
        self.assertAlmostEqual(self.judge("--max-per-window=60:60")["share_of_quota"], 0.5)

    def test_pauses(self):
        self.call(0, "a", status=429, wait_us=2 * MICRO)
        self.call(0.07, "on its way", wait_us=None)
        self.call(0.5, "another model", model="n")
        self.call(2.06, "a")
        self.passes("--in-pause-at-most=0")
        self.fails("--in-pause-at-most=0", "--grace-ms=0")
        self.call(1.5, "b")
        self.fails("--in-pause-at-most=0")
        found = self.judge()
        self.assertEqual((found["sent_in_pause"], found["sent_in_own_pause"]), (1, 0))
        self.call(1.6, "a")
        found = self.judge()
        self.assertEqual((found["sent_in_pause"], found["sent_in_own_pause"]), (2, 1))

    def test_a_later_refusal_prolongs_a_pause_and_a_shorter_one_does_not_end_it(self):
        self.call(0, "a", status=429, wait_us=9 * MICRO)
        self.call(0.01, "b", status=429, wait_us=12 * MICRO)
        self.call(0.02, "c", status=429, wait_us=1 * MICRO)
        self.call(5, "d")
        self.call(11, "e")
        self.call(13, "f")
        self.assertEqual(self.judge()["sent_in_pause"], 2)

    def test_a_log_that_tells_no_waits(self):
        self.call(0, "a", status=429)
        self.call(1, "a")
        self.assertIsNone(self.judge()["sent_in_pause"])
        with self.assertRaises(check_calls.Unjudgeable):
            self.judge("--in-pause-at-most=0")
        self.fails("--in-pause-at-most=0", "--told-wait=2")
        self.passes("--in-pause-at-most=0", "--told-wait=0.5")

    def test_a_share_of_no_quota_cannot_be_judged(self):
        self.call(0, "a")
        with self.assertRaises(check_calls.Unjudgeable):
            self.judge("--share-at-least=0.5")

    def test_expected_texts(self):
        self.call(0, "a", "ä and more")
        self.passes(expect=["a", "ä and more"])
        self.fails(expect=["a", "ä and more", "lost"])
        self.fails(expect=["a"])
        self.call(1, "half", whole=False)
        self.fails(expect=["a", "ä and more", "half"])

    def test_a_damaged_log_is_found(self):
        self.call(0, "a")
        asked, answered = self.lines
        self.passes()
        for name, lines in {
            "arrived twice": [asked, answered, asked],
            "answered twice": [asked, answered, answered],
            "answered before it came": [answered, asked],
            "over before it came": [asked, {**answered, "at_us": -1}],
            "no number": [asked, {key: value for key, value in answered.items() if key != "number"}],
            "half an answer": [asked, {key: value for key, value in answered.items() if key != "whole"}],
            "unknown event": [asked, {**answered, "event": "vanished"}],
            "no event at all": [asked, answered, 7],
        }.items():
            with self.subTest(name):
                self.lines = lines
                self.fails()

    def test_a_torn_line_is_found_and_the_command_says_so(self):
        self.call(0, "a")
        self.passes()
        command = [sys.executable, check_calls.__file__, self.path]
        self.assertEqual(subprocess.run(command, capture_output=True).returncode, 0)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write('{"event":"rec')
        self.assertEqual(subprocess.run(command, capture_output=True).returncode, 1)
        self.assertEqual(subprocess.run([*command[:2], self.path + ".gone"], capture_output=True).returncode, 2)

    def test_bounds_that_are_none_are_refused(self):
        for words in (["--max-per-window=60"], ["--max-per-window=x:60"], ["--max-per-window=5:0"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                check_calls.parse(["log", *words])


if __name__ == "__main__":
    unittest.main()
