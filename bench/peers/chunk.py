"""Chunking at 256 tokens without overlap: chonkie and LangChain, by characters and by exact tokens.

usage: chunk.py estimated|exact LIST VOCABULARY

Exact tokens are those of the vocabulary that tidegate counts with too, by Hugging Face's tokenizer in one thread.
"""

import os
import sys
from importlib.metadata import version

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from chonkie import RecursiveChunker
from langchain_text_splitters import RecursiveCharacterTextSplitter
from tokenizers import BertWordPieceTokenizer

from common import contest, listed

TOKENS = 256
# Four characters to a token is what English prose has on average, and what tidegate estimates with.
CHARACTERS = 4 * TOKENS

like, texts, vocabulary = sys.argv[1], [text.decode() for text in listed(sys.argv[2])], sys.argv[3]
chonkie = f"chonkie {version('chonkie')} recursive"
langchain = f"langchain {version('langchain-text-splitters')} recursive"

if like == "estimated":
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHARACTERS, chunk_overlap=0)
    contest(f"{langchain}, characters", like, texts, lambda text: len(splitter.split_text(text)))
    chunker = RecursiveChunker(tokenizer="character", chunk_size=CHARACTERS)
    contest(f"{chonkie}, characters", like, texts, lambda text: len(chunker.chunk(text)))
else:
    tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=True)

    def count(text):
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    splitter = RecursiveCharacterTextSplitter(chunk_size=TOKENS, chunk_overlap=0, length_function=count)
    contest(f"{langchain}, WordPiece", like, texts, lambda text: len(splitter.split_text(text)))
    chunker = RecursiveChunker(tokenizer=tokenizer._tokenizer, chunk_size=TOKENS)
    contest(f"{chonkie}, WordPiece", like, texts, lambda text: len(chunker.chunk(text)))
