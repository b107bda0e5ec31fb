#!/usr/bin/env python3
"""A small web of documents that behave as those of a real one: slow, broken, moved, too large, changing, gone.

usage: web.py FOLDER SITES

Listens on so many ports of 127.0.0.1, each a site of its own, and prints them as a line of JSON. What the documents are
is read from FOLDER/world.json, again whenever that file changes; every request is written to FOLDER/log.jsonl when it
is over. Ends when its standard input does.
"""

import gzip
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = "harbour lantern granite meadow violin copper glacier orchard saddle thunder velvet walnut anchor basket".split()
LARGEST = 200_000


def body(name, state, kind):
    """The text of a document in one of its states: a word that no other has, and words that many have."""
    length = 6_000 if kind == "cut" else 60
    seed = sum(name.encode()) + 31 * state
    words = [WORDS[(seed * (at + 3) + at * at) % len(WORDS)] for at in range(length)]
    return f"{mark(name, state)} " + " ".join(words) + "."


def mark(name, state):
    return f"mark{name}state{state}"


class World:
    """What documents there are."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "world.json")
        self.log = open(os.path.join(folder, "log.jsonl"), "w", buffering=1)
        self.lock, self.seen, self.stamp, self.documents = threading.Lock(), {}, None, {}

    def document(self, path):
        with self.lock:
            stamp = os.stat(self.path).st_mtime_ns if os.path.exists(self.path) else None
            if stamp != self.stamp:
                with open(self.path) as file:
                    self.documents = {document["path"]: document for document in json.load(file)["documents"]}
                self.stamp = stamp
            before = self.seen.get(path, 0)
            self.seen[path] = before + 1
            return self.documents.get(path), before

    def write(self, line):
        with self.lock:
            self.log.write(json.dumps(line) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        started = time.monotonic()
        self.told, self.sent = 0, 0
        document, before = self.server.world.document(self.path)
        try:
            self.serve(document, before)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        self.server.world.write({
            "site": self.server.server_port, "path": self.path, "method": self.command, "status": self.told,
            "sent": self.sent, "begin": started, "end": time.monotonic(), "range": self.headers.get("Range"),
        })

    def serve(self, document, before):
        if self.path.startswith("/there/"):
            document = dict(self.server.world.document(self.path.replace("/there/", "/moved/"))[0], kind="tagged")
        if document is None or document["gone"]:
            return self.answer(404, b"not here")
        kind, state = document["kind"], document["state"]
        text = body(document["id"], state, kind).encode()
        tag = f'"{document["id"]}-{state}"'
        if kind == "slow":
            time.sleep(0.3)
        if kind == "flaky" and before == 0:
            return self.hang_up()
        if kind == "flaky" and before == 1:
            return self.answer(503, b"busy", {"Retry-After": "0"})
        if kind == "broken":
            return self.answer(500, b"no")
        if kind == "closed":
            return self.answer(403, b"no")
        if kind == "moved":
            return self.answer(301, b"", {"Location": self.path.replace("/moved/", "/there/")})
        if kind == "home":
            # Where a cloud keeps its keys, and this very server under a name for nowhere.
            places = ["http://169.254.169.254/latest/", f"http://0.0.0.0:{self.server.server_port}/secret",
                      f"http://[::ffff:127.0.0.1]:{self.server.server_port}/secret", "file:///etc/passwd"]
            return self.answer(302, b"", {"Location": places[int(document["id"][1:]) % len(places)]})
        if kind == "large":
            return self.answer(200, b"x" * (LARGEST + 1), {"ETag": tag})
        if kind == "endless":
            return self.endless()
        if kind == "plain":
            return self.answer(200, text, {"Content-Type": "text/plain"})
        if kind == "dated":
            date = f"Sun, 06 Nov 1994 08:49:{state:02} GMT"
            if self.headers.get("If-Modified-Since") == date:
                return self.answer(304, b"", {"Last-Modified": date})
            return self.answer(200, text, {"Last-Modified": date, "Content-Type": "text/markdown"})
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, b"", {"ETag": tag})
        headers = {"ETag": tag}
        if kind == "packed":
            text, headers["Content-Encoding"] = gzip.compress(text), "gzip"
        if kind == "cut" and before == 0:
            return self.cut(text, headers)
        asked = self.headers.get("Range", "")
        if self.headers.get("If-Range") == tag and asked.startswith("bytes="):
            start = int(asked[6:].rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(text) - 1}/{len(text)}"
            return self.answer(206, text[start:], headers)
        return self.answer(200, text, headers)

    def begin(self, status, headers):
        self.told = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, status, content, headers=None):
        self.begin(status, {"Content-Length": str(len(content)), **(headers or {})})
        if self.command == "GET" and status != 304:
            self.put(content)

    def put(self, content):
        self.wfile.write(content)
        self.sent += len(content)

    def cut(self, content, headers):
        self.begin(200, {"Content-Length": str(len(content)), **headers})
        self.put(content[: len(content) // 2])
        self.hang_up()

    def endless(self):
        self.begin(200, {"Connection": "close"})
        self.close_connection = True
        for _ in range(5_000):
            self.put(b"x" * 10_000)

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


def main():
    folder, sites = sys.argv[1], int(sys.argv[2])
    world = World(folder)
    ports = []
    for _ in range(sites):
        server = Server(("127.0.0.1", 0), Handler)
        server.world = world
        ports.append(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
