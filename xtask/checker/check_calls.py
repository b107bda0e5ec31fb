#!/usr/bin/env python3
"""Judges what was asked of a scripted provider by its log of requests.

usage: check_calls.py LOG [--expect FILE] [bounds]

LOG has two lines of JSON for a request, as it arrives and as it is over. Nothing here asks the caller or the provider
for an opinion: requests, windows and payments are counted again from what arrived when.

    --expect FILE                  texts, one a line: each must be answered in full, and no others be sent
    --max-per-window N:S           no S seconds see more than N requests; refused ones count: they were sent
    --max-tokens-per-window N:S    likewise for tokens, of questions and of answers
    --share-at-least X             of the quota that these two name, this share of the scarcest was used
    --burst S                      so many seconds of the quota were there at the start; by default none, and a caller
                                   that begins with a burst uses more than all of a short run's quota
    --sent-at-most N               requests
    --refused-at-most N            answers with status 429
    --sent-twice-at-most N         sends of something that had been sent before
    --paid-twice-at-most N         full answers to something that had been answered in full before
    --in-flight-at-most N          requests being worked on at once
    --in-pause-at-most N           requests sent while an answer 429 to their lane had asked to wait
    --told-wait S                  the wait that every 429 asked for, for an older log, which does not say

Windows are strict: half open, starting at any moment. What is sent or paid is a text of an embedding request, and all
texts together of any other. A lane is provider, model and key. A pause begins --grace-ms (50) after the answer that
asks for it, since requests may be on their way, and ends when it said. --by-lane gives each lane windows of its own.

Prints a line of JSON; exits 1 if anything is wrong, 2 if it cannot judge.
"""

import argparse
import collections
import json
import sys

MICRO = 1_000_000
# What is known of an answer. A log that tells waits has `wait_us` too: null if the answer asked for none.
ANSWER = ("at_us", "status", "verdict", "whole", "left_early", "billed_input", "billed_output")
UNTOLD = "untold"
# Windows that are always counted, in seconds.
USUAL_WINDOWS = (1, 60)


class Unjudgeable(Exception):
    """The log does not say what a bound needs."""


class Asked:
    """One request with what became of it."""

    def __init__(self, line):
        self.number, self.at = line["number"], line["at_us"]
        self.operation, self.model, self.key = line["operation"], line["model"], line["key"]
        self.texts = [(text, tokens) for text, tokens in line["texts"]]
        self.answer = None

    @property
    def lane(self):
        return self.operation.split(" ")[0], self.model, self.key

    @property
    def things(self):
        """What it asks for, each of which should be paid once."""
        texts = [text for text, _ in self.texts]
        if "embed" in self.operation:
            return [(self.operation, self.model, text) for text in texts]
        return [(self.operation, self.model, *texts)] if texts else []

    @property
    def status(self):
        return self.answer["status"] if self.answer else None

    @property
    def whole(self):
        return bool(self.answer and self.answer["whole"])

    @property
    def tokens(self):
        """Those of the question, which count however it ends, and those of the answer."""
        return sum(tokens for _, tokens in self.texts) + (self.answer["billed_output"] if self.answer else 0)


def read(path):
    """The requests of a log by arrival, and what is wrong with the log itself."""
    requests, violations = {}, []
    with open(path, encoding="utf-8") as file:
        for place, text in enumerate(file, 1):
            try:
                wrong = take(json.loads(text), requests)
            except (ValueError, KeyError, TypeError) as error:
                wrong = f"no event: {error!r}"
            if wrong:
                violations.append(f"line {place}: {wrong}")
    return sorted(requests.values(), key=lambda one: (one.at, one.number)), violations


def take(line, requests):
    """Adds a line of the log to what is known; returns what is wrong with it."""
    number, event = line["number"], line["event"]
    if event == "received":
        if number in requests:
            return f"request {number} arrives twice; does the log hold two runs?"
        requests[number] = Asked(line)
        return None
    if event != "answered":
        return f"unknown event {event!r}"
    if number not in requests:
        return f"request {number} was answered before it came"
    if requests[number].answer:
        return f"request {number} was answered twice"
    if line["at_us"] < requests[number].at:
        return f"request {number} was over before it came"
    requests[number].answer = {name: line[name] for name in ANSWER} | {"wait_us": line.get("wait_us", UNTOLD)}
    return None


def most_in_window(events, seconds):
    """The largest sum of amounts in any half-open window of this length. `events` are (time, amount) by time."""
    most = held = first = 0
    for at, amount in events:
        held += amount
        while events[first][0] + seconds * MICRO <= at:
            held -= events[first][1]
            first += 1
        most = max(most, held)
    return most


def most_at_once(requests):
    """The most requests between their arrival and their end; what never ended is there for ever."""
    changes = []
    for one in requests:
        changes.append((one.at, 1))
        if one.answer:
            # One that ends in the microsecond it came was there too.
            changes.append((max(one.answer["at_us"], one.at + 1), -1))
    most = held = 0
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most


def repeats(requests):
    """How many things were sent, sent again, paid again and billed again, whether the answer arrived or not."""
    sent, paid, billed = collections.Counter(), collections.Counter(), collections.Counter()
    for one in requests:
        sent.update(one.things)
        if one.whole:
            paid.update(one.things)
        if one.answer and one.answer["billed_input"] + one.answer["billed_output"] > 0:
            billed.update(one.things)
    again = lambda counts: sum(count - 1 for count in counts.values())
    return {
        "things": len(sent),
        "things_paid": len(paid),
        "sent_twice": again(sent),
        "paid_twice": again(paid),
        "billed_twice": again(billed),
    }


def refusals(requests, told_wait):
    """The answers 429, their times, and until when they asked to wait; None where the log is silent."""
    out = []
    for one in requests:
        if one.status != 429:
            continue
        at, wait = one.answer["at_us"], one.answer["wait_us"]
        if wait == UNTOLD:
            wait = None if told_wait is None else told_wait * MICRO
            out.append((one, at, None if wait is None else at + wait))
        else:
            out.append((one, at, at + (wait or 0)))
    return out


def in_pauses(requests, refused, grace):
    """How many requests were sent inside a pause of their lane, and how many inside their own; None if unknown."""
    if any(until is None for _, _, until in refused):
        return {"sent_in_pause": None, "sent_in_own_pause": None}
    by_lane, by_thing = collections.defaultdict(list), collections.defaultdict(list)
    for one, at, until in refused:
        by_lane[one.lane].append((at + grace, until))
        for thing in one.things:
            by_thing[thing].append((at, until))
    covered = {lane: union(pauses) for lane, pauses in by_lane.items()}
    within = lambda at, pauses: any(begin < at < end for begin, end in pauses)
    own = sum(any(within(one.at, by_thing.get(thing, ())) for thing in one.things) for one in requests)
    return {"sent_in_pause": count_in(requests, covered), "sent_in_own_pause": own}


def union(spans):
    """Spans without overlap, by time."""
    out = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if out and begin <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([begin, end])
    return out


def count_in(requests, covered):
    """How many requests, which are in order, arrived inside the spans of their lane."""
    count, place = 0, collections.Counter()
    for one in requests:
        spans = covered.get(one.lane, [])
        while place[one.lane] < len(spans) and spans[place[one.lane]][1] <= one.at:
            place[one.lane] += 1
        if place[one.lane] < len(spans) and spans[place[one.lane]][0] < one.at:
            count += 1
    return count


def share(requests, amount_of, bound, burst):
    """What was let in from the first request to the last, of the quota that came by in this time and of what was there
    at the start. Without a burst the first request itself does not count: at its moment nothing had come by."""
    if len(requests) < 2 or requests[-1].at == requests[0].at:
        return None
    limit, seconds = bound
    counted = requests if burst else requests[1:]
    passed = sum(amount_of(one) for one in counted if one.status != 429)
    return passed / (limit / seconds * (burst + (requests[-1].at - requests[0].at) / MICRO))


def expected(path):
    """The hashes of the texts of a file by what begins them."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return {fnv(line.rstrip("\n").encode()): line[:40].rstrip("\n") for line in file}


def fnv(text):
    """FNV-1a in 64 bits, the name of a text in the log."""
    value = 0xCBF29CE484222325
    for byte in text:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def check_expected(requests, path):
    """What is missing of the expected texts, and what is foreign."""
    wanted, violations = expected(path), []
    sent = {text for one in requests for text, _ in one.texts}
    paid = {text for one in requests if one.whole for text, _ in one.texts}
    missing = [text for hashed, text in wanted.items() if hashed not in paid]
    if missing:
        violations.append(f"{len(missing)} texts were never answered in full, such as {missing[0]!r}")
    foreign = sent - wanted.keys()
    if foreign:
        violations.append(f"{len(foreign)} texts were sent that nobody expected, such as {sorted(foreign)[0]}")
    return violations


def windows(requests, options):
    """The most requests and tokens in the usual windows and those asked for, and what that breaks."""
    lanes = collections.defaultdict(list)
    for one in requests:
        lanes[one.lane if options.by_lane else ""].append(one)
    kinds = (
        ("requests", lambda _: 1, options.max_per_window),
        ("tokens", lambda one: one.tokens, options.max_tokens_per_window),
    )
    found, shares, violations = {}, [], []
    for what, amount_of, bounds in kinds:
        lengths = {*USUAL_WINDOWS, *(seconds for _, seconds in bounds)}
        events = [[(one.at, amount_of(one)) for one in lane] for lane in lanes.values()]
        most = {length: max((most_in_window(lane, length) for lane in events), default=0) for length in lengths}
        found[f"most_{what}_in_window"] = {f"{length:g}s": most[length] for length in sorted(lengths)}
        for limit, seconds in bounds:
            if most[seconds] > limit:
                violations.append(f"{most[seconds]} {what} in {seconds:g} s; the bound is {limit}")
            shares += [share(lane, amount_of, (limit, seconds), options.burst) for lane in lanes.values()]
    found["share_of_quota"] = max((part for part in shares if part is not None), default=None)
    return found, violations


def bounded(found, options):
    """What breaks a bound of the form «at most»."""
    bounds = {
        "requests": options.sent_at_most,
        "refused": options.refused_at_most,
        "sent_twice": options.sent_twice_at_most,
        "paid_twice": options.paid_twice_at_most,
        "most_in_flight": options.in_flight_at_most,
        "sent_in_pause": options.in_pause_at_most,
    }
    for what, bound in bounds.items():
        if bound is None:
            continue
        if found[what] is None:
            raise Unjudgeable("the log does not say how long answers 429 asked to wait; give --told-wait")
        if found[what] > bound:
            yield f"{what.replace('_', ' ')}: {found[what]}; the bound is {bound}"
    least = options.share_at_least
    if least is not None:
        if not (options.max_per_window or options.max_tokens_per_window):
            raise Unjudgeable("--share-at-least needs a quota: --max-per-window or --max-tokens-per-window")
        if (found["share_of_quota"] or 0.0) < least:
            yield f"share of quota: {found['share_of_quota']}; at least {least} was to be used"


def check(path, options):
    """Judges; returns the verdict."""
    requests, violations = read(path)
    refused = refusals(requests, options.told_wait)
    found = {
        "requests": len(requests),
        "answered_in_full": sum(one.whole for one in requests),
        "unanswered": sum(one.answer is None for one in requests),
        "left_early": sum(bool(one.answer and one.answer["left_early"]) for one in requests),
        "refused": len(refused),
        "by_verdict": dict(collections.Counter(verdict(one) for one in requests).most_common()),
        "most_in_flight": most_at_once(requests),
        "seconds": round((requests[-1].at - requests[0].at) / MICRO, 3) if requests else 0,
        "tokens": sum(one.tokens for one in requests),
        **repeats(requests),
        **in_pauses(requests, refused, options.grace_ms * 1000),
    }
    seen, broken = windows(requests, options)
    found.update(seen)
    violations += broken
    violations += bounded(found, options)
    if options.expect:
        violations += check_expected(requests, options.expect)
    return {"violations": violations, **found}


def verdict(one):
    return f"{one.answer['status']} {one.answer['verdict']}" if one.answer else "unanswered"


def window(text):
    """`6000:60`: an amount and a length in seconds."""
    limit, _, seconds = text.partition(":")
    limit, seconds = int(limit), float(seconds)
    if limit < 0 or seconds <= 0:
        raise ValueError
    return limit, seconds


def parse(words):
    """What was asked of this judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--expect")
    for name in ("--max-per-window", "--max-tokens-per-window"):
        parser.add_argument(name, type=window, action="append", default=[], metavar="N:SECONDS")
    for name in ("sent", "refused", "sent-twice", "paid-twice", "in-flight", "in-pause"):
        parser.add_argument(f"--{name}-at-most", type=int)
    parser.add_argument("--share-at-least", type=float)
    parser.add_argument("--burst", type=float, default=0.0)
    parser.add_argument("--told-wait", type=float)
    parser.add_argument("--grace-ms", type=int, default=50)
    parser.add_argument("--by-lane", action="store_true")
    return parser.parse_args(words)


def main():
    options = parse(sys.argv[1:])
    try:
        judged = check(options.log, options)
    except (OSError, Unjudgeable) as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return 2
    print(json.dumps(judged))
    return 1 if judged["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
