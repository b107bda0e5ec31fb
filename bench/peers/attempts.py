"""What every contestant does about an answer: the same judgement and the same retry policy for all."""

import base64
import email.utils
import json
import random
import time
from array import array
from collections import Counter

# An answer with one of these may be better the next time.
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}


class Policy:
    """Full jitter: before try k + 1 (k from 1) a wait is drawn from 0 to min(cap, base * 2^(k-1)). A wait hint in the
    answer is obeyed instead, by the request that got it, as scripts do."""

    def __init__(self, tries, base, cap, seed):
        self.tries, self.base, self.cap = tries, base, cap
        self.random = random.Random(seed)

    def wait(self, failed, headers):
        """Seconds to wait after so many failed tries."""
        hint = hinted(headers)
        if hint is not None:
            return hint
        return self.random.uniform(0, min(self.cap, self.base * 2 ** (failed - 1)))


def hinted(headers):
    """The seconds that an answer's headers ask to wait, or None."""
    try:
        if headers.get("retry-after-ms"):
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        after = headers.get("retry-after")
        if not after:
            return None
        if after.strip()[0].isdigit():
            return float(after)
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


class Tally:
    """What came of all records."""

    def __init__(self):
        self.sent, self.ok, self.lost = 0, 0, 0
        # Tries that failed, by status or kind of error.
        self.failures = Counter()
        # Seconds from a record's first try to its end, waits included, of those that ended well.
        self.seconds = []
        # One line for each record, for whoever asked for a log: number, whether it ended well, tries, seconds.
        self.records = []

    def settle(self, number, good, tries, seconds):
        """A record is over."""
        self.records.append((number, good, tries, seconds))
        if good:
            self.ok += 1
            self.seconds.append(seconds)
        else:
            self.lost += 1


class Attempts:
    """The tries of one record. Whoever sends asks `go` before each, and tells what came to `answered` or `failed`."""

    def __init__(self, policy, tally, number):
        self.policy, self.tally, self.number = policy, tally, number
        self.begun, self.tries, self.over = time.perf_counter(), 0, False

    def go(self):
        """Whether there is another try; counts it as sent."""
        if not self.over:
            self.tries += 1
            self.tally.sent += 1
        return not self.over

    def answered(self, status, headers, body):
        """Judges an answer. Returns the seconds to wait before the next try."""
        if status == 200:
            if is_vector(body):
                return self.end(True)
            return self.again("wrong answer", {})
        if status not in PASSING:
            self.tally.failures[str(status)] += 1
            return self.end(False)
        return self.again(str(status), headers)

    def failed(self, error):
        """No answer came, or not all of it. Returns the seconds to wait before the next try."""
        return self.again(type(error).__name__, {})

    def again(self, why, headers):
        self.tally.failures[why] += 1
        if self.tries >= self.policy.tries:
            return self.end(False)
        return self.policy.wait(self.tries, headers)

    def end(self, good):
        self.over = True
        self.tally.settle(self.number, good, self.tries, time.perf_counter() - self.begun)
        return 0.0


def is_vector(body):
    """Whether a body holds exactly one vector. Base64 is decoded: whoever wants a vector has to do it too."""
    try:
        rows = json.loads(body)["data"]
        vector = rows[0]["embedding"]
        if isinstance(vector, str):
            vector = array("f", base64.b64decode(vector))
        return len(rows) == 1 and len(vector) > 0
    except (ValueError, KeyError, TypeError, IndexError):
        return False
