"""Probes of the users of lists, of profile fields and of forgotten users."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of
from integration_tests.live.client import LITTLE_PATIENCE, NOT_FOUND, OK, SERVER_ERROR, Answer
from integration_tests.live.errors import NoAnswer, NotVisible, Unexpected
from integration_tests.live.items import plain_items
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.records import records_in, users_in_export
from integration_tests.live.words import kind, kinds, public

# Users of the longest list that is read whole. Larger ones take long to answer: a million, an hour.
_LARGE_LIST = 20_000
# Lists of which the size is asked; the limit is five requests a minute, for sizes and users together.
_SIZED = 3


def _sizes(project: Project) -> dict[int, Answer]:
    """The sizes of the first lists, as answered, by the lists' ids; the first one that is slow ends it."""
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


def _lines(answer: Answer) -> list[str]:
    """The users of a list. Raises NotVisible if they could not be read whole."""
    if answer.status >= SERVER_ERROR or not answer.is_whole:
        raise NotVisible("a list's users cannot be read whole")
    if answer.status != OK:
        raise Unexpected({"status": answer.status})
    return [line.decode("utf-8", "replace").rstrip("\r") for line in answer.lines]


def _is_about(count: int, other: int) -> bool:
    """Whether two counts differ by as much as a list changes in a minute, at the most."""
    return abs(count - other) <= max(3, other // 100)


@probe("sizes of lists", "GET lists/{id}/size answers with a bare number", "source_iterable/streams/lists.py")
def sizes(project: Project) -> Seen:
    answers = list(project.once(_sizes).values())
    return judged(
        all(_size_in(each) is not None for each in answers),
        {
            "statuses": sorted({each.status for each in answers}),
            "type": public(answers[0].content_type),
            "body": sorted(kinds(each.body.decode("utf-8", "replace").strip() for each in answers)),
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
    lines = _lines(answer) if answer.status < SERVER_ERROR and answer.is_whole else []
    facts = {
        "status": answer.status,
        "type": public(answer.content_type),
        "kinds": sorted(kinds(lines)),
        "ends with a newline": answer.body.endswith(b"\n"),
        "is whole": answer.is_whole,
    }
    counts = {"users": len(lines), "size": size, "seconds": round(answer.seconds[1], 1)}
    if not lines:  # which the connector skips, or says so
        fails = oddities.LIST_FAILS if answer.status >= SERVER_ERROR else None
        breaks = oddities.LIST_BREAKS if answer.has_broken else None
        odd = tuple(each for each in (fails, breaks) if each)
        return Seen("not visible", facts, counts, {}, odd, "a list's users cannot be read whole")
    return judged(len(set(lines)) == len(lines) and _is_about(len(lines), size), facts, counts)


@probe(
    "order of a list's users",
    "The same users come at the next request, maybe in another order",
    "source_iterable/streams/user_events.py",
)
def order(project: Project) -> Seen:
    one, other = _lines(project.once(_ask_users, 1)), _lines(project.once(_ask_users, 2))
    changed = len(set(one) ^ set(other))
    return judged(
        changed <= max(3, len(one) // 100),
        {"same order": one == other},
        {"users": [len(one), len(other)], "in one only": changed},
        oddities.ORDER_OF_USERS if one != other and not changed else None,
    )


@probe(
    "preferUserId",
    "With preferUserId=true a list has userIds where users have one; in email-based projects it has addresses",
    "source_iterable/streams/lists.py",
)
def prefer_user_id(project: Project) -> Seen:
    project_type = project.client.config.project_type
    emails, ids = _lines(project.once(_ask_users, 1)), _lines(project.once(_ask_preferred))
    both = _with_both_identifiers(project)
    listed, by_id = set(emails), set(ids)
    known = {email: user_id for email, user_id in both.items() if email in listed}
    addresses = [each for each in ids if "@" in each]
    if project_type == "Email-based":
        holds = len(addresses) == len(ids)
    else:
        found = sum(each in by_id for each in known.values())
        holds = _is_about(len(ids), len(emails)) and _is_about(found, len(known)) and (found > 0 or not known)
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
    except (NotVisible, Unexpected, NoAnswer):
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
    is_known = isinstance(fields, (dict, list))
    types = (
        [] if not is_known else fields.values() if isinstance(fields, dict) else [each.get("type") for each in fields]
    )
    return judged(
        answer.status == OK and is_known and all(isinstance(each, str) for each in types),
        {
            "status": answer.status,
            "under": selector or "nothing",
            "is": kind(fields),
            "types": project.words.of(types),
        },
        {"fields": len(fields) if is_known else 0},
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
    without = {"Email-based": "users/forgottenUserIds", "UserID-based": "users/forgotten"}
    missing = without.get(project.client.config.project_type)
    holds = True
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
