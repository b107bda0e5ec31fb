#!/usr/bin/env python3
"""A bucket for proofs: fills it, and stands between `tidegate` and the service that keeps it.

usage: bucket.py sync FOLDER SERVICE UPSTREAM
       bucket.py serve FOLDER SERVICE UPSTREAM

SERVICE is s3, gs or azure, UPSTREAM is host:port of what stands in for it; Google's and Amazon's speak alike. FOLDER
holds world.json, which says what the bucket should hold: {"objects": {name: {"state": N, "size": bytes}}, "switch":
{name: request}}.

`sync` writes and deletes what differs from the last time. `serve` passes every request on, notes it in log.jsonl, and
changes each object of `switch` to its next state just before the named request for a part of it is passed on; which ones
it changed stands in switched.jsonl. It prints its port, and ends when its standard input does.
"""

import concurrent.futures
import http.client
import http.server
import json
import os
import re
import socketserver
import sys
import threading
import urllib.parse

BUCKET = "documents"
ACCOUNT = "devstoreaccount1"
# Signed with the key of that account, which is printed in the documentation of Azurite.
TOKEN = (
    "sv=2021-08-06&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&spr=https%2Chttp"
    "&sig=kV1%2FDJNn7340SUtIltqF6L9gEwifTOYTqBxfQeMSrhM%3D"
)
# How often the mark of an object's state stands in it.
MARKS = 3
WORDS = "harbour tide sluice gate moon spring neap ebb flood basin current channel pier anchor".split()


def mark(name, state):
    return "mark" + re.sub("[^a-z0-9]", "", name) + "s" + str(state)


def content(name, state, size):
    """What an object holds in a state: its mark at the beginning, in the middle and at the end."""
    word = mark(name, state)
    filler = " ".join(WORDS[(len(name) + at) % len(WORDS)] for at in range(20))
    padding = "x" * max(0, size - 200)
    half = len(padding) // 2
    text = f"<h1>{name}</h1><p>{word} {filler}<!--{padding[:half]}--> {word}<!--{padding[half:]}--> {word}"
    return text.encode()


class Upstream:
    """One connection to the service."""

    def __init__(self, service, authority):
        self.service = service
        self.connection = http.client.HTTPConnection(authority)

    def send(self, method, name="", body=b"", query=""):
        path = f"/{BUCKET}" + ("/" + urllib.parse.quote(name) if name else "")
        headers = {"Content-Type": "text/html"}
        if self.service == "azure":
            path = f"/{ACCOUNT}{path}?{query}&{TOKEN}" if query else f"/{ACCOUNT}{path}?{TOKEN}"
            headers["x-ms-blob-type"] = "BlockBlob"
        else:
            path += f"?{query}" if query else ""
            headers["Authorization"] = (
                "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
            )
            # Whoever asks in Google's name asks as the public.
            headers["x-amz-acl"] = "public-read"
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def sync(folder, service, authority):
    world = json.load(open(os.path.join(folder, "world.json")))["objects"]
    place = os.path.join(folder, "synced.json")
    synced = json.load(open(place)) if os.path.exists(place) else None
    if synced is None:
        query = "restype=container" if service == "azure" else ""
        status, said = Upstream(service, authority).send("PUT", query=query)
        assert status in (200, 201), (status, said)
        synced = {}
    for line in switched(folder):
        synced[line["name"]] = line["state"]
    put = [name for name, what in world.items() if synced.get(name) != what["state"]]
    gone = [name for name in synced if name not in world]
    local = threading.local()

    def upstream():
        if not hasattr(local, "upstream"):
            local.upstream = Upstream(service, authority)
        return local.upstream

    def write(name):
        what = world[name]
        status, said = upstream().send("PUT", name, content(name, what["state"], what["size"]))
        assert status in (200, 201), (name, status, said)

    def delete(name):
        status, said = upstream().send("DELETE", name)
        assert status in (202, 204), (name, status, said)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(write, put))
        list(pool.map(delete, gone))
    json.dump({name: what["state"] for name, what in world.items()}, open(place, "w"))


def switched(folder):
    """The objects that were changed between two requests, and to what."""
    place = os.path.join(folder, "switched.jsonl")
    if not os.path.exists(place):
        return []
    with open(place) as file:
        return [json.loads(line) for line in file]


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Connections that end with a killed process are no news; everything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


def serve(folder, service, authority):
    lock = threading.Lock()
    log = open(os.path.join(folder, "log.jsonl"), "a")
    counts = {}
    prefix = f"/{ACCOUNT}/{BUCKET}/" if service == "azure" else f"/{BUCKET}/"

    def switch(name):
        """Changes an object that is to change now."""
        world = json.load(open(os.path.join(folder, "world.json")))
        at = world.get("switch", {}).get(name)
        with lock:
            counts[name] = counts.get(name, 0) + 1
            if at is None or counts[name] != at or any(line["name"] == name for line in switched(folder)):
                return
            what = world["objects"][name]
            status, said = Upstream(service, authority).send(
                "PUT", name, content(name, what["state"] + 1, what["size"])
            )
            assert status in (200, 201), (status, said)
            with open(os.path.join(folder, "switched.jsonl"), "a") as out:
                out.write(json.dumps({"name": name, "state": what["state"] + 1}) + "\n")

    names = set(json.load(open(os.path.join(folder, "world.json"))).get("switch", {}))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            self.upstream = http.client.HTTPConnection(authority)

        def log_message(self, *_):
            pass

        def handle_one(self):
            path = urllib.parse.unquote(self.path.split("?")[0])
            name = path[len(prefix):] if path.startswith(prefix) and len(path) > len(prefix) else ""
            if self.command == "GET" and name in names:
                switch(name)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            self.upstream.request(self.command, self.path, body, headers)
            answer = self.upstream.getresponse()
            said = answer.read()
            line = {
                "method": self.command, "name": name, "status": answer.status,
                "bound": "If-Match" in self.headers,
            }
            with lock:
                log.write(json.dumps(line) + "\n")
                log.flush()
            self.send_response_only(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                    self.send_header(key, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(said))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_one

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    {"sync": sync, "serve": serve}[sys.argv[1]](*sys.argv[2:])
