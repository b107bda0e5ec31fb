"""One-text embedding calls, the way they are made without tidegate; prints one line of JSON.

usage: calls.py MODE --url URL [--n 20000] [--concurrency 256] [--tries 5] [--timeout 30] …

    sequential    requests, one call after the other
    threads       requests in so many threads, one session with a pool of so many connections
    aiohttp       one session, a semaphore, a task for each record
    httpx         the same with httpx
    openai        the official AsyncOpenAI with its own retries, a semaphore, a task for each record

URL is the provider's root, without /v1. Every mode sends the same texts (texts.py), asks for base64 vectors, decodes
them, and makes up to so many tries: full jitter, wait hints obeyed by the request that got them (attempts.py). A
record keeps its place among the concurrent ones while it waits, as in the scripts one finds. The openai SDK cannot be
given a policy: it has the same number of tries and its own waits, and of its failed tries those that got an answer are
counted.

With --requests-per-minute and --tokens-per-minute the modes aiohttp and httpx pace themselves with the token buckets
of aiolimiter, filled evenly and holding --burst seconds of it: what a careful script does about a known quota. With
--uvloop the asynchronous modes run on uvloop.

The line says: wall and CPU seconds (user and system, of this process, from the first call to the last answer; texts
and imports are before it), CPU per record in microseconds, memory before and at its peak, connections at their peak,
requests sent, records ok and lost, failed tries by kind, percentiles of a record's time from its first try to its end.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

from attempts import Attempts, Policy, Tally
from meter import Meter
from texts import texts, tokens_of


class Job:
    """What all contestants are given."""

    def __init__(self, options):
        self.options, self.tally = options, Tally()
        self.policy = Policy(options.tries, options.base, options.cap, options.seed)
        self.texts = texts(options.n, options.seed)
        self.url = f"{options.url.rstrip('/')}/v1/embeddings"
        self.headers = {"authorization": f"Bearer {options.key}", "content-type": "application/json"}

    def body(self, number):
        asked = {"model": self.options.model, "input": self.texts[number], "encoding_format": "base64"}
        return json.dumps(asked).encode()

    def attempts(self, number):
        return Attempts(self.policy, self.tally, number)


# Blocking: one call after the other, and threads.


def session(job, connections):
    import requests

    made = requests.Session()
    made.mount("http://", requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    made.headers.update(job.headers)
    # Proxies are looked up in the environment for every call otherwise.
    made.trust_env = False
    return made


def blocking(job, made, number, lock):
    import requests

    attempts = job.attempts(number)
    while True:
        with lock:
            if not attempts.go():
                return
        try:
            answer = made.post(job.url, data=job.body(number), timeout=job.options.timeout)
            what = lambda: attempts.answered(answer.status_code, answer.headers, answer.content)
        except requests.RequestException as error:
            failed = error
            what = lambda: attempts.failed(failed)
        with lock:
            wait = what()
        if not attempts.over:
            time.sleep(wait)


def sequential(job):
    made, lock = session(job, 1), threading.Lock()
    with Meter() as meter:
        for number in range(job.options.n):
            blocking(job, made, number, lock)
    return meter


def threads(job):
    many = job.options.concurrency
    made, lock = session(job, many), threading.Lock()
    with Meter() as meter, ThreadPoolExecutor(many) as pool:
        for done in [pool.submit(blocking, job, made, number, lock) for number in range(job.options.n)]:
            done.result()
    return meter


# Asynchronous: a task for each record, a semaphore for all.


class Buckets:
    """Token buckets on the client's side; none for what has no limit."""

    def __init__(self, options):
        from aiolimiter import AsyncLimiter

        def bucket(per_minute):
            held = max(per_minute / 60 * options.burst, 1)
            return AsyncLimiter(held, held * 60 / per_minute)

        self.requests = bucket(options.requests_per_minute) if options.requests_per_minute else None
        self.tokens = bucket(options.tokens_per_minute) if options.tokens_per_minute else None

    async def admit(self, tokens):
        if self.requests:
            await self.requests.acquire()
        if self.tokens:
            await self.tokens.acquire(min(tokens, self.tokens.max_rate))


async def persist(job, number, send, transient, buckets):
    """The tries of one record with `send`, which returns status, headers and body."""
    attempts, tokens = job.attempts(number), tokens_of(job.texts[number])
    while True:
        if buckets:
            await buckets.admit(tokens)
        if not attempts.go():
            return
        try:
            wait = attempts.answered(*await send(job.body(number)))
        except transient as error:
            wait = attempts.failed(error)
        if attempts.over:
            return
        await asyncio.sleep(wait)


async def crowd(job, one):
    """Runs `one` for every record, so many at once, each in a task of its own."""
    places = asyncio.Semaphore(job.options.concurrency)

    async def placed(number):
        async with places:
            await one(number)

    with Meter() as meter:
        await asyncio.gather(*(asyncio.create_task(placed(number)) for number in range(job.options.n)))
    return meter


async def with_aiohttp(job):
    import aiohttp

    options, buckets = job.options, Buckets(job.options) if paced(job.options) else None
    connector = aiohttp.TCPConnector(limit=options.concurrency)
    timeout = aiohttp.ClientTimeout(total=options.timeout)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=job.headers) as made:

        async def send(body):
            async with made.post(job.url, data=body) as answer:
                return answer.status, answer.headers, await answer.read()

        transient = (aiohttp.ClientError, asyncio.TimeoutError)
        return await crowd(job, lambda number: persist(job, number, send, transient, buckets))


async def with_httpx(job):
    import httpx

    options, buckets = job.options, Buckets(job.options) if paced(job.options) else None
    limits = httpx.Limits(max_connections=options.concurrency, max_keepalive_connections=options.concurrency)
    client = httpx.AsyncClient(limits=limits, timeout=options.timeout, headers=job.headers, trust_env=False)
    async with client as made:

        async def send(body):
            answer = await made.post(job.url, content=body)
            return answer.status_code, answer.headers, answer.content

        return await crowd(job, lambda number: persist(job, number, send, httpx.TransportError, buckets))


async def with_openai(job):
    import openai

    options, tally = job.options, job.tally

    async def asked(_):
        tally.sent += 1

    async def answered(answer):
        if answer.status_code != 200:
            tally.failures[str(answer.status_code)] += 1

    client = openai.DefaultAsyncHttpxClient(event_hooks={"request": [asked], "response": [answered]})
    made = openai.AsyncOpenAI(
        base_url=f"{options.url.rstrip('/')}/v1",
        api_key=options.key,
        max_retries=options.tries - 1,
        timeout=options.timeout,
        http_client=client,
    )

    async def one(number):
        begun, good = time.perf_counter(), False
        with contextlib.suppress(openai.OpenAIError):
            answer = await made.embeddings.create(model=options.model, input=job.texts[number])
            good = len(answer.data) == 1 and len(answer.data[0].embedding) > 0
        # Which of the requests were this record's own is not told.
        tally.settle(number, good, None, time.perf_counter() - begun)

    async with made:
        return await crowd(job, one)


BLOCKING = {"sequential": (sequential, "requests"), "threads": (threads, "requests")}
ASYNCHRONOUS = {
    "aiohttp": (with_aiohttp, "aiohttp"),
    "httpx": (with_httpx, "httpx"),
    "openai": (with_openai, "openai"),
}


def paced(options):
    return bool(options.requests_per_minute or options.tokens_per_minute)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=[*BLOCKING, *ASYNCHRONOUS])
    parser.add_argument("--url", required=True)
    parser.add_argument("--n", type=int, default=20_000, help="records")
    parser.add_argument("--concurrency", type=int, default=256, help="records at once")
    parser.add_argument("--tries", type=int, default=5, help="tries of a record, the first included")
    parser.add_argument("--base", type=float, default=0.5, help="seconds: the longest wait after the first failure")
    parser.add_argument("--cap", type=float, default=30.0, help="seconds: the longest wait of all")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one try")
    parser.add_argument("--seed", type=int, default=1, help="of the texts and the jitter")
    parser.add_argument("--model", default="text-embedding-3-small")
    parser.add_argument("--key", default="no-key")
    parser.add_argument("--requests-per-minute", type=float)
    parser.add_argument("--tokens-per-minute", type=float)
    parser.add_argument("--burst", type=float, default=1.0, help="seconds of quota that a bucket holds")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--log", help="file that gets a line of JSON for each record")
    options = parser.parse_args()
    if paced(options) and options.mode not in ("aiohttp", "httpx"):
        parser.error("only the modes aiohttp and httpx pace themselves; leave the limits out, or change the mode")
    return options


def run(job):
    """Runs the contestant; returns its name and its meter."""
    mode = job.options.mode
    if mode in BLOCKING:
        work, package = BLOCKING[mode]
        return f"{mode}, {package} {version(package)}", work(job)
    work, package = ASYNCHRONOUS[mode]
    name = f"{package} {version(package)}"
    if paced(job.options):
        name += f", aiolimiter {version('aiolimiter')}"
    if job.options.uvloop:
        import uvloop

        return f"{name}, uvloop {version('uvloop')}", uvloop.run(work(job))
    return name, asyncio.run(work(job))


def main():
    job = Job(parse())
    name, meter = run(job)
    options = job.options
    line = {"name": name, "mode": options.mode, "n": options.n, "concurrency": options.concurrency}
    print(json.dumps({**line, **meter.line(job.tally)}), flush=True)
    if options.log:
        with open(options.log, "w", encoding="utf-8") as file:
            for number, good, tries, seconds in sorted(job.tally.records):
                record = {"number": number, "ok": good, "tries": tries, "seconds": round(seconds, 6)}
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    sys.exit(main())
