"""HTML to text with selectolax: parse, drop scripts and styles, take the text of the body.

usage: pages.py LIST
"""

import sys
from importlib.metadata import version

from selectolax.lexbor import LexborHTMLParser
from selectolax.parser import HTMLParser

from common import contest, listed


def extract(parser):
    def work(page):
        tree = parser(page)
        tree.strip_tags(["script", "style"])
        root = tree.body
        return len(root.text(separator="\n").encode()) if root else 0

    return work


pages = listed(sys.argv[1])
for backend, parser in (("lexbor", LexborHTMLParser), ("modest", HTMLParser)):
    contest(f"selectolax {version('selectolax')} {backend}", "html", pages, extract(parser))
