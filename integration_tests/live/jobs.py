"""Probes of export jobs: two of our own, over short windows, which are started only if their user has said so."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integration_tests.live import oddities
from integration_tests.live.client import OK, Answer, NoAnswer
from integration_tests.live.probe import NO_JOBS, NotVisible, Project, Seen, judged, list_in, probe
from integration_tests.live.records import MINUTE, busy, event_ids, records_in, users_in_export
from integration_tests.live.words import kind, kinds
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

    @property
    def id(self) -> Any:
        body = self.started.json
        return body.get("jobId") if isinstance(body, dict) else None

    @property
    def state(self) -> JobState:
        return JobState.of(self.words[-1]) if self.words else JobState.UNKNOWN

    @property
    def files(self) -> list[dict[str, Any]]:
        return [each for page in self.pages for each in page.get("files") or []]


def _jobs(project: Project) -> list[Job]:
    """Both jobs, as far as they have come. Raises NotVisible."""
    if not project.jobs:
        raise NotVisible(NO_JOBS)
    jobs = project.once(_Jobs)
    jobs.wait()
    found = [job for job in jobs.started if job.id is not None]
    if not found:
        raise NotVisible("no export job could be started")
    return found


class _Jobs:
    """Both jobs. They are started once, whatever happens next."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._have_ended = False
        data_type, window, _ = busy(project)
        of_users = window
        with suppress(NotVisible):
            of_users, _ = users_in_export(project)
        self.started: list[Job] = []
        for each, its in ((data_type, window), ("user", of_users)):
            body = {"dataTypeName": each, "outputFormat": "application/x-json-stream", **its.parameters}
            with suppress(NoAnswer):
                self.started.append(Job(each, its, project.client.post(START, body)))

    def wait(self) -> None:
        """Look at the jobs until all have ended or time is over. Raises NoAnswer."""
        if not self._have_ended:
            _wait(self._project, [job for job in self.started if job.id is not None])
            self._have_ended = True


def _wait(project: Project, jobs: list[Job]) -> None:
    """Look at the jobs until all have ended, or time is over; then list the files of those that are complete."""
    waited, unfinished = 0.0, list(jobs)
    while unfinished and waited < _LONGEST and project.left > MINUTE:
        for job in unfinished:
            page = _page(project, job, None)
            word = str(page.get("jobState"))
            job.polls += 1
            if job.words[-1:] != [word]:
                job.words.append(word)
        unfinished = [job for job in unfinished if job.state is not JobState.COMPLETED and job.state not in ENDED]
        if unfinished:
            project.client.sleep(_POLL)
            waited += _POLL
    for job in jobs:
        while job.state is JobState.COMPLETED and len(job.pages) < _PAGES:
            job.pages.append(_page(project, job, job.files[-1]["file"] if job.files else None))
            if not job.pages[-1].get("files"):
                break


def _page(project: Project, job: Job, after: str | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {"startAfter": after} if after else {}
    answer = project.client.get(_FILES_OF_JOB, job.id, **parameters)
    return answer.json if answer.status == OK and isinstance(answer.json, dict) else {}


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
    return judged(
        all(job.started.status == OK and JobState.UNKNOWN not in map(JobState.of, job.words) for job in jobs),
        {
            "statuses of export/start": [job.started.status for job in jobs],
            "jobId": sorted(kinds(job.id for job in jobs)),
            "states": [[JobState.of(word).value for word in job.words] for job in jobs],
            "case": sorted(cases),
        },
        {"looks": [job.polls for job in jobs]},
        oddities.CASE_OF_STATES if len(cases) > 1 or len({JobState.of(w) for w in words}) < len(set(words)) else None,
    )


@probe(
    "files of export jobs",
    "export/{jobId}/files lists ten files a page; startAfter is the last file of the page before; an empty page is the end",
    "source_iterable/exports/export_job.py",
)
def files(project: Project) -> Seen:
    jobs = _complete(project)
    names = [(job.id, each.get("file")) for job in jobs for each in job.files]
    sizes = [[len(page.get("files") or []) for page in job.pages] for job in jobs]
    full = [size for job in sizes for size in job[:-2]]
    return judged(
        len(set(names)) == len(names)
        and all(job.pages and not job.pages[-1].get("files") for job in jobs)
        and set(full) <= {10},
        {
            "names": project.words.of(name for job in jobs for page in job.pages for name in page),
            "fields of a file": project.words.of(name for job in jobs for each in job.files for name in each),
            "exportTruncated": sorted({kind(page.get("exportTruncated")) for job in jobs for page in job.pages}),
            "a job without records has": "files"
            if any(not _records(project, job) and job.files for job in jobs)
            else "none",
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
    answers = [answer for job in jobs for answer in _downloads(project, job)]
    if not urls:
        raise NotVisible("the export jobs have no files")
    own = urlsplit(project.client.config.base_url).netloc
    parameters = {name: values for url in urls for name, values in parse_qs(url.query).items()}
    lives = [
        int(values[0])
        for name, values in parameters.items()
        if name.lower().endswith("expires") and values[0].isdecimal()
    ]
    return judged(
        all(answer.status == OK for answer in answers) and all(url.netloc != own for url in urls),
        {
            "statuses": sorted({answer.status for answer in answers}),
            "schemes": sorted({url.scheme for url in urls}),
            "hosts": sorted({_host(url.hostname or "") for url in urls}),
            "parameters": project.words.of(name.lower() for name in parameters),
            "type": project.words.of(answer.content_type for answer in answers),
            "encoding": project.words.of(answer.headers.get("Content-Encoding", "none") for answer in answers),
            "Content-Length": all("Content-Length" in answer.headers for answer in answers),
            "headers": project.words.of(name.lower() for answer in answers for name in answer.headers),
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
    """The first files of a job."""
    return project.once(_download, job.id)


def _download(project: Project, job_id: object) -> list[Answer]:
    (job,) = [each for each in _jobs(project) if each.id == job_id]
    found: list[Answer] = []
    with suppress(NoAnswer):
        found.extend(project.client.file(each["url"]) for each in job.files[:_FILES])
    return found


def _records(project: Project, job: Job) -> list[dict[str, Any]]:
    return [record for answer in _downloads(project, job) for record in records_in(answer)]


@probe(
    "both transports",
    "A job and a streamed export of the same window have the same events, with the same _event_id",
    "source_iterable/exports/choice.py",
)
def both(project: Project) -> Seen:
    data_type, _, streamed = busy(project)
    job = next((each for each in _complete(project) if each.data_type == data_type), None)
    if job is None or len(job.files) > _FILES:
        raise NotVisible("no export job of few files was completed in time")
    answers = _downloads(project, job)
    if len(answers) < len(job.files) or not all(each.is_whole for each in answers):
        raise NotVisible("not all files could be read")
    by_job: Counter[str] = Counter()
    for answer in answers:
        by_job += event_ids(project, data_type, answer.lines)
    by_stream = event_ids(project, data_type, streamed.lines)
    return judged(
        by_job == by_stream,
        {"files end with a newline": all(each.body.endswith(b"\n") for each in answers)},
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
    job = next((each for each in _complete(project) if each.data_type == "user"), None)
    if job is None or len(job.files) > _FILES:
        raise NotVisible("no export job of few files was completed in time")
    _, streamed = users_in_export(project)
    key = project.client.config.users_key
    # Profiles change meanwhile: those of both are compared by their keys.
    keys = [
        Counter(str(each.get(key)) for each in records) for records in (records_in(streamed), _records(project, job))
    ]
    apart = ((keys[0] - keys[1]) + (keys[1] - keys[0])).total()
    return judged(
        apart <= max(keys[0].total() // 100, 2),
        {},
        {"streamed": keys[0].total(), "of the job": keys[1].total(), "of one only": apart},
    )


@probe("list of export jobs", "GET export/jobs lists recent jobs, with their states", "source_iterable/exports/jobs.py")
def listed(project: Project) -> Seen:
    jobs = list_in(project.client.get("export/jobs"), "jobs")
    words = [str(each.get("jobState")) for each in jobs]
    own = {str(job.id) for job in project.once(_Jobs).started} if project.jobs else set()
    return judged(
        JobState.UNKNOWN not in map(JobState.of, words) and own <= {str(each.get("id")) for each in jobs},
        {
            "states": sorted({JobState.of(word).value for word in words}),
            "fields": {project.words.shown(n): sorted(kinds(each.get(n) for each in jobs)) for n in sorted({*jobs[0]})},
            "types": project.words.of(each.get("dataTypeName") for each in jobs),
        },
        {"jobs": len(jobs)},
        oddities.CASE_OF_STATES if any(word != word.lower() for word in words) else None,
    )
