#!/usr/bin/env python3
"""Tables as others write and read them: pandas (with pyarrow), Polars and DuckDB.

usage: tables.py make FOLDER          writes the wines of scikit-learn with each of them: FOLDER/pandas.parquet, …
       tables.py check INPUT OUTPUT   reads OUTPUT, a folder of parts, with each of them, and holds it against INPUT

Run by `cargo xtask prove tables` in an environment of its own. Prints one line of JSON.
"""

import datetime
import decimal
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
from sklearn.datasets import load_wine


def wines():
    """The measurements of 178 wines, which scikit-learn brings as CSV, with columns of further types."""
    frame = load_wine(as_frame=True).frame.rename(columns=lambda name: name.replace("/", "_per_"))
    count = len(frame)
    frame["target"] = frame["target"].astype("int32")
    frame["text"] = [f"wine {i}: {row.alcohol} % of alcohol, hue {row.hue}" for i, row in enumerate(frame.itertuples())]
    frame["tasted"] = pd.Timestamp("2024-02-29T12:00:00.25", tz="UTC") + pd.to_timedelta(range(count), unit="h")
    frame["day"] = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i) for i in range(count)]
    frame["price"] = [decimal.Decimal(i * 37).scaleb(-2) for i in range(count)]
    frame["tags"] = [["red"] * (i % 3) for i in range(count)]
    frame["label_raw"] = [bytes([i % 256, 0]) for i in range(count)]
    frame["missing"] = [None if i % 2 else f"m{i}" for i in range(count)]
    return frame


def make(folder):
    frame = wines()
    frame.to_parquet(folder / "pandas.parquet", index=False)
    pl.from_pandas(frame).write_parquet(folder / "polars.parquet")
    duckdb.sql("SELECT * FROM frame").write_parquet(str(folder / "duckdb.parquet"))
    return {"rows": len(frame), "columns": len(frame.columns)}


def check(given, output):
    before = pl.read_parquet(given)
    parts = f"{output}/*.parquet"
    read = {
        "pandas": lambda: pl.from_pandas(pd.read_parquet(output)),
        "polars": lambda: pl.read_parquet(output),
        "polars, lazily": lambda: pl.scan_parquet(output).collect(),
        "duckdb": lambda: duckdb.sql(f"SELECT * FROM read_parquet('{parts}')").pl(),
    }
    for name, reads in read.items():
        after = reads()
        added = after.columns[len(before.columns) :]
        if added != ["good", "score", "topic"]:
            raise SystemExit(f"{name} reads the columns {after.columns}")
        kinds = [after.schema[column] for column in added]
        if kinds != [pl.Boolean, pl.Float64, pl.String]:
            raise SystemExit(f"{name} reads new columns of the types {kinds}")
        old = after.select(before.columns)
        if name == "polars" and old.schema != before.schema:
            raise SystemExit(f"types changed: {before.schema} became {old.schema}")
        if old.cast(before.schema).to_dicts() != before.to_dicts():
            raise SystemExit(f"{name} reads other rows than went in")
    return {"rows": len(before), "readers": list(read)}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            print(json.dumps(make(Path(folder))))
        case ["check", given, output]:
            print(json.dumps(check(given, output)))
        case _:
            raise SystemExit(__doc__)
