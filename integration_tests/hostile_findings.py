"""Rows of the table that the connector gets wrong, as long as it does: each becomes an expected failure."""

from __future__ import annotations

import re

# Pattern of the row, of `kind-mode`, and the reason.
FINDINGS: list[tuple[str, str, str]] = [
    (
        "closed (after the status line|within the headers)",
        "(report|members|history|stream|file)-.*",
        "api/session.py: http.client takes a head without its blank line for a whole one, with an empty body",
    ),
    (
        "an error object as the last line",
        ".*",
        "records/lines.py: an error object that ends an export counts as one bad line; what is missing before it is lost",
    ),
    (
        "an error object as the last user|HTML behind the users",
        ".*",
        "api/proof.py: must_hold_identifiers looks for JSON and markup only at the beginning",
    ),
    (
        "HTML of one line with 200|XML with 200|text with 200|Success object with 200|another object with 200|JSON .*|"
        "empty body|gzip header, empty body|NUL bytes|no length, and cut|length too short|a report with a quote.*",
        "report-always",
        "reading/reports.py: a report without rows, or with a cut row, is believed whatever its header",
    ),
    (
        "HTML .*|XML .*|text .*|Success .*|another object .*|JSON .*|empty body|whitespace|gzip header, empty body|"
        "only broken lines|NUL bytes.*|a report (without its id|with too many cells|with a quote.*)",
        "report-once",
        "reading/reports.py: a report is looked at after client.get_text, where nothing is retried any more",
    ),
    (
        "a report with a cell of 200 KB",
        ".*",
        "reading/reports.py: csv.Error (a cell over 131,072 characters) is an unexpected error",
    ),
    (
        "text with 200|JSON (array of numbers|number|null|text)",
        "members-.*",
        "api/proof.py: an identifier without an at sign is believed in an email-based project",
    ),
    ("whitespace", "members-always", "streams/lists.py: a line of blanks is a user"),
    (
        "1,999 broken lines and a good one",
        "history-always",
        "streams/user_events.py: any number of broken lines is only a warning",
    ),
    (
        "Success object with 200|another object with 200|the entry of another key|an entry that is {}",
        "entry-.*",
        "streams/metadata.py: an_object accepts every object as an entry",
    ),
    (
        "302 to a host with the key's name",
        ".*",
        "api/client.py: the host of a redirect is shown without _shown",
    ),
    (
        "the same long marker again|the key as a marker",
        ".*",
        "streams/metadata.py: the marker is shown whole, without _shown",
    ),
    (
        "2,000 times 100 in front",
        ".*",
        "api/session.py: http.client skips any number of 100s, of which an endless stream hangs",
    ),
    (
        "an empty page that links on",
        ".*",
        "api/paging.py: an empty page ends the list although it links on",
    ),
    ("files missing", ".*", "exports/export_job.py: a completed job without `files` is an empty export"),
    ("fields (whose type|with a name).*", ".*", "streams/users.py: str() of what is not a text"),
    ("jobId 7.9", "start-always", "exports/export_job.py: int() accepts 7.9 as job 7"),
    ("jobId true", ".*", "exports/export_job.py: int() accepts true as job 1"),
    ("updatedAt true", ".*", "reading/newest_first.py: isinstance(True, int)"),
    ("a line of 120 MB", ".*", "api/client.py: JSON_BYTES allows a response that takes 440 MB to be parsed"),
]


def reason_of(row: str, kind: str, mode: str) -> str | None:
    """Why a row fails, None where it must not."""
    for rows, kinds, reason in FINDINGS:
        if re.fullmatch(rows, row) and re.fullmatch(kinds, f"{kind}-{mode}"):
            return reason
    return None
