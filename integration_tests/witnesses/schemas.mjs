// Prints the schemas of Iterable's own client for the items of responses, as JSON Schema by our streams' names.
// `node schemas.mjs CLIENT`
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const path = process.argv[2];
const { z } = createRequire(path)("zod");
const of = async (file, name) => {
  const module = await import(pathToFileURL(join(dirname(path), "types", `${file}.js`)).href);
  return z.toJSONSchema(module[name], { unrepresentable: "any" });
};
const schemas = [
  ["lists", await of("lists", "ListSchema")],
  ["campaigns", await of("campaigns", "CampaignDetailsSchema")],
  ["child_campaigns", await of("campaigns", "CampaignDetailsSchema")],
  ["channels", await of("messaging", "ChannelSchema")],
  ["message_types", await of("messaging", "MessageTypeSchema")],
  ["templates", await of("templates", "ApiTemplateResponseSchema")],
  ["template_contents", await of("templates", "EmailTemplateSchema")],
  ["template_contents", await of("templates", "PushTemplateSchema")],
  ["template_contents", await of("templates", "InAppTemplateSchema")],
  ["template_contents", await of("templates", "SMSTemplateSchema")],
  ["catalogs", await of("catalogs", "CatalogNameSchema")],
  ["catalog_items", await of("catalogs", "CatalogItemWithPropertiesSchema")],
  ["catalog_field_mappings", await of("catalogs", "CatalogFieldMappingsResponseSchema")],
  ["journeys", await of("journeys", "JourneySchema")],
  ["snippets", await of("snippets", "SnippetResponseSchema")],
  ["webhooks", await of("webhooks", "WebhookSchema")],
];
process.stdout.write(JSON.stringify(schemas));
