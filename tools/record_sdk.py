#!/usr/bin/env python3
"""Records what the official SDKs of OpenAI and Anthropic send and what they make of the answers.

usage: record_sdk.py --url URL [--out crates/tidegate-model/tests/recorded] [--only openai|azure|anthropic]

URL is a scripted provider that plays tools/record_sdk.toml. This needs a Python that has tools/requirements.txt. Each
exchange goes through a relay that keeps its bytes, and becomes one file, OUT/SDK-MAJOR/NAME.json: the call, the request,
the answer, and under `understood` what the SDK read out of it. Keys are replaced, and so are the addresses.
"""

import argparse
import json
import sys
import urllib.parse
from importlib.metadata import version
from pathlib import Path

import anthropic
import openai

from relay import Relay, message

KEY = "sk-recorded"
SECRET_HEADERS = {"authorization", "x-api-key", "api-key"}
TEXTS = ["The tide comes in twice a day.", "Grüße aus Kiel — 潮汐 🌊", "a line\nand \"another\"\t\\ one"]
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["spam", "ham"]}, "score": {"type": "number"}},
    "required": ["label", "score"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}
SYSTEM = {"role": "system", "content": "Answer in one word."}
USER = {"role": "user", "content": "Is this text spam? „Gewinnen Sie 🌊!“"}
BOTH = [SYSTEM, USER]
TALK = [USER, {"role": "assistant", "content": "ham"}, {"role": "user", "content": "Are you sure?"}]


# What an SDK read out of an answer.


def embeddings(answer):
    return {
        "model": answer.model,
        "vectors": [{"index": row.index, "vector": list(row.embedding)} for row in answer.data],
        "usage": usage(answer.usage),
    }


def usage(used):
    """The counts of tokens that are there."""
    if used is None:
        return None
    return {name: value for name, value in used.model_dump().items() if isinstance(value, int)}


def completion(answer):
    choice = answer.choices[0]
    return {
        "id": answer.id,
        "model": answer.model,
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "usage": usage(answer.usage),
    }


def completion_stream(stream):
    out = {"text": "", "pieces": 0, "finish_reason": None, "usage": None}
    for chunk in stream:
        out["id"], out["model"] = chunk.id, chunk.model
        out["usage"] = usage(chunk.usage) or out["usage"]
        for choice in chunk.choices:
            out["text"] += choice.delta.content or ""
            out["pieces"] += bool(choice.delta.content)
            out["finish_reason"] = choice.finish_reason or out["finish_reason"]
    return out


def reply(answer):
    return {
        "id": answer.id,
        "model": answer.model,
        "text": "".join(block.text for block in answer.content if block.type == "text"),
        "stop_reason": answer.stop_reason,
        "usage": usage(answer.usage),
    }


def reply_stream(stream):
    out = {"text": "", "pieces": 0, "stop_reason": None, "usage": {}}
    for event in stream:
        if event.type == "message_start":
            out["id"], out["model"] = event.message.id, event.message.model
            out["usage"].update(usage(event.message.usage))
        elif event.type == "content_block_delta":
            out["text"] += event.delta.text
            out["pieces"] += 1
        elif event.type == "message_delta":
            out["stop_reason"] = event.delta.stop_reason
            out["usage"].update(usage(event.usage))
    return out


def models(answer):
    return {"models": [model.id for model in answer.data]}


def tokens(answer):
    return {"input_tokens": answer.input_tokens}


def refusal(error):
    """What an SDK makes of an answer that is an error."""
    out = {"error": type(error).__name__, "status": getattr(error, "status_code", None), "message": error.message}
    for name in ("code", "type", "param", "request_id"):
        if getattr(error, name, None) is not None:
            out[name] = getattr(error, name)
    return out


# The exchanges: a name, the SDK's method, its arguments, and who reads the answer.


def openai_exchanges():
    small, chat, text = "text-embedding-3-small", "gpt-4o-mini", "embeddings.create"
    say = "chat.completions.create"
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    yield "embed", text, {"model": small, "input": TEXTS}, embeddings
    yield "embed-one", text, {"model": small, "input": TEXTS[0]}, embeddings
    yield "embed-dimensions", text, {"model": small, "input": TEXTS, "dimensions": 8}, embeddings
    yield "embed-float", text, {"model": small, "input": TEXTS, "encoding_format": "float"}, embeddings
    yield "embed-user", text, {"model": small, "input": TEXTS[:1], "user": "someone"}, embeddings
    yield "embed-poison", text, {"model": small, "input": ["good", "poison"]}, embeddings
    for model in ("too-many", "no-quota", "broken", "overloaded", "unknown"):
        yield f"embed-{model}", text, {"model": model, "input": TEXTS[:1]}, embeddings
    yield "chat", say, {"model": chat, "messages": [USER]}, completion
    yield "chat-system", say, {"model": chat, "messages": BOTH, "temperature": 0, "seed": 7}, completion
    yield "chat-turns", say, {"model": chat, "messages": TALK, "max_completion_tokens": 64}, completion
    yield "chat-length", say, {"model": chat, "messages": BOTH, "max_tokens": 3}, completion
    yield "chat-schema", say, {"model": chat, "messages": BOTH, "response_format": JSON_SCHEMA}, completion
    json_object = {"model": chat, "messages": BOTH, "response_format": {"type": "json_object"}}
    yield "chat-json", say, json_object, completion
    yield "chat-filtered", say, {"model": "filtered", "messages": BOTH}, completion
    yield "chat-too-many", say, {"model": "too-many", "messages": BOTH}, completion
    yield "stream", say, {"model": chat, "messages": BOTH, "stream": True}, completion_stream
    yield "stream-usage", say, {"model": chat, "messages": BOTH, **streamed}, completion_stream
    yield "stream-length", say, {"model": chat, "messages": BOTH, "max_tokens": 3, **streamed}, completion_stream
    schema = {"model": chat, "messages": BOTH, "response_format": JSON_SCHEMA, **streamed}
    yield "stream-schema", say, schema, completion_stream
    for model in ("filtered", "error-in-stream", "no-end", "too-many"):
        yield f"stream-{model}", say, {"model": model, "messages": BOTH, **streamed}, completion_stream
    yield "models", "models.list", {}, models


def azure_exchanges():
    yield "embed", "embeddings.create", {"model": "my-embedder", "input": TEXTS, "dimensions": 8}, embeddings
    yield "embed-too-many", "embeddings.create", {"model": "too-many", "input": TEXTS[:1]}, embeddings
    yield "chat", "chat.completions.create", {"model": "my-chat", "messages": BOTH}, completion
    yield "stream", "chat.completions.create", {"model": "my-chat", "messages": BOTH, "stream": True}, completion_stream


def anthropic_exchanges():
    claude, create = "claude-haiku-4-5", "messages.create"
    base = {"model": claude, "max_tokens": 64, "messages": [USER]}
    shaped = {**base, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    instructed = {**base, "system": SYSTEM["content"]}
    yield "messages", create, base, reply
    yield "messages-system", create, {**instructed, "stop_sequences": ["###"]}, reply
    yield "messages-turns", create, {**base, "messages": TALK}, reply
    yield "messages-length", create, {**base, "max_tokens": 3}, reply
    yield "messages-schema", create, shaped, reply
    yield "messages-poison", create, {**base, "messages": [{"role": "user", "content": "poison"}]}, reply
    for model in ("filtered", "too-many", "no-quota", "broken", "overloaded-529", "unknown"):
        yield f"messages-{model}", create, {**base, "model": model}, reply
    yield "stream", create, {**instructed, "stream": True}, reply_stream
    yield "stream-length", create, {**base, "max_tokens": 3, "stream": True}, reply_stream
    yield "stream-schema", create, {**shaped, "stream": True}, reply_stream
    for model in ("filtered", "error-in-stream", "no-end", "too-many"):
        yield f"stream-{model}", create, {**base, "model": model, "stream": True}, reply_stream
    yield "count-tokens", "messages.count_tokens", {"model": claude, "messages": [USER]}, tokens
    yield "models", "models.list", {}, models


# Clients. Without retries: an exchange is one request and one answer.


def openai_client(url, key):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def azure_client(url, key):
    return openai.AzureOpenAI(azure_endpoint=url, api_key=key, api_version="2024-10-21", max_retries=0)


def anthropic_client(url, key):
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)


SDKS = {
    "openai": ("openai", openai_client, openai_exchanges, "embed-wrong-key"),
    "azure": ("openai", azure_client, azure_exchanges, "embed-wrong-key"),
    "anthropic": ("anthropic", anthropic_client, anthropic_exchanges, "messages-wrong-key"),
}


def call(client, method, arguments, read):
    """What the SDK understood."""
    for name in method.split("."):
        client = getattr(client, name)
    try:
        return read(client(**arguments))
    except (openai.APIError, anthropic.APIError) as error:
        return refusal(error)


def without_secrets(headers):
    """Headers fit to be kept, one a line: keys and addresses are replaced."""
    out = []
    for name, value in headers:
        if name in SECRET_HEADERS:
            value = "Bearer KEY" if value.startswith("Bearer ") else "KEY"
        out.append(f"{name}: {'localhost' if name == 'host' else value}")
    return out


def record(upstream, make, key, exchange):
    """One exchange, as it is kept."""
    _, method, arguments, read = exchange
    with Relay(upstream) as relay:
        with make(f"http://127.0.0.1:{relay.port}", key) as client:
            understood = call(client, method, arguments, read)
    line, headers, body = message(relay.sent)
    asked = {"line": line, "headers": without_secrets(headers), "body": body}
    line, headers, body = message(relay.came)
    came = {"line": line, "headers": [f"{name}: {value}" for name, value in headers], "body": body}
    written = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return {"call": f"{method}({written})", "request": asked, "answer": came, "understood": understood}


def short(content):
    """Numbers of vectors in single precision, which is what they are."""
    if isinstance(content, dict):
        return {name: short(value) for name, value in content.items()}
    if isinstance(content, list):
        return [short(value) for value in content]
    return float(f"{content:.9g}") if isinstance(content, float) else content


def keep(path, content):
    text = json.dumps(short(content), ensure_ascii=False, indent=1) + "\n"
    if KEY in text or "somebody" in text:
        raise SystemExit(f"{path.name} would hold the key")
    path.write_text(text, encoding="utf-8")


def record_all(out, upstream, name):
    """Writes the files of one SDK; returns how many there are and which SDK it was."""
    package, make, exchanges, wrong_key = SDKS[name]
    major, sdk = version(package).split(".")[0], f"{package} {version(package)}"
    place, exchanges = out / f"{name}-{major}", list(exchanges())
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("*.json"):
        old.unlink()
    for exchange in exchanges:
        keep(place / f"{exchange[0]}.json", {"sdk": sdk, **record(upstream, make, KEY, exchange)})
    refused = record(upstream, make, "sk-of-somebody-else", exchanges[0])
    keep(place / f"{wrong_key}.json", {"sdk": sdk, **refused})
    return len(exchanges) + 1, sdk


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    default = Path(__file__).resolve().parents[1] / "crates/tidegate-model/tests/recorded"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--only", choices=SDKS)
    options = parser.parse_args()
    split = urllib.parse.urlsplit(options.url)
    upstream = (split.hostname, split.port)
    for name in [options.only] if options.only else SDKS:
        exchanges, sdk = record_all(options.out, upstream, name)
        print(f"{name}: {exchanges} exchanges with {sdk}", file=sys.stderr)


if __name__ == "__main__":
    main()
