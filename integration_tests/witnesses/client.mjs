// Calls the read methods of Iterable's own client, whose schemas validate every response.
// `node client.mjs CLIENT BASE_URL API_KEY`: one JSON object a line: {method, result} or {method, error}.
import { pathToFileURL } from "node:url";

const [path, baseUrl, apiKey] = process.argv.slice(2);
const { IterableClient } = await import(pathToFileURL(path).href);
const client = new IterableClient({ apiKey, baseUrl });

async function call(method, params) {
  let line;
  try {
    line = { method, params, result: await client[method](params) };
  } catch (error) {
    line = { method, params, error: `${error.name}: ${error.message}`.slice(0, 500) };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return line.result;
}

const all = { pageSize: 1000 };
for (const { id: listId } of (await call("getLists"))?.lists ?? []) {
  await call("getListUsers", { listId });
  await call("getListSize", { listId });
  await call("getListPreviewUsers", { listId, preferUserId: true, size: 5000 });
}
const campaigns = (await call("getCampaigns", all))?.campaigns ?? [];
for (const { id } of campaigns.filter((each) => each.campaignState === "Recurring")) {
  await call("getChildCampaigns", { id, ...all });
}
const [startDateTime, endDateTime] = ["2020-01-01 00:00:00", "2040-01-01 00:00:00"];
for (const { id } of campaigns.slice(0, 5)) {
  await call("getCampaignMetrics", { campaignId: id, startDateTime, endDateTime });
}
await call("getExperimentMetrics", {});
for (const { id: experimentId } of (await call("listExperiments", { limit: 1000 }))?.experiments ?? []) {
  const { status } = (await call("getExperiment", { experimentId })) ?? {};
  await call("getExperimentVariants", { experimentId });
  if (status !== "draft") await call("getExperimentTotals", { experimentId });
  if (!["draft", "ready"].includes(status)) await call("getExperimentTrends", { experimentId });
}
await call("getTemplates", all);
for (const medium of ["Email", "Push", "InApp", "SMS"]) {
  const { templates = [] } = (await call("getTemplates", { messageMedium: medium, ...all })) ?? {};
  for (const { templateId } of templates.slice(0, 4)) await call(`get${medium}Template`, { templateId });
}
await call("getChannels");
await call("getMessageTypes");
await call("getJourneys", { pageSize: 50 });
await call("getJourneys", { pageSize: 50, state: ["Archived"] });
await call("getSnippets");
await call("getWebhooks");
await call("getUserFields");
for (const { name: catalogName } of (await call("getCatalogs", { pageSize: 100 }))?.catalogNames ?? []) {
  await call("getCatalogFieldMappings", { catalogName });
  const items = await call("getCatalogItems", { catalogName, ...all });
  for (const { itemId } of (items?.catalogItemsWithProperties ?? []).slice(0, 2)) {
    await call("getCatalogItem", { catalogName, itemId });
  }
}
const outputFormat = "application/x-json-stream";
const exported = [
  ["emailSend", outputFormat],
  ["emailSend", "text/csv"],
  ["emailUnSubscribe", outputFormat],
  ["anonSession", outputFormat],
];
for (const [dataTypeName, outputFormat] of exported) {
  const period = { startDateTime: "2020-01-01T00:00:00.000Z", endDateTime };
  const { jobId } = (await call("startExportJob", { dataTypeName, outputFormat, ...period })) ?? {};
  for (let job; jobId && !["completed", "failed"].includes(job?.jobState); ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    job = await call("getExportFiles", { jobId });
    if (!job) break;
  }
}
await call("getExportJobs");
await call("getExportJobs", { jobState: "completed" });
const { jobId } = (await call("startExportJob", { dataTypeName: "user", outputFormat })) ?? {};
await call("cancelExportJob", { jobId });
await call("getExportFiles", { jobId, startAfter: "" });
client.destroy();
