"""Keeps the English half of a table and fills a template, as others do it: from CSV or Parquet into CSV, JSON Lines or Parquet.

usage: tabular.py polars|duckdb|pandas INPUT OUTPUT
       tabular.py make INPUT.csv OUTPUT.parquet    the same rows in columns, written by DuckDB
       tabular.py count OUTPUT                     how many rows there are, counted by DuckDB
"""

import csv
import json
import sys

COLUMNS = ["id", "score", "prompt"]


def with_polars(source, target):
    import polars as pl

    rows = pl.scan_csv(source) if source.endswith(".csv") else pl.scan_parquet(source)
    prompt = pl.format("Label this: {}\n{}", "title", "text").alias("prompt")
    rows = rows.filter(pl.col("lang") == "en").select("id", "score", prompt)
    if target.endswith(".csv"):
        rows.sink_csv(target)
    elif target.endswith(".jsonl"):
        rows.sink_ndjson(target)
    else:
        rows.sink_parquet(target)


def scanned(path):
    return f"read_csv('{path}', max_line_size = 16777216)" if path.endswith(".csv") else f"'{path}'"


def with_duckdb(source, target):
    import duckdb

    form = {"csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}
    query = f"""SELECT id, score, 'Label this: ' || title || chr(10) || text AS prompt
        FROM {scanned(source)} WHERE lang = 'en'"""
    duckdb.sql(f"COPY ({query}) TO '{target}' ({form[target.rsplit('.', 1)[1]]})")


def frames(source):
    import pandas as pd

    if source.endswith(".csv"):
        return pd.read_csv(source, chunksize=50_000)
    import pyarrow.parquet as pq

    return (batch.to_pandas() for batch in pq.ParquetFile(source).iter_batches(50_000))


def with_pandas(source, target):
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    out = None if target.endswith(".parquet") else open(target, "w", encoding="utf-8", newline="")
    for first, frame in enumerate(frames(source)):
        frame = frame[frame["lang"] == "en"]
        frame = frame.assign(prompt="Label this: " + frame["title"] + "\n" + frame["text"])[COLUMNS]
        if out is None:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
        elif target.endswith(".csv"):
            frame.to_csv(out, index=False, header=first == 0)
        else:
            frame.to_json(out, orient="records", lines=True, force_ascii=False)
    (writer or out).close()


def make(source, target):
    import duckdb

    duckdb.sql(f"COPY (FROM {scanned(source)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def count(target):
    import duckdb

    if target.endswith(".csv"):
        with open(target, encoding="utf-8", newline="") as lines:
            csv.field_size_limit(1 << 30)
            rows = sum(1 for _ in csv.reader(lines)) - 1
    else:
        ndjson = target.endswith(".jsonl")
        source = f"read_ndjson('{target}')" if ndjson else f"'{target}'"
        rows = duckdb.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0]
    print(json.dumps({"rows": rows}))


def main():
    what, *paths = sys.argv[1:]
    work = {"polars": with_polars, "duckdb": with_duckdb, "pandas": with_pandas, "make": make, "count": count}
    work[what](*paths)


main()
