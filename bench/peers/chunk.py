"""Chunking at about 256 tokens: chonkie and LangChain, by characters and by exact tokens."""

import sys
from importlib.metadata import version

from common import contest, documents

TOKENS = 256
# Four characters to a token is what English prose has on average.
CHARACTERS = 4 * TOKENS

texts = documents(sys.argv[1], ".txt", ".md")


def counted(name, work, some=texts):
    total = sum(work(text) for text in some)
    contest(name, some, work, chunks=total)


def langchain():
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    name = f"langchain-text-splitters {version('langchain-text-splitters')}"
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHARACTERS, chunk_overlap=0)
    counted(f"{name} characters", lambda text: len(splitter.split_text(text)))
    try:
        exact = RecursiveCharacterTextSplitter.from_tiktoken_encoder("cl100k_base", chunk_size=TOKENS, chunk_overlap=0)
    except Exception as error:  # the encoder's table is downloaded, which an offline machine cannot
        print(f"langchain with exact tokens: not measured ({type(error).__name__})", file=sys.stderr)
        return
    # A twentieth of the texts: exact counting is slow enough to measure on few.
    counted(f"{name} tokens", lambda text: len(exact.split_text(text)), texts[::20])


def chonkie():
    from chonkie import RecursiveChunker

    name = f"chonkie {version('chonkie')}"
    recursive = RecursiveChunker(tokenizer="character", chunk_size=CHARACTERS)
    counted(f"{name} recursive", lambda text: len(recursive.chunk(text)), texts[::5])


langchain()
chonkie()
