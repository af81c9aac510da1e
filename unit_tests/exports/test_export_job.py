"""Export jobs: their states, their ids, and their list of files."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import requests

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, WindowFailed
from source_iterable.exports import export_job
from source_iterable.exports.export_job import COMPLETED, ExportFile, ExportJob
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.windows import Window
from unit_tests.exports.jobs_api import ROOT, Api, page, read, serve


@pytest.mark.parametrize("word", ["completed", "Completed", "COMPLETED"])
def test_states_are_read_without_regard_to_case(api: Api, client: IterableClient, word: str) -> None:
    api.pages = [page(word)]
    assert ExportJob(client, 7).page().state == COMPLETED


@pytest.mark.parametrize("word", ["melted", ""])
def test_a_word_that_nobody_knows_is_no_end(api: Api, transport: JobsTransport, word: str) -> None:
    api.pages = [page(word), page("completed")]
    assert read(transport) == []
    api.pages = [page("completed", "a"), page(word), page("completed", "a"), page(word)]
    with pytest.raises(JobFailed, match="then called it unknown"):
        read(transport)


@pytest.mark.parametrize("word", [None, 7, ["completed"]])
def test_a_state_is_a_text(api: Api, transport: JobsTransport, word: Any) -> None:
    api.pages = [page(word)]
    with pytest.raises(IterableError, match=r"not as it should be: .* `\$.jobState"):
        read(transport)


def test_files_count_once_the_job_has_completed_each_once(api: Api, transport: JobsTransport) -> None:
    serve(api, "a", "b", "c")
    api.pages = [page("queued"), page("melting"), page("running", "a"), page("completed", "a")]
    api.pages += [page("completed", "a", "b", "a"), page("completed", "b", "c"), page("completed")]
    assert read(transport) == [b'{"id": "a"}\n', b'{"id": "b"}\n', b'{"id": "c"}\n']
    assert api.cancelled == 0


def test_a_fresh_link_comes_from_the_page_that_lists_the_file(api: Api, transport: JobsTransport) -> None:
    serve(api, "a", "c")
    api.server.get("https://files.example.com/b", [{"status_code": 403}, {"content": b'{"id": "b"}\n'}])
    api.pages = [page("completed", "a"), page("completed", "b"), page("completed", "c")]
    api.pages += [page("completed"), page("completed", "b")]
    assert len(read(transport)) == 3
    # Four pages of the list, the first of which says that the job has completed; then the second page alone.
    assert api.asked == ["", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ([page("running", "a", "b"), page("completed", "a"), page("completed")] + [page("completed")], "lacks"),
        ([page("completed", "a"), page("running", "b")], "then called it running"),
        ([page("completed", "a"), page("completed", "a")], "does not end"),
        ([{**page("completed"), "bytesExported": 2453629}], "exported 2453629 bytes .*, and lists no file"),
        ([page("failed")], "ended export job 7 as failed"),
        ([page("Cancelling")], "ended export job 7 as cancelling"),
    ],
)
def test_a_list_of_files_that_cannot_be_believed_fails_the_job(
    api: Api, transport: JobsTransport, pages: list[Any], told: str
) -> None:
    serve(api, "a", "b")
    api.pages = [*pages]  # a copy: the API uses its pages up
    with pytest.raises(JobFailed, match=told):
        read(transport)


def test_a_list_that_contradicts_itself_is_read_once_more(api: Api, transport: JobsTransport) -> None:
    serve(api, "a", "b")
    api.pages = [page("running", "a", "b"), page("completed", "a"), page("completed")]
    api.pages += [page("completed", "a", "b"), page("completed")]
    assert len(read(transport)) == 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_truncated_export_fails_its_window_before_any_part(api: Api, transport: JobsTransport, place: int) -> None:
    serve(api, "a", "b")
    api.pages = [page("completed", "a"), page("completed", "b"), page("completed")]
    api.pages[place] = {**api.pages[place], "exportTruncated": True}
    with pytest.raises(WindowFailed, match="size limit"):
        read(transport)


def test_names_of_files_without_end_are_noticed(
    api: Api, transport: JobsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_job, "MAX_FILES", 50)
    api.pages = [page("completed", f"f{number}") for number in range(300)]
    with pytest.raises(JobFailed, match="does not end"):
        read(transport)
    assert len(api.asked) < 130


@pytest.mark.parametrize(
    "files",
    [
        None,
        {},
        "x",
        [1],
        ["a"],
        [{}],
        [{"file": "a"}],
        [{"file": "a", "url": None}],
        [{"file": 1, "url": "u"}],
        [{"file": None, "url": "u"}],
    ],
)
def test_malformed_files_are_a_broken_response_that_says_where(api: Api, files: Any) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    client = IterableClient(config, logging.getLogger("test"))
    api.pages = [{"jobId": 7, "jobState": "running", "files": files}]
    with pytest.raises(IterableError, match=r"not as it should be: .* `\$.files"):
        ExportJob(client, 7).page()


@pytest.mark.parametrize(
    ("response", "where"),
    [
        (
            {"jobState": "running", "files": [{"file": "a", "url": "u"}, {"file": "b"}]},
            "Object missing required field `url` - at `$.files[1]`",
        ),
        ([], "Expected `object`, got `array`"),
    ],
)
def test_a_malformed_page_says_where(api: Api, transport: JobsTransport, response: Any, where: str) -> None:
    api.pages = [response]
    with pytest.raises(IterableError) as caught:
        read(transport)
    assert f"The response to GET export/7/files is not as it should be: {where}" in str(caught.value)


@pytest.mark.parametrize("job_id", [7, "7", 7.0])
def test_the_id_of_a_job_is_a_number_however_it_is_written(api: Api, transport: JobsTransport, job_id: Any) -> None:
    serve(api, "a")
    api.server.post(f"{ROOT}export/start", json={"jobId": job_id})
    api.pages = [page("completed", "a"), page("completed")]
    assert read(transport) == [b'{"id": "a"}\n']


@pytest.mark.parametrize(
    "started",
    [{}, {"jobId": None}, {"jobId": "x"}, {"jobId": {}}, {"jobId": True}, {"jobId": 7.5}, {"jobId": -7.5}, [], None, 7],
)
def test_a_start_without_an_id_fails_the_job(api: Api, transport: JobsTransport, started: Any) -> None:
    api.server.post(f"{ROOT}export/start", text=json.dumps(started))
    with pytest.raises(JobFailed, match="jobId"):
        read(transport)


def test_a_file_that_is_listed_no_more_keeps_its_link(api: Api) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    client = IterableClient(config, logging.getLogger("test"))
    api.pages = [page("completed", "b")]
    file = ExportFile("a", "https://files.example.com/a")
    assert ExportJob(client, 7).fresh(file) == file


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("test"))


def test_a_job_is_started_for_its_window(api: Api, client: IterableClient) -> None:
    api.pages = [page("completed")]
    assert read(JobsTransport(client), Window(1_700_000_000, 1_700_003_600)) == []
    assert api.server.request_history[0].json() == {
        "dataTypeName": "emailSend",
        "outputFormat": "application/x-json-stream",
        "startDateTime": "2023-11-14 22:13:20 +00:00",
        "endDateTime": "2023-11-14 23:13:20 +00:00",
    }


def test_a_job_that_says_nothing_of_truncation_is_complete(api: Api, client: IterableClient) -> None:
    serve(api, "a")
    listed = page("completed", "a")
    del listed["exportTruncated"]
    api.pages = [listed, {"jobState": "completed", "files": []}]
    assert read(JobsTransport(client)) == [b'{"id": "a"}\n']


def test_a_file_that_is_listed_under_two_names_is_read_once(api: Api, client: IterableClient) -> None:
    serve(api, "a", "b", "a?version=2")
    listed = page("completed", "a", "b")
    listed["files"].insert(1, {**listed["files"][0], "file": "a again"})
    listed["files"].append({"file": "another", "url": "https://files.example.com/a?version=2"})
    for running in ([], [{**listed, "jobState": "running"}]):
        api.pages = [*running, listed, page("completed")]
        assert read(JobsTransport(client)) == [b'{"id": "a"}\n', b'{"id": "b"}\n', b'{"id": "a?version=2"}\n']


def test_a_fresh_link_replaces_the_old_one(api: Api, client: IterableClient) -> None:
    listed = page("completed", "a", "b")
    listed["files"][1]["url"] = "https://files.example.com/b?fresh"
    api.pages = [listed]
    fresh = ExportJob(client, 7).fresh(ExportFile("b", "https://files.example.com/b", "start"))
    assert fresh == ExportFile("b", "https://files.example.com/b?fresh", "start")
    assert api.asked == ["start"]


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"status_code": 502}, "502"),
        ({"exc": requests.ConnectionError}, "broke"),
        ({"exc": requests.ReadTimeout}, "No"),
    ],
)
def test_a_start_without_a_response_fails_the_job_and_is_not_repeated(
    api: Api, client: IterableClient, response: dict[str, Any], told: str
) -> None:
    api.server.post(f"{ROOT}export/start", **response)
    with pytest.raises(JobFailed, match=told):
        read(JobsTransport(client))
    assert api.server.call_count == 1
