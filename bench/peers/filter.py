"""Keeps the English half of a file of JSON Lines, fills a template, writes JSON Lines: as scripts do it today.

usage: filter.py CONTESTANT INPUT OUTPUT
"""
import sys


def with_orjson(source, target):
    import orjson

    loads, dumps = orjson.loads, orjson.dumps
    with open(source, "rb", buffering=1 << 20) as lines, open(target, "wb", buffering=1 << 20) as out:
        for line in lines:
            row = loads(line)
            if row["lang"] == "en":
                prompt = f"Label this: {row['title']}\n{row['text']}"
                out.write(dumps({"id": row["id"], "prompt": prompt}) + b"\n")


def with_json(source, target):
    import json

    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            row = json.loads(line)
            if row["lang"] == "en":
                prompt = f"Label this: {row['title']}\n{row['text']}"
                out.write(json.dumps({"id": row["id"], "prompt": prompt}, ensure_ascii=False) + "\n")


def with_polars(source, target):
    import polars

    rows = polars.scan_ndjson(source).filter(polars.col("lang") == "en")
    prompt = polars.format("Label this: {}\n{}", "title", "text").alias("prompt")
    rows.select("id", prompt).sink_ndjson(target)


def with_daft(source, target):
    import os

    os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
    import daft
    from daft import col, lit

    rows = daft.read_json(source).where(col("lang") == "en")
    prompt = lit("Label this: ") + col("title") + lit("\n") + col("text")
    # A folder of files: it writes nothing else.
    rows.select(col("id"), prompt.alias("prompt")).write_json(target, write_mode="overwrite")


def main():
    contestant, source, target = sys.argv[1:]
    ways = {"orjson": with_orjson, "json": with_json, "polars": with_polars, "daft": with_daft}
    ways[contestant](source, target)


main()
