"""Embedding with all-MiniLM-L6-v2: onnxruntime and sentence-transformers.

usage: minilm.py export MODEL OUT
       minilm.py onnx MODEL OUT int8|f32 THREADS TEXTS VECTORS
       minilm.py torch MODEL THREADS TEXTS VECTORS

`export` makes OUT/f32.onnx, and OUT/int8.onnx with a scale for each output of a layer; the default of one scale for a
whole matrix would be faster to beat and much worse. TEXTS holds one JSON string on each line. VECTORS becomes their
vectors, 32-bit floats one after another. Prints one line of JSON, with the fields of our own contestant.
"""

import json
import os
import resource
import sys
import time

THREADS = {"export": "2", "onnx": sys.argv[-3], "torch": sys.argv[-3]}[sys.argv[1]]
os.environ.update(TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS=THREADS, MKL_NUM_THREADS=THREADS)

# Texts of about one length are padded little; so many go through the model together.
BATCH = 16


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def told(name, load, work, out):
    """Times `work`, which returns vectors and how many tokens they are of, in CPU time of this process."""
    cpu, start = time.process_time(), time.perf_counter()
    vectors, tokens = work()
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    vectors.astype("<f4").tofile(out)
    print(json.dumps({
        "name": name, "threads": int(THREADS), "texts": len(vectors), "tokens": int(tokens), "seconds": seconds,
        "cpu_seconds": cpu, "load_seconds": load, "dimensions": vectors.shape[1],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }), flush=True)


def export(model, out):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel

    class Rows(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(model, attn_implementation="eager").eval()

        def forward(self, ids, mask):
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state

    os.makedirs(out, exist_ok=True)
    whole = os.path.join(out, "f32.onnx")
    ids = torch.ones((2, 9), dtype=torch.int64)
    axes = {name: {0: "texts", 1: "tokens"} for name in ("ids", "mask", "rows")}
    torch.onnx.export(
        Rows(), (ids, torch.ones_like(ids)), whole, input_names=["ids", "mask"], output_names=["rows"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    quantize_dynamic(whole, os.path.join(out, "int8.onnx"), per_channel=True, weight_type=QuantType.QInt8)


def onnx(model, out, kind, _threads, texts, vectors):
    import numpy as np
    import onnxruntime
    from tokenizers import BertWordPieceTokenizer

    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(THREADS), 1
    # Threads that wait for work by turning in circles would be charged for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(os.path.join(out, f"{kind}.onnx"), options, ["CPUExecutionProvider"])
    load = time.perf_counter() - start
    tokenizer = BertWordPieceTokenizer(os.path.join(model, "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(256)
    ids = [one.ids for one in tokenizer.encode_batch(read(texts))]
    order = sorted(range(len(ids)), key=lambda at: -len(ids[at]))

    def work():
        found = np.zeros((len(ids), 384), np.float32)
        for first in range(0, len(order), BATCH):
            places = order[first:first + BATCH]
            longest = len(ids[places[0]])
            group = np.zeros((len(places), longest), np.int64)
            mask = np.zeros_like(group)
            for row, at in enumerate(places):
                group[row, :len(ids[at])] = ids[at]
                mask[row, :len(ids[at])] = 1
            rows = session.run(["rows"], {"ids": group, "mask": mask})[0]
            means = (rows * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
            found[places] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return found, sum(map(len, ids))

    told(f"onnxruntime {onnxruntime.__version__} {kind}", load, work, vectors)


def torch(model, _threads, texts, vectors):
    import torch
    import sentence_transformers

    torch.set_num_threads(int(THREADS))
    start = time.perf_counter()
    encoder = sentence_transformers.SentenceTransformer(model, device="cpu")
    load = time.perf_counter() - start
    texts = read(texts)
    tokens = sum(len(one) for one in encoder.tokenizer(texts, truncation=True, max_length=256)["input_ids"])

    def work():
        return encoder.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False), tokens

    told(f"sentence-transformers {sentence_transformers.__version__}", load, work, vectors)


if __name__ == "__main__":
    {"export": export, "onnx": onnx, "torch": torch}[sys.argv[1]](*sys.argv[2:])
