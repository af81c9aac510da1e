"""The data types of the export, and what the form of a type's name tells about its events."""

import re
from typing import Any

from .fixtures import fixture

USER = "user"
REFERENCE = (*fixture("events")["weights"], USER)

# A family of messages, and what happened to one of them.
_ENDS = "Delivery|Received|Seen|Open|Click|Close|Delete|Recall|Impression|Bounce|Uninstall|UsageInfo|Complaint"
_MESSAGE = re.compile(rf"(\w+?)(SendSkip|Send|{_ENDS}|UnSubscribe)")
# What comes before an event of these is not just the family's send.
_BEFORE = {
    **dict.fromkeys(("emailClick", "emailComplaint", "emailUnSubscribe", "hostedUnsubscribeClick"), "emailOpen"),
    **dict.fromkeys(("inAppOpen", "inAppDelete", "inboxMessageImpression"), "inAppDelivery"),
    **dict.fromkeys(("inAppClick", "inAppClose"), "inAppOpen"),
    "embeddedClick": "embeddedImpression",
    "embeddedImpression": "embeddedReceived",
    "purchase": "emailClick",
    "whatsAppClick": "whatsAppSeen",
}
_MEDIA = {"email": "Email", "push": "Push", "webPush": "Push", "inApp": "InApp", "embedded": "InApp"}


def data_types() -> tuple[str, ...]:
    """The data types of the reference, and those that the connector exports beyond them."""
    from source_iterable.streams import table  # imports the CDK, which takes longer than all else of a sandbox's start

    return tuple(dict.fromkeys([*REFERENCE, *(stream.data_type for stream in table.EXPORTS)]))


def is_data_type(name: str) -> bool:
    """Whether there is a data type of this name."""
    return name in REFERENCE or name in data_types()


def __getattr__(name: str) -> Any:
    if name == "DATA_TYPES":
        return data_types()
    raise AttributeError(name)


def before(data_type: str) -> str | None:
    """The type of event that comes before one of this type; None where it is the first of its message, or has none."""
    match = _MESSAGE.fullmatch(data_type)
    begins = match is None or match[2] in ("Send", "SendSkip")
    return _BEFORE.get(data_type, None if begins else f"{match[1]}Send" if match else None)


def medium_of(data_type: str) -> str | None:
    """The medium of the campaigns whose messages events of this type are about; None where they are about none."""
    earlier, match = before(data_type), _MESSAGE.fullmatch(data_type)
    return medium_of(earlier) if earlier else _MEDIA.get(match[1], "SMS") if match else None
