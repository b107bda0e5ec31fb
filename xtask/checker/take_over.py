#!/usr/bin/env python3
"""Makes a store look as if a run on another machine had taken every pipeline over, and died since.

usage: take_over.py STORE
"""

import sqlite3
import sys


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    db = sqlite3.connect(sys.argv[1])
    with db:
        taken = db.execute(
            "UPDATE lease SET epoch = epoch + 1, owner = 'another run', pid = 1, host = 'elsewhere', expires = 0"
        ).rowcount
    db.close()
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main())
