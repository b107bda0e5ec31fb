#!/usr/bin/env python3
"""A model server that was not written here: llama.cpp's own HTTP server, with a tiny model of random weights.

usage: llama_server.py [--port 0] [--key KEY] [--parallel 4] [--folder FOLDER] [--check]

Speaks OpenAI's /v1/embeddings, /v1/chat/completions (streamed too) and /v1/models. When it is ready it prints one line
of JSON, {"url": …, "model": …, "pid": …}, and it serves until SIGTERM or SIGINT, then exits with 0. What the model says
means nothing: this is for the wire and for batching.

The first start installs xllamacpp, which brings llama.cpp compiled, into an environment below FOLDER (by default in
`target` of this repository, or in CARGO_TARGET_DIR) and makes the model there with tools/tiny_model.py; both stay.
With --check it asks itself for embeddings and for a chat, whole and streamed, prints what came, and ends.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = Path(__file__).with_name("requirements-server.txt")
MODEL = "tidegate-tiny"
# Tokens of one slot: what one question with its answer, or one text to embed, may have.
SLOT = 8_192
# Tokens of an answer when the client names no bound: the model ends by itself after about 40, but may not.
LONGEST_ANSWER = 512


def target():
    """Where what can be made again is kept."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def environment(folder):
    """The Python that has the server; builds the environment the first time and when the pins change."""
    place = folder / "llama-venv"
    interpreter, stamp, wanted = place / "bin/python", place / "installed.txt", PINS.read_text()
    if interpreter.exists() and stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"stdout": sys.stderr, "check": True}
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], **quiet)
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # A build from source would take the better part of an hour; where there is no wheel this is not available.
    subprocess.run([*pip, "--only-binary", ":all:", "--requirement", PINS], **quiet)
    stamp.write_text(wanted)
    return interpreter


def model(folder):
    """The model's file."""
    sys.path.insert(0, str(ROOT / "tools"))
    import tiny_model

    path = folder / "tiny.gguf"
    tiny_model.write(path)
    return path


def start(options):
    """Starts the server in threads of this process; returns it."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model(options.folder))
    params.model_alias = {MODEL}
    params.hostnames, params.port = ["127.0.0.1"], options.port
    params.api_keys = [options.key] if options.key else []
    params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_parallel, params.n_ctx, params.n_predict = options.parallel, SLOT * options.parallel, LONGEST_ANSWER
    # A text is embedded in one piece, so that the longest one has to fit.
    params.n_batch = params.n_ubatch = SLOT
    # The model is so small that a second thread only costs.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 2 + options.parallel
    params.fit_params, params.ui = False, False
    # Errors only.
    params.verbosity = 1
    return xllamacpp.Server(params)


def ask(server, key, path, body):
    """The bytes of an answer."""
    request = urllib.request.Request(f"{server.listening_address}/v1/{path}", json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    request.add_header("authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def check(server, key):
    """Asks for everything once; raises if an answer is not what it must be."""
    texts = [f"text number {number} of a data file" for number in range(64)]
    rows = json.loads(ask(server, key, "embeddings", {"model": MODEL, "input": texts}))["data"]
    assert [row["index"] for row in rows] == list(range(64)), "rows out of order"
    assert len({len(row["embedding"]) for row in rows}) == 1, "vectors of different lengths"
    question = {"model": MODEL, "max_tokens": 32, "messages": [{"role": "user", "content": "what is in the file?"}]}
    whole = json.loads(ask(server, key, "chat/completions", question))
    streamed = ask(server, key, "chat/completions", {**question, "stream": True}).decode()
    assert streamed.rstrip().endswith("data: [DONE]"), "the stream has no end"
    return {
        "vectors": len(rows),
        "dimensions": len(rows[0]["embedding"]),
        "answer": whole["choices"][0]["message"]["content"],
        "finish_reason": whole["choices"][0]["finish_reason"],
        "events": streamed.count("data: "),
    }


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--key", default="", help="the key that requests must carry; by default none")
    parser.add_argument("--parallel", type=int, default=4, help="requests worked on at once")
    parser.add_argument("--folder", type=Path, default=target(), help="for the environment and the model")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--installed", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse()
    if not options.installed:
        interpreter = str(environment(options.folder))
        # In the same process: the id that the caller knows stays that of the server.
        os.execv(interpreter, [interpreter, __file__, "--installed", *sys.argv[1:]])
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = start(options)
    if options.check:
        print(json.dumps(check(server, options.key)), flush=True)
    else:
        line = {"url": server.listening_address, "model": MODEL, "pid": os.getpid()}
        print(json.dumps(line), flush=True)
        stopped.wait()
    # Its threads end with the process; taking the server apart would wait for clients that hold connections open.
    os._exit(0)


if __name__ == "__main__":
    main()
