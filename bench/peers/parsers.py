"""Other parsers on the same files: what each costs, and what it could not read.

usage: parsers.py TOOL LIST

Prints a line of JSON for each file, before the next is begun: CPU seconds of this process and the children it waited
for, characters of text, pages where the tool knows them, and what went wrong. A file that takes two minutes ends the
process; whoever started it goes on behind it. The first line says what the tool took before its first file.
"""

import contextlib
import faulthandler
import io
import json
import logging
import os
import resource
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

LONGEST = 120


def pypdfium2():
    import pypdfium2

    def read(path):
        document = pypdfium2.PdfDocument(path)
        text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
        return text, len(document)

    return read


def kreuzberg():
    from kreuzberg import ExtractionConfig, extract_file_sync

    # Results of earlier runs would be taken from a cache.
    config = ExtractionConfig(use_cache=False)

    def read(path):
        return extract_file_sync(path, config=config).content, None

    return read


def unstructured():
    os.environ.update(UNSTRUCTURED_DISABLE_NOTICE="1", DO_NOT_TRACK="true", SCARF_NO_ANALYTICS="true")
    import spacy

    # It would fetch a model that tells sentences from titles. Without one it has less to do; the text is the same.
    def blank(*_args, **_named):
        pipeline = spacy.blank("en")
        pipeline.add_pipe("sentencizer")
        return pipeline

    spacy.load = blank
    from unstructured.partition.auto import partition

    def read(path):
        return "\n".join(str(element) for element in partition(path, strategy="fast")), None

    return read


TOOLS = {"pypdfium2": pypdfium2, "kreuzberg": kreuzberg, "unstructured": unstructured}


def cpu():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak():
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) * 1024


def one(read, path):
    line = {"file": path, "chars": 0, "pages": None, "fault": None}
    faulthandler.dump_traceback_later(LONGEST, exit=True, file=sys.__stderr__)
    wall, before = time.perf_counter(), cpu()
    try:
        # Some of these tools print what they stumble over.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            text, line["pages"] = read(path)
        line["chars"] = len(text)
        if not any(char.isalnum() for char in text):
            line["fault"] = "no text, and no fault"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, also a panic of Rust: the file was not read
        line["fault"] = f"{type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
    line.update(cpu_s=cpu() - before, wall_s=time.perf_counter() - wall, peak=peak())
    faulthandler.cancel_dump_traceback_later()
    return line


warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
tool, files = sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
read = TOOLS[tool]()
# What is loaded with the first file of a format is not what a file costs.
seen = set()
for path in sorted(files, key=lambda path: Path(path).stat().st_size):
    if Path(path).suffix not in seen:
        seen.add(Path(path).suffix)
        one(read, path)
print(json.dumps({"tool": f"{tool} {version(tool)}", "start_cpu_s": cpu(), "start_peak": peak()}), flush=True)
for path in files:
    print(json.dumps(one(read, path)), flush=True)
