#!/usr/bin/env python3
"""Turns a labelled collection in the SMART format into what `cargo xtask bench quality --data` takes.

usage: labelled.py DOCUMENTS QUESTIONS JUDGEMENTS FOLDER

CISI, Cranfield and other classic collections come so: documents and questions with `.I` and a number on a line, then
fields that begin with a line such as `.T` or `.W`; judgements as lines of a question, a document and more. Of documents
and questions, the title and the text are kept; every judged pair counts as relevant. Writes docs.jsonl, queries.jsonl
(those that have a judgement) and qrels.tsv. Needs the standard library only.
"""

import json
import os
import re
import sys

FIELDS = ("T", "W")


def entries(path):
    """Each entry's number and its kept fields on one line."""
    number, field, texts = None, None, {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            begins = re.match(r"\.I\s+(\d+)", line)
            named = re.match(r"\.([A-Z])\s*$", line)
            if begins:
                if number is not None:
                    yield number, joined(texts)
                number, field, texts = begins.group(1), None, {}
            elif named:
                field = named.group(1)
            elif field in FIELDS:
                texts.setdefault(field, []).append(line)
    if number is not None:
        yield number, joined(texts)


def joined(texts):
    return " ".join(" ".join("".join(texts.get(field, [])).split()) for field in FIELDS).strip()


def write(path, found):
    with open(path, "w", encoding="utf-8") as file:
        for number, text in found:
            file.write(json.dumps({"id": number, "text": text}, ensure_ascii=False) + "\n")


def main(documents, questions, judgements, folder):
    os.makedirs(folder, exist_ok=True)
    with open(judgements, encoding="utf-8") as lines:
        judged = [line.split()[:2] for line in lines if line.strip()]
    asked = {question for question, _ in judged}
    write(os.path.join(folder, "docs.jsonl"), entries(documents))
    write(os.path.join(folder, "queries.jsonl"), (entry for entry in entries(questions) if entry[0] in asked))
    with open(os.path.join(folder, "qrels.tsv"), "w", encoding="utf-8") as file:
        file.writelines(f"{question}\t{document}\t1\n" for question, document in judged)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
