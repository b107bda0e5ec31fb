"""The texts that every contestant of a bench of calls sends: distinct, of 20 to 340 tokens, worked out from a seed.

usage: texts.py N [--seed SEED]

Prints one text a line. Text number n (from 0) comes from splitmix64 seeded with SEED xor (n + 1) * 0x9E3779B97F4A7C15:
the first draw modulo 321, plus 20, is its tokens; then each draw gives eight words, one of each byte, lowest first.
A token is four bytes: a word of three letters and a space, the last one with a stop instead. The first two tokens are
n in seven hexadecimal digits. No text is another's beginning, and its tokens are exact for whoever counts four bytes
a token, so that limits on tokens can be judged to the last one.
"""

import argparse

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SHORTEST, SPREAD = 20, 321
# Byte b is the word "bdfgklmnprstvwyz"[b / 16], "aeio"[b / 4 % 4], "lnrs"[b % 4].
WORDS = ["bdfgklmnprstvwyz"[b >> 4] + "aeio"[b >> 2 & 3] + "lnrs"[b & 3] for b in range(256)]


def draws(state):
    """The numbers of splitmix64 from `state` on."""
    while True:
        state = (state + GOLDEN) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def text_of(number, seed=1):
    """Text number `number`."""
    numbers = draws(seed ^ ((number + 1) * GOLDEN & MASK))
    words = SHORTEST + next(numbers) % SPREAD - 2
    drawn = b"".join(next(numbers).to_bytes(8, "little") for _ in range((words + 7) // 8))
    return f"{number:07x} {' '.join([WORDS[byte] for byte in drawn[:words]])}."


def tokens_of(text):
    """The tokens of a text, four bytes each."""
    return (len(text.encode()) + 3) // 4


def texts(many, seed=1):
    """The first `many` texts."""
    return [text_of(number, seed) for number in range(many)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("many", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for number in range(options.many):
        print(text_of(number, options.seed))


if __name__ == "__main__":
    main()
