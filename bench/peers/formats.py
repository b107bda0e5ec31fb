"""What second tools read of the same files, and how much of it we read too.

usage: formats.py LIST FOLDER

FOLDER has our text of the n-th file as n.txt. Prints a line of JSON for each file: the tool, its words, how many of
them ours has as well (as often), and ours. A tool that is not there, or fails, says so instead.
"""

import contextlib
import email
import email.policy
import io
import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

LIGATURES = str.maketrans({"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\xad": ""})


def words(text):
    text = re.sub(r"(?<=[a-z])[-\u2010\u0002\ufffe]\s*\n\s*(?=[a-z])", "", text.translate(LIGATURES))
    return Counter(re.findall(r"\w+", text.lower()))


def pdf(path):
    if shutil.which("pdftotext"):
        done = subprocess.run(["pdftotext", "-q", path, "-"], capture_output=True, timeout=120, check=False)
        return "pdftotext", done.stdout.decode("utf-8", "replace")
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    return "pypdfium2", "\n".join(page.get_textpage().get_text_bounded() for page in document)


def docx(path):
    import docx
    from docx.oxml.ns import qn

    # Word keeps what older programs show in place of a drawing beside it: the same text twice.
    def once(element):
        return not any(parent.tag.endswith("}Fallback") for parent in element.iterancestors())

    texts = (qn("w:t"), qn("w:tab"), qn("w:br"))
    body = docx.Document(path).element.body
    lines = []
    for paragraph in filter(once, body.iter(qn("w:p"))):
        own = (text for text in paragraph.iter(*texts) if next(text.iterancestors(qn("w:p"))) is paragraph)
        lines.append("".join((text.text or " ") if text.tag == texts[0] else " " for text in own if once(text)))
    return "python-docx", "\n".join(lines)


def pptx(path):
    import pptx

    lines = []

    def read(shapes):
        for shape in shapes:
            if shape.shape_type == 6:
                read(shape.shapes)
            elif shape.has_text_frame and not (shape.is_placeholder and shape.placeholder_format.type in (13, 15, 16)):
                lines.append(shape.text_frame.text)
            elif getattr(shape, "has_table", False) and shape.has_table:
                lines.extend(cell.text for row in shape.table.rows for cell in row.cells)

    for slide in pptx.Presentation(path).slides:
        read(slide.shapes)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame:
            lines.append(slide.notes_slide.notes_text_frame.text)
    return "python-pptx", "\n".join(lines)


def xlsx(path):
    import openpyxl

    lines = []
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    for sheet in book.worksheets:
        for row in sheet.iter_rows(values_only=True):
            # How dates and numbers are shown is a matter of taste: words are what is compared.
            lines.extend(cell for cell in row if isinstance(cell, str))
    return "openpyxl", "\n".join(lines)


def odf(path):
    from odf import opendocument, teletype, text

    kinds = (text.H, text.P)
    found = [one for kind in kinds for one in opendocument.load(path).body.getElementsByType(kind)]
    names = {one.qname for one in found}

    # The text of a paragraph holds that of the frames and notes within it.
    def outermost(element):
        while (element := element.parentNode) is not None:
            if getattr(element, "qname", None) in names:
                return False
        return True

    return "odfpy", "\n".join(teletype.extractText(one) for one in found if outermost(one))


def epub(path):
    from selectolax.lexbor import LexborHTMLParser

    lines = []
    with zipfile.ZipFile(path) as book:
        package = next(name for name in book.namelist() if name.endswith(".opf"))
        opf = book.read(package).decode()
        tag = lambda name: re.findall(rf"<(?:\w+:)?{name}\b[^>]*>", opf)
        value = lambda text, name: (re.search(rf'\b{name}="([^"]*)"', text) or [None, None])[1]
        parts = {value(item, "id"): value(item, "href") for item in tag("item")}
        for item in tag("itemref"):
            name = (Path(package).parent / (parts.get(value(item, "idref")) or "")).as_posix()
            tree = LexborHTMLParser(book.read(name))
            tree.strip_tags(["script", "style", "head"])
            lines.append(tree.root.text(separator=" "))
    return "selectolax", "\n".join(lines)


def rtf(path):
    from striprtf.striprtf import rtf_to_text

    return "striprtf", rtf_to_text(Path(path).read_text(encoding="latin-1"), errors="ignore")


def mail(path):
    from selectolax.lexbor import LexborHTMLParser

    message = email.message_from_bytes(Path(path).read_bytes(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain", "html"))
    text = body.get_content() if body else ""
    if body and body.get_content_subtype() == "html":
        text = LexborHTMLParser(text).body.text(separator=" ")
    return "email", text


TOOLS = {"pdf": pdf, "docx": docx, "pptx": pptx, "xlsx": xlsx, "odt": odf, "odp": odf, "ods": odf, "epub": epub,
         "rtf": rtf, "eml": mail}


def compare(path, ours):
    kind = Path(path).suffix.lower().lstrip(".")
    try:
        # Some of these tools print what they stumble over.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            tool, text = TOOLS[kind](path)
    except Exception as error:  # whatever it is: the file is not compared
        return {"file": path, "failed": type(error).__name__}
    theirs, ours = words(text), words(ours)
    return {"file": path, "tool": tool, "words": theirs.total(), "common": (theirs & ours).total(), "ours": ours.total()}


warnings.simplefilter("ignore")
files, folder = Path(sys.argv[1]).read_text().splitlines(), Path(sys.argv[2])
for index, path in enumerate(files):
    print(json.dumps(compare(path, (folder / f"{index}.txt").read_text())), flush=True)
