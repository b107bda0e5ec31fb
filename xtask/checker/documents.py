"""What the documents of a crash proof say must be in a store. Reads files only."""

import json
import os
import re

MARKER = re.compile(r"\bzq[0-9a-f]{10}v\b")


def markers(text):
    """The markers of a text, in order."""
    return MARKER.findall(text)


class Documents:
    """A folder of documents: which are good, with which markers in which order, and which must be refused."""

    def __init__(self, folder):
        self.good = {}
        self.bad = set()
        for parent, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(parent, name)
                relative = os.path.relpath(path, folder)
                if name.startswith("bad-"):
                    self.bad.add(relative)
                    continue
                with open(path, encoding="utf-8") as file:
                    if name.endswith(".jsonl"):
                        self.add_lines(relative, file)
                        continue
                    self.good[relative] = markers(file.read())

    def add_lines(self, relative, file):
        """Each line is a document by itself, named by its id."""
        for line in file:
            row = json.loads(line)
            self.good[f"{relative}#{row['id']}"] = markers(row["text"])

    def all_markers(self):
        """Every marker of every good document, as often as it occurs."""
        return [marker for found in self.good.values() for marker in found]


def relative_key(key, folder):
    """The path within `folder` that a source key stands for, or None."""
    decoded = re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda m: bytes.fromhex(m.group().replace("%", "")).decode("utf-8", "replace"), key)
    decoded = decoded.removeprefix("file://")
    for base in (os.path.realpath(folder), os.path.abspath(folder), os.path.basename(os.path.abspath(folder))):
        if decoded.startswith(base + "/"):
            return decoded[len(base) + 1 :]
        if decoded.startswith("./" + base + "/"):
            return decoded[len(base) + 3 :]
    return None
