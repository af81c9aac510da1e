"""Probes of export jobs: two of our own, over short windows, which are started only if their user has said so."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from integration_tests.live import oddities
from integration_tests.live.answers import headers_of
from integration_tests.live.client import OK, REFUSALS, Answer
from integration_tests.live.errors import NoAnswer, NotVisible, Unexpected
from integration_tests.live.probe import NO_JOBS, Project, Seen, judged, probe, some_in
from integration_tests.live.records import MINUTE, busy, event_ids, records_in, users_in_export
from integration_tests.live.words import kind, kinds, public
from source_iterable.exports.export_job import ENDED, START, JobState
from source_iterable.exports.windows import Window

# Seconds between two looks at a job, and that it may take.
_POLL, _LONGEST = 5.0, 150.0
# Pages of files, and files, that are read.
_PAGES, _FILES = 20, 10
_FILES_OF_JOB = "export/{}/files"
# Where links are known to lead.
_HOSTS = ("amazonaws.com", "iterable.com", "cloudfront.net", "googleapis.com", "windows.net")
_CASES = {str.lower: "lower case", str.capitalize: "capitalized", str.upper: "upper case"}


@dataclass
class Job:
    """A job of our own. `words`: its states as Iterable has spelled them, without repetitions in a row."""

    data_type: str
    window: Window
    started: Answer
    words: list[str] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    polls: int = 0
    is_listed: bool = False

    @property
    def id(self) -> Any:
        body = self.started.json
        return body.get("jobId") if isinstance(body, dict) else None

    @property
    def state(self) -> JobState:
        return JobState.from_word(self.words[-1]) if self.words else JobState.UNKNOWN

    @property
    def files(self) -> list[dict[str, Any]]:
        return [each for page in self.pages for each in page.get("files") or []]


def _jobs(project: Project) -> list[Job]:
    """Both jobs, as far as they have come. Raises NotVisible."""
    if project.requests.get(START):
        raise NotVisible("an earlier run has started export jobs; begin again to see some")
    if not project.jobs:
        raise NotVisible(NO_JOBS)
    return project.once(_start)


def _start(project: Project) -> list[Job]:
    """Start both jobs, and look at them until they have ended or time is over."""
    data_type, window, _ = busy(project)
    of_users = window
    with suppress(NotVisible):
        of_users, _ = users_in_export(project)
    started: list[Job] = []
    for each, its in ((data_type, window), ("user", of_users)):
        body = {"dataTypeName": each, "outputFormat": "application/x-json-stream", **its.parameters}
        started.append(Job(each, its, project.client.post(START, body)))
    if any(job.started.status in REFUSALS for job in started):
        raise NotVisible("the key may not start export jobs")
    found = [job for job in started if job.id is not None]
    if not found:
        raise Unexpected({"statuses": [job.started.status for job in started]})
    with suppress(NoAnswer):
        _follow(project, found)
    return found


def _follow(project: Project, jobs: list[Job]) -> None:
    """Look at the jobs until all have ended, or time is over; then list the files of those that are complete."""
    begun, unfinished = project.client.clock(), list(jobs)
    while unfinished and project.client.clock() - begun < _LONGEST and project.client.left > 2 * MINUTE:
        for job in unfinished:
            word = str(_page(project, job, None).get("jobState"))
            job.polls += 1
            if job.words[-1:] != [word]:
                job.words.append(word)
        unfinished = [job for job in unfinished if job.state is not JobState.COMPLETED and job.state not in ENDED]
        if unfinished:
            project.client.pause(_POLL)
    for job in jobs:
        while job.state is JobState.COMPLETED and len(job.pages) < _PAGES:
            job.pages.append(_page(project, job, job.files[-1]["file"] if job.files else None))
            if not job.pages[-1]["files"]:
                job.is_listed = True
                break


def _page(project: Project, job: Job, after: str | None) -> dict[str, Any]:
    """A page of a job's files. Raises Unexpected or NoAnswer."""
    parameters: dict[str, Any] = {"startAfter": after} if after else {}
    answer = project.client.get(_FILES_OF_JOB, job.id, **parameters)
    if answer.status != OK or not isinstance(answer.object.get("files"), list):
        raise Unexpected({"status": answer.status, "type": public(answer.content_type)})
    return answer.object


def _complete(project: Project) -> list[Job]:
    jobs = [job for job in _jobs(project) if job.state is JobState.COMPLETED]
    if not jobs:
        raise NotVisible("no export job was completed in time")
    return jobs


@probe(
    "states of export jobs",
    "A job is enqueued or queued, running, then completed, in any case of letters",
    "source_iterable/exports/export_job.py",
)
def states(project: Project) -> Seen:
    jobs = _jobs(project)
    words = [word for job in jobs for word in job.words]
    cases = {next((name for make, name in _CASES.items() if make(word) == word), "mixed") for word in words}
    states_of = [[JobState.from_word(word) for word in job.words] for job in jobs]
    facts = {
        "status of export/start": sorted({job.started.status for job in jobs}),
        "jobId": sorted(kinds(job.id for job in jobs)),
        "states": sorted({state.value for states in states_of for state in states}),
        "case": sorted(cases),
    }
    counts = {"looks": [job.polls for job in jobs]}
    odd = oddities.CASE_OF_STATES if len({word.lower() for word in words}) < len(set(words)) or len(cases) > 1 else None
    known = all(state is not JobState.UNKNOWN for states in states_of for state in states)
    if known and not any(states[-1:] == [JobState.COMPLETED] for states in states_of):
        # Neither has come so far, or somebody has cancelled them.
        return Seen("not visible", facts, counts, {}, (odd,) if odd else (), "no export job was completed in time")
    return judged(known, facts, counts, odd)


@probe(
    "files of export jobs",
    "export/{jobId}/files lists ten files a page; startAfter is the last file of the page before; an empty page is the end",
    "source_iterable/exports/export_job.py",
)
def files(project: Project) -> Seen:
    jobs = [job for job in _complete(project) if job.is_listed]
    if not jobs:
        raise NotVisible("the files of the export jobs are too many to be listed")
    names = [(job.id, each.get("file")) for job in jobs for each in job.files]
    sizes = [[len(page["files"]) for page in job.pages] for job in jobs]
    full = {size for of_job in sizes for size in of_job[:-2]}
    return judged(
        len(set(names)) == len(names) and full <= {10},
        {
            "names": project.words.of(name for job in jobs for page in job.pages for name in page),
            "names of a file": project.words.of(name for job in jobs for each in job.files for name in each),
            "exportTruncated": sorted({kind(page.get("exportTruncated")) for job in jobs for page in job.pages}),
        },
        {"files of each page": sizes},
    )


@probe(
    "links to files",
    "A file's link is signed, leads to another host by https, needs no key, and expires",
    "source_iterable/api/session.py",
)
def links(project: Project) -> Seen:
    jobs = _complete(project)
    urls = [urlsplit(each["url"]) for job in jobs for each in job.files]
    if not urls:
        raise NotVisible("the export jobs have no files")
    answers = [answer for job in jobs for answer in _downloads(project, job)]
    api = urlsplit(project.client.config.base_url)
    parameters = {name.lower(): values for url in urls for name, values in parse_qs(url.query).items()}
    lives = [int(each[0]) for name, each in parameters.items() if name.endswith("expires") and each[0].isdecimal()]
    return judged(
        bool(answers)
        and all(answer.status == OK for answer in answers)
        and all(url.netloc != api.netloc and url.scheme in ("https", api.scheme) for url in urls)
        and bool(lives),
        {
            "statuses": sorted({answer.status for answer in answers}),
            "schemes": sorted({url.scheme for url in urls}),
            "hosts": sorted({_host(url.hostname or "") for url in urls}),
            "parameters": sorted(map(public, parameters)),
            "type": sorted({public(answer.content_type) for answer in answers}),
            "encoding": sorted({public(answer.headers.get("Content-Encoding", "none")) for answer in answers}),
            "Content-Length": all("Content-Length" in answer.headers for answer in answers),
            "headers": sorted({name for answer in answers for name in headers_of(answer)}),
        },
        {
            "bytes": [len(answer.body) for answer in answers],
            # Older links name the second in which they expire.
            "seconds until they expire": sorted(
                {min(each, abs(each - int(project.now.timestamp()))) for each in lives}
            ),
        },
    )


def _host(name: str) -> str:
    return next((each for each in _HOSTS if name == each or name.endswith(f".{each}")), "another")


def _downloads(project: Project, job: Job) -> list[Answer]:
    """The first files of a job. Raises NoAnswer."""
    return project.once(_download, job.data_type)


def _download(project: Project, data_type: str) -> list[Answer]:
    (job,) = [each for each in _jobs(project) if each.data_type == data_type]
    return [project.client.file(each["url"]) for each in job.files[:_FILES]]


def _lines_of(project: Project, data_type: str) -> list[bytes]:
    """All lines of the completed job of a type. Raises NotVisible or NoAnswer."""
    job = next((each for each in _complete(project) if each.data_type == data_type and each.is_listed), None)
    if job is None or len(job.files) > _FILES:
        raise NotVisible("no export job of few files was completed in time")
    answers = _downloads(project, job)
    if not all(each.status == OK and each.is_whole for each in answers):
        raise NotVisible("not all files could be read")
    return [line for each in answers for line in each.lines]


@probe(
    "both transports",
    "A job and a streamed export of the same window have the same events, with the same _event_id",
    "source_iterable/exports/choice.py",
)
def both(project: Project) -> Seen:
    data_type, _, streamed = busy(project)
    by_job = event_ids(data_type, _lines_of(project, data_type))
    by_stream = event_ids(data_type, streamed.lines)
    return judged(
        by_job == by_stream,
        {},
        {
            "streamed": by_stream.total(),
            "of the job": by_job.total(),
            "of one only": ((by_stream - by_job) + (by_job - by_stream)).total(),
        },
    )


@probe(
    "users by both transports",
    "A job and a streamed export of the same window have the same users",
    "source_iterable/exports/choice.py",
)
def users(project: Project) -> Seen:
    _, streamed = users_in_export(project)
    key = project.client.config.users_key
    of_job = [orjson.loads(line) for line in _lines_of(project, "user")]
    # Profiles change meanwhile: those of both are compared by their keys.
    keys = [Counter(str(each.get(key)) for each in records) for records in (records_in(streamed), of_job)]
    apart = ((keys[0] - keys[1]) + (keys[1] - keys[0])).total()
    return judged(
        apart <= max(keys[0].total() // 100, 3),
        {},
        {"streamed": keys[0].total(), "of the job": keys[1].total(), "of one only": apart},
    )


@probe("list of export jobs", "GET export/jobs lists recent jobs, with their states", "source_iterable/exports/jobs.py")
def listed(project: Project) -> Seen:
    own: set[str] = set()
    with suppress(NotVisible, Unexpected, NoAnswer):
        own = {str(job.id) for job in _jobs(project)}
    jobs = some_in(project.client.get("export/jobs"), "jobs")
    words = [str(each.get("jobState")) for each in jobs]
    return judged(
        JobState.UNKNOWN not in map(JobState.from_word, words) and own <= {str(each.get("id")) for each in jobs},
        {
            "states": sorted({JobState.from_word(word).value for word in words}),
            "names": project.words.of(name for each in jobs for name in each),
            "types": project.words.of(each.get("dataTypeName") for each in jobs),
        },
        {"jobs": len(jobs)},
        oddities.CASE_OF_STATES if any(word != word.lower() for word in words) else None,
    )
