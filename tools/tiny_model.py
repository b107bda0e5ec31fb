#!/usr/bin/env python3
"""Makes a tiny language model in the GGUF format, of the llama architecture, with random weights.

usage: tiny_model.py OUT.gguf [--seed 7]

It is to be served by real servers: they load it in milliseconds, embed with it and chat with it, and what comes is
well-formed and means nothing. Its tokenizer is of the SentencePiece kind: common words with all their beginnings, the
printable ASCII characters, and bytes for all else. The same seed gives the same file. Needs the standard library only.
"""

import argparse
import array
import os
import random
import struct
import sys

# Sizes of the model. Heads are 32 wide, which the kernels of servers expect a multiple of.
WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 2, 128, 32_768
# The first component of every token's embedding is this much, the others are about 1. What all tokens have in common
# is what a bias needs: without one, the end would come once in as many tokens as there are.
COMMON, END_BIAS = 3.0, 1.0

WORDS = """the of and to in is that it for as was with on be by at are this from or an have not but which you they all
can we has had one were their been more if will would there who what when so no out up into than them then its only some
could these two may any other how such like our over first also new after most made now where much before right through
data file files text model models record records call calls value values name time error errors reason reasons user users
store search index token tokens request requests answer answers question context document documents use uses used using
write written read reads line lines number numbers example default second seconds minute limit limits wait waits retry
key keys table tables row rows column columns page pages code run runs test tests page part parts work works set sets
""".split()

# Kinds of tokens and of values in the format, and the version of it.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
VERSION, ALIGNMENT = 3, 32
# Types of tensors.
FLOAT32, FLOAT16 = 0, 1
FORMATS = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}

TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}{{ 'assistant:' }}"


def vocabulary():
    """Tokens, their scores and their kinds. Of two merges the one with the higher score is made first, so that words
    grow from their beginnings."""
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    tokens += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    pieces = dict.fromkeys(["▁", *(chr(byte) for byte in range(33, 127))])
    for word in WORDS:
        pieces.update(dict.fromkeys("▁" + word[:end] for end in range(1, len(word) + 1)))
    tokens += [(piece, NORMAL) for piece in pieces]
    scores = [0.0 if kind != NORMAL else -float(place) for place, (_, kind) in enumerate(tokens)]
    return [token for token, _ in tokens], scores, [kind for _, kind in tokens]


def string(text):
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(kind, content):
    return string(content) if kind == STRING else struct.pack(FORMATS[kind], content)


def entry(name, kind, content):
    """One line of metadata. A list is an array of `kind`."""
    if not isinstance(content, list):
        return string(name) + struct.pack("<I", kind) + value(kind, content)
    head = struct.pack("<IIQ", ARRAY, kind, len(content))
    return string(name) + head + b"".join(value(kind, one) for one in content)


def metadata():
    tokens, scores, kinds = vocabulary()
    return [
        entry("general.architecture", STRING, "llama"),
        entry("general.name", STRING, "tidegate-tiny"),
        entry("general.alignment", U32, ALIGNMENT),
        entry("llama.context_length", U32, CONTEXT),
        entry("llama.embedding_length", U32, WIDTH),
        entry("llama.block_count", U32, LAYERS),
        entry("llama.feed_forward_length", U32, INNER),
        entry("llama.attention.head_count", U32, HEADS),
        entry("llama.attention.head_count_kv", U32, HEADS),
        entry("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        entry("llama.rope.dimension_count", U32, WIDTH // HEADS),
        entry("llama.vocab_size", U32, len(tokens)),
        entry("tokenizer.ggml.model", STRING, "llama"),
        entry("tokenizer.ggml.tokens", STRING, tokens),
        entry("tokenizer.ggml.scores", F32, scores),
        entry("tokenizer.ggml.token_type", I32, kinds),
        entry("tokenizer.ggml.unknown_token_id", U32, 0),
        entry("tokenizer.ggml.bos_token_id", U32, 1),
        entry("tokenizer.ggml.eos_token_id", U32, 2),
        entry("tokenizer.ggml.add_bos_token", BOOL, True),
        entry("tokenizer.ggml.add_eos_token", BOOL, False),
        entry("tokenizer.chat_template", STRING, TEMPLATE),
    ]


def matrix(rng, width, height, spread):
    """Random numbers in halves, row after row."""
    return struct.pack(f"<{width * height}e", *(rng.gauss(0.0, spread) for _ in range(width * height)))


def with_first(content, width, first_of):
    """The same with the first number of each row set."""
    rows = bytearray(content)
    for row in range(len(rows) // (2 * width)):
        first = first_of(row)
        if first is not None:
            struct.pack_into("<e", rows, row * 2 * width, first)
    return bytes(rows)


def ones(width):
    content = array.array("f", [1.0] * width)
    if sys.byteorder == "big":
        content.byteswap()
    return content.tobytes()


def tensors(seed):
    """Names, shapes (shortest stride first), types and contents."""
    rng, count = random.Random(seed), len(vocabulary()[0])
    spread = WIDTH**-0.5
    embedding = with_first(matrix(rng, WIDTH, count, 1.0), WIDTH, lambda _: COMMON)
    output = with_first(matrix(rng, WIDTH, count, spread), WIDTH, lambda row: END_BIAS if row == 2 else None)
    yield "token_embd.weight", (WIDTH, count), FLOAT16, embedding
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", (WIDTH,), FLOAT32, ones(WIDTH)
        for name in ("q", "k", "v", "output"):
            yield f"{block}attn_{name}.weight", (WIDTH, WIDTH), FLOAT16, matrix(rng, WIDTH, WIDTH, spread)
        yield block + "ffn_norm.weight", (WIDTH,), FLOAT32, ones(WIDTH)
        yield block + "ffn_gate.weight", (WIDTH, INNER), FLOAT16, matrix(rng, WIDTH, INNER, spread)
        yield block + "ffn_up.weight", (WIDTH, INNER), FLOAT16, matrix(rng, WIDTH, INNER, spread)
        yield block + "ffn_down.weight", (INNER, WIDTH), FLOAT16, matrix(rng, INNER, WIDTH, INNER**-0.5)
    yield "output_norm.weight", (WIDTH,), FLOAT32, ones(WIDTH)
    yield "output.weight", (WIDTH, count), FLOAT16, output


def padded(content):
    return content + b"\0" * (-len(content) % ALIGNMENT)


def model(seed):
    """The bytes of the file."""
    entries, infos, contents, offset = metadata(), [], [], 0
    for name, shape, kind, content in tensors(seed):
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos.append(string(name) + sizes + struct.pack("<IQ", kind, offset))
        contents.append(padded(content))
        offset += len(contents[-1])
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(infos), len(entries))
    return padded(head + b"".join(entries) + b"".join(infos)) + b"".join(contents)


def write(path, seed=7):
    """Writes the model whole or not at all."""
    new = f"{path}.{os.getpid()}.new"
    with open(new, "wb") as file:
        file.write(model(seed))
    os.replace(new, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    write(options.out, options.seed)


if __name__ == "__main__":
    main()
