"""Probes of the users of lists, of profile fields and of forgotten users."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of
from integration_tests.live.client import OK, Answer
from integration_tests.live.probe import NotVisible, Project, Seen, judged, list_in, probe
from integration_tests.live.records import records_in, users_in_export
from integration_tests.live.words import kind, kinds

# Users of the longest list that is read whole. Larger ones take long to answer: a million, an hour.
_LARGE_LIST = 20_000
# Lists of which the size is asked; the limit is five requests a minute, for sizes and users together.
_SIZED = 3
SERVER_ERROR = 500


def _sizes(project: Project) -> dict[int, Answer]:
    """The sizes of the first lists, as answered, by the lists' ids."""
    lists = list_in(project.client.get("lists"), "lists")
    return {each["id"]: project.client.get("lists/{}/size", each["id"]) for each in lists[:_SIZED]}


def _a_list(project: Project) -> tuple[int, int]:
    """The id of the largest list that can be read whole, and how many users it has. Raises NotVisible."""
    sizes = {
        list_id: int(answer.body)
        for list_id, answer in project.once(_sizes).items()
        if answer.status == OK and answer.body.strip().isdigit() and 0 < int(answer.body) <= _LARGE_LIST
    }
    if not sizes:
        raise NotVisible("the first lists are empty, or too large to be read whole")
    return max(sizes.items(), key=lambda each: each[1])


def _ask_users(project: Project, number: int, **parameters: Any) -> Answer:
    """The users of that list; `number` tells one request from the next."""
    list_id, _ = _a_list(project)
    return project.client.get("lists/getUsers", listId=list_id, **parameters)


def _ask_preferred(project: Project) -> Answer:
    return _ask_users(project, 0, preferUserId="true")


def _lines(answer: Answer) -> list[str]:
    return [line.decode("utf-8", "replace").rstrip("\r") for line in answer.lines]


@probe("sizes of lists", "GET lists/{id}/size answers with a bare number", "source_iterable/streams/list_sizes.py")
def sizes(project: Project) -> Seen:
    answers = list(project.once(_sizes).values())
    return judged(
        all(each.status == OK and each.body.strip().isdigit() for each in answers),
        {
            "statuses": sorted({each.status for each in answers}),
            "type": project.words.shown(answers[0].content_type),
            "body": kind(answers[0].body.decode("utf-8", "replace").strip()),
        },
        {"seconds": round(max(each.seconds[1] for each in answers), 1)},
    )


@probe(
    "users of a list",
    "GET lists/getUsers answers with one user a line, all of them",
    "source_iterable/streams/lists.py",
)
def users(project: Project) -> Seen:
    _, size = _a_list(project)
    answer = project.once(_ask_users, 1)
    lines = _lines(answer)
    return judged(
        answer.status == OK and answer.is_whole and len(set(lines)) == len(lines) == size,
        {
            "status": answer.status,
            "type": project.words.shown(answer.content_type),
            "kinds": sorted(kinds(lines)),
            "as many as its size": len(lines) == size,
            "ends with a newline": answer.body.endswith(b"\n"),
            "is whole": answer.is_whole,
        },
        {"users": len(lines), "size": size, "seconds": round(answer.seconds[1], 1)},
        oddities.LIST_FAILS if answer.status >= SERVER_ERROR else None,
        oddities.LIST_BREAKS if answer.has_broken else None,
    )


@probe(
    "order of a list's users",
    "The same users come at the next request, maybe in another order",
    "source_iterable/streams/user_events.py",
)
def order(project: Project) -> Seen:
    first = project.once(_ask_users, 1)
    second = project.once(_ask_users, 2)
    if first.status != OK or second.status != OK or not first.is_whole or not second.is_whole:
        raise NotVisible("a list's users cannot be read")
    one, other = _lines(first), _lines(second)
    return judged(
        sorted(one) == sorted(other),
        {"same order": one == other},
        {"users": [len(one), len(other)]},
        oddities.ORDER_OF_USERS if one != other else None,
    )


@probe(
    "preferUserId",
    "With preferUserId=true a list has userIds where users have one; in email-based projects it has addresses",
    "source_iterable/streams/lists.py",
)
def prefer_user_id(project: Project) -> Seen:
    project_type = project.client.config.project_type
    plain = project.once(_ask_users, 1)
    preferred = project.once(_ask_preferred)
    if plain.status != OK or preferred.status != OK or not plain.is_whole or not preferred.is_whole:
        raise NotVisible("a list's users cannot be read")
    emails, ids = _lines(plain), _lines(preferred)
    both = _with_both_identifiers(project)
    listed, by_id = set(emails), set(ids)
    known = {email: user_id for email, user_id in both.items() if email in listed}
    if project_type == "Email-based":
        holds = sorted(emails) == sorted(ids)
    else:
        holds = len(ids) == len(emails) and all(each in by_id for each in known.values())
    addresses = [each for each in ids if "@" in each]
    odd = [each for each in addresses if each not in listed] if project_type == "Hybrid" else []
    return judged(
        holds,
        {
            "kinds": sorted({"address" if "@" in each else "other" for each in emails}),
            "kinds with preferUserId": sorted({"address" if "@" in each else "other" for each in ids}),
        },
        {
            "addresses": [sum("@" in each for each in emails), len(addresses)],
            "users of whom both identifiers are known": len(known),
        },
        oddities.ADDRESS_AS_USER_ID if odd else None,
    )


def _with_both_identifiers(project: Project) -> dict[str, str]:
    """The userIds of users who have an email, too, by it; as far as their profiles are known."""
    try:
        records = records_in(users_in_export(project)[1])
    except NotVisible:
        return {}
    return {
        each["email"]: each["userId"]
        for each in records
        if isinstance(each.get("email"), str) and isinstance(each.get("userId"), str)
    }


@probe(
    "profile fields",
    "GET users/getFields has a map of names to types, under fields or userFields",
    "source_iterable/streams/users.py",
)
def profile_fields(project: Project) -> Seen:
    answer = project.client.get("users/getFields")
    body = answer.json if isinstance(answer.json, dict) else {}
    selector = next((each for each in ("fields", "userFields") if each in body), None)
    fields: Any = body.get(selector) if selector else None
    types = fields.values() if isinstance(fields, dict) else [each.get("type") for each in fields or []]
    return judged(
        answer.status == OK and selector is not None and all(isinstance(each, str) for each in types),
        {
            "status": answer.status,
            "names": project.words.of(body),
            "under": selector or "nothing",
            "is": kind(fields),
            "types": project.words.of(types),
        },
        {"fields": len(fields or ())},
        oddities.ARRAY_OF_FIELDS if isinstance(fields, list) else None,
    )


@probe(
    "forgotten users",
    "The hashes of forgotten users come by email or by userId, whichever the project has",
    "source_iterable/streams/users.py",
)
def forgotten(project: Project) -> Seen:
    facts: dict[str, Any] = {}
    counts = {}
    for path, selector in (("users/forgotten", "hashedEmails"), ("users/forgottenUserIds", "hashedUserIds")):
        answer = project.client.get(path)
        hashes = answer.json.get(selector) if answer.status == OK and isinstance(answer.json, dict) else None
        facts[path] = {"status": answer.status} if answer.status == OK else error_of(project, answer)
        if isinstance(hashes, list):
            facts[path]["kinds"] = kinds(hashes)
            counts[path] = len(hashes)
    without = {"Email-based": "users/forgottenUserIds", "UserID-based": "users/forgotten"}
    missing = without.get(project.client.config.project_type)
    return judged(
        all(path in counts or (path == missing and each["status"] in (400, 404)) for path, each in facts.items()),
        facts,
        counts,
    )
