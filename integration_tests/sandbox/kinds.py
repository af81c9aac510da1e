"""The data types of the export, and what the form of a type's name tells about its events."""

from __future__ import annotations

import re

from source_iterable.streams.table import EXPORTS

USER = "user"
# The events of the reference.
_SENDS = ["emailSend", "pushSend", "webPushSend", "inAppSend", "smsSend", "whatsAppSend", "rcsSend", "embeddedSend"]
_EMAIL = ["emailOpen", "emailClick", "emailComplaint", "emailBounce", "emailSubscribe", "emailUnSubscribe"]
_PUSH = ["pushOpen", "pushUninstall", "pushBounce", "webPushClick"]
_IN_APP = ["inAppOpen", "inAppClick", "inAppClose", "inAppDelete", "inAppDelivery", "inAppRecall"]
_INBOX = ["inboxSession", "inboxMessageImpression"]
_EMBEDDED = ["embeddedClick", "embeddedReceived", "embeddedImpression", "embeddedSession"]
_PHONE = [f"{family}{end}" for family in ("sms", "whatsApp") for end in ("Bounce", "Click", "Received", "UsageInfo")]
_OTHERS = ["whatsAppSeen", "hostedUnsubscribeClick", "purchase", "customEvent", "unknownSession", "journeyExit"]
_SKIPS = [f"{send}Skip" for send in _SENDS]
_REFERENCE = [*_SENDS, *_SKIPS, *_EMAIL, *_PUSH, *_IN_APP, *_INBOX, *_EMBEDDED, *_PHONE, *_OTHERS]

# A family of messages, and what happened to one of them.
_MESSAGE = re.compile(
    r"(\w+?)(SendSkip|Send|Delivery|Received|Seen|Open|Click|Close|Delete|Recall|Impression|Bounce|Uninstall|UsageInfo"
    r"|Complaint|UnSubscribe)"
)
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
    return tuple(dict.fromkeys([*_REFERENCE, *(stream.data_type for stream in EXPORTS), USER]))


DATA_TYPES = data_types()


def before(data_type: str) -> str | None:
    """The type of event that comes before one of this type; None where it is the first of its message, or has none."""
    match = _MESSAGE.fullmatch(data_type)
    begins = match is None or match[2] in ("Send", "SendSkip")
    return _BEFORE.get(data_type, None if begins else f"{match[1]}Send" if match else None)


def medium_of(data_type: str) -> str | None:
    """The medium of the campaigns whose messages events of this type are about; None where they are about none."""
    first = data_type
    while earlier := before(first):
        first = earlier
    match = _MESSAGE.fullmatch(first)
    return _MEDIA.get(match[1], "SMS") if match else None
