"""Probes of the key and of errors."""

from __future__ import annotations

from integration_tests.live.answers import encoding_of, error_of, headers_of
from integration_tests.live.client import FORBIDDEN, NOT_FOUND, OK, UNAUTHORIZED
from integration_tests.live.items import lists_of_users
from integration_tests.live.probe import Project, Seen, judged, probe


@probe("key", "api/session.py", always=True)
def key(project: Project) -> Seen:
    """The key is taken in the header Api-Key."""
    answer = project.once(lists_of_users)
    if answer.status == FORBIDDEN:  # which no wrong key gets
        return judged(True, error_of(project, answer))
    facts = {"status": answer.status, **encoding_of(answer), "headers": headers_of(answer)}
    return judged(answer.status == OK and "lists" in answer.object, facts)


@probe("wrong key", "api/client.py")
def wrong_key(project: Project) -> Seen:
    """A wrong key gets 401, with a code in JSON."""
    answer = project.client.get("lists", headers={"Api-Key": "0" * 32}, may_refuse=True)
    error = error_of(project, answer)
    has_code = error["code"] in ("BadApiKey", "Unauthorized", "InvalidApiKey")
    return judged(answer.status == UNAUTHORIZED and has_code, {**error, "headers": headers_of(answer)})


@probe("unknown path", "api/client.py")
def unknown_path(project: Project) -> Seen:
    """A path that does not exist gets 404."""
    answer = project.client.get("this/path/does/not/exist")
    return judged(answer.status == NOT_FOUND, error_of(project, answer))


@probe("wrong parameter", "api/client.py")
def wrong_parameter(project: Project) -> Seen:
    """A wrong parameter gets 400, with a code in JSON."""
    answer = project.client.get("campaigns", page=1, pageSize=0)
    error = error_of(project, answer)
    return judged(answer.status == 400 and {"code", "msg"} <= set(error["names"]), error)
