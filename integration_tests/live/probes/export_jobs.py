"""Probes of export jobs: two of our own, over short windows, started only if the user agrees.

They are followed here, not by the connector's ExportJob, which hides what is probed: spellings, pages, and refusals.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from integration_tests.live import oddities
from integration_tests.live.answers import Items, headers_of, some_in, type_of
from integration_tests.live.client import OK, REFUSALS, Answer, NoAnswer, NotVisible, Unexpected
from integration_tests.live.probe import NO_JOBS, Project, Seen, judged, probe
from integration_tests.live.records import MINUTE, apart, busy, event_ids, users_in_export
from integration_tests.live.words import kind, kinds, public
from source_iterable.exports.export_job import COMPLETED, ENDED, START, STATES

# Seconds between two looks at a job, and that it may take.
_POLL, _LONGEST = 5.0, 150.0
# Pages of files, and files, that are read.
_PAGES, _FILES = 20, 10
# Where links are known to lead.
_HOSTS = ("amazonaws.com", "iterable.com", "cloudfront.net", "googleapis.com", "windows.net")
_CASES = {str.lower: "lower case", str.capitalize: "capitalized", str.upper: "upper case"}
_NONE_IN_TIME = "no export job was completed in time"


@dataclass
class Job:
    """A job of our own. `words`: its states as Iterable spells them, without repetitions in a row."""

    data_type: str
    started: Answer
    words: list[str] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    polls: int = 0
    is_listed: bool = False

    @property
    def id(self) -> Any:
        return self.started.object.get("jobId")

    @property
    def states(self) -> list[str]:
        return [word.lower() for word in self.words]

    @property
    def is_complete(self) -> bool:
        return self.states[-1:] == [COMPLETED]

    @property
    def files(self) -> Items:
        return [file for page in self.pages for file in page["files"]]


def _jobs(project: Project) -> list[Job]:
    """Both jobs, as far as they have come. Raises NotVisible, Unexpected or NoAnswer."""
    if project.requests.get(START):
        raise NotVisible("an earlier run has started export jobs; begin again to see some")
    if not project.jobs:
        raise NotVisible(NO_JOBS)
    return project.once(_start)


def _complete(project: Project) -> list[Job]:
    if jobs := [job for job in _jobs(project) if job.is_complete]:
        return jobs
    raise NotVisible(_NONE_IN_TIME)


def _start(project: Project) -> list[Job]:
    """Start both jobs, and look at them until they have ended or time is over."""
    data_type, window, _ = busy(project)
    windows = {data_type: window, "user": window}
    with suppress(NotVisible):
        windows["user"], _ = users_in_export(project)
    started = []
    for name, its in windows.items():
        body = {"dataTypeName": name, "outputFormat": "application/x-json-stream", **its.parameters}
        started.append(Job(name, project.client.post(START, body)))
    if any(job.started.status in REFUSALS for job in started):
        raise NotVisible("the key may not start export jobs")
    jobs = [job for job in started if job.id is not None]
    if not jobs:
        raise Unexpected({"statuses": [job.started.status for job in started]})
    with suppress(NoAnswer):
        _follow(project, jobs)
        for job in jobs:
            _list_files(project, job)
    return jobs


def _follow(project: Project, jobs: list[Job]) -> None:
    """Look at the jobs until all have ended, or time is over."""
    begun = project.client.clock()
    while jobs and project.client.clock() - begun < _LONGEST and project.client.left > 2 * MINUTE:
        for job in jobs:
            word = str(_page(project, job, None).get("jobState"))
            job.polls += 1
            if job.words[-1:] != [word]:
                job.words.append(word)
        jobs = [job for job in jobs if not job.is_complete and job.states[-1] not in ENDED]
        if jobs:
            project.client.pause(_POLL)


def _list_files(project: Project, job: Job) -> None:
    """List the files of a complete job, up to the empty page."""
    while job.is_complete and not job.is_listed and len(job.pages) < _PAGES:
        job.pages.append(_page(project, job, job.files[-1]["file"] if job.files else None))
        job.is_listed = not job.pages[-1]["files"]


def _page(project: Project, job: Job, after: str | None) -> dict[str, Any]:
    """A page of a job's files. Raises Unexpected or NoAnswer."""
    parameters: dict[str, Any] = {"startAfter": after} if after else {}
    answer = project.client.get("export/{}/files", job.id, **parameters)
    if answer.status != OK or not isinstance(answer.object.get("files"), list):
        raise Unexpected({"status": answer.status, "type": type_of(answer)})
    return answer.object


@probe("states of export jobs", "exports/export_job.py")
def states(project: Project) -> Seen:
    """A job is enqueued or queued, running, then completed, in any case of letters."""
    jobs = _jobs(project)
    words = [word for job in jobs for word in job.words]
    cases = {next((name for make, name in _CASES.items() if make(word) == word), "mixed") for word in words}
    found = {state for job in jobs for state in job.states}
    facts = {
        "status of export/start": sorted({job.started.status for job in jobs}),
        "jobId": sorted(kinds(job.id for job in jobs)),
        "states": project.words.of(found),
        "case": sorted(cases),
    }
    vary = len({word.lower() for word in words}) < len(set(words)) or len(cases) > 1
    seen = judged(
        found <= {*STATES},
        facts,
        {"looks": [job.polls for job in jobs]},
        oddities.CASE_OF_STATES if vary else None,
    )
    if seen.verdict == "holds" and not any(job.is_complete for job in jobs):
        # Neither has come so far, or somebody has cancelled them.
        return seen._replace(verdict="not visible", reason=_NONE_IN_TIME)
    return seen


@probe("files of export jobs", "exports/export_job.py")
def files(project: Project) -> Seen:
    """export/{jobId}/files lists ten files a page; startAfter is the last file of the page before; an empty one ends it."""
    jobs = [job for job in _complete(project) if job.is_listed]
    if not jobs:
        raise NotVisible("the files of the export jobs are too many to be listed")
    pages = [page for job in jobs for page in job.pages]
    names = [(job.id, each.get("file")) for job in jobs for each in job.files]
    sizes = [[len(page["files"]) for page in job.pages] for job in jobs]
    are_full = {size for of_job in sizes for size in of_job[:-2]} <= {10}
    return judged(
        len(set(names)) == len(names) and are_full,
        {
            "names": project.words.of(name for page in pages for name in page),
            "names of a file": project.words.of(name for job in jobs for each in job.files for name in each),
            "exportTruncated": sorted({kind(page.get("exportTruncated")) for page in pages}),
        },
        {"files of each page": sizes},
    )


@probe("links to files", "api/session.py")
def links(project: Project) -> Seen:
    """A file's link is signed, leads to another host by https, needs no key, and expires."""
    jobs = _complete(project)
    urls = [urlsplit(each["url"]) for job in jobs for each in job.files]
    if not urls:
        raise NotVisible("the export jobs have no files")
    answers = [answer for job in jobs for answer in _downloads(project, job)]
    api = urlsplit(project.client.config.base_url)
    parameters = {name.lower(): values for url in urls for name, values in parse_qs(url.query).items()}
    lives = [int(each[0]) for name, each in parameters.items() if name.endswith("expires") and each[0].isdecimal()]
    lead_elsewhere = all(url.netloc != api.netloc and url.scheme in ("https", api.scheme) for url in urls)
    statuses = {answer.status for answer in answers}
    return judged(
        statuses == {OK} and lead_elsewhere and bool(lives),
        {
            "statuses": sorted(statuses),
            "schemes": sorted({url.scheme for url in urls}),
            "hosts": sorted({_host(url.hostname or "") for url in urls}),
            "parameters": sorted(map(public, parameters)),
            "type": sorted({type_of(answer) for answer in answers}),
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


def _counts(streamed: Counter[str], of_job: Counter[str]) -> dict[str, int]:
    return {"streamed": streamed.total(), "of the job": of_job.total(), "of one only": apart(streamed, of_job)}


@probe("both transports", "exports/choice.py")
def both(project: Project) -> Seen:
    """A job and a streamed export of the same window have the same events, with the same _event_id."""
    data_type, _, answer = busy(project)
    of_job = Counter(event_ids(data_type, _lines_of(project, data_type)))
    streamed = Counter(event_ids(data_type, answer.lines))
    return judged(of_job == streamed, {}, _counts(streamed, of_job))


@probe("users by both transports", "exports/choice.py")
def users(project: Project) -> Seen:
    """A job and a streamed export of the same window have the same users."""
    _, answer = users_in_export(project)
    key = project.client.config.users_key
    # Profiles change meanwhile: those of both are compared by their keys.
    of_job = Counter(str(orjson.loads(line).get(key)) for line in _lines_of(project, "user"))
    streamed = Counter(str(record.get(key)) for record in answer.records)
    few = max(streamed.total() // 100, 3)
    return judged(apart(streamed, of_job) <= few, {}, _counts(streamed, of_job))


@probe("list of export jobs", "exports/jobs.py")
def listed(project: Project) -> Seen:
    """GET export/jobs lists recent jobs, with their states."""
    own: set[str] = set()
    with suppress(NotVisible, Unexpected, NoAnswer):
        own = {str(job.id) for job in _jobs(project)}
    jobs = some_in(project.client.get("export/jobs"), "jobs")
    words = [str(each.get("jobState")) for each in jobs]
    found = {word.lower() for word in words}
    return judged(
        found <= {*STATES} and own <= {str(each.get("id")) for each in jobs},
        {
            "states": project.words.of(found),
            "names": project.words.of(name for each in jobs for name in each),
            "types": project.words.of(each.get("dataTypeName") for each in jobs),
        },
        {"jobs": len(jobs)},
        oddities.CASE_OF_STATES if any(word != word.lower() for word in words) else None,
    )
