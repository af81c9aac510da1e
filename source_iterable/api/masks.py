"""Masks: takes what may name a person out of a text that Iterable words: ids, email addresses, IP addresses, numbers.

All patterns take linear time: the text of an error may have 64 kB.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

MASK = "****"
# An @ as URLs (perhaps encoded twice), HTML and JSON write it, and in wide letters.
_AT = re.compile(r"%(?:25)*40|&(?:#0*64|#[xX]0*40|commat);|\\u0040|[\uff20\ufe6b]")
# A word, which a name in quotation marks may precede. Whether it is an address, its @ says: to search for a word with an
# @ would take quadratic time.
_WORD = re.compile(r'(?:"[^"]*"(?=@))?[^\s<>\[\]:;"\\]+')
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# What may be an IPv6 address: it may also be a time of day.
_IPV6 = re.compile(r"(?<!\w)[0-9A-Fa-f:.]{2,}")
# Seven digits or more, also in groups: an id, a phone number. But not a date, perhaps with a time of day, as in ISO 8601.
_DIGITS = re.compile(
    r"(?P<date>(?<![\d-])(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![\d-])"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?!\d))?)"
    r"|\d(?:[\s./()_,\u2010-\u2015-]{0,3}\d){6,}"
)


def masked(text: str) -> str:
    """A text with **** for email addresses, IP addresses, UUIDs, and numbers of seven digits or more. Dates stay."""
    text = _WORD.sub(_address_masked, _AT.sub("@", text))
    # An IPv6 address may end with an IPv4 address.
    text = _IPV6.sub(_ipv6_masked, _UUID.sub(MASK, text))
    text = _IPV4.sub(MASK, text)
    return _DIGITS.sub(lambda found: found[0] if found["date"] else MASK, text)


def _address_masked(word: re.Match[str]) -> str:
    """A word without the address in it: a name may have commas and comments, (x), and a host has neither."""
    before, at, host = word[0].rpartition("@")
    if not at:
        return word[0]
    opened = before[: len(before) - len(before.lstrip("(,"))]
    ends = [end for end in map(host.find, "(),") if end >= 0]
    return f"{opened}{MASK}{host[min(ends) :] if ends else ''}"


def _ipv6_masked(found: re.Match[str]) -> str:
    address = found[0].rstrip(".")
    # After an address there may be a colon: "::1: gone".
    for each in (address, address.removesuffix(":")):
        try:
            ip_address(each)
        except ValueError:
            continue
        return MASK + found[0][len(each) :]
    return found[0]
