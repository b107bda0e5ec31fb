"""Reading the corpus and timing a contestant, the same for all."""

import json
import os
import time

# The measured part repeats until it has taken this long.
LEAST_SECONDS = 3.0


def documents(folder, *extensions):
    """All documents below a folder with one of the extensions, sorted by path, as text."""
    out = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith(extensions):
                with open(os.path.join(parent, name), encoding="utf-8", errors="replace") as file:
                    out.append(file.read())
    return out


def contest(name, texts, work, **more):
    """Times `work` over all texts in CPU time of this process and prints the line of JSON that the bench reads."""
    size = sum(len(text.encode()) for text in texts)
    rounds, produced = 0, 0
    start = time.process_time()
    while rounds == 0 or time.process_time() - start < LEAST_SECONDS:
        produced = sum(work(text) for text in texts)
        rounds += 1
    seconds = (time.process_time() - start) / rounds
    line = {"name": name, "mb_per_s": size / 1e6 / seconds, "documents": len(texts), "produced": produced}
    print(json.dumps(line | more), flush=True)
