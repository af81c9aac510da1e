"""The table of all streams."""

from __future__ import annotations

from source_iterable.streams.campaigns import Campaigns, ChildCampaigns, Journeys, TemplateContents, Templates
from source_iterable.streams.catalogs import CATALOGS, CatalogFieldMappings, CatalogItems
from source_iterable.streams.definition import StreamDefinition
from source_iterable.streams.export import ExportStream
from source_iterable.streams.list_users import ListUsers
from source_iterable.streams.lists import PlainList
from source_iterable.streams.metadata import METADATA, MetadataEntries
from source_iterable.streams.project import ForgottenUsers, UserFields, Webhooks
from source_iterable.streams.reports import CampaignsMetrics, ExperimentsMetrics
from source_iterable.streams.user_events import UserEvents

# Name, path, the list in the answer, primary key.
PLAIN_LISTS = [
    PlainList("lists", "lists", "lists", "id"),
    PlainList("channels", "channels", "channels", "id"),
    PlainList("message_types", "messageTypes", "messageTypes", "id"),
    METADATA,
    CATALOGS,
    PlainList("snippets", "snippets", "snippets", "id"),
    Webhooks("webhooks", "webhooks", "webhooks", "id"),
]

# Name, dataTypeName of the export API.
EXPORTS = [
    ExportStream("users", "user"),
    ExportStream("email_bounce", "emailBounce"),
    ExportStream("email_click", "emailClick"),
    ExportStream("email_complaint", "emailComplaint"),
    ExportStream("email_open", "emailOpen"),
    ExportStream("email_send", "emailSend"),
    ExportStream("email_send_skip", "emailSendSkip"),
    ExportStream("email_subscribe", "emailSubscribe"),
    ExportStream("email_unsubscribe", "emailUnSubscribe"),
    ExportStream("push_send", "pushSend"),
    ExportStream("push_send_skip", "pushSendSkip"),
    ExportStream("push_open", "pushOpen"),
    ExportStream("push_uninstall", "pushUninstall"),
    ExportStream("push_bounce", "pushBounce"),
    ExportStream("web_push_send", "webPushSend"),
    ExportStream("web_push_click", "webPushClick"),
    ExportStream("web_push_send_skip", "webPushSendSkip"),
    ExportStream("in_app_send", "inAppSend"),
    ExportStream("in_app_open", "inAppOpen"),
    ExportStream("in_app_click", "inAppClick"),
    ExportStream("in_app_close", "inAppClose"),
    ExportStream("in_app_delete", "inAppDelete"),
    ExportStream("in_app_delivery", "inAppDelivery"),
    ExportStream("in_app_send_skip", "inAppSendSkip"),
    ExportStream("inbox_session", "inboxSession"),
    ExportStream("inbox_message_impression", "inboxMessageImpression"),
    ExportStream("sms_send", "smsSend"),
    ExportStream("sms_bounce", "smsBounce"),
    ExportStream("sms_click", "smsClick"),
    ExportStream("sms_received", "smsReceived"),
    ExportStream("sms_send_skip", "smsSendSkip"),
    ExportStream("sms_usage_info", "smsUsageInfo"),
    ExportStream("purchase", "purchase"),
    ExportStream("custom_event", "customEvent"),
    ExportStream("hosted_unsubscribe_click", "hostedUnsubscribeClick"),
    ExportStream("in_app_recall", "inAppRecall"),
    ExportStream("rcs_send", "rcsSend"),
    ExportStream("rcs_send_skip", "rcsSendSkip"),
    ExportStream("embedded_send", "embeddedSend"),
    ExportStream("embedded_send_skip", "embeddedSendSkip"),
    ExportStream("embedded_click", "embeddedClick"),
    ExportStream("embedded_received", "embeddedReceived"),
    ExportStream("embedded_impression", "embeddedImpression"),
    ExportStream("embedded_session", "embeddedSession"),
    ExportStream("unknown_session", "unknownSession"),
    ExportStream("journey_exit", "journeyExit"),
    ExportStream("whatsapp_bounce", "whatsAppBounce"),
    ExportStream("whatsapp_click", "whatsAppClick"),
    ExportStream("whatsapp_received", "whatsAppReceived"),
    ExportStream("whatsapp_seen", "whatsAppSeen"),
    ExportStream("whatsapp_send", "whatsAppSend"),
    ExportStream("whatsapp_send_skip", "whatsAppSendSkip"),
    ExportStream("whatsapp_usage_info", "whatsAppUsageInfo"),
]

LISTS: list[StreamDefinition] = [
    *PLAIN_LISTS,
    UserFields(),
    ForgottenUsers(),
    Campaigns(),
    Templates(),
    Journeys(),
]

# What is read item by item of another list.
CHILDREN: list[StreamDefinition] = [
    CampaignsMetrics(),
    ExperimentsMetrics(),
    ChildCampaigns(),
    TemplateContents(),
    CatalogFieldMappings(),
    CatalogItems(),
    MetadataEntries(),
    ListUsers(),
    UserEvents(),
]

# Short lists first: they are done while the exports wait for their doors.
STREAMS: dict[str, StreamDefinition] = {stream.name: stream for stream in [*LISTS, *CHILDREN, *EXPORTS]}
