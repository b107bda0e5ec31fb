"""Reading what was listed and timing a contestant, the same for all."""

import json
import time

# The middle one of so many rounds counts; our own contestants do the same.
ROUNDS = 5


def listed(path):
    """The content of the files whose paths stand in a file, one on each line."""
    out = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            with open(line.rstrip("\n"), "rb") as file:
                out.append(file.read())
    return out


def contest(name, like, inputs, work):
    """Times `work` over all inputs in CPU time of this process and prints the line of JSON that the bench reads.

    `like` says which of our contestants does the same work. `work` returns how much it made of an input.
    """
    size = sum(len(one if isinstance(one, bytes) else one.encode()) for one in inputs)
    rounds, made = [], 0
    for _ in range(ROUNDS):
        start = time.process_time()
        made = sum(work(one) for one in inputs)
        rounds.append(time.process_time() - start)
    seconds = sorted(rounds)[ROUNDS // 2]
    line = {"name": name, "like": like, "bytes": size, "documents": len(inputs), "made": made, "cpu_seconds": seconds}
    print(json.dumps(line), flush=True)
