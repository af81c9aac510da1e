"""The table of all streams, and their groups."""

from __future__ import annotations

from source_iterable.errors import ConfigError
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.reading.export_stream import EventStream, ExportStream
from source_iterable.reading.lists import PlainList
from source_iterable.reading.stream import Stream
from source_iterable.streams.campaigns import CAMPAIGNS, ChildCampaigns, Journeys
from source_iterable.streams.catalogs import CATALOGS, CatalogFieldMappings, CatalogItems
from source_iterable.streams.daily_metrics import CampaignsMetricsDaily
from source_iterable.streams.experiments import Experiments, ExperimentVariants
from source_iterable.streams.lists import LISTS, ListSizes, ListUsers
from source_iterable.streams.metadata import METADATA, MetadataEntries
from source_iterable.streams.metrics import CampaignsMetrics, ExperimentsMetrics
from source_iterable.streams.templates import TemplateContents, TemplateLocales, Templates
from source_iterable.streams.user_events import UserEvents
from source_iterable.streams.users import ForgottenUsers, UserFields, Users
from source_iterable.streams.webhooks import Webhooks

# Name, path, the list in the response, primary key.
PLAIN_LISTS = [
    LISTS,
    PlainList("channels", "channels", "channels", "id"),
    PlainList("message_types", "messageTypes", "messageTypes", "id"),
    METADATA,
    CATALOGS,
    PlainList("snippets", "snippets", "snippets", "id"),
    Webhooks("webhooks", "webhooks", "webhooks", "id"),
]

# Name, dataTypeName of the export API.
EXPORTS: list[ExportStream] = [
    Users(),
    EventStream("email_bounce", "emailBounce"),
    EventStream("email_click", "emailClick"),
    EventStream("email_complaint", "emailComplaint"),
    EventStream("email_open", "emailOpen"),
    EventStream("email_send", "emailSend"),
    EventStream("email_send_skip", "emailSendSkip"),
    EventStream("email_subscribe", "emailSubscribe"),
    EventStream("email_unsubscribe", "emailUnSubscribe"),
    EventStream("push_send", "pushSend"),
    EventStream("push_send_skip", "pushSendSkip"),
    EventStream("push_open", "pushOpen"),
    EventStream("push_uninstall", "pushUninstall"),
    EventStream("push_bounce", "pushBounce"),
    EventStream("web_push_send", "webPushSend"),
    EventStream("web_push_click", "webPushClick"),
    EventStream("web_push_send_skip", "webPushSendSkip"),
    EventStream("in_app_send", "inAppSend"),
    EventStream("in_app_open", "inAppOpen"),
    EventStream("in_app_click", "inAppClick"),
    EventStream("in_app_close", "inAppClose"),
    EventStream("in_app_delete", "inAppDelete"),
    EventStream("in_app_delivery", "inAppDelivery"),
    EventStream("in_app_send_skip", "inAppSendSkip"),
    EventStream("inbox_session", "inboxSession"),
    EventStream("inbox_message_impression", "inboxMessageImpression"),
    EventStream("sms_send", "smsSend"),
    EventStream("sms_bounce", "smsBounce"),
    EventStream("sms_click", "smsClick"),
    EventStream("sms_received", "smsReceived"),
    EventStream("sms_send_skip", "smsSendSkip"),
    EventStream("sms_usage_info", "smsUsageInfo"),
    EventStream("purchase", "purchase"),
    EventStream("custom_event", "customEvent"),
    EventStream("hosted_unsubscribe_click", "hostedUnsubscribeClick"),
    EventStream("in_app_recall", "inAppRecall"),
    EventStream("rcs_send", "rcsSend"),
    EventStream("rcs_send_skip", "rcsSendSkip"),
    EventStream("embedded_send", "embeddedSend"),
    EventStream("embedded_send_skip", "embeddedSendSkip"),
    EventStream("embedded_click", "embeddedClick"),
    EventStream("embedded_received", "embeddedReceived"),
    EventStream("embedded_impression", "embeddedImpression"),
    EventStream("embedded_session", "embeddedSession"),
    EventStream("unknown_session", "unknownSession"),
    EventStream("journey_exit", "journeyExit"),
    EventStream("whatsapp_bounce", "whatsAppBounce"),
    EventStream("whatsapp_click", "whatsAppClick"),
    EventStream("whatsapp_received", "whatsAppReceived"),
    EventStream("whatsapp_seen", "whatsAppSeen"),
    EventStream("whatsapp_send", "whatsAppSend"),
    EventStream("whatsapp_send_skip", "whatsAppSendSkip"),
    EventStream("whatsapp_usage_info", "whatsAppUsageInfo"),
]

# The event streams by the names of their types; some types have two.
_EVENT_TYPES = {
    name: stream
    for stream in EXPORTS
    if isinstance(stream, EventStream)
    for name in (stream.data_type, OTHER_SPELLINGS.get(stream.data_type, stream.data_type))
}

# Each with its own class: lists that need more, then child streams.
OTHERS: list[Stream] = [
    UserFields(),
    ForgottenUsers(),
    CAMPAIGNS,
    Templates(),
    Journeys(),
    CampaignsMetrics(),
    ExperimentsMetrics(),
    Experiments(),
    ExperimentVariants(),
    ChildCampaigns(),
    TemplateContents(),
    TemplateLocales(),
    CatalogFieldMappings(),
    CatalogItems(),
    MetadataEntries(),
    CampaignsMetricsDaily(),
    ListSizes(),
    ListUsers(),
    UserEvents(_EVENT_TYPES),
]

# Short lists first: they finish while the exports wait for the export rate limit.
STREAMS: dict[str, Stream] = {stream.name: stream for stream in [*PLAIN_LISTS, *OTHERS, *EXPORTS]}

# A request for each user, list, day or entry, five or ten a minute: hours in a large project.
EXPENSIVE = ("events", "list_users", "list_sizes", "campaigns_metrics_daily", "metadata_entries")
GROUPS: dict[str, tuple[str, ...]] = {
    "all": tuple(STREAMS),
    "default": tuple(name for name in STREAMS if name not in EXPENSIVE),
    "events": tuple(stream.name for stream in EXPORTS if stream.name != "users"),
}
GROUPS["lists"] = tuple(name for name in GROUPS["default"] if name != "users" and name not in GROUPS["events"])


def chosen(names: str) -> list[str]:
    """The streams that a comma-separated list of names and groups means, each once. Raises ConfigError.

    `events` and `lists` are groups; the streams of these names are `stream:events` and `stream:lists`.
    """
    wanted = [name for name in map(str.strip, names.split(",")) if name]
    unknown = [name for name in wanted if name not in GROUPS and name.removeprefix("stream:") not in STREAMS]
    if unknown:
        raise ConfigError(
            f"There is no stream or group {', '.join(unknown)}. Groups: {', '.join(GROUPS)}. Streams: docs/streams.md."
        )
    if not wanted:
        raise ConfigError("No stream was named.")
    return list(dict.fromkeys(each for name in wanted for each in GROUPS.get(name, [name.removeprefix("stream:")])))
