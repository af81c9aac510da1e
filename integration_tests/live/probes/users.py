"""Probes of the users of lists, of profile fields and of forgotten users."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of, type_of
from integration_tests.live.client import (
    LITTLE_PATIENCE,
    NOT_FOUND,
    OK,
    SERVER_ERROR,
    Answer,
    NoAnswer,
    NotVisible,
    Unexpected,
)
from integration_tests.live.items import plain_items
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.records import users_in_export
from integration_tests.live.words import kind, kinds

# Users of the longest list that is read whole. Larger ones take long to answer: a million, an hour.
_LARGE_LIST = 20_000
# Lists whose size is asked; the limit is five requests a minute, for sizes and users together.
_SIZED = 3
_UNREADABLE = "a list's users cannot be read whole"


def _sizes(project: Project) -> dict[int, Answer]:
    """The sizes of the first lists, as answered, by the lists' ids, up to the first one that is slow."""
    found: dict[int, Answer] = {}
    for each in project.once(plain_items, "lists", "lists")[:_SIZED]:
        try:
            found[each["id"]] = project.client.get("lists/{}/size", each["id"], patience=LITTLE_PATIENCE)
        except NoAnswer:
            if not found:
                raise
            break
    return found


def _size_in(answer: Answer) -> int | None:
    # The connector takes one in quotes, too.
    text = answer.body.strip().strip(b'"')
    return int(text) if answer.status == OK and text.isdigit() and len(text) < 16 else None


def _a_list(project: Project) -> tuple[int, int]:
    """The id of the largest list that can be read whole, and how many users it has. Raises NotVisible."""
    sizes = {list_id: _size_in(answer) for list_id, answer in project.once(_sizes).items()}
    usable = {list_id: size for list_id, size in sizes.items() if size and size <= _LARGE_LIST}
    if not usable:
        raise NotVisible("the first lists are empty, or too large to be read whole")
    return max(usable.items(), key=lambda each: each[1])


def _ask_users(project: Project, number: int, **parameters: Any) -> Answer:
    """The users of that list; `number` tells one request from the next."""
    list_id, _ = _a_list(project)
    return project.client.get("lists/getUsers", listId=list_id, may_fail=True, **parameters)


def _ask_preferred(project: Project) -> Answer:
    return _ask_users(project, 0, preferUserId="true")


def _is_readable(answer: Answer) -> bool:
    return answer.status < SERVER_ERROR and answer.is_whole


def _users_in(answer: Answer) -> list[str]:
    """The users of a list. Raises NotVisible if they could not be read whole, or Unexpected."""
    if not _is_readable(answer):
        raise NotVisible(_UNREADABLE)
    if answer.status != OK:
        raise Unexpected({"status": answer.status})
    return [line.decode("utf-8", "replace").rstrip("\r") for line in answer.lines]


def _is_about(count: int, other: int) -> bool:
    """Whether two counts differ by no more than a list may change in a minute."""
    return abs(count - other) <= max(3, other // 100)


@probe("sizes of lists", "streams/lists.py")
def sizes(project: Project) -> Seen:
    """GET lists/{id}/size answers with a bare number."""
    answers = list(project.once(_sizes).values())
    return judged(
        all(_size_in(each) is not None for each in answers),
        {
            "statuses": sorted({each.status for each in answers}),
            "type": type_of(answers[0]),
            "body": sorted(kinds(each.text.strip() for each in answers)),
        },
        {"seconds": round(max(each.seconds[1] for each in answers), 1)},
    )


@probe("users of a list", "streams/lists.py")
def users(project: Project) -> Seen:
    """GET lists/getUsers answers with one user a line, all of them."""
    _, size = _a_list(project)
    answer = project.once(_ask_users, 1)
    lines = _users_in(answer) if _is_readable(answer) else []
    facts = {
        "status": answer.status,
        "type": type_of(answer),
        "kinds": sorted(kinds(lines)),
        "ends with a newline": answer.body.endswith(b"\n"),
        "is whole": answer.is_whole,
    }
    counts = {"users": len(lines), "size": size, "seconds": round(answer.seconds[1], 1)}
    if lines:
        return judged(len(set(lines)) == len(lines) and _is_about(len(lines), size), facts, counts)
    # The connector skips such a list, or says that it is incomplete.
    odd = {oddities.LIST_FAILS: answer.status >= SERVER_ERROR, oddities.LIST_BREAKS: answer.has_broken}
    return Seen("not visible", facts, counts, {}, tuple(name for name, is_so in odd.items() if is_so), _UNREADABLE)


@probe("order of a list's users", "streams/user_events.py")
def order(project: Project) -> Seen:
    """The same users come at the next request, maybe in another order."""
    one, other = (_users_in(project.once(_ask_users, number)) for number in (1, 2))
    changed = len(set(one) ^ set(other))
    return judged(
        changed <= max(3, len(one) // 100),
        {"same order": one == other},
        {"users": [len(one), len(other)], "in one only": changed},
        oddities.ORDER_OF_USERS if one != other and not changed else None,
    )


@probe("preferUserId", "streams/lists.py")
def prefer_user_id(project: Project) -> Seen:
    """With preferUserId=true a list has userIds where users have one; in email-based projects it has addresses."""
    project_type = project.client.config.project_type
    emails, ids = _users_in(project.once(_ask_users, 1)), _users_in(project.once(_ask_preferred))
    known = {email: user_id for email, user_id in _with_both_identifiers(project).items() if email in set(emails)}
    addresses = [each for each in ids if "@" in each]
    if project_type == "Email-based":
        holds = len(addresses) == len(ids)
    else:
        found = len(set(known.values()) & set(ids))
        holds = _is_about(len(ids), len(emails)) and _is_about(found, len(known)) and (found > 0 or not known)
    has_odd = project_type == "Hybrid" and not set(addresses) <= set(emails)
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
        oddities.ADDRESS_AS_USER_ID if has_odd else None,
    )


def _with_both_identifiers(project: Project) -> dict[str, str]:
    """The userIds of users who have an email, too, by it; as far as their profiles are known."""
    try:
        _, answer = users_in_export(project)
    except (NotVisible, Unexpected, NoAnswer):
        return {}
    pairs = ((each.get("email"), each.get("userId")) for each in answer.records)
    return {email: user_id for email, user_id in pairs if isinstance(email, str) and isinstance(user_id, str)}


@probe("profile fields", "streams/users.py")
def profile_fields(project: Project) -> Seen:
    """GET users/getFields has a map of names to types, under fields or userFields."""
    answer = project.client.get("users/getFields")
    body = answer.json if isinstance(answer.json, dict) else {}
    selector = next((each for each in ("fields", "userFields") if each in body), "nothing")
    fields: Any = body.get(selector)
    types: list[Any] = []
    if isinstance(fields, dict):
        types = list(fields.values())
    elif isinstance(fields, list):
        types = [each.get("type") for each in fields]
    is_known = isinstance(fields, (dict, list))
    return judged(
        answer.status == OK and is_known and all(isinstance(each, str) for each in types),
        {"status": answer.status, "under": selector, "is": kind(fields), "types": project.words.of(types)},
        {"fields": len(types)},
        oddities.ARRAY_OF_FIELDS if isinstance(fields, list) else None,
    )


@probe("forgotten users", "streams/users.py")
def forgotten(project: Project) -> Seen:
    """The hashes of forgotten users come by email or by userId, whichever the project has."""
    facts: dict[str, Any] = {}
    counts = {}
    holds = True
    without = {"Email-based": "users/forgottenUserIds", "UserID-based": "users/forgotten"}
    missing = without.get(project.client.config.project_type)
    for path, selector in (("users/forgotten", "hashedEmails"), ("users/forgottenUserIds", "hashedUserIds")):
        answer = project.client.get(path)
        if not answer.is_whole:
            raise NotVisible("the answer is too large to be read whole, or breaks off")
        hashes = answer.object.get(selector)
        if answer.status == OK and isinstance(hashes, list):
            facts[path] = {"status": OK, "kinds": sorted(kinds(hashes))}
            counts[path] = len(hashes)
        else:
            facts[path] = error_of(project, answer)
            holds = holds and path == missing and answer.status in (400, NOT_FOUND)
    return judged(holds, facts, counts)
