"""The 52 event types of the export: how often each occurs, and what its records hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .fields import (
    Event,
    Record,
    bounced,
    clicked,
    complained,
    custom,
    message,
    opened,
    purchased,
    send,
    skip,
    subscribed,
    unsubscribed,
)
from .times import DAY_MS
from .words import ODD_TEXTS, PRODUCTS

PLATFORMS = ("APNS", "GCM", "Web")
APP = "com.example.shop"


def _device(record: Record, event: Event) -> Record:
    record["deviceInfo"] = {
        "deviceId": event.draw.hex(16),
        "platform": event.draw.pick(("iOS", "Android")),
        "appPackageName": APP,
    }
    return record


def _push_send(event: Event) -> Record:
    record, draw = send(event), event.draw
    record["platformEndpoint"] = f"arn:aws:sns:us-east-1:1:endpoint/{draw.pick(PLATFORMS)}/{draw.hex(12)}"
    record["contentAvailable"] = draw.one_in(3)
    record["payload"] = {"path": "shop/größe", "n": draw.below(9)}
    record["badge"] = draw.pick(("1", "", "+1"))
    record["sound"] = "default"
    return record


def _push(event: Event) -> Record:
    record, draw = message(event), event.draw
    record["platformEndpoint"] = f"arn:aws:sns:us-east-1:1:endpoint/{draw.pick(PLATFORMS)}/{draw.hex(12)}"
    record["deviceId"] = draw.hex(16)
    record["appPackageName"] = APP
    return record


def _push_open(event: Event) -> Record:
    record = _push(event)
    record["appAlreadyRunning"] = event.draw.one_in(2)
    record["contentAvailable"] = event.draw.one_in(3)
    record["notificationsEnabled"] = True
    return record


def _in_app(event: Event) -> Record:
    record, draw = _device(message(event), event), event.draw
    record["messageContext"] = {
        "saveToInbox": draw.one_in(2),
        "silentInbox": False,
        "location": draw.pick(("in-app", "inbox")),
    }
    return record


def _in_app_send(event: Event) -> Record:
    record = send(event)
    record["sentAt"] = event.time(event.ms)
    record["expiresAt"] = event.time(event.ms + 90 * DAY_MS)
    record["inAppBody"] = "<p>größe</p>" * (1 + event.draw.below(5))
    return record


def _in_app_click(event: Event) -> Record:
    record = _in_app(event)
    record["clickedUrl"] = record["url"] = f"https://shop.example.com/{event.draw.below(1000)}"
    return record


def _session(event: Event) -> Record:
    record, draw = _device(event.base(), event), event.draw
    record["inboxSessionStart"] = event.time(event.ms - 5000 - draw.below(60_000))
    record["inboxSessionEnd"] = event.time(event.ms)
    record["startTotalMessageCount"] = draw.below(20)
    record["endTotalMessageCount"] = draw.below(20)
    record["impressions"] = [
        {"messageId": draw.hex(8), "displayCount": 1 + draw.below(3), "displayDuration": draw.below(99) / 4}
        for _ in range(draw.below(3))
    ]
    record["inboxSessionId"] = draw.hex(24)
    return record


def _sms(record: Record, event: Event) -> Record:
    draw = event.draw
    record["fromPhoneNumber"] = "+15005550006"
    record["fromPhoneNumberId"] = 40 + draw.below(3)
    record["fromSMSSenderId"] = draw.below(5)
    record["toPhoneNumber"] = event.user.phone
    return record


def _sms_send(event: Event) -> Record:
    record = _sms(send(event), event)
    record["smsMessage"] = event.draw.pick(ODD_TEXTS)
    record["isSMSEstimation"] = event.draw.one_in(2)
    return record


def _sms_received(event: Event) -> Record:
    record = _sms(message(event), event)
    record["smsMessage"] = event.draw.pick(("STOP", "HELP", "да", "👍"))
    return record


def _sms_bounce(event: Event) -> Record:
    record = _sms(message(event), event)
    record["messageStatus"] = event.draw.pick(("undelivered", "failed"))
    record["errorCode"] = 30000 + event.draw.below(9)
    return record


def _sms_click(event: Event) -> Record:
    return _sms(clicked(event), event)


def _usage(event: Event) -> Record:
    record = _sms(message(event), event)
    record["smsSendCount"] = 1 + event.draw.below(3)
    record["mmsSendCount"] = event.draw.below(2)
    record["isSMSEstimation"] = False
    return record


def _embedded(event: Event) -> Record:
    record = _device(message(event), event)
    record["placementId"] = 1 + event.draw.below(4)
    return record


def _impression(event: Event) -> Record:
    record = _in_app(event)
    record["impressions"] = [{"displayCount": 1, "displayDuration": event.draw.below(99) / 4}]
    return record


def _unknown_session(event: Event) -> Record:
    # A visitor nobody knows yet: no email, only what the device made up.
    record = event.base()
    if "userId" in record:
        record.pop("email", None)
    record["totalUnknownSessionCount"] = 1 + event.draw.below(9)
    record["lastSession"] = event.time(event.ms)
    record["sessionId"] = event.draw.hex(24)
    return record


def _journey_exit(event: Event) -> Record:
    record, journeys = event.base(), event.world.journeys
    if journeys:
        journey = event.draw.pick(journeys)
        record["workflowId"], record["workflowName"] = journey["id"], journey["name"]
    record["exitReason"] = event.draw.pick(("completed", "exitRule", "manual"))
    record["favourite"] = event.draw.pick(PRODUCTS)
    record["messageId"] = event.draw.hex(32)
    return record


class Kind(NamedTuple):
    """A data type: its share of all events, and the maker of its records."""

    weight: float
    make: Callable[[Event], Record]


KINDS: dict[str, Kind] = {
    "emailSend": Kind(30, send),
    "emailOpen": Kind(20, opened),
    "emailClick": Kind(8, clicked),
    "hostedUnsubscribeClick": Kind(2, clicked),
    "emailComplaint": Kind(2, complained),
    "emailBounce": Kind(4, bounced),
    "emailSendSkip": Kind(4, skip),
    "emailSubscribe": Kind(4, subscribed),
    "emailUnSubscribe": Kind(3, unsubscribed),
    "pushSend": Kind(8, _push_send),
    "pushOpen": Kind(4, _push_open),
    "pushUninstall": Kind(2, _push),
    "pushBounce": Kind(2, _push),
    "pushSendSkip": Kind(2, skip),
    "inAppSend": Kind(5, _in_app_send),
    "inAppOpen": Kind(3, _in_app),
    "inAppClick": Kind(2, _in_app_click),
    "inAppClose": Kind(2, _in_app),
    "inAppDelete": Kind(2, _in_app),
    "inAppDelivery": Kind(3, _in_app),
    "inAppSendSkip": Kind(2, skip),
    "inAppRecall": Kind(2, message),
    "inboxSession": Kind(2, _session),
    "inboxMessageImpression": Kind(2, _impression),
    "smsSend": Kind(4, _sms_send),
    "smsBounce": Kind(2, _sms_bounce),
    "smsClick": Kind(2, _sms_click),
    "smsReceived": Kind(2, _sms_received),
    "smsSendSkip": Kind(2, skip),
    "smsUsageInfo": Kind(2, _usage),
    "webPushSend": Kind(2, _push_send),
    "webPushClick": Kind(2, _push_open),
    "webPushSendSkip": Kind(2, skip),
    "rcsSend": Kind(2, _sms_send),
    "rcsSendSkip": Kind(2, skip),
    "purchase": Kind(8, purchased),
    "customEvent": Kind(15, custom),
    "embeddedSend": Kind(2, send),
    "embeddedSendSkip": Kind(2, skip),
    "embeddedClick": Kind(2, _embedded),
    "embeddedReceived": Kind(2, _embedded),
    "embeddedImpression": Kind(2, _impression),
    "embeddedSession": Kind(2, _session),
    "unknownSession": Kind(2, _unknown_session),
    "journeyExit": Kind(2, _journey_exit),
    "whatsAppBounce": Kind(2, _sms_bounce),
    "whatsAppClick": Kind(2, _sms_click),
    "whatsAppReceived": Kind(2, _sms_received),
    "whatsAppSeen": Kind(2, _sms_received),
    "whatsAppSend": Kind(2, _sms_send),
    "whatsAppSendSkip": Kind(2, skip),
    "whatsAppUsageInfo": Kind(2, _usage),
}
USER = "user"
DATA_TYPES = (*KINDS, USER)
