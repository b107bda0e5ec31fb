"""Token ids by Hugging Face's tokenizers.

usage: wordpiece.py vocabulary TEXTS OUT
       wordpiece.py ids uncased|cased VOCABULARY TEXTS OUT

TEXTS holds one JSON string on each line. `vocabulary` makes one of 30,000 tokens that tells capital letters and accents
apart, one on each line. `ids` writes the ids of each text on a line, without special tokens, and prints one line of JSON
with the megabytes that it split in a second of CPU time.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordPiece  # noqa: E402
from tokenizers.normalizers import BertNormalizer  # noqa: E402
from tokenizers.pre_tokenizers import BertPreTokenizer  # noqa: E402
from tokenizers.trainers import WordPieceTrainer  # noqa: E402

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BATCH = 256


def tokenizer(vocabulary, cased):
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = BertNormalizer(lowercase=not cased, strip_accents=not cased)
    made.pre_tokenizer = BertPreTokenizer()
    return made


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def vocabulary(texts, out):
    made = tokenizer({"[UNK]": 0}, cased=True)
    made.train_from_iterator(read(texts), WordPieceTrainer(
        vocab_size=30_000, special_tokens=SPECIAL, show_progress=False))
    tokens = sorted(made.get_vocab().items(), key=lambda entry: entry[1])
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        file.write("".join(token + "\n" for token, _ in tokens))


def ids(kind, path, texts, out):
    with open(path, encoding="utf-8", newline="\n") as lines:
        made = tokenizer({line.rstrip("\n"): at for at, line in enumerate(lines)}, kind == "cased")
    texts = read(texts)
    begun, found = time.process_time(), []
    for at in range(0, len(texts), BATCH):
        found.extend(one.ids for one in made.encode_batch(texts[at:at + BATCH], add_special_tokens=False))
    seconds = time.process_time() - begun
    with open(out, "w", encoding="utf-8") as file:
        file.write("".join(" ".join(map(str, one)) + "\n" for one in found))
    size = sum(len(text.encode()) for text in texts)
    print(json.dumps({"texts": len(texts), "mb_per_s": size / seconds / 1e6}))


if __name__ == "__main__":
    {"vocabulary": vocabulary, "ids": ids}[sys.argv[1]](*sys.argv[2:])
