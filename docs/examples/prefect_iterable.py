"""Iterable in Prefect: every hour the load. The key and the start date are in the environment of this process."""

import subprocess

from prefect import flow


@flow(name="iterable")
def load(to: str = "iterable.duckdb", streams: str = "group:default") -> None:
    subprocess.run(["source-iterable", "load", "--to", to, "--streams", streams], check=True)


if __name__ == "__main__":
    load.serve(cron="17 * * * *", limit=1)
