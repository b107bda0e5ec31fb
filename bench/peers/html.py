"""HTML to text with selectolax: parse, drop scripts and styles, take the text."""

import sys

import selectolax
from selectolax.parser import HTMLParser

try:
    from selectolax.lexbor import LexborHTMLParser
except ImportError:
    LexborHTMLParser = None

from common import contest, documents


def extract(parser):
    def work(text):
        tree = parser(text)
        tree.strip_tags(["script", "style"])
        root = tree.body
        return len(root.text(separator="\n")) if root else 0

    return work


pages = documents(sys.argv[1], ".html")
version = getattr(selectolax, "__version__", "")
contest(f"selectolax {version} modest", pages, extract(HTMLParser))
if LexborHTMLParser:
    contest(f"selectolax {version} lexbor", pages, extract(LexborHTMLParser))
