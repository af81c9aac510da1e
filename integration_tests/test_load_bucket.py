"""A bucket as the destination: cut off at any request, and two loads at once; what it says; what other readers see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import config_for
from integration_tests.s3_server import Fault, S3Server
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_load import load
from integration_tests.warehouses import SECRET, BucketWarehouse, ParquetWarehouse, texts
from source_iterable.config import Config
from source_iterable.errors import ConfigError, IterableError
from source_iterable.load.command import open_destination
from source_iterable.load.destination import Destination, DestinationError
from source_iterable.load.rows import Spool
from source_iterable.load.tables import Table, table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS

pytestmark = pytest.mark.warehouses

CONFIG = Config.parse({"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"})
USERS, CAMPAIGNS, MEMBERS = (table_of(STREAMS[name], CONFIG) for name in ("users", "campaigns", "list_users"))


@pytest.fixture
def server(s3_server: S3Server) -> Iterator[S3Server]:
    answers = s3_server.fault
    yield s3_server
    s3_server.fault = answers


@pytest.fixture
def opened(bucket_warehouse: BucketWarehouse, tmp_path: Path) -> Callable[..., Destination]:
    """Opens the bucket as a load does, with a folder of its own for temporary files."""

    def opened(dataset: str = "iterable") -> Destination:
        folder = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return open_destination(bucket_warehouse.to, dataset, "", folder)

    return opened


def put(destination: Destination, table: Table, folder: Path, *rows: dict[str, Any]) -> None:
    spool = Spool(folder, destination.add)
    spool.add(table, batch_of(table.name, rows))
    spool.flush()


def second_load(destination: Destination, folder: Path) -> None:
    """One that changes a row and adds one, replaces a table, and collects for another one."""
    if not destination.states([MEMBERS]):
        destination.start_over([MEMBERS])
    put(destination, USERS, folder, {"email": "b", "userId": "new"}, {"email": "c", "userId": "new"})
    put(destination, MEMBERS, folder, {"listId": 1, "email": "a"})
    destination.commit({"users": {"load": 2}, "list_users": {"page": 1}})
    destination.start_over([MEMBERS])
    put(destination, MEMBERS, folder, {"listId": 2, "email": "b"})
    destination.commit({"users": {"load": 2}}, [MEMBERS])


def test_cut_off_at_any_request_the_next_load_makes_it_exact(
    server: S3Server, bucket_warehouse: BucketWarehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    """As by SIGKILL: what comes after is not carried out either."""
    answers, cut = server.fault, 0
    while True:
        dataset = f"cut{cut}"
        with closing(opened(dataset)) as destination:
            destination.start_over([USERS, MEMBERS])
            put(destination, USERS, tmp_path, {"email": "a", "userId": "old"}, {"email": "b", "userId": "old"})
            put(destination, MEMBERS, tmp_path, {"listId": 1, "email": "old"})
            destination.commit({"users": {"load": 1}}, [MEMBERS])
        count = 0

        def fault(method: str, path: str, cut: int = cut) -> Fault | None:
            nonlocal count
            count += method != "GET"
            return Fault(400, "Cut") if count > cut else None

        server.fault = fault
        try:
            with closing(opened(dataset)) as destination:
                second_load(destination, tmp_path)
            break
        except IterableError:
            pass
        finally:
            server.fault = answers
        emails = Counter(row["email"] for row in bucket_warehouse.rows("users", dataset))
        assert max(emails.values(), default=1) == 1, "who reads in between has no row twice"
        with closing(opened(dataset)) as destination:
            assert destination.states([USERS])["users"]["load"] in (1, 2)
            second_load(destination, tmp_path)
        users = {row["email"]: row["user_id"] for row in bucket_warehouse.rows("users", dataset)}
        assert users == {"a": "old", "b": "new", "c": "new"}, cut
        assert [row["email"] for row in bucket_warehouse.rows("list_users", dataset)] == ["b"], cut
        counted = {
            f"{table}/{name}"
            for table, entry in bucket_warehouse.manifest(dataset)["tables"].items()
            for name in entry["files"]
        }
        assert {*bucket_warehouse.files(dataset)} == {*counted, "_source_iterable.json"}, "nothing is left over"
        cut += 1
    assert cut > 20


def test_of_two_loads_at_once_the_first_loses_and_destroys_nothing(
    bucket_warehouse: BucketWarehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    with closing(opened()) as first:
        first.start_over([USERS])
        put(first, USERS, tmp_path, {"email": "a"})
        first.commit({"users": {"load": 1}})
        put(first, USERS, tmp_path, {"email": "a", "userId": "of the first"}, {"email": "b"})
        with closing(opened()) as second:
            assert second.states([USERS]) == {"users": {"load": 1}}
            put(second, USERS, tmp_path, {"email": "a", "userId": "of the second"})
            with pytest.raises(DestinationError) as caught:
                first.commit({"users": {"load": 99}})
            second.commit({"users": {"load": 2}})
    assert str(caught.value) == (
        f"Another load is writing to {bucket_warehouse.to}/iterable/. This one ends; what it has committed is kept."
    )
    assert [row["user_id"] for row in bucket_warehouse.rows("users")] == ["of the second"]
    with closing(opened()) as third:
        assert third.states([USERS]) == {"users": {"load": 2}}
    assert len(bucket_warehouse.files()) == 2, "the manifest and one file"


def test_a_commit_whose_response_is_lost_is_repeated_and_counts(
    server: S3Server, bucket_warehouse: BucketWarehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    with closing(opened()) as destination:
        destination.start_over([USERS])
        put(destination, USERS, tmp_path, {"email": "a"})
        lost = [Fault(500, "InternalError", performed=True)]
        server.fault = lambda method, path: lost.pop() if lost and method == "PUT" and path.endswith(".json") else None
        destination.commit({"users": {"load": 1}})
        put(destination, USERS, tmp_path, {"email": "b"})
        destination.commit({"users": {"load": 2}})
    assert not lost
    assert sorted(row["email"] for row in bucket_warehouse.rows("users")) == ["a", "b"]


FAULTS: dict[str, tuple[Callable[[str, str], Fault | None], str]] = {
    "no bucket": (lambda method, path: Fault(404, "NoSuchBucket"), "There is no bucket s3://"),
    "another region": (lambda method, path: Fault(400, "AuthorizationHeaderMalformed"), "set AWS_REGION."),
    "wrong key": (
        lambda method, path: Fault(403, "InvalidAccessKeyId"),
        "does not accept these credentials: check AWS_",
    ),
    "no list": (lambda method, path: Fault(403) if method == "GET" else None, "may not list and read files of s3://"),
    "no write": (lambda method, path: Fault(403) if method == "PUT" else None, "may not write files of s3://"),
    "no delete": (
        lambda method, path: Fault(403) if method in ("POST", "DELETE") else None,
        "may not delete files of s3://",
    ),
    "out of order": (lambda method, path: Fault(501, "NotImplemented"), "answered with status 501 (NotImplemented)"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_bucket_is_said_before_anything_is_read(
    name: str, server: S3Server, bucket_warehouse: BucketWarehouse, tmp_path: Path
) -> None:
    fault, message = FAULTS[name]
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        server.fault = fault
        done = load(tmp_path, config_for(sandbox), "--to", bucket_warehouse.to, "--streams", "users")
        assert sandbox.requests == []
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert SECRET not in done.stderr and "loader" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot be reached: check the network, and AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "127.0.0.1"}, "AWS_ENDPOINT_URL must begin with https://."),
        ({"AWS_ENDPOINT_URL": "HTTP://store.invalid"}, "AWS_ENDPOINT_URL must begin with https://."),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "typo"}, "No credentials for s3://"),
    ],
    ids=["unreachable", "no URL", "no TLS", "no profile"],
)
def test_what_is_wrong_with_the_environment_is_said(
    environment: dict[str, str],
    message: str,
    bucket_warehouse: BucketWarehouse,
    opened: Callable[..., Destination],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(IterableError, match=message):
        opened()


def test_a_store_that_ignores_conditions_is_refused(
    bucket_warehouse: BucketWarehouse, opened: Callable[..., Destination], monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    def put(*arguments: Any, mode: Any = None, **options: Any) -> Any:
        return really(*arguments, **options)

    really = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    with pytest.raises(ConfigError, match="ignores the conditions of a put"):
        opened()
    assert bucket_warehouse.files() == []


def test_a_profile_of_amazons_command_line_is_enough(
    bucket_warehouse: BucketWarehouse,
    opened: Callable[..., Destination],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "credentials").write_text("[me]\naws_access_key_id = loader\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "me")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    opened().close()
    assert bucket_warehouse.files() == ["_source_iterable.json"]


def test_another_reader_finds_what_a_folder_has(bucket_warehouse: BucketWarehouse, tmp_path: Path) -> None:
    import pyarrow.dataset
    import pyarrow.fs

    folder = ParquetWarehouse(tmp_path)
    names = ["users", "campaigns", "email_send", "list_users"]
    with Sandbox(SandboxSettings(users=40, days=3, events_per_day=400, odd=True)) as sandbox:
        config = config_for(sandbox, days=3)
        for warehouse in (folder, bucket_warehouse):
            for lookback in (300, 5):
                arguments = ["--to", warehouse.to, "--streams", ",".join(names)]
                done = load(tmp_path, {**config, "lookback_window": lookback}, *arguments)
                assert done.returncode == 0, done.stderr
    host = bucket_warehouse.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    files = pyarrow.fs.S3FileSystem(
        access_key="loader", secret_key=SECRET, endpoint_override=host, scheme="http", region="us-east-1"
    )
    for name in names:
        # The whole folder, as Spark and Athena take it.
        place = f"{bucket_warehouse.to.removeprefix('s3://')}/iterable/{name}"
        rows = pyarrow.dataset.dataset(place, filesystem=files, format="parquet").to_table().to_pylist()
        seen = [{column: value for column, value in row.items() if value is not None} for row in rows]
        assert texts(seen) == texts(folder.rows(name)) == texts(bucket_warehouse.rows(name)), name
        assert seen, name
