#!/usr/bin/env python3
"""Makes tiny models of the BERT family with random weights, and what `transformers` computes with them.

usage: tiny_bert.py FOLDER

One folder for each combination that is supported: the activations, pooling by mean and by [CLS], names with and without
the prefix of a larger model, half-precision weights, words before texts. Each holds the files that
authors publish and expected.jsonl: texts, their token ids and their unit vectors, from the reference's own tokenizer and
forward pass in 32-bit floats. The same pins give the same files. They are committed, so that tests need no Python.

Needs what stands in requirements-bert.txt.
"""

import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

SEED = 7
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 12, 2, 3, 20, 48

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the tide gate holds water back until it turns query passage represent this sentence for".split()
# Pieces let any word of these letters be cut; the rest becomes unknown.
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MARKS = list(".,:;!?-'()") + ["中"]

TEXTS = [
    "The tide gate holds water back.",
    "Until it turns",
    "gate",
    "¿Água? Ünïcode, 中文 and a Zebra-Crossing (27 times).",
    "water " * 60,
    "THE TIDE, THE GATE",
    "x\u0301\u200b y\tz\nq",
]

# name: activation, pooling, prefix of names, kind of numbers, words before texts
MODELS = {
    "mean": ("gelu", "mean", "", torch.float32, None),
    "cls": ("gelu", "cls", "bert.", torch.float32, None),
    "tanh": ("gelu_new", "mean", "", torch.float32, None),
    "relu": ("relu", "mean", "", torch.float32, None),
    "half": ("gelu", "mean", "", torch.float16, None),
    "brain": ("gelu", "cls", "", torch.bfloat16, None),
    "prompts": ("gelu", "mean", "", torch.float32, {"query": "query: ", "passage": "passage: "}),
}


def vocabulary():
    tokens = SPECIAL + WORDS + list(LETTERS) + ["##" + letter for letter in LETTERS] + MARKS
    return list(dict.fromkeys(tokens))


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, sort_keys=True)
        file.write("\n")


def config_of(tokens, activation):
    return BertConfig(
        vocab_size=len(tokens), hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INNER, max_position_embeddings=POSITIONS, hidden_act=activation, layer_norm_eps=1e-12,
    )


def make(folder, name, seed):
    activation, pooling, before, kind, prompts = MODELS[name]
    place = os.path.join(folder, name)
    tokens = vocabulary()
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("".join(token + "\n" for token in tokens))
    torch.manual_seed(seed)
    model = BertModel(config_of(tokens, activation), add_pooling_layer=False).eval()
    with torch.no_grad():
        for weights in model.parameters():
            # Larger than training begins with, so that attention is not flat and every part shows.
            weights.add_(torch.randn_like(weights) * 0.2)
            weights.copy_(weights.to(kind).to(torch.float32))
    state = {before + key: value.detach().to(kind).contiguous() for key, value in model.state_dict().items()
             if value.is_floating_point()}
    save_file(state, os.path.join(place, "model.safetensors"))
    write(os.path.join(place, "config.json"), {
        "model_type": "bert", "vocab_size": len(tokens), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": INNER, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": activation,
        "position_embedding_type": "absolute",
    })
    write(os.path.join(place, "modules.json"), [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ])
    write(os.path.join(place, "1_Pooling/config.json"), {
        "word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_max_tokens": False,
    })
    write(os.path.join(place, "tokenizer_config.json"), {"do_lower_case": True, "strip_accents": None})
    if prompts:
        write(os.path.join(place, "config_sentence_transformers.json"), {"prompts": prompts})
    with open(os.path.join(place, "expected.jsonl"), "w", encoding="utf-8") as file:
        for line in expected(place, model, pooling, prompts or {}):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def expected(place, model, pooling, prompts):
    tokenizer = BertTokenizerFast.from_pretrained(place, do_lower_case=True)
    out = []
    for task, prompt in [("document", prompts.get("passage", "")), ("query", prompts.get("query", ""))]:
        for text in TEXTS if task == "document" else TEXTS[:2]:
            encoded = tokenizer(prompt + text, truncation=True, max_length=POSITIONS, return_tensors="pt")
            with torch.no_grad():
                rows = model(**encoded).last_hidden_state[0]
            vector = rows[0] if pooling == "cls" else rows.mean(0)
            vector = (vector / vector.norm()).numpy().astype(np.float32)
            ids = encoded["input_ids"][0].tolist()
            out.append({"task": task, "text": text, "ids": ids, "vector": [round(float(one), 7) for one in vector]})
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for place, name in enumerate(MODELS):
        make(sys.argv[1], name, SEED + place)
        print(name)


if __name__ == "__main__":
    main()
