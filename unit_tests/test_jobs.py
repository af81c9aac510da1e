"""Export jobs: their states, their list of files, and when they are cancelled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import Permit
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, WindowFailed
from source_iterable.exports import export_job, jobs
from source_iterable.exports.export_job import ExportFile, ExportJob, JobState
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.windows import Window
from unit_tests.contexts import query_of

ROOT = "https://api.iterable.com/api/"
WINDOW = Window(0, 3600)


class Api:
    """The export API: what `pages` says, call by call, then its last word again."""

    def __init__(self, server: requests_mock.Mocker) -> None:
        self.server = server
        self.pages: list[Any] = []
        self.asked: list[str] = []
        server.post(f"{ROOT}export/start", json={"jobId": 7})
        server.get(f"{ROOT}export/7/files", json=self._page)
        server.delete(f"{ROOT}export/7", json={})

    def _page(self, request: Any, context: Any) -> Any:
        self.asked.append(query_of(request).get("startAfter", ""))
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, int):
            context.status_code = page
            return {}
        return page

    @property
    def cancelled(self) -> int:
        return sum(request.method == "DELETE" for request in self.server.request_history)


def page(state: str, *names: str, truncated: bool = False) -> dict[str, Any]:
    files = [{"file": name, "url": f"https://files.example.com/{name}"} for name in names]
    return {"jobId": 7, "jobState": state, "exportTruncated": truncated, "files": files}


@pytest.fixture
def api() -> Iterator[Api]:
    with requests_mock.Mocker() as server:
        yield Api(server)


@pytest.fixture
def transport() -> Iterator[JobsTransport]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    made = JobsTransport(IterableClient(config, logging.getLogger("test")))
    yield made
    made.close()


def read(transport: JobsTransport) -> list[bytes]:
    permit = transport.try_acquire()
    assert isinstance(permit, Permit)
    return [b"".join(part.chunks()) for part in transport.read("emailSend", WINDOW, permit)]


def serve(api: Api, *names: str) -> None:
    for name in names:
        api.server.get(f"https://files.example.com/{name}", content=b'{"id": "%b"}\n' % name.encode())


@pytest.mark.parametrize("word", ["completed", "Completed", "COMPLETED"])
def test_states_are_read_without_regard_to_case(word: str) -> None:
    assert JobState.from_word(word) is JobState.COMPLETED


@pytest.mark.parametrize("word", ["melted", None, 7, ["completed"]])
def test_a_word_that_nobody_knows_is_no_end(word: Any) -> None:
    assert JobState.from_word(word) is JobState.UNKNOWN


def test_files_count_once_the_job_has_completed_each_once(api: Api, transport: JobsTransport) -> None:
    serve(api, "a", "b", "c")
    api.pages = [page("queued"), page("melting"), page("running", "a"), page("completed", "a")]
    api.pages += [page("completed", "a", "b", "a"), page("completed", "b", "c"), page("completed")]
    assert read(transport) == [b'{"id": "a"}\n', b'{"id": "b"}\n', b'{"id": "c"}\n']
    assert api.cancelled == 0


def test_a_fresh_link_comes_from_the_page_that_lists_the_file(api: Api, transport: JobsTransport) -> None:
    serve(api, "a", "c")
    api.server.get("https://files.example.com/b", [{"status_code": 403}, {"content": b'{"id": "b"}\n'}])
    api.pages = [page("completed", "a"), page("completed", "a"), page("completed", "b"), page("completed", "c")]
    api.pages += [page("completed"), page("completed", "b")]
    assert len(read(transport)) == 3
    # One look at the job, four pages of its list; then the second page alone.
    assert api.asked == ["", "", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ([page("running", "a", "b"), page("completed", "a"), page("completed", "a"), page("completed")], "lacks"),
        ([page("completed", "a"), page("completed", "a"), page("running", "b")], "then called it running"),
        ([page("completed", "a"), page("completed", "a"), page("completed", "a")], "does not end"),
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
    api.pages = [page("running", "a", "b"), page("completed", "a", "b")]
    api.pages += [page("completed", "a"), page("completed"), page("completed", "a", "b"), page("completed")]
    assert len(read(transport)) == 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_truncated_export_fails_its_window_before_any_part(api: Api, transport: JobsTransport, place: int) -> None:
    serve(api, "a", "b")
    api.pages = [page("completed", "a"), page("completed", "a"), page("completed", "b"), page("completed")]
    api.pages[place] = {**api.pages[place], "exportTruncated": True}
    with pytest.raises(WindowFailed, match="size limit"):
        read(transport)


def test_names_of_files_without_end_are_noticed(
    api: Api, transport: JobsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_job, "MAX_FILES", 50)
    api.pages = [page("completed"), *(page("completed", f"f{number}") for number in range(300))]
    with pytest.raises(JobFailed, match="does not end"):
        read(transport)
    assert len(api.asked) < 130


@pytest.mark.parametrize("failure", [500, 403, 401])
def test_a_job_that_cannot_be_looked_at_is_cancelled(api: Api, transport: JobsTransport, failure: int) -> None:
    api.server.get(f"{ROOT}channels", status_code=401)
    api.pages = [page("running"), failure]
    with pytest.raises(IterableError, match=f"Iterable answered GET export/7/files with {failure}"):
        read(transport)
    assert api.cancelled == 1
    # And its slot is free again.
    api.pages = [page("completed"), page("completed")]
    for _ in range(6):
        assert read(transport) == []


def test_a_job_that_moves_is_never_stuck_and_one_that_does_not_is(
    api: Api, transport: JobsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "STUCK", 100.0)
    names = [f"f{number:03d}" for number in range(30)]
    serve(api, *names)
    api.pages = [page("running", *names[: number + 1]) for number in range(29)]
    api.pages += [page("completed", *names), page("completed", *names), page("completed")]
    assert len(read(transport)) == 30
    api.pages = [page("running", *names)] * 30
    with pytest.raises(JobFailed, match="for 0 hours"):
        read(transport)
    assert api.cancelled == 1


def test_a_running_job_is_fetched_ahead_up_to_a_bound(
    api: Api, transport: JobsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = b'{"id": 1}\n'
    names = [f"f{number}" for number in range(8)]
    for name in names:
        api.server.get(f"https://files.example.com/{name}", content=line)
    monkeypatch.setattr(jobs, "AHEAD_BYTES", 2 * len(line))

    fetched: list[int] = []
    running, completed = page("running", *names), page("completed", *names)

    def count(request: Any, context: Any) -> Any:
        fetched.append(sum("files.example.com" in each.url for each in api.server.request_history))
        return api._page(request, context)

    api.server.get(f"{ROOT}export/7/files", json=count)
    api.pages = [running, running, completed, completed, page("completed")]
    assert len(read(transport)) == 8
    assert fetched[1:3] == [2, 2], "no more than the bound while the job runs"
    assert sum("files.example.com" in each.url for each in api.server.request_history) == 8, "none twice"


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
    with pytest.raises(IterableError, match=r"not a list of files \(files"):
        ExportJob(client, 7).page()


@pytest.mark.parametrize(
    ("response", "where"),
    [
        ({"jobState": "running", "files": [{"file": "a", "url": "u"}, {"file": "b"}]}, "files.1.url: Field required"),
        ([], "all of it: "),
    ],
)
def test_a_malformed_page_says_where(api: Api, transport: JobsTransport, response: Any, where: str) -> None:
    api.pages = [response]
    with pytest.raises(IterableError) as caught:
        read(transport)
    assert f"The response to GET export/7/files is not a list of files ({where}" in str(caught.value)


@pytest.mark.parametrize("job_id", [7, "7", 7.0])
def test_the_id_of_a_job_is_a_number_however_it_is_written(api: Api, transport: JobsTransport, job_id: Any) -> None:
    serve(api, "a")
    api.server.post(f"{ROOT}export/start", json={"jobId": job_id})
    api.pages = [page("completed", "a"), page("completed", "a"), page("completed")]
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
    file = ExportFile("a", "https://files.example.com/a", None)
    assert ExportJob(client, 7).fresh(file) == file


@pytest.mark.parametrize(
    "answer", [{"status_code": 500}, {"exc": requests.ConnectionError}, {"exc": requests.ReadTimeout}]
)
def test_a_job_that_may_have_started_is_a_failed_job_and_its_slot_is_free(
    api: Api, transport: JobsTransport, answer: dict[str, Any]
) -> None:
    api.server.post(f"{ROOT}export/start", **answer)
    for _ in range(6):  # more than there are slots
        with pytest.raises(JobFailed):
            read(transport)
    api.server.post(f"{ROOT}export/start", json={"jobId": 7})
    api.pages = [page("completed"), page("completed")]
    assert read(transport) == []


@pytest.mark.parametrize("answer", [{"status_code": 404}, {"status_code": 500}, {"exc": requests.ConnectionError}])
def test_a_job_that_cannot_be_cancelled_is_let_go(api: Api, transport: JobsTransport, answer: dict[str, Any]) -> None:
    api.server.delete(f"{ROOT}export/7", **answer)
    api.pages = [page("failed")]
    for _ in range(6):
        with pytest.raises(JobFailed, match="ended export job 7 as failed"):
            read(transport)
    assert api.cancelled == 6


def test_what_a_job_is_waited_for_is_shown(api: Api, transport: JobsTransport) -> None:
    seen: list[str] = []

    def completed(request: Any, context: Any) -> Any:
        seen.extend(transport._client.progress.waiting_lines())
        return page("completed")

    api.server.get(f"{ROOT}export/7/files", json=completed)
    assert read(transport) == []
    assert "Waiting for export job 7 (emailSend, 1970-01-01T00:00:00+00:00 to 1970-01-01T01:00:00+00:00) (" in "".join(
        seen
    )


def test_a_file_that_failed_is_fetched_from_its_fresh_link(api: Api, transport: JobsTransport) -> None:
    api.server.get("https://files.example.com/a", status_code=403)
    api.server.get("https://files.example.com/fresh", content=b"{}\n")
    fresh = page("completed", "a")
    fresh["files"][0]["url"] = "https://files.example.com/fresh"
    api.pages = [page("completed", "a"), page("completed", "a"), page("completed"), fresh]
    assert read(transport) == [b"{}\n"]
