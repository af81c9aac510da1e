"""Writes one HTML file about messages and campaigns from the models: `make report DATABASE=iterable.duckdb`.

The file contains everything, including the libraries, so it needs no server and no network.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from database import DATABASE, SCHEMA, NoDatabase, connect
from page.assembly import assembled
from page.data import read


def main() -> int:
    """Read the models and write the page. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", **DATABASE)
    parser.add_argument("--schema", default=SCHEMA, help="where the models are")
    parser.add_argument("--output", type=Path, default=Path("report.html"))
    options = parser.parse_args()
    try:
        text = assembled(_data(options.database, options.schema))
        options.output.touch(0o600)
        options.output.write_text(text, encoding="utf-8")
    except NoDatabase as error:
        print(error, file=sys.stderr)
    except (duckdb.Error, psycopg2.Error) as error:
        print(f"There are no models: run make models first. {str(error).strip()}", file=sys.stderr)
    except OSError as error:
        print(f"{options.output} cannot be written: {error.strerror}", file=sys.stderr)
    else:
        print(f"The report: {options.output.resolve()}")
        return 0
    return 1


def _data(database: str, schema: str) -> dict[str, Any]:
    with closing(connect(database)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET search_path = '{}'".format(schema.replace("'", "''")))

        def query(sql: str) -> list[dict[str, Any]]:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return read(query)


if __name__ == "__main__":
    sys.exit(main())
