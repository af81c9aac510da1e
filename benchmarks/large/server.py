"""Server: an Iterable that makes its answers as they are sent. `python -m benchmarks.large.server PROJECT` prints its port.

PROJECT is a Project as JSON. No answer is held: a list of gigabytes takes no memory.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.large.project import NOW_SECONDS, Project
from integration_tests.sandbox.http import (
    JSON,
    TEXT,
    Response,
    Server,
    error_body,
    json_response,
    records_response,
)
from integration_tests.sandbox.times import window_ms

# The longest that a late list waits for the others, in seconds: whoever reads only so many at a time would wait for ever.
_LATEST = 60.0
Query = Mapping[str, str]


class Answers:
    """Answers requests for a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._lists_left = project.lists - 1
        self._others_sent = threading.Event()

    def respond(self, method: str, target: str, headers: Any, body: bytes) -> Response:
        """The response to a request."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.removeprefix("/api").strip("/").split("/")
        response = self._respond(path, query)
        response.headers["Date"] = formatdate(NOW_SECONDS, usegmt=True)
        return response

    def _respond(self, path: list[str], query: Query) -> Response:
        project = self._project
        match path:
            case ["campaigns"]:
                return _page("campaigns", project.campaigns, project.campaign, query)
            case ["templates"]:
                is_email = (query["templateType"], query["messageMedium"]) == ("Blast", "Email")
                return _page("templates", project.templates if is_email else 0, project.template, query)
            case ["templates", "email", "get"]:
                return _sent([project.content(int(query["templateId"]))])
            case ["experiments"]:
                start, end = int(query["offset"]), int(query["offset"]) + int(query["limit"])
                items = map(project.experiment, range(start, min(end, project.experiments)))
                return _list("experiments", items, b',"totalCount":%d' % project.experiments)
            case ["experiments", number]:
                return _sent([project.experiment(int(number))])
            case ["experiments", number, "variants"]:
                return _list("variants", project.variants(int(number)), b',"experimentId":%b' % number.encode())
            case ["experiments", number, "totals"]:
                return json_response({"id": int(number), "status": "running", "variants": []})
            case ["journeys"]:
                return _page("journeys", 0 if "state" in query else project.journeys, project.journey, query)
            case ["snippets"]:
                return _list("snippets", map(project.snippet, range(project.snippets)))
            case ["users", "forgotten"]:
                return _list("hashedEmails", map(project.forgotten_user, range(project.forgotten)))
            case ["users", "getFields"]:
                return json_response({"fields": project.user_types()})
            case ["lists"]:
                return _list("lists", map(project.list, range(1, project.lists + 1)))
            case ["lists", "getUsers"]:
                return self._members(int(query["listId"]))
            case ["lists", _, "size"]:
                return Response(body=b"%d" % project.members, media_type=TEXT)
            case ["export", "data.json"]:
                start, end = (window_ms(query[name]) // 1000 for name in ("startDateTime", "endDateTime"))
                return records_response(project.records(query["dataTypeName"], start, end))
        return json_response(error_body(404), 404)

    def _members(self, list_id: int) -> Response:
        if self._project.late_list:
            if list_id == 1:
                self._others_sent.wait(_LATEST)
            with self._lock:
                self._lists_left -= list_id != 1
                if self._lists_left <= 0:
                    self._others_sent.set()
        lines = (self._project.member(list_id, number) for number in range(self._project.members))
        return records_response(lines, TEXT)


def _page(selector: str, count: int, item: Callable[[int], bytes], query: Query) -> Response:
    """A page by `page` and `pageSize`."""
    number, size = int(query["page"]), int(query["pageSize"])
    end = min(number * size, count)
    link = b"" if end == count else b',"nextPageUrl":"/api/%b?page=%d"' % (selector.encode(), number + 1)
    return _list(selector, map(item, range((number - 1) * size, end)), link)


def _list(selector: str, items: Iterable[bytes], rest: bytes = b"") -> Response:
    """JSON with the items under the selector, and the rest behind them."""

    def pieces() -> Iterator[bytes]:
        yield b'{"%b":[' % selector.encode()
        for number, item in enumerate(items):
            yield b"," + item if number else item
        yield b"]%b}" % rest

    return _sent(pieces())


def _sent(pieces: Iterable[bytes]) -> Response:
    return records_response(pieces, JSON)


def main() -> None:
    """Serve until killed."""
    project = msgspec.json.decode(sys.argv[1], type=Project)
    server = Server(Answers(project).respond, 0, "127.0.0.1", None)
    print(urlsplit(server.url).port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
