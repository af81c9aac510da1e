"""Bucket: which addresses it takes. integration_tests/test_load_bucket.py has an S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest

from source_iterable.errors import ConfigError
from source_iterable.load.bucket import Bucket


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        ("//lake", "s3://lake/iterable/"),
        ("//my.lake-1/", "s3://my.lake-1/iterable/"),
        ("//lake/raw//day=1/a b/", "s3://lake/raw/day=1/a b/iterable/"),
    ],
)
def test_the_tables_are_in_a_folder_of_the_bucket(rest: str, shown: str, tmp_path: Path) -> None:
    bucket = Bucket("s3", rest, "iterable", tmp_path)
    assert bucket.shown == shown
    assert f"read_parquet('{shown}users/*.parquet'" in bucket.how_to_open("users/*.parquet")


@pytest.mark.parametrize(
    "rest",
    ["", "lake", "//", "//key:S3cretPw@lake/x", "//lake/../x", "//lake/.", "//lake?sig=S3cretPw", "//lake/a#S3cretPw"],
)
def test_an_address_that_may_hold_a_secret_is_refused_and_not_shown(rest: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Bucket("s3", rest, "iterable", tmp_path)
    assert str(caught.value) == "--to s3:… is no bucket: give s3://bucket/path, and nothing else."
