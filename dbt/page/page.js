"use strict";
// Draws the page from `data`, which data.py describes: first what formats and counts, then the parts, last the choice.

const dark = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print"), narrow = matchMedia("(max-width: 700px)");
const whole = new Intl.NumberFormat("en"), number = (value) => whole.format(Math.round(value));
const percent = (value) => value === null ? "–" : `${(100 * value).toFixed(value && Math.abs(value) < 0.01 ? 2 : 1)} %`;
const DAY = 86400000;
const time = (day) => Date.parse(`${day}T00:00:00Z`);
const iso = (stamp) => new Date(stamp).toISOString().slice(0, 10);
const dated = (options) => (day) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(time(day));
const long = dated({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const short = dated({ day: "numeric", month: "short", year: "numeric" });
const moment = (text) => `${short(text.slice(0, 10))}, ${text.slice(11)} UTC`;
const several = data.projects.length > 1;

const METRICS = [
  { key: "sent", name: "Sent", part: "sent", good: 0 },
  { key: "delivery", name: "Delivery rate", part: "delivered", of: "sent", noun: "delivered", good: 1 },
  { key: "open", name: "Open rate", part: "opens", of: "delivered", needs: ["opens"], noun: "opens", good: 1 },
  { key: "click", name: "Click rate", part: "clicks", of: "delivered", needs: ["clicks"], noun: "clicks", good: 1 },
  { key: "click_to_open", name: "Click-to-open rate", part: "clicks", of: "opens_or_clicks", needs: ["opens", "clicks"], noun: "clicks", good: 1 },
  { key: "unsubscribe", name: "Unsubscribe rate", part: "unsubscribed", of: "delivered", needs: ["unsubscribed"], noun: "unsubscribes", good: -1 },
  { key: "complaint", name: "Complaint rate", part: "complained", of: "delivered", needs: ["complained"], noun: "complaints", good: -1 },
  { key: "bounce", name: "Bounce rate", part: "bounced", of: "sent", needs: ["bounced"], noun: "bounces", good: -1 },
  { key: "revenue", name: "Revenue", part: "revenue", good: 1 },
  { key: "purchases", name: "Purchases", part: "purchases", good: 1 },
];
const TREND = Object.fromEntries(METRICS.map((metric) => [metric.key, metric]));
const choice = { period: null, channel: "", metric: "sent", ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };

/** An element; attributes with null are left out, texts are never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const put = (id, ...children) => document.getElementById(id).replaceChildren(...children);
const nothing = (text) => element("p", { class: "nothing" }, text);
const called = (thing, noun) => `${several && thing.project ? `${thing.project}: ` : ""}${thing.name || `${noun} ${thing.id}`}`;
const shownAs = (metric) => metric.of ? percent : number;

/** Whether a channel can have the metric: an SMS has no opens. */
const has = (metric, channel) => (metric.needs || []).every((name) => data.can[name].includes(channel));
const channels = () => choice.channel ? [choice.channel] : data.channels;

/** A sum of one figure over channels of `totals`: {channel: figures}. */
const sum = (totals, names, figure) => names.reduce((all, name) => all + (totals[name]?.[data.figures.indexOf(figure)] ?? 0), 0);

/** The metric over those of the channels that can have it, or null. */
function measured(metric, totals, names) {
  const able = names.filter((name) => has(metric, name));
  if (!able.length) return null;
  const part = sum(totals, able, metric.part);
  if (!metric.of) return part;
  const all = sum(totals, able, metric.of);
  return all ? part / all : null;
}

/** A table: columns are [title, {number, bar, name}], rows are cells or {text, share, title}. */
function table(caption, columns, rows, wide = true) {
  const head = columns.map(([title, kind]) => element("th", { scope: "col", class: kind?.number ? "number" : null }, title));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell, at) => {
    const { text, share, title } = cell !== null && typeof cell === "object" ? cell : { text: cell ?? "–" };
    if (!at) return element("th", { scope: "row", class: "name", title: title ?? text }, text);
    const kind = [columns[at][1]?.number && "number", share !== undefined && "bar"].filter(Boolean).join(" ");
    return element("td", { class: kind || null, style: share === undefined ? null : `--share: ${100 * share}` }, text);
  })));
  return element("div", { class: "table" }, element("table", { class: wide ? "wide" : null }, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

/** Lines over days below `id`, and their numbers as a table. Points are {day, what, value}; `what` in the order of names. */
function lines(id, title, points, names, format, { weekly = false, colors = names } = {}) {
  const days = [...new Set(points.map((point) => point.day))].sort();
  const at = new Map(points.map((point) => [`${point.day} ${point.what}`, point.value]));
  const cell = (day, name) => { const value = at.get(`${day} ${name}`); return value === undefined || value === null ? "–" : format(value); };
  const label = (day) => weekly ? `Week from ${long(day)}` : long(day);
  const tips = days.map((day) => ({ day, tip: [label(day), names.map((name) => [name, cell(day, name)])] }));
  const box = typeof id === "string" ? document.getElementById(id) : id;
  // Vega puts its own role and label on the element that it draws into.
  const drawing = element("div"), picture = element("div", { role: "img", "aria-label": `${title}. The numbers are in the table below.` }, drawing);
  const rows = days.toReversed().map((day) => [label(day), ...names.map((name) => cell(day, name))]);
  box.replaceChildren(picture, element("details", {}, element("summary", {}, "Show the numbers as a table"),
    table(title, [[weekly ? "Week" : "Day"], ...names.map((name) => [name, { number: true }])], rows, false)));
  const range = { domain: colors };
  draw(drawing, {
    width: "container", height: narrow.matches ? 200 : 250, data: { values: points },
    encoding: { x: { field: "day", type: "temporal", title: null, scale: { type: "utc" },
      axis: { format: days.length > 200 ? "%b %Y" : "%-d %b", tickCount: Math.min(days.length, narrow.matches ? 4 : 10), grid: false } } },
    layer: [
      { mark: { type: "line", point: days.length < 40 },
        encoding: {
          y: { field: "value", type: "quantitative", title: null, axis: { format: format === percent ? "~%" : "~s", tickCount: 5 } },
          color: { field: "what", type: "nominal", title: null, scale: range, legend: names.length > 1 ? { values: names } : null },
          strokeDash: { field: "what", type: "nominal", title: null, scale: range } } },
      { data: { values: tips }, mark: { type: "rule", tooltip: { content: "data" } },
        params: [{ name: "near", select: { type: "point", fields: ["day"], nearest: true, on: "pointermove", clear: "pointerout" } }],
        encoding: { opacity: { condition: { param: "near", empty: false, value: 0.6 }, value: 0 } } },
    ],
  });
}

function draw(drawing, spec) {
  const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
  const text = { labelFontSize: 12, labelColor: of("--quiet"), titleColor: of("--quiet"), labelFont: "system-ui, sans-serif" };
  const axis = { ...text, gridColor: of("--line"), domainColor: of("--line"), tickColor: of("--line") };
  const category = dark.matches && !paper.matches
    ? ["#6cb2ff", "#ff9f6b", "#6fd08c", "#c9a6ff", "#ff8fb3", "#5ccfd4", "#e0c04a", "#9aa7ff", "#d98e8e", "#a3c76d"]
    : ["#1f6fb4", "#b3541e", "#2e7d43", "#7a4fa3", "#a8326a", "#0f7c80", "#7d6608", "#4d4dbf", "#8c3b3b", "#446b1f"];
  const legend = { ...text, orient: "top", columns: narrow.matches ? 1 : 4, labelLimit: 0, symbolType: "stroke", symbolStrokeWidth: 2 };
  const config = { background: "transparent", axis, legend, view: { stroke: null }, range: { category }, rule: { color: of("--quiet") } };
  const formatTooltip = ({ tip: [day, rows] }, escaped) => `<b>${escaped(day)}</b><table>${rows
    .map(([name, value]) => `<tr><th>${escaped(name)}</th><td class="number">${escaped(value)}</td></tr>`).join("")}</table>`;
  vegaEmbed(drawing, { ...spec, config }, { actions: false, renderer: "svg", tooltip: { formatTooltip } }).catch((error) => {
    drawing.textContent = String(error);
    console.error(error);
  });
}

function header(period) {
  const projects = data.projects.filter((project) => project.name);
  put("scope", element("b", {}, `${short(period.first)} – ${short(period.last)}`), ` (${(time(period.last) - time(period.first)) / DAY + 1} whole days, UTC), `,
    element("b", {}, choice.channel || "all channels"), ". ",
    projects.length ? `${several ? "Projects" : "Project"}: ` : "",
    projects.map((project) => several ? `${project.name} (sends up to ${moment(project.newest)})` : project.name).join("; "), projects.length ? ". " : "",
    `Data up to ${moment(data.newest)}; that day and the first one loaded are partial and left out.`);
  put("compared", period.before ? `▲▼ against the ${period.days} days before: ${short(period.before.first)} – ${short(period.before.last)}.`
    : period.days ? `Not compared: fewer than ${2 * period.days} whole days are loaded.` : "All that is loaded, so there is nothing before to compare with.");
}

/** A tile's lines: value, change against the period before, what it counts. */
function told(metric, period) {
  const value = measured(metric, period.totals, channels()), before = period.before && measured(metric, period.before.totals, channels());
  const lines = [element("span", { class: "value" }, value === null ? "–" : shownAs(metric)(value))];
  if (value === null && !channels().some((name) => has(metric, name))) return [...lines, element("span", {}, `not for ${choice.channel}`)];
  if (period.before && value !== null && before !== null && (metric.of || before)) {
    const change = metric.of ? 100 * (value - before) : 100 * (value / before - 1), text = Math.abs(change).toFixed(metric.of && Math.abs(change) < 0.1 ? 2 : 1);
    const sign = Number(text) === 0 ? "=" : change > 0 ? "▲" : "▼", well = sign === "=" || !metric.good ? "" : change * metric.good > 0 ? "good" : "bad";
    lines.push(element("span", { class: well }, `${sign} ${text} ${metric.of ? "points" : "%"} (${shownAs(metric)(before)})`));
  }
  const able = channels().filter((name) => has(metric, name)), count = (figure) => number(sum(period.totals, able, figure));
  if (metric.of) lines.push(element("span", {}, `${count(metric.part)} ${metric.noun}`));
  if (metric.key === "bounce" && able.includes("Email")) lines.push(element("span", {}, `hard ${count("hard_bounced")} · soft ${count("soft_bounced")}`));
  const rest = sum(period.totals, [""], metric.part);
  if (rest && !choice.channel) lines.push(element("span", {}, `by campaigns; ${number(rest)} without`));
  return lines;
}

function tiles(period) {
  put("tiles", ...METRICS.map((metric) => {
    const able = channels().some((name) => has(metric, name));
    const tile = element("button", { type: "button", class: "tile", "aria-pressed": metric.key === choice.metric, "data-key": metric.key, disabled: able ? null : "" },
      element("span", {}, metric.name), ...told(metric, period));
    tile.addEventListener("click", () => { choice.metric = metric.key; show(false); document.querySelector(`.tile[data-key=${metric.key}]`).focus(); });
    return tile;
  }));
}

/** [day, {channel: figures}] for each day (or week, if all is chosen and long) of a stretch of days. */
function stretch(first, last, weekly) {
  const series = data.series[weekly ? "week" : "day"], from = time(series.first), found = [];
  for (let at = 0; from + (at + 1) * series.step * DAY <= time(last) + DAY; at++) {
    if (from + at * series.step * DAY < time(first)) continue;
    found.push([iso(from + at * series.step * DAY), Object.fromEntries(Object.entries(series.channels).map(([name, steps]) => [name, steps[at] || []]))]);
  }
  return found;
}

function trend(period) {
  const metric = TREND[choice.metric], weekly = !period.days && "week" in data.series;
  const names = channels().filter((name) => has(metric, name)), without = channels().filter((name) => !has(metric, name));
  const title = `${metric.name} by ${weekly ? "week" : "day"}${choice.channel ? `, ${choice.channel}` : " and channel"}`;
  put("trend-title", title);
  if (!names.length) { put("trend", nothing(`${choice.channel} has none.`)); put("trend-note"); return; }
  const now = stretch(period.first, period.last, weekly);
  const points = now.flatMap(([day, totals]) => names.map((what) => ({ day, what, value: measured(metric, totals, [what]) })));
  const order = [...names];
  if (choice.channel && period.before) {
    order.push("the days before");
    stretch(period.before.first, period.before.last, false).forEach(([, totals], at) => points.push({ day: now[at][0], what: order[1], value: measured(metric, totals, names) }));
  }
  lines("trend", title, points, order, shownAs(metric), { weekly, colors: choice.channel ? order : data.channels });
  put("trend-note", without.length ? `Left out, as they cannot have it: ${without.join(", ")}. ` : "",
    metric.needs?.some((name) => ["opens", "clicks"].includes(name)) ? "Someone who opens a campaign on several days counts on each of them here, but once in the figure above, as at Iterable. " : "",
    "Choose a figure above to draw it.");
}

const COLUMNS = [["Sent", "sent", true], ["Delivered", "delivery"], ["Opened", "open", true], ["Clicked", "click", true], ["Click to open", "click_to_open"],
  ["Unsub.", "unsubscribe"], ["Bounced", "bounce"], ["Revenue", "revenue", true]];
let campaignsTable = null;

function campaigns(period) {
  const rows = period.campaigns.filter(([, channel]) => !choice.channel || channel === choice.channel).map(([place, channel, ...figures]) => {
    const campaign = data.campaigns[place];
    return { place, channel, campaign, name: called(campaign, "campaign"), values: COLUMNS.map(([, key]) => measured(TREND[key], { [channel]: figures }, [channel])) };
  });
  const most = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row.values[at] ?? 0)));
  const kept = campaignsTable && { search: { search: campaignsTable.search() }, order: campaignsTable.order(), pageLength: campaignsTable.page.len() };
  campaignsTable?.destroy();
  campaignsTable = null;
  put("campaigns-about", `Messages sent in the period, by campaign. Choose a campaign for its own days. `,
    period.campaigns_in_all > period.campaigns.length ? `Of each channel, the ${data.most_campaigns} that sent the most.` : "");
  if (!rows.length) return put("campaigns", nothing("No campaign sent anything in this period."));
  const shown = element("table", { id: "campaigns-table", class: "wide" }, element("caption", {}, "Campaigns. Rates are per cent of delivered messages; bounces and delivery of sent ones."));
  put("campaigns", shown);
  campaignsTable = new DataTable(shown, {
    data: rows, pageLength: 15, lengthChange: false, order: [[2, "desc"]], autoWidth: false, ...(kept || {}),
    language: { search: "Find", searchPlaceholder: "a campaign", info: "_START_–_END_ of _TOTAL_", infoFiltered: "(of _MAX_)", infoEmpty: "none", zeroRecords: "No campaign is called so." },
    layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: rows.length > 15 ? "paging" : null },
    columns: [
      { title: "Campaign", data: "name", render: (name, type, row) => type === "filter" ? `${name} ${row.campaign.id}` : type === "display" ? "" : name,
        createdCell: (cell, _, row) => {
          const title = `${row.name} (campaign ${row.campaign.id})`, button = element("button", { type: "button", class: "open-row", "aria-expanded": "false", title }, row.name);
          button.addEventListener("click", () => ownDays(button, row, period));
          cell.replaceChildren(button);
        } },
      { title: "Channel", data: "channel", visible: !choice.channel },
      ...COLUMNS.map(([title, key, bar], at) => ({
        title, data: null, className: "number", orderSequence: ["desc", "asc"], type: "num",
        render: (_, type, row) => type === "display" ? (row.values[at] === null ? "–" : shownAs(TREND[key])(row.values[at])) : row.values[at] ?? -1,
        createdCell: (cell, _, row) => { if (bar && row.values[at]) { cell.classList.add("bar"); cell.style.setProperty("--share", 100 * row.values[at] / most[at]); } },
      })),
    ],
  });
}

function ownDays(button, row, period) {
  const shown = campaignsTable.row(button.closest("tr")), open = shown.child.isShown();
  button.setAttribute("aria-expanded", String(!open));
  if (open) return shown.child.hide();
  const box = element("div", { class: "own chart" }), weekly = !period.days && "week" in data.own, own = data.own[weekly ? "week" : "day"];
  shown.child(box).show();
  const days = (own.campaigns[row.place] || []).map(([after, ...figures]) => [iso(time(own.first) + after * DAY), figures]).filter(([day]) => day >= period.first);
  if (!days.length) return box.append(nothing(`Days of their own: only for the campaigns that sent the most.`));
  const names = ["sent", "delivered", ...(has(TREND.open, row.channel) ? ["opens"] : []), ...(has(TREND.click, row.channel) ? ["clicks"] : [])];
  const title = `${row.name} by ${weekly ? "week" : "day"} of sending`;
  const figure = (figures, name) => figures[data.own_figures.indexOf(name)];
  if (days.length > 2) return lines(box, title, days.flatMap(([day, figures]) => names.map((what) => ({ day, what, value: figure(figures, what) }))), names, number, { weekly });
  box.append(table(title, [["Day"], ...names.map((name) => [name, { number: true }])], days.map(([day, figures]) => [long(day), ...names.map((name) => number(figure(figures, name)))]), false));
}

const barred = (value, most) => ({ text: number(value), share: most ? value / most : 0 });

function people(period) {
  const [sent = 0, reached = 0, opened = 0, clicked = 0] = period.people[choice.channel] || [], steps = [["Sent to", sent], ["Reached", reached]];
  if (channels().some((name) => has(TREND.open, name))) steps.push(["Opened", opened]);
  if (channels().some((name) => has(TREND.click, name))) steps.push(["Clicked", clicked]);
  if (!sent) return put("people", nothing("Nobody was sent anything in this period."));
  put("people", table(`People, ${choice.channel || "all channels"}`, [["Step"], ["People", { number: true }], ["Of those sent to", { number: true }]],
    steps.map(([step, count]) => [step, barred(count, sent), percent(count / sent)])));
}

function journeys(period) {
  if (!period.journeys.length) return put("journeys", nothing("There is nothing to show: no event of this period belongs to a journey."));
  put("journeys", table("The journeys with the most people", [["Journey"], ...["Entered", "Messaged", "Opened", "Clicked", "Bought"].map((name) => [name, { number: true }])],
    period.journeys.map(([project, id, name, ...steps]) => [called({ project, id, name }, "journey"), ...steps.map((count) => barred(count, steps[0]))])));
}

function domains(period) {
  if (choice.channel && choice.channel !== "Email") return put("domains", nothing(`Domains are those of emails; ${choice.channel} has none.`));
  if (!period.domains.length) return put("domains", nothing("There is nothing to show: no email was sent in this period."));
  const most = Math.max(...period.domains.map(([, sent, hard, soft]) => (hard + soft) / sent));
  put("domains", table("Emails by domain", [["Domain"], ...["Sent", "Bounced", "Hard", "Soft", "Complained"].map((name) => [name, { number: true }])],
    period.domains.map(([domain, sent, hard, soft, complained]) => [domain ?? "all others", number(sent),
      { text: percent((hard + soft) / sent), share: most ? (hard + soft) / sent / most : 0 }, percent(hard / sent), percent(soft / sent), percent(complained / sent)])));
}

function lists(period) {
  if (!data.lists.length) { put("lists", nothing("There is nothing to show: the stream list_sizes has no rows.")); return put("lists-table"); }
  const found = data.lists.map((list) => ({ name: called(list, "list"), sizes: list.sizes.filter(([day]) => day >= period.first) })).filter((list) => list.sizes.length);
  const days = new Set(found.flatMap((list) => list.sizes.map(([day]) => day)));
  // Two lists may have one name.
  const names = found.map((list, at) => found.findIndex((other) => other.name === list.name) === at ? list.name : `${list.name} (${at + 1})`);
  if (days.size < 2) put("lists", nothing("Nothing to draw yet: the lists were counted on one day only. Lines appear from the second day on."));
  else lines("lists", "List sizes by day", found.flatMap((list, at) => list.sizes.map(([day, value]) => ({ day, what: names[at], value }))), names, number);
  put("lists-table", table("List sizes", [["List"], ["People", { number: true }], ["Change in the period", { number: true }]], found.map((list, at) => {
    const first = list.sizes[0][1], last = list.sizes.at(-1)[1], most = Math.max(...found.map((each) => each.sizes.at(-1)[1]));
    return [names[at], barred(last, most), list.sizes.length > 1 ? `${last > first ? "+" : ""}${number(last - first)}` : "–"];
  })));
}

function late(period) {
  const names = ["within an hour", "within a day", "later"];
  const rows = data.late.filter(([day]) => day >= period.first);
  if (!rows.length) return put("late", nothing("There is nothing to show: no event of this period has the time at which it was stored."));
  lines("late", "Events by how late they were stored", rows.flatMap(([day, ...counts]) => counts.map((value, at) => ({ day, what: names[at], value }))), names, number);
}

function asTheyAre() {
  for (const [name, { columns, rows }] of Object.entries(data.as_they_are)) {
    const titles = columns.map((column, at) => [column.replaceAll("_", " "), { number: rows.every((row) => row[at] === null || typeof row[at] === "number") }]);
    const cells = rows.map((row) => row.map((cell) => typeof cell === "number" ? cell.toLocaleString("en", { maximumFractionDigits: 4 }) : String(cell ?? "–")));
    put(name, rows.length ? table(document.getElementById(`${name}-title`).textContent, titles, cells) : nothing("There is nothing to show."));
    document.getElementById(name).closest("section").hidden = false;
  }
}

/** Everything that follows the choice; without `whole`, only what follows the chosen figure. */
function show(everything = true) {
  const period = data.periods.find((each) => String(each.days ?? "all") === choice.period);
  history.replaceState(null, "", `#${new URLSearchParams(choice)}`);
  tiles(period);
  trend(period);
  if (!everything) return;
  for (const part of [header, campaigns, people, journeys, domains, lists, late]) part(period);
  put("said", `${document.getElementById("scope").textContent.split(".")[0]}: ${number(sum(period.totals, channels(), "sent"))} messages sent.`);
}

function choices(id, options) {
  document.getElementById(id).append(...options.map(([value, text]) => {
    const input = element("input", { type: "radio", name: id, value });
    input.checked = value === choice[id];
    input.addEventListener("change", () => { choice[id] = value; show(); });
    return element("label", {}, input, text);
  }));
}

if (data.periods) {
  const offered = data.periods.map(({ days }) => [String(days ?? "all"), days ? `${days} days` : `All ${number(data.days)} days`]);
  if (!offered.some(([value]) => value === choice.period)) choice.period = (offered.find(([value]) => value === "28") || offered.at(-1))[0];
  if (!data.channels.includes(choice.channel)) choice.channel = "";
  if (!(choice.metric in TREND)) choice.metric = "sent";
  choices("period", offered);
  choices("channel", [["", "All"], ...data.channels.map((name) => [name, name])]);
  show();
  for (const media of [dark, narrow]) media.addEventListener("change", () => show());
  paper.addEventListener("change", () => { show(); campaignsTable?.page.len(paper.matches ? 50 : 15).draw(); });
} else {
  for (const hidden of document.querySelectorAll("main, #choice")) hidden.hidden = true;
  put("scope", "There is nothing to show yet: no whole day of messages is loaded. The first and the last day are partial.");
}
asTheyAre();
